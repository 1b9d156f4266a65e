"""Making and migrating a store by several processes at once, and by some that are killed at any statement."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.database.ddl_child import user_model
from tests.database.ddl_places import KINDS, SERVERS, Place, new_place, start
from tests.database.transfers import OWNERS, contents, fill

from memu.backends.base import equals
from memu.backends.schema import ITEMS, build_schema
from memu.database.core import Database
from memu.database.transfer import checksums
from memu.errors import IntegrityError
from memu.scope import Scope

AT_ONCE = 10
STEP = int(os.environ.get("MEMU_CRASH_STEP", "5"))
"""A process is killed at every so-manieth statement."""
FIRST = [(1, "first layout")]
TABLES = {table.name for table in build_schema().tables} | {"schema_migrations"}


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty database of the kind that the test names."""
    made = new_place(request.param, tmp_path)
    yield made
    made.close()


def together(place: Place, *fields: str) -> None:
    """Open the store in several processes at the same time; all of them must succeed."""
    children = [start("wait", place.dsn, *fields) for _ in range(AT_ONCE)]
    for child in children:
        assert child.stdout.readline() == b"ready\n"
    for child in children:
        child.stdin.write(b"go\n")
        child.stdin.flush()
    ends = [(child.communicate()[1].decode(), child.returncode) for child in children]
    assert ends == [("", 0)] * AT_ONCE


def killed(place: Place, statement: int, *fields: str) -> bool:
    """Open the store in a process that is killed at a statement; whether it got so far."""
    child = start("kill", place.dsn, str(statement), *fields)
    said = child.communicate()[1].decode()
    assert child.returncode in (0, -signal.SIGKILL), said
    return child.returncode != 0


def statements() -> Iterator[int]:
    """At which statements to be killed, until one is not reached."""
    number = 1
    while True:
        yield number
        number += STEP


@pytest.mark.parametrize("place", KINDS, indirect=True)
def test_ten_processes_make_one_store(place: Place) -> None:
    together(place)
    assert place.tables() - {"memu_locks"} == TABLES
    assert place.ledger() == FIRST
    assert place.run("SELECT count(*) FROM memu_meta WHERE name = 'store_id'") == [(1,)]
    place.make(mode="validate")


@pytest.mark.parametrize("kind", SERVERS)
def test_killed_at_any_statement_the_next_one_completes_it(kind: str, tmp_path: Path) -> None:
    deaths = 0
    for statement in statements():
        place = new_place(kind, tmp_path)
        try:
            if not killed(place, statement):
                break
            deaths += 1
            if kind == "postgres":
                assert place.tables() in (set(), TABLES)
            place.make()
            assert place.tables() - {"memu_locks"} == TABLES
            assert place.ledger() == FIRST
            place.make(mode="validate")
        finally:
            place.close()
    assert deaths > 20 // STEP


@pytest.mark.parametrize("kind", SERVERS)
def test_killed_again_and_again_it_still_gets_done(kind: str, tmp_path: Path) -> None:
    """On one database: where every statement is kept, each process begins where the one before it died."""
    place = new_place(kind, tmp_path)
    try:
        for statement in (3, 8, 5, 13):
            assert killed(place, statement)
        place.make()
        assert place.ledger() == FIRST
        place.make(mode="validate")
    finally:
        place.close()


# --- a further scope field --------------------------------------------------------------------------------------------


def filled(place: Place) -> tuple[object, ...]:
    """Fill a store that tells users and agents apart; the checksums of all it holds."""
    database = place.open()
    fill(database)
    found = sums(database)
    database.close()
    return found


def sums(database: Database) -> tuple[object, ...]:
    return tuple((one.table, one.owner.as_dict()["user_id"], one.rows, one.checksum) for one in checksums(database))


@pytest.mark.parametrize("place", ["postgres", "sqlite"], indirect=True)
def test_a_store_is_widened_with_all_that_it_holds(place: Place) -> None:
    before = filled(place)
    database = place.open("tenant_id", "team")
    assert sums(database) == before
    assert place.run("SELECT count(*) FROM memory_items WHERE tenant_id = 'default' AND team = 'default'") == [(80,)]
    for table in build_schema().tables:
        if table.name != "memu_meta":
            assert place.run(f"SELECT count(*) FROM {table.name} WHERE tenant_id <> 'default'") == [(0,)]
    fields = user_model(["tenant_id", "team"]).model_fields
    other = [Scope.of({**OWNERS[0].as_dict(), "tenant_id": name}, fields=fields) for name in ("acme", "Acme")]
    fill(database, other)  # the same ids, addresses and names: only keys that hold the new field let them stand
    assert place.run("SELECT count(*) FROM memory_items") == [(160,)]
    with pytest.raises(IntegrityError):
        fill(database, other[:1])
    with database.handle.writer(other[0]) as writer:
        writer.erase("resources")
    items = place.run("SELECT tenant_id, count(*) FROM memory_items GROUP BY tenant_id ORDER BY tenant_id")
    assert dict(items) == {"Acme": 40, "acme": 6, "default": 80}  # those without a resource
    database.close()
    place.make("tenant_id", "team", mode="validate")
    place.make("tenant_id", mode="validate")


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
def test_vectors_are_found_in_a_store_that_was_widened(place: Place) -> None:
    filled(place)
    database = place.open("tenant_id")
    import numpy as np

    wanted = next(row for row in dict(contents(0))[ITEMS] if row["embedding"])
    where = equals(user_id="alice", agent_id="default", tenant_id="default")
    vector = np.asarray(wanted["embedding"], dtype=np.float32)
    found = database.handle.records.nearest(ITEMS, vector, where=where, limit=3)
    assert found[0][0] == wanted["id"]
    assert place.run("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%memory_items USING hnsw%'") == [(1,)]


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
def test_ten_processes_widen_one_store(place: Place) -> None:
    before = filled(place)
    together(place, "tenant_id")
    database = place.open("tenant_id", mode="validate")
    assert sums(database) == before
    assert place.ledger() == FIRST


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
def test_killed_while_it_is_widened_a_store_is_as_it_was(place: Place) -> None:
    before = filled(place)
    widened = (
        "SELECT count(*) FROM information_schema.columns "
        "WHERE column_name = 'tenant_id' AND table_schema = current_schema()"
    )
    left = []
    for statement in statements():
        if not killed(place, statement, "tenant_id"):
            break
        left += place.run(widened)
        assert place.run("SELECT count(*) FROM memory_items") == [(80,)]
    assert len(left) > 40 // STEP
    assert sums(place.open("tenant_id")) == before
    assert place.ledger() == FIRST
    assert left[-1] in ((0,), *place.run(widened))  # what comes after the commit is the store's id
    assert set(left[:-1]) == {(0,)}
