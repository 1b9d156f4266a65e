"""Stores that are opened with other scope fields, forgotten under a reader's eyes, or given what they cannot keep."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from memu.backends import sqlite
from memu.database import build_sqlite_database
from memu.database.core import Database
from memu.database.forgetting import forget
from memu.database.registry import is_open
from memu.errors import ConfigError, InputError, ScopeError, StorageBusy
from memu.scope import Scope
from memu.settings import DatabaseConfig
from memu.storage import SimpleVectorDB


class Tenant(BaseModel):
    """One more field than the two that are always there."""

    user_id: str
    tenant: str


def opened(tmp_path: Path, model: type[BaseModel] | None = None, **settings: Any) -> Database:
    dsn = f"sqlite:///{tmp_path / 'memu.db'}"
    return build_sqlite_database(
        config=DatabaseConfig(metadata_store={"provider": "sqlite", "dsn": dsn, **settings}), user_model=model
    )


def test_a_model_without_a_stored_field_reads_and_erases_no_other_tenant(tmp_path: Path) -> None:
    database = opened(tmp_path, Tenant)
    owner = {"user_id": "alice", "tenant": "acme"}
    database.memory_item_repo.create_item(memory_type="profile", summary="A secret of acme.", user_data=owner)
    database.close()
    for mode in ("create", "validate"):
        plain = opened(tmp_path, ddl_mode=mode)
        with pytest.raises(ConfigError, match="acme"):
            plain.load_existing()
        alice = Scope.of({"user_id": "alice"}, fields=plain.handle.scope_fields)
        assert alice.as_dict()["tenant"] == "default"
        assert len(plain.bound(alice).items) == 0
        forget(plain.handle, alice)
        assert len(plain.items) == 1
        plain.close()


def test_an_open_file_gets_no_further_scope_field(tmp_path: Path) -> None:
    plain = opened(tmp_path)
    with pytest.raises(ConfigError, match="tenant"):
        opened(tmp_path, Tenant)
    plain.close()
    opened(tmp_path, Tenant).close()


def test_a_bound_database_is_not_bound_to_another_pair(tmp_path: Path) -> None:
    database = opened(tmp_path)
    alice = database.bound(Scope.of({"user_id": "alice"}))
    assert alice.bound(Scope.of({"user_id": "alice"})).scope == alice.scope
    with pytest.raises(ScopeError, match="bob"):
        alice.bound(Scope.of({"user_id": "bob"}))
    database.close()


def test_forgetting_says_that_traces_remain_and_removes_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "SETTLE_SECONDS", 0.1)
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    database = opened(tmp_path)
    alice = Scope.of({"user_id": "alice"})
    database.bound(alice).create_item(memory_type="profile", summary="A canary sings.")
    removed: list[str] = []
    with closing(sqlite3.connect(tmp_path / "memu.db")) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM memory_items").fetchone()
        with pytest.raises(StorageBusy, match="rows are erased, but traces"):
            forget(database.handle, alice, lambda: removed.append("files"))
    assert removed == ["files"]
    assert len(database.items) == 0
    forget(database.handle, alice)
    assert not any(b"canary" in file.read_bytes() for file in tmp_path.iterdir())
    database.close()


def test_a_vacuum_that_fails_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    database = opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / "memu.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageBusy, match="traces of them remain"):
            database.handle.records.erase_traces()
    database.close()


@pytest.mark.parametrize(
    "further", [{"metadata": {"n": float("nan")}}, {"extra": {"n": {1, 2}}}, {"colour": "red"}], ids=str
)
def test_an_item_that_cannot_be_kept_is_refused_whole(tmp_path: Path, further: dict[str, Any]) -> None:
    database = opened(tmp_path)
    with pytest.raises(InputError):
        database.memory_item_repo.create_item(memory_type="profile", summary="I keep bees.", **further)
    assert len(database.items) == 0
    assert database.memory_item_repo.list_items({"metadata.n": 1}) == {}
    database.close()


def test_an_update_that_cannot_be_kept_changes_nothing(tmp_path: Path) -> None:
    database = opened(tmp_path)
    item = database.create_item(memory_type="profile", summary="I keep bees.")
    category = database.get_or_create_category(name="pets")
    with pytest.raises(InputError, match="no such number"):
        database.memory_item_repo.update_item(item_id=item.id, metadata={"n": float("inf")})
    with pytest.raises(InputError, match="name is empty"):
        database.memory_category_repo.update_category(category_id=category.id, name=" ")
    assert database.items[item.id].metadata == {}
    assert database.categories[category.id].name == "pets"
    database.close()


@pytest.mark.parametrize("bad", [{"item_id": 5}, {"text": b"x"}, {"text": "\ud800"}, {"collection": "\ud800"}], ids=str)
def test_a_bad_vector_entry_leaves_nothing_behind(tmp_path: Path, bad: dict[str, Any]) -> None:
    vectors = SimpleVectorDB(tmp_path / "own.json")
    good = {"collection": "items", "item_id": "1", "vector": [1.0, 0.0], "user_id": "a", "agent_id": "b"}
    with pytest.raises(InputError):
        vectors.upsert(**{**good, **bad})
    vectors.upsert(**good)  # type: ignore[arg-type]
    vectors.close()
    assert SimpleVectorDB(tmp_path / "own.json").list_all("items", "a", "b") == [("1", [1.0, 0.0])]


def test_a_forked_child_opens_its_own_store(tmp_path: Path) -> None:
    database = opened(tmp_path)
    child = os.fork()
    if child == 0:
        os._exit(int(is_open(tmp_path / "memu.db")))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert is_open(tmp_path / "memu.db")
    database.close()
