"""Rows in versions: readers see one state, writers take turns, and one that died or lost its turn leaves nothing."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import servers
from memu.backends import mongo_lease
from memu.backends.base import equals
from memu.backends.mongo import MongoRecordStore
from memu.backends.mongo_reads import SETTLED
from memu.database.factory import build_database
from memu.errors import Deadlock, IntegrityError, SchemaError, StorageBusy
from memu.models import DefaultUserModel
from memu.testing.probe import COUNTERS, SHELVES, THINGS, found, put, thing
from mongodb import stores
from promises import on_servers as on
from servers import Server
from servers.server import database_of

TESTS = Path(__file__).parents[1]
BY_TIME = "ix_user_id_at_id"
"""An index of the things."""


@pytest.fixture
def server() -> Server:
    return servers.get("mongodb")


@pytest.fixture
def store(dsn: str) -> Iterator[MongoRecordStore]:
    with stores.store_on(dsn, lease=10.0) as store:
        yield store


@pytest.fixture
def child(dsn: str) -> Iterator[Callable[[str], Any]]:
    """Has things done by processes of their own."""
    command = [sys.executable, "-m", "mongodb.child", dsn]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=TESTS) as process:
        assert process.stdin
        assert process.stdout

        def do(what: str) -> Any:
            process.stdin.write(f"{what}\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            return json.loads(process.stdout.readline())  # type: ignore[union-attr]

        yield do
        process.stdin.close()


# --- readers ----------------------------------------------------------------------------------------------------------


def test_a_reader_sees_one_state_while_others_write(store: MongoRecordStore) -> None:
    stores.fill(store)
    before = stores.state(store)
    with store.reader() as reader:
        for _ in range(3):
            stores.work(store)
            for name, rows in before.items():
                assert reader.find(name, order=tuple(store.schema.table(name).key)) == rows
                assert reader.count(name) == len(rows)
        assert stores.state(store) != before


def test_a_reader_is_told_when_what_it_reads_was_swept_up(store: MongoRecordStore) -> None:
    stores.fill(store)
    with pytest.raises(StorageBusy, match="swept up"), store.reader() as reader:
        assert reader.count(THINGS) == 3
        stores.work(store)
        store.erase_traces()  # which waits for as long as a reader may go without asking
        reader.find(THINGS)
    with store.reader() as reader:
        time.sleep(2 * SETTLED)  # not in the hope of anything: from now on the reader asks
        assert reader.count(THINGS) == 2


def test_erasing_leaves_the_living_only(store: MongoRecordStore) -> None:
    stores.fill(store)
    for _ in range(3):
        stores.work(store)
    after = stores.state(store)
    put(store, thing("canary", name="canary"))
    with store.transaction() as transaction:
        transaction.delete(THINGS, equals(id="canary"))
    assert store.rows(THINGS).count_documents({"name": "canary"}) == 1
    store.erase_traces()
    assert stores.state(store) == after
    for name, rows in after.items():
        assert store.rows(name).count_documents({}) == len(rows)


def test_the_dead_are_swept_up_once_nobody_wants_them(dsn: str) -> None:
    with closing(MongoRecordStore(stores.MongoDatabase(dsn), stores.SCHEMA, grace=0.0)) as store:
        store.create()
        put(store, thing("1", number=0))
        for number in range(1, 30):
            with store.transaction() as transaction:
                transaction.update(THINGS, {"number": number}, equals(id="1"))
        assert found(store)[0]["number"] == 29
        assert store.rows(THINGS).count_documents({}) <= 4


# --- writers that die -------------------------------------------------------------------------------------------------


def test_a_writer_killed_at_any_command_leaves_all_or_nothing(dsn: str, child: Callable[[str], Any]) -> None:
    with stores.store_on(dsn) as store:
        told, outcomes = "", []
        for point in range(1, 200):
            with store.transaction() as transaction:
                for name in (THINGS, SHELVES, COUNTERS):
                    transaction.delete(name, ())
            stores.fill(store)
            before = stores.state(store)
            told = child(f"kill {point}")
            if told == "end":
                break
            left = stores.state(store)
            with store.transaction():  # waits for the lease of the dead
                pass
            assert stores.state(store) == left, told
            assert stores.leftovers(store) == [], told
            if left == before:
                stores.work(store)
            after = [len(rows) for rows in stores.state(store).values()]
            assert (after, found(store, table=COUNTERS)[0]["value"]) == ([0, 2, 1], 2), told
            outcomes.append((told, left == before))
        assert told == "end"
    kept = [what for what, nothing in outcomes if not nothing]
    assert kept[:1] == ["after findAndModify"], outcomes  # the commit is the only step that counts
    assert all("insert" not in what and "update" not in what for what in kept)
    assert len(outcomes) > 25


def test_ten_processes_make_one_store(dsn: str, child: Callable[[str], Any]) -> None:
    assert child("create") == [0] * 10
    with closing(stores.opened(dsn)) as store:
        store.validate()
        assert [row["value"] for row in found(store, table=COUNTERS)] == [10]


def test_a_child_process_uses_connections_of_its_own(child: Callable[[str], Any]) -> None:
    assert child("fork") == [0, 0, 1]


def test_forgetting_leaves_no_word_in_a_dump(server: Server, dsn: str, tmp_path: Path) -> None:
    with on.service(dsn, tmp_path) as memory, on.service(dsn, tmp_path, "other") as other:
        for one in (memory, other):
            one.sync.memorize("I keep a xylograph in the attic." if one is memory else "I keep bees in the garden.")
        item = memory.sync.list_memory_items()["items"][0]["id"]
        memory.sync.update_memory_item(memory_id=item, memory_content="The xylograph was sold.", metadata={"xylo": 1})
        assert b"xylograph" in server.dump(dsn)
        memory.sync.forget()
        dump = server.dump(dsn)
        assert b"xylo" not in dump
        assert b"bees in the garden" in dump
        assert len(other.sync.list_memory_items()["items"]) == 1


# --- writers that lose their turn -------------------------------------------------------------------------------------


def overtaken(dsn: str) -> None:
    """Another writer waits for the lease of the one that is silent, and takes its place."""
    with stores.store_on(dsn) as other, other.transaction() as transaction:
        transaction.update(THINGS, {"name": "theirs"}, equals(id="3"))


def test_a_writer_that_lost_its_turn_cannot_go_on(dsn: str) -> None:
    with stores.store_on(dsn) as store:
        stores.fill(store)
        with pytest.raises(Deadlock, match="lease"), store.transaction() as transaction:
            transaction.update(THINGS, {"name": "mine"}, ())
            overtaken(dsn)
            transaction.put(THINGS, [thing("9")])
        with pytest.raises(Deadlock, match="lease"), store.transaction() as transaction:
            transaction.update(THINGS, {"name": "mine"}, ())
            overtaken(dsn)
        assert [row["name"] for row in found(store, order=("id",))] == [None, None, "theirs"]


def test_late_writes_of_a_lost_turn_are_never_seen(dsn: str) -> None:
    with stores.store_on(dsn) as store:
        stores.fill(store)
        with pytest.raises(Deadlock), store.transaction() as transaction:
            overtaken(dsn)
            before = stores.state(store)
            transaction.turn._confirmed = float("inf")  # type: ignore[attr-defined] # as if it was sent before
            transaction.put(THINGS, [thing("9")])
            transaction.delete(THINGS, equals(id="1"))
            assert stores.state(store) == before
            overtaken(dsn)
            with stores.store_on(dsn) as other, other.transaction() as later:
                later.update(THINGS, {"number": 5}, equals(id="1"))
                assert later.count(THINGS) == 3
            assert [row["number"] for row in found(store, equals(id="1"))] == [5]
        assert [row["id"] for row in found(store, order=("id",))] == ["1", "2", "3"]
        assert store.head.read().abandoned


def test_the_numbers_of_lost_turns_are_forgotten_in_the_end(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with stores.store_on(dsn) as store:
        stores.fill(store)
        with pytest.raises(Deadlock), store.transaction() as transaction:
            transaction.put(THINGS, [thing("9")])
            overtaken(dsn)
        before = stores.state(store)
        assert store.head.read().abandoned
        monkeypatch.setattr(mongo_lease, "KEPT", -1.0)
        with store.transaction():
            pass
        assert store.head.read().abandoned == ()
        assert stores.state(store) == before


def test_a_writer_that_gives_signs_of_life_keeps_its_turn(dsn: str) -> None:
    waited: list[float] = []
    lease = 1.5
    with stores.store_on(dsn, lease=lease) as store, stores.store_on(dsn) as other:
        thread = threading.Thread(target=lambda: put(other, thing("2")))
        begin = time.monotonic()
        with store.transaction() as transaction:
            thread.start()
            while time.monotonic() - begin < 2 * lease:
                transaction.count(THINGS)
            transaction.put(THINGS, [thing("1")])
            waited.append(transaction.count(THINGS))
        thread.join()
        assert waited == [1]
        assert len(found(store)) == 2


def test_eight_threads_on_two_stores_lose_no_update(dsn: str, store: MongoRecordStore) -> None:
    faults: list[BaseException] = []

    def count(writer: MongoRecordStore) -> None:
        try:
            for _ in range(6):
                with writer.transaction() as transaction:
                    transaction.increment(COUNTERS, {"user_id": "alice"}, "value", {"note": ""})
        except BaseException as error:
            faults.append(error)

    with stores.store_on(dsn, lease=10.0) as other:
        threads = [threading.Thread(target=count, args=(one,)) for one in (store, other) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not faults
    assert [row["value"] for row in found(store, table=COUNTERS)] == [48]


def test_a_writer_that_waits_in_vain_is_told(
    dsn: str, store: MongoRecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memu.backends.mongo_lease.BUSY_SECONDS", 0.2)
    with (
        store.transaction(),
        stores.store_on(dsn) as other,
        pytest.raises(StorageBusy, match="another writer"),
        other.transaction(),
    ):
        pass


# --- what the server does not check -----------------------------------------------------------------------------------


def test_a_key_is_not_changed_and_a_unique_one_not_taken(store: MongoRecordStore) -> None:
    stores.fill(store)
    with pytest.raises(IntegrityError, match="label"), store.transaction() as transaction:
        transaction.update(SHELVES, {"label": "t"}, equals(id="s"))
    with pytest.raises(IntegrityError, match="not there"), store.transaction() as transaction:
        transaction.update(THINGS, {"shelf": "nowhere"}, equals(id="1"))
    with store.transaction() as transaction:
        transaction.update(SHELVES, {"label": "u"}, equals(id="s"))
        transaction.update(SHELVES, {"label": "s"}, equals(id="t"))
    assert {row["id"]: row["label"] for row in found(store, table=SHELVES)} == {"s": "u", "t": "s"}


def test_what_is_missing_is_named_and_made(dsn: str, server: Server, store: MongoRecordStore) -> None:
    with closing(server.bare(dsn)) as client:
        database = client[database_of(dsn)]
        database.drop_collection(SHELVES)
        database[THINGS].drop_index("dead")
    with pytest.raises(SchemaError, match=rf"index dead of {THINGS} is missing; table {SHELVES} is missing"):
        store.validate()
    store.create()
    store.validate()
    assert store.faults() == []


@pytest.mark.parametrize(
    ("index", "spoil", "said"),
    [
        (BY_TIME, {"key": [("at", 1)]}, "is on (at 1), not (user_id 1, at 1, id 1)"),
        (BY_TIME, {"key": [("user_id", 1), ("at", -1), ("id", 1)]}, "is on (user_id 1, at -1, id 1), not "),
        (BY_TIME, {"unique": True}, "has unique True, not None"),
        (BY_TIME, {"sparse": True}, "has sparse True, not None"),
        ("dead", {"partialFilterExpression": None}, "has partialFilterExpression None, not {"),
    ],
)
def test_an_index_that_is_another_one_is_named_and_made_anew(
    dsn: str, server: Server, store: MongoRecordStore, index: str, spoil: dict[str, Any], said: str
) -> None:
    with closing(server.bare(dsn)) as client:
        rows = client[database_of(dsn)][THINGS]
        before = rows.index_information()
        rows.drop_index(index)
        spoilt = {**{name: value for name, value in before[index].items() if name != "v"}, **spoil}
        rows.create_index(spoilt.pop("key"), name=index, **{name: one for name, one in spoilt.items() if one})
        with pytest.raises(SchemaError, match=re.escape(f"index {index} of {THINGS} {said}")):
            store.validate()
        assert not store.is_current()
        store.create()
        store.validate()
        assert rows.index_information() == before


class Tenant(DefaultUserModel):
    tenant: str = "default"


def test_a_store_gets_a_further_scope_field(dsn: str, tmp_path: Path) -> None:
    with on.service(dsn, tmp_path) as memory:
        memory.sync.memorize("I keep bees in the garden.")
    config = on.config(dsn)
    with closing(build_database(config=config, user_model=Tenant)) as database:
        assert [item.tenant for item in database.items.values()] == ["default"]
        database.memory_item_repo.create_item(
            memory_type="profile", summary="I keep hens.", user_data={"user_id": "maya", "tenant": "b"}
        )
        database.handle.records.validate()
    with closing(build_database(config=config)) as database:
        assert database.handle.scope_fields == ("user_id", "agent_id", "tenant")
        assert {item.tenant for item in database.items.values()} == {"default", "b"}


def test_much_is_written_in_pieces_and_the_lease_is_renewed_before_each(dsn: str) -> None:
    asked: list[str] = []
    many = [thing(f"{place:05}") for place in range(1300)]
    with closing(stores.opened(dsn, lease=0.01, watch=asked.append)) as store:  # renewed before every command
        store.create()
        for work, command in (
            (lambda one: one.put(THINGS, many), "before insert"),
            (lambda one: one.delete(THINGS, ()), "before update"),
        ):
            asked.clear()
            with store.transaction() as transaction:
                work(transaction)
            assert asked.count(command) >= 3
            assert asked.count("before findAndModify") >= 3
