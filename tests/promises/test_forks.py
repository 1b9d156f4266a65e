"""Stores, services and providers that were made before a fork work in the children, and go on in the parent."""

import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import servers
from conformance.backends import MariaDBBackend, MongoBackend, MySQLBackend, PostgresBackend, SQLiteBackend
from memu import MemoryService
from memu.backends import sqlite
from memu.backends.dialects import parse_dsn
from memu.backends.sql import SqlRecordStore
from memu.backends.sqlite import SQLite
from memu.errors import StorageUnavailable
from memu.forked import Lock
from memu.testing.probe import SCHEMA, THINGS, found, put, thing
from providers.places import REACHABLE, Place

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

BACKENDS = [SQLiteBackend, PostgresBackend, MariaDBBackend, MySQLBackend, MongoBackend]
CHILDREN, EACH = 4, 10
PATIENCE = 60.0


def forked(work: Callable[[], object]) -> int:
    """A child that does some work; it ends with 0 when that was done."""
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def ended(children: list[int]) -> list[int | None]:
    """How the children ended; None for those that had to be killed."""
    return [_ended(child, time.monotonic() + PATIENCE) for child in children]


def _ended(child: int, until: float) -> int | None:
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


@pytest.fixture(params=BACKENDS, ids=lambda kind: kind.name)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = request.param(tmp_path)
    yield made
    made.wipe()


def test_a_record_store(backend: Any) -> None:
    store = backend.records(SCHEMA)
    store.create()
    put(store, thing("before"))

    def work(name: str) -> None:
        for place in range(EACH):
            put(store, thing(f"{name}-{place}"))
            assert f"{name}-{place}" in {row["id"] for row in found(store)}

    children = [forked(lambda name=name: work(f"child{name}")) for name in range(CHILDREN)]
    work("parent")
    assert ended(children) == [0] * CHILDREN
    assert len(found(store)) == 1 + EACH * (CHILDREN + 1)
    store.close()


PROGRAM = """
import os, sys
from memu.backends.dialects import parse_dsn
from memu.backends.mysql import MySQL
from memu.backends.postgres import Postgres
from memu.backends.sql import SqlRecordStore
from memu.testing.probe import SCHEMA, found, put, thing
dialect, session = {"postgresql": (Postgres, "pg_backend_pid()"), "mysql": (MySQL, "connection_id()")}[sys.argv[2]]
store = SqlRecordStore(dialect(parse_dsn(sys.argv[1], expected=sys.argv[2])), SCHEMA)
store.create()
with store.engine.connect() as connection:
    before = connection.exec_driver_sql(f"SELECT {session}").scalar()
child = os.fork()
if not child:
    put(store, thing("child"))
    store.close()
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
with store.engine.connect() as connection:
    assert connection.exec_driver_sql(f"SELECT {session}").scalar() == before
put(store, thing("parent"))
assert len(found(store)) == 2
store.close()
"""


@pytest.mark.parametrize("name", ["postgres", "mariadb", "mysql"])
def test_a_child_that_ends_in_order_leaves_the_parents_connections_alone(name: str) -> None:
    """Its interpreter takes everything apart, and what it inherited is not to say good-bye to the server."""
    server = servers.get(name)
    dsn = server.create_database()
    kind = "postgresql" if name == "postgres" else "mysql"
    try:
        command = [sys.executable, "-W", "error", "-c", PROGRAM, dsn, kind]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    finally:
        server.drop_database(dsn)


def test_a_service(backend: Any, tmp_path: Path) -> None:
    options = {"embedding_config": {"provider": "none"}, "blob_config": {"resources_dir": tmp_path / "resources"}}
    with MemoryService(user_id="maya", database_config=backend.config(), **options) as memory:
        memory.sync.memorize("I moved to Lisbon in March.")
        assert memory.sync.retrieve("Lisbon")["items"]

        def work(name: str) -> None:
            assert memory.sync.retrieve("Lisbon")["items"]
            memory.sync.memorize(f"My friend {name} lives in Porto.")
            assert any(name in str(item) for item in memory.sync.list_memory_items()["items"])
            memory.close()

        names = ["Anna", "Bruno", "Carla"]
        children = [forked(lambda name=name: work(name)) for name in names]
        memory.sync.memorize("I have a dog called Rex.")
        assert ended(children) == [0] * len(names)
        contents = str(memory.sync.list_memory_items()["items"])
        assert all(name in contents for name in [*names, "Lisbon", "Rex"])


@pytest.mark.parametrize("kind", REACHABLE)  # what is in one process has no children
def test_a_provider(kind: str, tmp_path: Path) -> None:
    place = Place(kind, tmp_path)
    try:
        with place.open() as provider:
            provider.store({"embedding": [1.0, 2.0], "name": "before"}, "long_term_memory")
            assert provider.retrieve_by_query([1.0, 2.0], "long_term_memory", limit=5)

            def work(name: str) -> None:
                for _ in range(EACH):
                    provider.store({"embedding": [1.0, 2.0], "name": name}, "long_term_memory")
                assert len(provider.retrieve_by_query([1.0, 2.0], "long_term_memory", limit=EACH)) == EACH
                provider.close()

            children = [forked(lambda name=name: work(f"child{name}")) for name in range(CHILDREN)]
            for _ in range(EACH):
                provider.store({"embedding": [1.0, 2.0], "name": "parent"}, "long_term_memory")
            assert ended(children) == [0] * CHILDREN
            assert len(provider.list_all("long_term_memory")) == 1 + EACH * (CHILDREN + 1)
    finally:
        place.drop()


@pytest.mark.parametrize("seconds", [0.05, PATIENCE])
def test_a_fork_waits_for_what_other_threads_write_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """SQLite knows by its own memory which locks a process has: a child would wait for those of its parent for ever."""
    monkeypatch.setattr(sqlite, "FORK_SECONDS", seconds)
    store = SQLiteBackend(tmp_path).records(SCHEMA)
    store.create()
    begun, end = threading.Event(), threading.Event()

    def write() -> None:
        with store.transaction() as transaction:
            transaction.put(THINGS, [thing("parent")])
            begun.set()
            end.wait(PATIENCE)

    def work() -> None:
        if seconds == PATIENCE:
            put(store, thing("child"))
        else:
            with pytest.raises(StorageUnavailable, match="was in use by a transaction"):
                put(store, thing("child"))

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(PATIENCE)
    if seconds == PATIENCE:
        threading.Timer(0.2, end.set).start()
    child = forked(work)
    end.set()
    thread.join()
    assert ended([child]) == [0]
    put(store, thing("after"))
    assert {row["id"] for row in found(store)} - {"child"} == {"parent", "after"}
    assert len(found(store)) == 2 + (seconds == PATIENCE)
    store.close()


def test_a_parent_that_closes_a_file_does_not_take_the_log_from_its_child(tmp_path: Path) -> None:
    store = SQLiteBackend(tmp_path).records(SCHEMA)
    store.create()
    ready, go = os.pipe(), os.pipe()

    def work() -> None:
        assert found(store) == []
        os.write(ready[1], b".")
        os.read(go[0], 1)
        put(store, thing("child"))

    child = forked(work)
    os.read(ready[0], 1)
    put(store, thing("parent"))
    store.close()
    os.write(go[1], b".")
    assert ended([child]) == [0]
    with closing(SQLiteBackend(tmp_path).records(SCHEMA)) as again:
        assert {row["id"] for row in found(again)} == {"parent", "child"}


def test_a_lock_is_free_in_a_child() -> None:
    lock = Lock()

    def take() -> None:
        with lock:
            pass

    with lock:
        child = forked(take)
    assert ended([child]) == [0]


def test_a_database_in_memory_stays_with_its_process() -> None:
    store = SqlRecordStore(SQLite(parse_dsn("sqlite://", expected="sqlite")), SCHEMA)
    store.create()
    put(store, thing("1"))

    def work() -> None:
        with pytest.raises(StorageUnavailable, match=r"forked from.*keep it in a file"):
            found(store)
        store.close()

    assert ended([forked(work)]) == [0]
    assert len(found(store)) == 1
    store.close()
