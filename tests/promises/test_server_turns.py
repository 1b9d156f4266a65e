"""Who waits for whom on a server, what an index reads of others' writes, and what becomes of a deadlock's victim."""

import json
import logging
import select
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import servers
from memu.app import MemoryService
from memu.backends.schema import ITEMS
from memu.errors import StorageBusy
from memu.scope import Scope
from servers import Server

from . import on_servers as on

CHILD = Path(__file__).with_name("lane_child.py")
MAYA, THEO = Scope.of({"user_id": "maya"}), Scope.of({"user_id": "theo"})
MANY = 300
TRIES = 8


@pytest.fixture(params=servers.NAMES)
def server(request: pytest.FixtureRequest) -> Server:
    return servers.get(request.param)


@pytest.fixture
def memory(dsn: str, tmp_path: Path) -> Iterator[MemoryService]:
    with on.service(dsn, tmp_path, user=None) as memory:
        yield memory


class Lane:
    """Another process on the same database."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), dsn, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def tell(self, user: str, verb: str, argument: str) -> None:
        self.stdin.write(json.dumps([user, verb, argument]) + "\n")
        self.stdin.flush()

    @property
    def answered(self) -> bool:
        return bool(select.select([self.stdout], [], [], 0)[0])

    def answer(self) -> Any:
        assert select.select([self.stdout], [], [], on.WAIT)[0], "the other process does not answer"
        return json.loads(self.stdout.readline())

    def ask(self, user: str, verb: str, argument: str) -> Any:
        self.tell(user, verb, argument)
        return self.answer()


@pytest.fixture
def lane(memory: MemoryService, dsn: str, tmp_path: Path) -> Iterator[Callable[[], Lane]]:
    """Makes further processes on the database, whose tables `memory` has made."""
    lanes: list[Lane] = []

    def begin() -> Lane:
        lanes.append(Lane(dsn, tmp_path))
        return lanes[-1]

    yield begin
    for one in lanes:
        one.stdin.close()
        assert one.process.wait(on.WAIT) == 0
        one.stdout.close()


# --- turns ------------------------------------------------------------------------------------------------------------


def test_writers_of_one_scope_wait_for_each_other_those_of_others_do_not(
    server: Server, dsn: str, memory: MemoryService, lane: Callable[[], Lane]
) -> None:
    store, other, same = memory.db.handle, lane(), lane()
    assert [one.ask("noor", "find", "bees") for one in (other, same)] == [[], []]
    with store.writer(MAYA) as writer:
        writer.put("memory_categories", [category("held open", store)])
        other.ask("theo", "create", "I repair clocks in the workshop.")
        same.tell("maya", "create", "I keep bees in the garden.")
        on.wait_for(lambda: on.waiting(server, dsn) > 0, "the other writer of the scope in the queue")
        assert other.ask("theo", "find", "clocks") == ["I repair clocks in the workshop."]
        assert not same.answered
        assert other.ask("maya", "find", "bees") == [], "readers wait for nobody"
    assert same.answer()
    counts = on.rows(server, dsn, "SELECT user_id, seq FROM scopes ORDER BY user_id")
    assert [tuple(row) for row in counts] == [("maya", 2), ("theo", 1)]


def test_threads_of_one_process_take_turns_alike(server: Server, dsn: str, memory: MemoryService) -> None:
    store = memory.db.handle
    entered, leave = threading.Event(), threading.Event()
    order: list[str] = []

    def hold() -> None:
        with store.writer(MAYA) as writer:
            writer.put("memory_categories", [category("first", store)])
            entered.set()
            assert leave.wait(on.WAIT)
            order.append("the first leaves")

    def follow() -> None:
        with store.writer(MAYA) as writer:
            order.append("the second enters")
            writer.put("memory_categories", [category("second", store)])

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(hold)
        try:
            assert entered.wait(on.WAIT)
            second = threads.submit(follow)
            memory.db.memory_item_repo.create_item(
                memory_type="event", summary="I repair clocks.", user_data={"user_id": "theo"}
            )
            order.append("another scope's is done")
            on.wait_for(lambda: on.waiting(server, dsn) > 0, "the second writer in the queue")
        finally:
            leave.set()
        first.result(on.WAIT)
        second.result(on.WAIT)
    assert order == ["another scope's is done", "the first leaves", "the second enters"]


def test_a_turn_that_never_came_is_given_back(
    server: Server, dsn: str, memory: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer who waited in vain for the whole store lets go of its scope: others need not wait for it in turn."""
    monkeypatch.setattr(f"memu.backends.{memory.db.handle.records.dialect.name}.BUSY_SECONDS", 1.0)
    memory.db.handle.records.engine.dispose()  # sessions made from now on wait a second
    records = memory.db.handle.records
    create = memory.db.memory_item_repo.create_item
    with ThreadPoolExecutor(2) as threads:
        with records.transaction() as alone:
            alone.count(ITEMS)
            tries = [
                threads.submit(create, memory_type="event", summary="I keep bees.", user_data={"user_id": "maya"})
                for _ in range(2)
            ]
            for one in tries:
                with pytest.raises(StorageBusy):
                    one.result(on.WAIT)
            busy = on.rows(server, dsn, HELD[server.name])
        assert not [row for row in busy if row[0]], "the scope's turn went to the pool with its session"
        again = [
            threads.submit(create, memory_type="event", summary="I keep hens.", user_data={"user_id": "maya"})
            for _ in range(2)
        ]
        assert len({one.result(on.WAIT).id for one in again}) == 2


NAME_OF_MAYA = "SHA2(CONCAT(DATABASE(), ' user_id=''maya'', agent_id=''default'''), 256)"
HELD = {
    # All that is left belongs to the one that is alone in the store.
    "postgres": "SELECT count(*) - 1 FROM pg_locks WHERE locktype = 'advisory' AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())",
    "mariadb": f"SELECT IS_USED_LOCK(LEFT({NAME_OF_MAYA}, 60))",
    "mysql": f"SELECT IS_USED_LOCK(LEFT({NAME_OF_MAYA}, 60))",
}
"""Who holds maya's turn."""


def category(name: str, store: Any) -> dict[str, Any]:
    at = store.now()
    bare = {"description": "", "embedding": None, "summary": None, "stale": False, "extra": {}}
    return {"id": name, "name": name, **bare, "created_at": at, "updated_at": at}


# --- indexes ----------------------------------------------------------------------------------------------------------


@contextmanager
def counted(memory: MemoryService) -> Iterator[Counter[str]]:
    """How many statements were sent, and how many rows of items they brought."""
    told: Counter[str] = Counter()

    def executed(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        told["statements"] += 1
        if statement.startswith("SELECT") and "FROM memory_items" in statement:
            told["items"] += cursor.rowcount

    engine: Any = memory.db.handle.records.engine
    sa.event.listen(engine, "after_cursor_execute", executed)
    try:
        yield told
    finally:
        sa.event.remove(engine, "after_cursor_execute", executed)


def test_an_index_reads_what_others_changed_and_no_more(memory: MemoryService, lane: Callable[[], Lane]) -> None:
    other = lane()
    words = [f"I planted tree number {number} in the old orchard." for number in range(MANY)]
    memory.sync.memorize(" ".join(words), modality="document", user={"user_id": "maya"})
    items = memory.db.bound(MAYA).memory_item_repo

    def find(question: str) -> list[str]:
        found = memory.sync.retrieve(question, where={"user_id": "maya"}, top_k=3)
        return [one["summary"] for one in found["items"] if one["score"] > 0]

    with counted(memory) as first:
        assert find("tree number 17")
    held = items.count()
    assert first["items"] >= held > MANY // 2, "the first search reads the scope"
    with counted(memory) as again:
        find("tree number 17")
    assert again["items"] <= 3, "nothing changed: only the winners are read"

    made = other.ask("maya", "create", "I keep bees behind the house.")
    with counted(memory) as after_create:
        assert "I keep bees behind the house." in find("bees behind the house")
    assert after_create["items"] <= 3 + 1
    other.ask("maya", "delete", made)
    with counted(memory) as after_delete:
        assert "I keep bees behind the house." not in find("bees behind the house")
    assert after_delete["items"] <= 3
    other.ask("theo", "create", "I keep bees, too.")
    before = memory.describe()["database"]["indexes"]
    with counted(memory) as after_another:
        find("tree number 17")
    assert after_another["items"] <= 3, "another scope's change is none of this one's"
    after = memory.describe()["database"]["indexes"]
    assert (after["loaded"], after["refreshed"]) == (before["loaded"], before["refreshed"])


def test_an_index_notices_that_another_process_forgot_the_scope(
    memory: MemoryService, lane: Callable[[], Lane]
) -> None:
    other = lane()
    memory.sync.memorize("I keep bees in the garden behind the house.", user={"user_id": "maya"})
    assert memory.sync.retrieve("bees", where={"user_id": "maya"})["items"]
    other.ask("maya", "forget", "")
    assert memory.sync.retrieve("bees", where={"user_id": "maya"})["items"] == []
    other.ask("maya", "create", "I sold the bees to the baker.")
    found = memory.sync.retrieve("bees", where={"user_id": "maya"})["items"]
    assert [one["summary"] for one in found] == ["I sold the bees to the baker."]


# --- deadlocks --------------------------------------------------------------------------------------------------------


def test_the_victim_of_a_deadlock_is_carried_out_again(
    server: Server, dsn: str, memory: MemoryService, caplog: pytest.LogCaptureFixture
) -> None:
    """Two foreign transactions hold rows that a call needs, so that the server must break it off.

    The call has the scope's row and waits for the category's (the gate). The heavy one has the item's and waits for the
    scope's. When the gate opens, the call asks for the item: a circle, in which it is the last and lightest.
    """
    caplog.set_level(logging.DEBUG, "memu.backends")
    made = memory.sync.create_memory_item(
        memory_type="event", memory_content="I keep bees.", memory_categories=["animals"], user={"user_id": "maya"}
    )["memory_item"]
    items = memory.db.bound(MAYA).memory_item_repo
    with (
        closing(server.bare(dsn)) as gate,
        closing(server.bare(dsn)) as heavy,
        ThreadPoolExecutor(2) as threads,
    ):
        try:
            make_heavy(server, heavy)
            heavy.cursor().execute("UPDATE memory_items SET updated_at = updated_at WHERE id = %s", (made["id"],))
            gate.cursor().execute("UPDATE memory_categories SET updated_at = updated_at WHERE user_id = 'maya'")
            ours = threads.submit(items.delete_item, made["id"])
            on.wait_for(lambda: on.waiting(server, dsn) >= 1, "the call at the gate")
            theirs = threads.submit(heavy.cursor().execute, "UPDATE scopes SET seq = seq WHERE user_id = 'maya'")
            on.wait_for(lambda: on.waiting(server, dsn) >= 2, "the heavy one behind the call")
            gate.rollback()
            theirs.result(on.WAIT)
        finally:
            gate.rollback()
            heavy.rollback()
        ours.result(on.WAIT)
    repeats = [one for one in caplog.records if "is repeated" in one.getMessage()]
    assert 1 <= len(repeats) < TRIES
    assert items.count() == 0
    stones = on.rows(server, dsn, "SELECT kind, count(*) FROM tombstones GROUP BY kind ORDER BY kind")
    assert ("memory_items", 1) in [tuple(row) for row in stones]


def make_heavy(server: Server, connection: Any) -> None:
    """Let a transaction be one that the server would rather not break off."""
    cursor = connection.cursor()
    if server.name == "postgres":  # who has waited for so long looks whether there is a circle, and leaves it
        cursor.execute("SET deadlock_timeout = '1h'")
        return
    cursor.execute("CREATE TABLE ballast (number INT)")
    cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    cursor.execute(f"INSERT INTO ballast VALUES {', '.join('(1)' for _ in range(2000))}")
