"""Transactions: all or nothing, one writer at a time, reads that do not change under the reader."""

import threading
from collections.abc import Callable

import pytest

from memu.backends.base import Condition, RecordStore, equals
from memu.errors import IntegrityError
from memu.testing.backend import Backend
from memu.testing.probe import COUNTERS, SCHEMA, THINGS, RecordSuite, found, put, thing

PATIENCE = 60.0
"""Seconds after which a thread that does not end is a failure."""


class TransactionTests(RecordSuite):
    """Units of work."""

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
    def test_an_error_takes_everything_back(self, records: RecordStore, error: type[BaseException]) -> None:
        put(records, thing("1", name="before"))
        with pytest.raises(error), records.transaction() as transaction:
            transaction.put(THINGS, [thing("2")])
            transaction.update(THINGS, {"name": "after"}, equals(id="1"))
            transaction.increment(COUNTERS, {"user_id": "alice"}, "value", {"note": ""})
            transaction.delete(THINGS, equals(id="1"))
            raise error
        assert [(row["id"], row["name"]) for row in found(records)] == [("1", "before")]
        assert found(records, table=COUNTERS) == []

    def test_a_refused_row_takes_everything_back(self, records: RecordStore) -> None:
        put(records, thing("1"))
        with pytest.raises(IntegrityError), records.transaction() as transaction:
            transaction.put(THINGS, [thing("0")])
            transaction.put(THINGS, [thing("2"), thing("1")])
        assert [row["id"] for row in found(records)] == ["1"]

    def test_the_store_works_on_after_an_error(self, records: RecordStore) -> None:
        for _ in range(20):
            with pytest.raises(ZeroDivisionError), records.transaction() as transaction:
                transaction.put(THINGS, [thing("1")])
                _ = 1 / 0
        put(records, thing("1"))
        assert len(found(records)) == 1

    def test_a_transaction_sees_its_own_writes(self, records: RecordStore) -> None:
        with records.transaction() as transaction:
            transaction.put(THINGS, [thing("1")])
            assert transaction.count(THINGS) == 1
            transaction.delete(THINGS, ())
            assert transaction.count(THINGS) == 0

    def test_others_see_a_transaction_at_its_end_only(self, records: RecordStore) -> None:
        seen: list[int] = []
        with records.transaction() as transaction:
            transaction.put(THINGS, [thing("1")])
            reader = _started(lambda: seen.append(len(found(records))))
            reader.join(0.2)  # a backend with one connection lets readers wait for the writer
            assert seen in ([], [0])
            transaction.put(THINGS, [thing("2")])
        _ended(reader)
        assert seen[0] in (0, 2)
        assert len(found(records)) == 2

    def test_a_reader_sees_one_state(self, records: RecordStore) -> None:
        put(records, thing("1"))
        with records.reader() as reader:
            before = reader.find(THINGS)
            writer = _started(lambda: put(records, thing("2")))
            writer.join(0.2)  # a backend with one connection lets the writer wait for the reader
            assert reader.find(THINGS) == before
            assert reader.count(THINGS) == 1
        _ended(writer)
        assert len(found(records)) == 2

    def test_counters_of_many_threads_lose_nothing(self, records: RecordStore) -> None:
        drawn: list[int] = []

        def draw() -> None:
            for _ in range(15):
                with records.transaction() as transaction:
                    drawn.append(transaction.increment(COUNTERS, {"user_id": "alice"}, "value", {"note": ""}))

        for thread in [_started(draw) for _ in range(4)]:
            _ended(thread)
        assert sorted(drawn) == list(range(1, 61))

    def test_many_threads_lose_no_rows(self, records: RecordStore) -> None:
        faults: list[BaseException] = []

        def work(name: str) -> None:
            try:
                for n in range(15):
                    put(records, thing(f"{name}-{n}", name=name))
                    mine = found(records, equals(name=name))
                    assert len(mine) == n + 1
            except BaseException as error:
                faults.append(error)

        for thread in [_started(lambda name=name: work(name)) for name in "abcdefgh"]:  # type: ignore[misc]
            _ended(thread)
        assert not faults
        assert len(found(records)) == 120

    def test_deciding_and_writing_is_one_step(self, records: RecordStore) -> None:
        def claim(name: str) -> None:
            with records.transaction() as transaction:
                if not transaction.count(THINGS, equals(id="prize")):
                    transaction.put(THINGS, [thing("prize", name=name)])

        for thread in [_started(lambda name=name: claim(name)) for name in "abcdef"]:  # type: ignore[misc]
            _ended(thread)
        assert len(found(records)) == 1

    def test_two_stores_on_one_database_see_each_other(self, backend: Backend) -> None:
        if not backend.durable:
            return  # a store in RAM is one store's own
        first, second = backend.records(SCHEMA), backend.records(SCHEMA)
        try:
            first.create()
            put(first, thing("1"))
            assert len(found(second)) == 1
            put(second, thing("2"))
            assert len(found(first, [Condition("id", "ne", "")])) == 2
        finally:
            first.close()
            second.close()


def _started(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _ended(thread: threading.Thread) -> None:
    thread.join(PATIENCE)
    assert not thread.is_alive(), "a thread waits for ever"
