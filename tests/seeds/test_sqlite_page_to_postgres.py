"""The move from a SQLite file to PostgreSQL, as the SQLite document does it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memu.app import MemoryService
from memu.database.postgres import build_postgres_database
from memu.errors import ConfigError
from servers import Server

from .harness import asked, check_vector, close, rows, run

FACT = "I moved to Lisbon in March and I teach chemistry there."
COPIED = "SELECT user_id, url, modality, local_path, caption, embedding FROM resources ORDER BY user_id, url"
TABLES = ("resources", "memory_items", "memory_categories", "category_items", "resource_texts", "item_history")


@pytest.fixture
def two_owners(folder: Path) -> Path:
    """A store in which alice and bob have memories."""
    with MemoryService(database_config={"metadata_store": {"provider": "sqlite"}}) as service:
        service.sync.memorize(FACT, user={"user_id": "alice"})
        service.sync.memorize("I keep bees behind the house. 🐝", user={"user_id": "bob"})
        service.sync.memorize("I sold my car in June.", user={"user_id": "bob"})
    return folder


def same_vectors(found: list[str], expected: list[str]) -> bool:
    """Whether vectors are the same to 32 bits, which is what pgvector keeps."""
    for text in found:
        check_vector(text)
    return np.array_equal(*(np.array([json.loads(text) for text in part], np.float32) for part in (found, expected)))


def test_sqlite_05_no_owner_is_lost(two_owners: Path, postgres: Server, postgres_dsn: str) -> None:
    close(run("sqlite_05", dsn=postgres_dsn))
    copied, original = asked(postgres, postgres_dsn, COPIED), rows("memu.db", COPIED)
    assert [row[:-1] for row in copied] == [row[:-1] for row in original]
    assert [row[0] for row in copied] == ["alice", "bob", "bob"]
    assert same_vectors([row[-1] for row in copied], [row[-1] for row in original])


def test_sqlite_05_similar_for_the_rest(two_owners: Path, postgres: Server, postgres_dsn: str) -> None:
    place = run("sqlite_05", dsn=postgres_dsn)
    copy_similarly(place["sqlite_db"], place["postgres_db"])
    close(place)
    linked = """SELECT links.user_id, items.summary, categories.name, items.embedding FROM category_items AS links
        JOIN memory_items AS items ON items.id = links.item_id AND items.user_id = links.user_id
        JOIN memory_categories AS categories ON categories.id = links.category_id
        AND categories.user_id = links.user_id ORDER BY 1, 2, 3"""
    copied, original = asked(postgres, postgres_dsn, linked), rows("memu.db", linked)
    assert [row[:-1] for row in copied] == [row[:-1] for row in original] != []
    assert same_vectors([row[-1] for row in copied], [row[-1] for row in original])
    # The loop gives resources new ids: an item keeps the old one beside it.
    statement = "SELECT resource_id, extra ->> 'origin_resource_id' FROM memory_items"
    kept = asked(postgres, postgres_dsn, statement)
    assert {origin for _, origin in kept} == {one for (one,) in rows("memu.db", "SELECT id FROM resources")}
    assert {resource for resource, _ in kept} == {None}
    with MemoryService(database_config={"metadata_store": {"dsn": postgres_dsn}}) as service:
        found = [service.sync.retrieve("Where do I live?", {"user_id": user})["items"] for user in ("alice", "bob")]
    assert [item["summary"] for item in found[0]] == [FACT]
    assert len(found[1]) == 2


def copy_similarly(source: Any, target: Any) -> None:
    """ "Similar for categories, items, and relations..." """
    new = {}

    def of(record: Any) -> dict[str, Any]:
        return {"user_id": getattr(record, "user_id", None)}

    for one in source.categories.values():
        new[one.id] = target.memory_category_repo.get_or_create_category(
            name=one.name, description=one.description, embedding=one.embedding, user_data=of(one)
        ).id
    for one in source.items.values():
        new[one.id] = target.memory_item_repo.create_item(
            resource_id=one.resource_id,
            memory_type=one.memory_type,
            summary=one.summary,
            embedding=one.embedding,
            user_data=of(one),
        ).id
    for one in source.relations:
        target.category_item_repo.link_item_category(new[one.item_id], new[one.category_id], of(one))


def test_sqlite_05_transfer_keeps_ids_and_links(two_owners: Path, postgres: Server, postgres_dsn: str) -> None:
    """What the documented loop cannot do: items still name their resources, and links, texts and times come along."""
    other = postgres.create_database()
    place = run("sqlite_05", dsn=other)
    target = build_postgres_database(
        config=place["DatabaseConfig"](metadata_store={"provider": "postgres", "dsn": postgres_dsn}),
        user_model=place["UserScope"],
    )
    added = place["sqlite_db"].transfer(target)
    assert (added["resources"], added["memory_items"]) == (3, 3)
    assert sum(place["sqlite_db"].transfer(target).values()) == 0
    target.close()
    close(place)
    postgres.drop_database(other)
    for table in TABLES:
        names = [name for _, name, *_ in rows("memu.db", f"PRAGMA table_info({table})") if name != "seq"]
        same = f"SELECT {', '.join(names)} FROM {table} ORDER BY user_id, id"
        copied = [comparable(names, row) for row in asked(postgres, postgres_dsn, same)]
        assert copied == [comparable(names, row) for row in rows("memu.db", same)]
        assert copied or table == "item_history"


def comparable(names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    """A row whose values are those of either server: 32 bits of a vector, JSON read, times in ISO form, 0 and 1."""
    shown = dict(zip(names, row, strict=True))
    for name, value in shown.items():
        if name == "embedding" and value is not None:
            shown[name] = np.array(json.loads(value), np.float32).tolist()
        elif name in ("metadata", "extra", "fact", "message_ids", "messages", "before") and isinstance(value, str):
            shown[name] = json.loads(value)
        elif hasattr(value, "isoformat"):
            shown[name] = value.strftime("%Y-%m-%d %H:%M:%S.%f")
        elif isinstance(value, bool):
            shown[name] = int(value)
    return shown


def test_sqlite_05_refuses_a_user_model_that_loses_owners(folder: Path) -> None:
    with MemoryService(database_config={"metadata_store": {"provider": "sqlite"}}) as service:
        service.sync.memorize(FACT, user={"user_id": "alice", "agent_id": "coach"})
    with pytest.raises(ConfigError, match=r"agent_id.*'coach'"):
        run("sqlite_05")
