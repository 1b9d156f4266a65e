"""A transfer between any two backends: nothing lost, nothing doubled, killed or not, and proven to be so."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tests.database import transfers
from tests.database.transfers import OWNERS, contents, exported, fill, open_store, single

import servers
from memu.backends.base import equals
from memu.backends.schema import CATEGORIES, ITEMS, LINKS
from memu.database.core import Database
from memu.database.portable import export_file
from memu.database.portable_lines import TABLES
from memu.database.transfer import checksums, same_place
from memu.errors import ConfigError, InputError, IntegrityError, VerificationError
from memu.scope import Scope

ROWS = sum(len(rows) for _, rows in contents(0))
PAIRS = (
    ("sqlite", "postgres"),
    ("postgres", "mariadb"),
    ("mariadb", "sqlite"),
    ("inmemory", "postgres"),
    ("postgres", "mysql"),
    ("mysql", "inmemory"),
    ("sqlite", "mongodb"),
    ("mongodb", "sqlite"),
)
SURVIVING = [pair for pair in PAIRS if pair[1] != "inmemory"]
"""A store in memory is gone with the process that is killed."""


class Owner(BaseModel):
    user_id: str = "default"
    agent_id: str = "default"
    tenant: str = "default"


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Any]:
    """Makes an empty place of a kind, which is gone after the test."""
    made: list[tuple[str, str]] = []

    def place(kind: str) -> str:
        if kind == "inmemory":
            return ""
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/{len(made)}.db"
        made.append((kind, servers.get(kind).create_database()))
        return made[-1][1]

    yield place
    for kind, dsn in made:
        servers.get(kind).drop_database(dsn)


@pytest.fixture
def opened() -> Iterator[Any]:
    """Opens stores, which are closed after the test."""
    held: list[Database] = []

    def store(place: str = "", user_model: type[BaseModel] | None = None) -> Database:
        held.append(open_store(place, user_model))
        return held[-1]

    yield store
    for database in held:
        database.close()


def lines(database: Database) -> list[Any]:
    """What a store holds, with vectors as every store keeps them."""
    found = [json.loads(line) for line in exported(database).splitlines()[1:]]
    for line in found:
        if line.get("row", {}).get("embedding"):
            line["row"]["embedding"] = single(line["row"]["embedding"])
    return found


def kill(source: str, target: str, statement: int) -> None:
    """Transfer in a process that is killed at a statement."""
    command = [sys.executable, "-m", transfers.__name__, source, target, str(statement)]
    root = Path(__file__).parents[2]
    path = os.pathsep.join((str(root), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, cwd=root, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize(("source_kind", "target_kind"), PAIRS, ids=str)
def test_everything_arrives(source_kind: str, target_kind: str, places: Any, opened: Any) -> None:
    source, target = opened(places(source_kind)), opened(places(target_kind))
    fill(source)
    done = source.transfer(target)
    assert done == {table: 2 * len(rows) for table, rows in contents(0)}
    assert sum(done.present.values()) == 0
    assert lines(target) == lines(source)
    assert {(one.table, one.owner) for one in done.verified} == {(table, own) for table in TABLES for own in OWNERS}
    assert sum(one.rows for one in done.verified) == 2 * ROWS
    assert done.verified == checksums(source) == checksums(target)
    again = source.transfer(target)
    assert sum(again.values()) == 0
    assert again.present == dict(done)
    back = target.transfer(source)
    assert sum(back.values()) == 0
    assert back.verified == done.verified


@pytest.mark.parametrize(("source_kind", "target_kind"), SURVIVING, ids=str)
def test_killed_again_and_again_it_goes_on(
    source_kind: str, target_kind: str, places: Any, opened: Any, tmp_path: Path
) -> None:
    place, target_place = places(source_kind), places(target_kind)
    source = opened(place)
    fill(source)
    export_file(source, tmp_path / "all.jsonl")
    held = []
    for statement in (2, 6, 12, 20):
        kill(place or str(tmp_path / "all.jsonl"), target_place, statement)
        target = opened(target_place)
        with target.handle.reader(None) as reader:
            held.append(sum(reader.count(table) for table in TABLES))
        target.close()
    assert held == sorted(held)
    assert 0 < held[-1] < 2 * ROWS
    target = opened(target_place)
    done = source.transfer(target)
    assert sum(done.present.values()) == held[-1]
    assert sum(done.values()) == 2 * ROWS - held[-1]
    assert lines(target) == lines(source)
    assert checksums(target) == checksums(source)


def test_progress_tells_every_step(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memu.database.portable.PAGE", 10)
    source, target = opened(), opened()
    fill(source)
    told: list[tuple[int, int]] = []
    source.transfer(target, progress=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {6 * ROWS}
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1][0] == 6 * ROWS
    assert len(told) > 50


def spoil_row(target: Database) -> None:
    with target.handle.records.transaction() as transaction:
        where = equals(user_id=OWNERS[1].as_dict()["user_id"], id="i05")
        assert transaction.update(ITEMS, {"embedding": [1.0] * 8}, where)


def lose_row(target: Database) -> None:
    with target.handle.records.transaction() as transaction:
        assert transaction.delete(LINKS, equals(user_id="alice", id="li00c0"))


def turn_time(target: Database) -> None:
    with target.handle.records.transaction() as transaction:
        late = transfers.time_of(4).replace(microsecond=999_006)
        assert transaction.update(CATEGORIES, {"created_at": late}, equals(user_id="alice", id="c4"))


SPOILT = {
    "a vector": (spoil_row, ITEMS, OWNERS[1], "holds other values than were sent"),
    "a lost row": (lose_row, LINKS, OWNERS[0], r"holds 78 of the 79 rows that were sent"),
    "a microsecond": (turn_time, CATEGORIES, OWNERS[0], "holds other values than were sent"),
}


@pytest.mark.parametrize("case", SPOILT)
@pytest.mark.parametrize("kind", ["sqlite", "postgres", "mariadb"])
def test_what_arrived_otherwise_is_found(kind: str, case: str, places: Any, opened: Any) -> None:
    spoil, table, owner, message = SPOILT[case]
    source, target = opened(), opened(places(kind))
    fill(source)

    def meddle(done: int, total: int) -> None:
        if done == 2 * total // 3:
            spoil(target)

    with pytest.raises(VerificationError, match=message) as caught:
        source.transfer(target, progress=meddle)
    assert (caught.value.table, caught.value.owner) == (table, owner.as_dict())
    assert f"{table} of {owner}" in str(caught.value)


def test_another_row_under_the_same_id_is_refused(places: Any, opened: Any) -> None:
    source, target = opened(), opened(places("postgres"))
    fill(source)
    source.transfer(target)
    spoil_row(target)
    with pytest.raises(IntegrityError, match=r"another row 'i05' in memory_items.*differs in embedding"):
        source.transfer(target)


def test_one_owner_under_another_name(places: Any, opened: Any) -> None:
    source, target = opened(), opened(places("postgres"))
    fill(source)
    carol = {"user_id": "carol", "agent_id": "default"}
    done = source.bound(OWNERS[0]).transfer(target, into=carol)
    assert sum(done.values()) == ROWS
    assert {one.owner for one in done.verified} == {Scope.of(carol)}
    again = source.bound(OWNERS[0]).transfer(target, into=carol)
    assert sum(again.values()) == 0
    with pytest.raises(InputError, match="several owners"):
        source.transfer(target, into=carol)


def test_the_target_must_tell_the_same_owners_apart(places: Any, opened: Any) -> None:
    place = places("postgres")
    source = opened("", Owner)
    owners = [Scope.of({"user_id": "alice", "tenant": one}, fields=Owner.model_fields) for one in ("a", "b")]
    fill(source, owners)
    narrow = opened(place)
    with pytest.raises(ConfigError, match=r"a user model that has the field 'tenant'\. Nothing was transferred"):
        source.transfer(narrow)
    assert checksums(narrow) == ()
    wide = opened(places("postgres"), Owner)
    done = source.transfer(wide)
    assert {one.owner for one in done.verified} == set(owners)
    assert lines(wide) == lines(source)


def test_a_source_with_fewer_scope_fields_is_everybodys_default(opened: Any) -> None:
    source, target = opened(), opened("", Owner)
    fill(source)
    done = source.transfer(target)
    assert {one.owner.as_dict()["tenant"] for one in done.verified} == {"default"}
    assert [one.checksum for one in done.verified] == [one.checksum for one in checksums(source)]


def test_the_same_database_is_known_under_its_other_names(places: Any, opened: Any, tmp_path: Path) -> None:
    first, second = opened(f"sqlite:///{tmp_path}/a.db"), opened(f"sqlite:///{tmp_path}/b.db")
    alias = opened(f"sqlite:///{tmp_path}/../{tmp_path.name}/a.db")
    assert same_place(first.handle, alias.handle)
    assert not same_place(first.handle, second.handle)
    dsn = places("postgres")
    one = opened(dsn)
    assert same_place(one.handle, opened(dsn.replace("postgresql://", "postgresql+psycopg://")).handle)
    assert not same_place(one.handle, opened(places("postgres")).handle)
    assert not same_place(opened().handle, opened().handle)
