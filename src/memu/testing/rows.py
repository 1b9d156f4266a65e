"""The contract of the record store: what goes in comes out, keys hold, pages follow each other."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from memu.backends.base import Condition, RecordStore, RowsOf, equals
from memu.errors import ClosedError, IntegrityError, MemuError, SchemaError
from memu.testing.backend import Backend
from memu.testing.probe import COUNTERS, NOON, SCHEMA, SHELVES, THINGS, RecordSuite, found, put, thing

TEXTS = {
    "emoji": "family 👨‍👩‍👧‍👦, flag 🇪🇺, skin tone 👍🏽",
    "four bytes": "𠜎𠜱𠝹 𝄞 🦊",
    "right to left": "שלום עולם، مرحبا \u202bmixed\u202c",
    "combining": "e\u0301 \u00e9 n\u0303 \u1e9b\u0323",
    "spaces": "  outer, \t tab, \r\n line ends \u00a0 ",
    "quotes": 'it\'s "quoted" \\ back; -- DROP TABLE probe_things; %s {0} :name ?',
    "controls": "".join(map(chr, range(1, 32))) + "\x7f\x85\u2028\ufeff\uffff",
    "long": "ä𝄞x" * 350_000,
}

LOOKALIKES = ["a", "A", "á", "a\u0301", "ａ", "a.", "ａ", "ß", "ss", "ﬀ", "ff", "1", "01", "😀", "🦊", "i", "İ", "ı"]
"""Names that a careless collation takes for each other."""


class RowTests(RecordSuite):
    """Putting, finding, changing and deleting rows."""

    def test_creating_twice_is_harmless(self, records: RecordStore) -> None:
        put(records, thing("1"))
        records.create()
        records.validate()
        assert len(found(records)) == 1

    def test_validating_an_empty_store_names_the_missing_tables(self, backend: Backend) -> None:
        store = backend.records(SCHEMA)
        try:
            with pytest.raises(SchemaError) as fault:
                store.validate()
        finally:
            store.close()
        assert all(name in str(fault.value) for name in (THINGS, SHELVES, COUNTERS))

    def test_a_closed_store_says_so(self, backend: Backend) -> None:
        store = backend.records(SCHEMA)
        store.create()
        store.close()
        store.close()
        with pytest.raises(ClosedError), store.reader():
            pass
        with pytest.raises(ClosedError):
            store.glance(lambda reader: reader.count(THINGS))

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    def test_text_comes_back_as_it_was(self, records: RecordStore, text: str) -> None:
        put(records, thing("1", body=text, data={"text": text, text[:40]: [text[:100]]}))
        row = found(records)[0]
        assert row["body"] == text
        assert row["data"] == {"text": text, text[:40]: [text[:100]]}

    @pytest.mark.parametrize(
        "value",
        [{}, [], {"a": [1, 2.5, True, False, None, "x", {"b": {}}]}, {"": 0}, {"n": 2**53, "f": 1e-300, "z": -0.5}],
        ids=["object", "list", "nested", "empty key", "numbers"],
    )
    def test_json_comes_back_as_it_was(self, records: RecordStore, value: Any) -> None:
        put(records, thing("1", data=value))
        assert found(records)[0]["data"] == value

    def test_times_keep_microseconds_and_are_utc(self, records: RecordStore) -> None:
        east = timezone(timedelta(hours=5, minutes=30))
        given = [
            NOON,
            NOON.replace(microsecond=1),
            NOON.replace(microsecond=0),
            NOON.astimezone(east),
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        ]
        put(records, *(thing(str(place), at=time) for place, time in enumerate(given)))
        rows = found(records, order=("id",))
        assert [row["at"] for row in rows] == given
        assert {row["at"].utcoffset() for row in rows} == {timedelta(0)}

    def test_a_time_without_a_zone_is_utc(self, records: RecordStore) -> None:
        put(records, thing("1", at=NOON.replace(tzinfo=None)))
        assert found(records, equals(at=NOON))[0]["at"] == NOON

    def test_embeddings_come_back(self, records: RecordStore) -> None:
        rounded = [float(number) for number in np.random.default_rng(1).standard_normal(384).astype(np.float32)]
        put(records, thing("1", vector=rounded), thing("2"), thing("3", vector=np.asarray(rounded, dtype=np.float32)))
        rows = found(records, order=("id",))
        assert rows[1]["vector"] is None
        for row in (rows[0], rows[2]):
            np.testing.assert_allclose(row["vector"], rounded, rtol=1e-6)

    def test_whether_there_is_an_embedding_can_be_asked(self, records: RecordStore) -> None:
        put(records, thing("1", vector=[0.5, 0.5]), thing("2"))
        assert [row["id"] for row in found(records, [Condition("vector", "ne", None)])] == ["1"]
        assert [row["id"] for row in found(records, equals(vector=None))] == ["2"]

    def test_integers_and_booleans_keep_their_type(self, records: RecordStore) -> None:
        put(records, thing("1", number=2**62, flag=True), thing("2", number=-1, flag=False), thing("3"))
        rows = found(records, order=("id",), columns=("number", "flag"))
        assert rows == [{"number": 2**62, "flag": True}, {"number": -1, "flag": False}, {"number": None, "flag": None}]
        assert [type(row["flag"]) for row in rows] == [bool, bool, type(None)]

    def test_ids_are_compared_byte_for_byte(self, records: RecordStore) -> None:
        names = list(dict.fromkeys(LOOKALIKES))
        put(records, *(thing(name, name, name=name) for name in names))
        for name in names:
            for field in ("id", "user_id", "name"):
                assert [row["name"] for row in found(records, equals(**{field: name}))] == [name]

    def test_columns_can_be_chosen(self, records: RecordStore) -> None:
        put(records, thing("1", name="x"))
        assert found(records, columns=("name", "id")) == [{"name": "x", "id": "1"}]

    def test_a_key_that_exists_is_refused(self, records: RecordStore) -> None:
        put(records, thing("1", name="first"))
        with pytest.raises(IntegrityError):
            put(records, thing("2"), thing("1", name="second"))
        assert [row["name"] for row in found(records)] == ["first"]
        put(records, thing("1", user="bob"))

    def test_a_unique_name_that_exists_is_refused(self, records: RecordStore) -> None:
        put(records, _shelf("1", "books"), table=SHELVES)
        with pytest.raises(IntegrityError):
            put(records, _shelf("2", "books"), table=SHELVES)
        put(records, _shelf("1", "books", user="bob"), _shelf("3", "Books"), table=SHELVES)
        assert len(found(records, table=SHELVES)) == 3

    def test_existing_rows_can_be_skipped(self, records: RecordStore) -> None:
        put(records, _shelf("1", "books"), table=SHELVES)
        with records.transaction() as transaction:
            rows = [_shelf("1", "other"), _shelf("2", "books"), _shelf("3", "maps")]
            assert transaction.put(SHELVES, rows, "ignore") == 3
        assert {row["id"]: row["label"] for row in found(records, table=SHELVES)} == {"1": "books", "3": "maps"}

    def test_existing_rows_can_be_replaced_by_key(self, records: RecordStore) -> None:
        put(records, thing("1", name="old", number=1), thing("1", user="bob", name="bob's"))
        with records.transaction() as transaction:
            transaction.put(THINGS, [thing("1", name="new"), thing("2", name="further")], "replace")
        rows = found(records, equals(user_id="alice"), order=("id",))
        assert [(row["name"], row["number"]) for row in rows] == [("new", None), ("further", None)]
        assert found(records, equals(user_id="bob"))[0]["name"] == "bob's"

    def test_references_hold_within_a_scope(self, records: RecordStore) -> None:
        put(records, _shelf("s", "books"), table=SHELVES)
        put(records, thing("1", shelf="s"), thing("2"))
        with pytest.raises(IntegrityError):
            put(records, thing("3", shelf="nowhere"))
        with pytest.raises(IntegrityError):
            put(records, thing("1", user="bob", shelf="s"))

    def test_deleting_takes_along_what_refers_to_it(self, records: RecordStore) -> None:
        put(records, _shelf("s", "books"), table=SHELVES)
        put(records, thing("1", shelf="s"), thing("2"))
        with records.transaction() as transaction:
            assert transaction.delete(SHELVES, equals(user_id="alice", id="s")) == 1
        assert [row["id"] for row in found(records)] == ["2"]

    def test_counting_updating_and_deleting_answer_how_many(self, records: RecordStore) -> None:
        put(records, *(thing(str(n), number=n) for n in range(10)))
        with records.transaction() as transaction:
            assert transaction.count(THINGS) == 10
            assert transaction.count(THINGS, [Condition("number", "gte", 7)]) == 3
            assert transaction.update(THINGS, {"name": "big"}, [Condition("number", "gte", 7)]) == 3
            assert transaction.update(THINGS, {"name": "none"}, equals(number=99)) == 0
            assert transaction.delete(THINGS, equals(name="big")) == 3
            assert transaction.delete(THINGS, equals(name="big")) == 0
            assert transaction.get(THINGS, equals(number=6), ("id",)) == {"id": "6"}
            assert transaction.get(THINGS, equals(number=9)) is None
        assert len(found(records)) == 7

    def test_updating_can_clear_a_column(self, records: RecordStore) -> None:
        put(records, thing("1", name="x", data={"a": 1}, at=NOON, vector=[1.0]))
        with records.transaction() as transaction:
            transaction.update(THINGS, {"name": None, "at": None, "vector": None, "data": {}}, equals(id="1"))
        row = found(records)[0]
        assert (row["name"], row["at"], row["vector"], row["data"]) == (None, None, None, {})

    def test_many_rows_are_updated_each_with_its_own_values(self, records: RecordStore) -> None:
        put(records, *(thing(str(n), number=n, vector=[1.0]) for n in range(5)), thing("1", user="bob", number=1))
        rows = [{"user_id": "alice", "id": str(n), "number": n * 10, "vector": [n + 0.5]} for n in (1, 3, 7)]
        with records.transaction() as transaction:
            assert transaction.update_each(THINGS, rows, ("user_id", "id")) == 2
            assert transaction.update_each(THINGS, [], ("user_id", "id")) == 0
            assert transaction.update_each(THINGS, [{"id": "0", "vector": None}], ("id",)) == 1
        numbers = [(row["user_id"], row["number"], row["vector"]) for row in found(records)]
        assert sorted(numbers, key=str) == [
            ("alice", 0, None),
            ("alice", 10, [1.5]),
            ("alice", 2, [1.0]),
            ("alice", 30, [3.5]),
            ("alice", 4, [1.0]),
            ("bob", 1, None),
        ]

    def test_counters_count(self, records: RecordStore) -> None:
        with records.transaction() as transaction:
            values = [transaction.increment(COUNTERS, {"user_id": "a"}, "value", {"note": "made"}) for _ in range(3)]
            assert transaction.increment(COUNTERS, {"user_id": "A"}, "value", {"note": "other"}) == 1
        assert values == [1, 2, 3]
        assert {row["user_id"]: row["note"] for row in found(records, table=COUNTERS)} == {"a": "made", "A": "other"}

    def test_order_limit_and_after_make_pages(self, records: RecordStore) -> None:
        rows = [thing(f"{n:02}", number=n % 3, at=NOON + timedelta(microseconds=n // 5)) for n in range(40)]
        put(records, *reversed(rows))
        for order in (("at", "id"), ("-at", "id"), ("number", "-at", "-id"), ("-number", "at", "-id")):
            whole = found(records, order=order)
            assert [row["id"] for row in whole] == [row["id"] for row in _ordered(rows, order)]
            assert _pages(records, order, 7) == whole
            assert found(records, order=order, limit=5) == whole[:5]

    def test_after_composes_with_conditions(self, records: RecordStore) -> None:
        put(records, *(thing(f"{n:02}", number=n % 2) for n in range(10)))
        rows = found(records, equals(number=1), order=("id",), after=("03",), limit=2)
        assert [row["id"] for row in rows] == ["05", "07"]

    @pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 5000, 40_000])
    def test_lists_of_values_may_be_long(self, records: RecordStore, count: int) -> None:
        put(records, *(thing(f"{n:05}", number=n) for n in range(0, 5100, 50)))
        wanted = [f"{n:05}" for n in range(count)]
        expected = [f"{n:05}" for n in range(0, min(count, 5100), 50)]
        where = [Condition("id", "in", wanted)]
        assert [row["id"] for row in found(records, where, order=("id",))] == expected
        assert sorted(row["id"] for row in found(records, where)) == expected
        with records.transaction() as transaction:
            assert transaction.count(THINGS, where) == len(expected)
            assert transaction.update(THINGS, {"name": "met"}, where) == len(expected)
            assert transaction.delete(THINGS, where) == len(expected)
            assert transaction.count(THINGS) == 102 - len(expected)

    def test_long_lists_keep_order_limit_and_columns(self, records: RecordStore) -> None:
        put(records, *(thing(f"{n:05}", number=n % 7) for n in range(1200)))
        where = [Condition("id", "in", [f"{n:05}" for n in range(1200)])]
        rows = found(records, where, order=("-number", "id"), limit=10, columns=("id",))
        assert rows == [{"id": f"{n:05}"} for n in range(6, 76, 7)]
        assert [row["id"] for row in found(records, where, order=("-id",), after=("00003",))] == [
            "00002",
            "00001",
            "00000",
        ]

    def test_a_value_that_a_long_list_names_twice_is_one(self, records: RecordStore) -> None:
        put(records, thing("1"), thing("2"))
        where = [Condition("id", "in", ["1", "2"] * 700)]
        assert sorted(row["id"] for row in found(records, where)) == ["1", "2"]
        with records.transaction() as transaction:
            assert transaction.count(THINGS, where) == 2
            assert transaction.update(THINGS, {"number": 1}, where) == 2

    def test_two_long_lists_meet(self, records: RecordStore) -> None:
        put(records, *(thing(f"{n:04}", name=f"{n:04}") for n in range(900)))
        where = [
            Condition("id", "in", [f"{n:04}" for n in range(800)]),
            Condition("name", "in", [f"{n:04}" for n in range(100, 900)]),
        ]
        assert len(found(records, where)) == 700
        with records.transaction() as transaction:
            assert transaction.count(THINGS, where) == 700
            assert transaction.delete(THINGS, where) == 700

    def test_a_long_list_inside_a_json_path(self, records: RecordStore) -> None:
        put(records, thing("1", data={"n": 3}), thing("2", data={"n": 7000}), thing("3", data={"n": "3"}))
        where = [Condition("data", "in", list(range(5000)), ("n",))]
        assert [row["id"] for row in found(records, where)] == ["1"]
        with records.reader() as reader:
            assert reader.count(THINGS, where) == 1

    def test_rows_of_another_table(self, records: RecordStore) -> None:
        put(records, _shelf("s", "books"), _shelf("t", "maps"), _shelf("u", "empty"), table=SHELVES)
        put(records, thing("1", shelf="s"), thing("2", shelf="t"), thing("3"), thing("4", shelf="s"))
        books = RowsOf(SHELVES, "id", tuple(equals(label="books")))
        assert _names(records, THINGS, Condition("shelf", "in_rows", books)) == ["1", "4"]
        assert _names(records, THINGS, Condition("shelf", "not_in_rows", books)) == ["2", "3"]
        used = RowsOf(THINGS, "shelf", ())
        assert _names(records, SHELVES, Condition("id", "in_rows", used)) == ["s", "t"]
        assert _names(records, SHELVES, Condition("id", "not_in_rows", used)) == ["u"]
        nothing = RowsOf(THINGS, "shelf", tuple(equals(name="nobody")))
        assert _names(records, SHELVES, Condition("id", "in_rows", nothing)) == []
        assert _names(records, SHELVES, Condition("id", "not_in_rows", nothing)) == ["s", "t", "u"]

    def test_rows_of_another_table_with_a_long_list(self, records: RecordStore) -> None:
        put(records, _shelf("s", "books"), _shelf("t", "maps"), table=SHELVES)
        put(records, thing("1", shelf="s"), thing("2", shelf="t"))
        wanted = RowsOf(SHELVES, "id", (Condition("label", "in", ["books", *map(str, range(5000))]),))
        assert _names(records, THINGS, Condition("shelf", "in_rows", wanted)) == ["1"]
        assert _names(records, THINGS, Condition("shelf", "not_in_rows", wanted)) == ["2"]

    def test_many_threads_create_one_store(self, backend: Backend) -> None:
        stores = [backend.records(SCHEMA) for _ in range(4 if backend.durable else 1)]
        faults: list[MemuError] = []

        def create(store: RecordStore) -> None:
            try:
                store.create()
                store.validate()
            except MemuError as error:
                faults.append(error)

        threads = [threading.Thread(target=create, args=(store,)) for store in stores for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for store in stores:
            store.close()
        assert not faults


def _shelf(identity: str, label: str, user: str = "alice") -> dict[str, Any]:
    return {"user_id": user, "id": identity, "label": label}


def _names(records: RecordStore, table: str, condition: Condition) -> list[str]:
    return [row["id"] for row in found(records, [condition], table=table, order=("id",))]


def _ordered(rows: list[dict[str, Any]], order: tuple[str, ...]) -> list[dict[str, Any]]:
    for name in reversed(order):
        rows = sorted(rows, key=lambda row, name=name: row[name.lstrip("-")], reverse=name.startswith("-"))  # type: ignore[misc]
    return rows


def _pages(records: RecordStore, order: tuple[str, ...], size: int) -> list[dict[str, Any]]:
    pages: list[dict[str, Any]] = []
    after = None
    while page := found(records, order=order, limit=size, after=after):
        pages += page
        after = [page[-1][name.lstrip("-")] for name in order]
    return pages
