"""Users and agents on SQLite: isolation, persistence, and the schema that older code and tools look at."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from memu import DatabaseConfig, MemoryService
from memu.errors import ConfigError, NotFoundError, ScopeError
from memu.models import CategoryItem, MemoryCategory, MemoryItem, Resource

DOCUMENTED: dict[str, dict[str, str]] = {
    "resources": {
        "id": "",
        "user_id": "",
        "agent_id": "",
        "url": "",
        "modality": "",
        "local_path": "",
        "caption": "NULL",
    },
    "memory_items": {"id": "", "user_id": "", "agent_id": "", "resource_id": "NULL", "memory_type": "", "summary": ""},
    "categories": {"id": "", "user_id": "", "agent_id": "", "name": "", "description": "", "summary": "NULL"},
    "category_items": {"item_id": "", "category_id": "", "user_id": "", "agent_id": ""},
}
"""The text columns of the document's tables, and which may be null: as there, but for an item without a resource."""

PAIRS = (
    ("alice", "coach"),
    ("alice", "tutor"),
    ("bob", "coach"),
    ("Alice", "coach"),
    ("alice", "Coach"),
    ("àlice", "coach"),
)


def service(folder: Path, user: str | None = None, agent: str | None = None) -> MemoryService:
    config = DatabaseConfig(provider="sqlite", sqlite_path=folder / "memu.db", vector_db_path=folder / "vectors.json")
    return MemoryService(user_id=user, agent_id=agent, database_config=config)


def secret(user: str, agent: str) -> str:
    return f"The password of {user} for the {agent} is swordfish."


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which each of six pairs has one memory."""
    made = tmp_path_factory.mktemp("filled")
    for user, agent in PAIRS:
        with service(made, user, agent) as one:
            one.sync.memorize(secret(user, agent))
    return made


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A copy of that store, to be changed at will."""
    return shutil.copytree(filled, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    """A bare connection, with foreign keys enforced as the library does."""
    with closing(sqlite3.connect(folder / "memu.db")) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


# --- isolation and persistence ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "agent"), PAIRS)
def test_a_pair_sees_its_own_and_nothing_else(folder: Path, user: str, agent: str) -> None:
    with service(folder, user, agent) as one:
        own = [secret(user, agent)]
        assert [item["summary"] for item in one.sync.list_memory_items()["items"]] == own
        assert [item["summary"] for item in one.sync.retrieve("What is the swordfish password?")["items"]] == own
        assert [item.summary for item in one.store.items.values()] == own
        assert [resource.caption for resource in one.store.resources.values()] == own
        assert {link.user_id for link in one.store.relations} <= {user}
        assert one.sync.context("What is the password?").count("swordfish") == 1


def test_ids_of_another_pair_do_not_exist(folder: Path) -> None:
    with service(folder, "alice", "coach") as alice, service(folder, "bob", "coach") as bob:
        theirs = alice.sync.list_memory_items()["items"][0]["id"]
        for call in (
            lambda: bob.sync.get_memory_item(theirs),
            lambda: bob.sync.update_memory_item(memory_id=theirs, memory_content="mine now"),
            lambda: bob.sync.delete_memory_item(memory_id=theirs),
            lambda: bob.store.items[theirs],
        ):
            with pytest.raises(KeyError):
                call()
        assert alice.sync.get_memory_item(theirs)["summary"] == secret("alice", "coach")


@pytest.mark.parametrize(
    "named", [{"user_id": "bob"}, {"agent_id": "tutor"}, {"user_id": None}, {"user_id": "*"}, {"tenant": "x"}]
)
def test_a_bound_service_refuses_another_pair(folder: Path, named: dict[str, Any]) -> None:
    with service(folder, "alice", "coach") as alice:
        for call in (
            lambda: alice.sync.memorize("Something.", user=named),
            lambda: alice.sync.forget(user=named),
            lambda: alice.sync.create_memory_item(memory_type="event", memory_content="Something.", user=named),
        ):
            with pytest.raises(ScopeError):
                call()
        with pytest.raises(ValueError, match=next(iter(named))):
            alice.sync.retrieve("password", named)
        with pytest.raises(ValueError, match=next(iter(named))):
            alice.sync.clear_memory(named)
    assert count(folder, "memory_items") == len(PAIRS)


def count(folder: Path, table: str) -> int:
    with closing(sqlite3.connect(folder / "memu.db")) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_an_unbound_service_serves_the_pair_that_is_named(folder: Path) -> None:
    with service(folder) as everyone:
        for user, agent in PAIRS:
            listed = everyone.sync.list_memory_items({"user_id": user, "agent_id": agent})["items"]
            assert [item["summary"] for item in listed] == [secret(user, agent)]
        assert everyone.sync.list_memory_items()["items"] == []
        assert everyone.sync.list_memory_items({"user_id": "alice"})["items"] == []


def test_forgetting_one_pair_leaves_the_others(folder: Path) -> None:
    with service(folder, "alice", "coach") as alice:
        alice.sync.forget()
    assert count(folder, "memory_items") == len(PAIRS) - 1
    assert len(json.loads((folder / "vectors.json").read_text())["items"]) == len(PAIRS) - 1


def test_the_vectors_file_names_every_owner(folder: Path) -> None:
    held = json.loads((folder / "vectors.json").read_text())
    assert set(held) >= {"resources", "items", "categories"}
    assert {(entry["user_id"], entry["agent_id"]) for entry in held["items"].values()} == set(PAIRS)
    for entry in held["items"].values():
        assert len(entry["vector"]) == 384


# --- the schema, through a bare connection ----------------------------------------------------------------------------


@pytest.mark.parametrize("table", DOCUMENTED)
def test_documented_columns(database: sqlite3.Connection, table: str) -> None:
    columns = {name: (kind, null) for _, name, kind, null, *_ in database.execute(f"PRAGMA table_info({table})")}
    for name, null in DOCUMENTED[table].items():
        assert columns[name][0] == "TEXT"
        if table != "categories":  # a view does not say
            assert bool(columns[name][1]) == (null != "NULL")
    assert "created_at" in columns


def test_categories_is_a_view_of_the_table(database: sqlite3.Connection) -> None:
    kinds = dict(database.execute("SELECT name, type FROM sqlite_master WHERE name LIKE '%categories'"))
    assert kinds == {"memory_categories": "table", "categories": "view"}
    for table in ("categories", "memory_categories"):
        assert len(database.execute(f"SELECT DISTINCT user_id, agent_id, name FROM {table}").fetchall()) == 60
    with pytest.raises(sqlite3.OperationalError, match="view"):
        database.execute("DELETE FROM categories")


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("resources", ("user_id", "agent_id", "url_hash", "version")),
        ("memory_categories", ("user_id", "agent_id", "name")),
        ("category_items", ("user_id", "agent_id", "item_id", "category_id")),
    ],
)
def test_unique_constraints(database: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> None:
    unique = {
        tuple(column for _, _, column in database.execute(f"PRAGMA index_info('{name}')"))
        for _, name, is_unique, *_ in database.execute(f"PRAGMA index_list({table})")
        if is_unique
    }
    assert columns in unique
    assert ("user_id", "agent_id", "id") in unique, "the primary key begins with the pair"


def test_a_second_row_of_one_name_is_refused(database: sqlite3.Connection) -> None:
    row = database.execute("SELECT * FROM memory_categories LIMIT 1").fetchone()
    names = [name for _, name, *_ in database.execute("PRAGMA table_info(memory_categories)")]
    copy = {**dict(zip(names, row, strict=True)), "id": "another"}
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        database.execute(f"INSERT INTO memory_categories VALUES ({', '.join('?' * len(names))})", list(copy.values()))


@pytest.mark.parametrize("column", ["user_id", "agent_id", "summary", "memory_type"])
def test_null_is_refused(database: sqlite3.Connection, column: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        database.execute(f"UPDATE memory_items SET {column} = NULL")


def test_foreign_keys_stay_inside_the_pair(database: sqlite3.Connection) -> None:
    [(theirs,)] = database.execute("SELECT id FROM resources WHERE user_id = 'bob'")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        database.execute("UPDATE memory_items SET resource_id = ? WHERE user_id = 'alice'", (theirs,))
    database.execute("DELETE FROM resources WHERE user_id = 'bob'")
    assert database.execute("SELECT count(*) FROM memory_items WHERE user_id = 'bob'").fetchone() == (0,)


def test_indexes_lead_with_the_pair(database: sqlite3.Connection) -> None:
    for table in ("resources", "memory_items", "memory_categories", "category_items"):
        for _, name, *_ in database.execute(f"PRAGMA index_list({table})").fetchall():
            columns = [column for _, _, column in database.execute(f"PRAGMA index_info('{name}')")]
            assert columns[:2] == ["user_id", "agent_id"], name


# --- code from before users and agents --------------------------------------------------------------------------------


def test_legacy_code_is_the_default_pair_in_ram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with MemoryService() as old, MemoryService(user_id="default", agent_id="default") as new:
        assert (old.user_id, old.agent_id) == (new.user_id, new.agent_id) == ("default", "default")
        made = old.sync.memorize("I keep bees behind the house.")
        assert {(one["user_id"], one["agent_id"]) for one in made["items"]} == {("default", "default")}
        assert len(new.store.items) == 0, "two stores in RAM are two stores"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_half_is_default(tmp_path: Path) -> None:
    with service(tmp_path, "alice") as one:
        one.sync.memorize("I keep bees behind the house.")
    with service(tmp_path, agent="coach") as other:
        other.sync.memorize("I keep bees behind the house.")
        assert other.user_id == "default"
    with closing(sqlite3.connect(tmp_path / "memu.db")) as connection:
        found = connection.execute("SELECT user_id, agent_id FROM memory_items ORDER BY created_at").fetchall()
    assert found == [("alice", "default"), ("default", "coach")]


def test_settings_by_model_and_by_dict_are_the_same() -> None:
    for given in ({"provider": "sqlite"}, {"provider": "memory"}, {"provider": "inmemory"}):
        assert DatabaseConfig(**given) == DatabaseConfig.model_validate(given)
    assert DatabaseConfig(provider="memory") == DatabaseConfig()
    with pytest.raises(ConfigError, match="two spellings"):
        DatabaseConfig(provider="sqlite", metadata_store={"provider": "sqlite"})


def test_records_belong_to_default_unless_they_say_otherwise() -> None:
    for record in (
        Resource(id="1", url="a", modality="text"),
        MemoryItem(id="1", memory_type="event", summary="a"),
        MemoryCategory(id="1", name="a"),
        CategoryItem(id="1", item_id="1", category_id="1"),
    ):
        assert (record.user_id, record.agent_id) == ("default", "default")


def test_an_unknown_id_is_a_key_error_and_says_so(folder: Path) -> None:
    with service(folder, "alice", "coach") as alice, pytest.raises(NotFoundError, match="'nothing'"):
        alice.sync.get_memory_item("nothing")
