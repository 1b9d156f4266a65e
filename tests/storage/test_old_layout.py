"""A store of the user/agent document's layout is brought up to date in place, and nothing of it is lost."""

import json
import multiprocessing
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import old_layout
import pytest

from memu import MemoryService
from memu.database.sqlite import build_sqlite_database
from memu.errors import SchemaError
from memu.settings import DatabaseConfig
from memu.storage.migrations import backup_database, migrate_database, restore_database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an old store."""
    old_layout.make(tmp_path / "data")
    return tmp_path / "data"


def rows(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "memu.db")) as connection:
        return connection.execute(statement).fetchall()


def migrate(folder: Path) -> None:
    migrate_database(folder / "memu.db", folder / "vectors.json")


def open_service(folder: Path) -> None:
    config = {"provider": "sqlite", "sqlite_path": folder / "memu.db", "vector_db_path": folder / "vectors.json"}
    MemoryService(user_id="alice", agent_id="assistant", database_config=config).close()


@pytest.fixture(params=[migrate, open_service], ids=["migrate_database", "opening a service"])
def upgrade(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """The two ways in which a store comes up to date."""
    return request.param  # type: ignore[no-any-return]


def expected_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def test_nothing_is_lost(folder: Path, upgrade: Callable[[Path], None]) -> None:
    before = {
        table: rows(folder, f"SELECT * FROM {table} ORDER BY 1, 2")
        for table in ("resources", "memory_items", "categories", "category_items")
    }
    vectors = json.loads((folder / "vectors.json").read_text())
    upgrade(folder)
    kept = "SELECT id, user_id, agent_id, url, modality, local_path, caption, created_at FROM resources ORDER BY id"
    assert rows(folder, kept) == [(*row[:-1], expected_time(row[-1])) for row in before["resources"]]
    kept = "SELECT id, user_id, agent_id, resource_id, memory_type, summary, created_at FROM memory_items ORDER BY id"
    assert rows(folder, kept) == [(*row[:-1], expected_time(row[-1])) for row in before["memory_items"]]
    kept = "SELECT id, user_id, agent_id, name, description, summary, created_at FROM categories ORDER BY id"
    assert rows(folder, kept) == [(*row[:-1], expected_time(row[-1])) for row in before["categories"]]
    kept = "SELECT item_id, category_id, user_id, agent_id FROM category_items ORDER BY 1, 2"
    assert rows(folder, kept) == before["category_items"]
    for collection, table in (("resources", "resources"), ("items", "memory_items"), ("categories", "categories")):
        found = {key: json.loads(text) for key, text in rows(folder, f"SELECT id, embedding FROM {table}")}
        assert found == {key: entry["vector"] for key, entry in vectors[collection].items()}
    assert rows(folder, "SELECT value FROM memu_meta WHERE name = 'embedder'") == [
        ('{"name": "unknown/3", "dimension": 3, "normalized": false}',)
    ]
    assert rows(folder, "PRAGMA foreign_key_check") == []
    assert rows(folder, "PRAGMA integrity_check") == [("ok",)]
    assert rows(folder, "SELECT name FROM sqlite_master WHERE name LIKE 'before_upgrade%'") == []


def test_a_backup_is_made_first(folder: Path, upgrade: Callable[[Path], None]) -> None:
    old = rows(folder, "SELECT * FROM memory_items"), (folder / "vectors.json").read_bytes()
    upgrade(folder)
    [copy] = (folder / "backups").glob("memu-*.db")
    [vectors] = (folder / "backups").glob("vectors-*.json")
    with closing(sqlite3.connect(copy)) as connection:
        assert (connection.execute("SELECT * FROM memory_items").fetchall(), vectors.read_bytes()) == old


def test_doing_it_again_changes_nothing(folder: Path, upgrade: Callable[[Path], None]) -> None:
    upgrade(folder)
    first = dump(folder), (folder / "vectors.json").read_bytes(), sorted((folder / "backups").iterdir())
    upgrade(folder)
    migrate(folder)
    assert (dump(folder), (folder / "vectors.json").read_bytes(), sorted((folder / "backups").iterdir())) == first


def dump(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "memu.db")) as connection:
        return list(connection.iterdump())


def test_the_mirror_shows_the_vectors_as_before(folder: Path) -> None:
    before = json.loads((folder / "vectors.json").read_text())
    migrate(folder)
    after = json.loads((folder / "vectors.json").read_text())
    for collection, entries in before.items():
        for key, entry in entries.items():
            assert {name: after[collection][key][name] for name in ("user_id", "agent_id", "vector")} == {
                name: entry[name] for name in ("user_id", "agent_id", "vector")
            }


def test_each_pair_sees_its_own(folder: Path) -> None:
    config = {"provider": "sqlite", "sqlite_path": folder / "memu.db", "vector_db_path": folder / "vectors.json"}
    for user, agent in old_layout.USERS:
        with MemoryService(user_id=user, agent_id=agent, database_config=config) as service:
            listed = service.sync.list_memory_items()["items"]
            assert [item["summary"] for item in listed] == [f"{user} does {number}." for number in range(3)]
            assert [item["categories"] for item in listed] == [["habits"]] * 3
            assert service.store.items[f"{user}-item-0"].created_at.tzinfo is UTC


def test_lexical_search_works_and_vectors_of_another_dimension_are_named(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"provider": "sqlite", "sqlite_path": folder / "memu.db", "vector_db_path": folder / "vectors.json"}
    with MemoryService(user_id="alice", agent_id="assistant", database_config=config) as service:
        assert "3 dimensions" in caplog.text
        assert "memu reembed" in caplog.text
        answer = service.sync.retrieve("does 1")
        assert answer["items"][0]["summary"] == "alice does 1."
        assert answer["signals"]["dense"] is False


def test_rows_that_name_missing_rows_are_kept(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Older code declared foreign keys and never enforced them."""
    with closing(sqlite3.connect(folder / "memu.db")) as connection:
        connection.execute("DELETE FROM resources WHERE id = 'alice-resource'")
        connection.execute("INSERT INTO category_items VALUES ('nobody', 'bob-category', 'bob', 'assistant')")
        connection.execute("INSERT INTO category_items VALUES ('alice-item-0', 'bob-category', 'bob', 'assistant')")
        connection.commit()
    migrate(folder)
    assert rows(folder, "SELECT count(*) FROM memory_items") == [(6,)]
    kept = "SELECT DISTINCT resource_id, json_extract(extra, '$.origin_resource_id') FROM memory_items ORDER BY 1"
    assert rows(folder, kept) == [(None, "alice-resource"), ("bob-resource", None)]
    assert rows(folder, "SELECT count(*) FROM category_items") == [(6,)]
    assert rows(folder, "PRAGMA foreign_key_check") == []
    assert "2 links" in caplog.text


def test_a_failure_leaves_the_old_store_as_it_was(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "memu.db")) as connection:
        connection.execute("UPDATE memory_items SET created_at = 'yesterday' WHERE id = 'bob-item-2'")
        connection.commit()
    before = dump(folder), (folder / "vectors.json").read_bytes()
    with pytest.raises(SchemaError, match="yesterday"):
        migrate(folder)
    assert (dump(folder), (folder / "vectors.json").read_bytes()) == before


def test_four_processes_upgrade_at_once(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=open_service, args=(folder,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert rows(folder, "SELECT count(*) FROM memory_items WHERE embedding IS NOT NULL") == [(6,)]
    assert rows(folder, "SELECT count(*) FROM category_items") == [(6,)]
    assert set(json.loads((folder / "vectors.json").read_text())["items"]) == {
        one for (one,) in rows(folder, "SELECT id FROM memory_items")
    }


def test_tables_of_somebody_else_are_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "memu.db")) as connection:
        for name in ("resources", "memory_items", "categories"):
            connection.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, title TEXT)")
        connection.execute("INSERT INTO resources VALUES (1, 'a shop')")
        connection.commit()
    before = dump(tmp_path)
    with pytest.raises(SchemaError, match="left as it is"):
        migrate(tmp_path)
    assert dump(tmp_path) == before


def test_an_old_store_can_be_backed_up_and_restored_as_it_is(folder: Path) -> None:
    paths = (folder / "memu.db", folder / "vectors.json")
    before = dump(folder), (folder / "vectors.json").read_bytes()
    copy, vectors = backup_database(*paths, folder / "kept")
    assert dump(folder) == before[0]
    assert vectors.read_bytes() == before[1]
    migrate(folder)
    restore_database(copy, *paths)
    assert (dump(folder), (folder / "vectors.json").read_bytes()) == before
    migrate(folder)
    assert rows(folder, "SELECT count(*) FROM memory_items WHERE embedding IS NOT NULL") == [(6,)]


def test_vectors_without_rows_are_not_thrown_away(tmp_path: Path) -> None:
    """A misspelt database path must not cost the only copy of the vectors."""
    old_layout.make(tmp_path)
    (tmp_path / "memu.db").rename(tmp_path / "other.db")
    before = (tmp_path / "vectors.json").read_bytes()
    migrate(tmp_path)
    [kept] = (tmp_path / "backups").glob("vectors-*.json")
    assert kept.read_bytes() == before


def test_a_store_without_a_newer_scope_field_gets_it(tmp_path: Path) -> None:
    from pydantic import BaseModel

    class Tenant(BaseModel):
        user_id: str
        agent_id: str
        tenant: str

    config = DatabaseConfig(
        provider="sqlite", sqlite_path=tmp_path / "memu.db", vector_db_path=tmp_path / "vectors.json"
    )
    with MemoryService(user_id="alice", database_config=config) as service:
        service.sync.memorize("My sister Anna is a doctor in Porto.")
        before = {one.id: one.model_dump() for one in service.store.items.values()}
    database = build_sqlite_database(config=config, user_model=Tenant)
    after = {one.id: one.model_dump() for one in database.items.values()}
    database.close()
    assert {one.pop("tenant") for one in after.values()} == {"default"}
    assert after == before != {}
