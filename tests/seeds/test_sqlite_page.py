"""The blocks of the SQLite document."""

import json
import subprocess
from pathlib import Path

import pytest

from memu.app import MemoryService
from memu.database.sqlite import build_sqlite_database
from memu.errors import ConfigError

from .harness import check_vector, close, owners, rows, run, run_script, source, stored, tables

FACT = "I moved to Lisbon in March and I teach chemistry there."
DOCUMENTED = {"resources", "memory_items", "memory_categories", "category_items"}


def test_sqlite_01_default_and_custom_path(folder: Path) -> None:
    close(run("sqlite_01"))
    for database in ("memu.db", "path/to/your/memory.db"):
        assert tables(database) >= DOCUMENTED
        assert owners(database) == set()


def test_sqlite_01_memorizes_without_the_key(folder: Path) -> None:
    place = run("sqlite_01", keyless=True)
    place["service"].sync.memorize(FACT, user={"user_id": "alice"})
    close(place)
    assert stored("path/to/your/memory.db", "alice", "default").summaries == [FACT]
    assert owners("path/to/your/memory.db") == {("alice", "default")}
    assert owners("memu.db") == set()


def test_sqlite_02_in_memory(folder: Path) -> None:
    close(run("sqlite_02"))
    place = run("sqlite_02", keyless=True)
    place["service"].sync.memorize(FACT, user={"user_id": "alice"})
    assert place["service"].sync.retrieve("Where do I live?", {"user_id": "alice"})["items"][0]["summary"] == FACT
    close(place)
    assert list(folder.iterdir()) == []


def test_sqlite_03_exact_search(folder: Path) -> None:
    close(run("sqlite_03"))
    place = run("sqlite_03", keyless=True)
    place["service"].sync.memorize(FACT, user={"user_id": "alice"})
    assert place["service"].sync.retrieve("Where do I live?", {"user_id": "alice"})["signals"]["dense"] is True
    close(place)
    assert stored("memu.db", "alice", "default").summaries == [FACT]


def test_sqlite_04_plain_copy_while_open(folder: Path) -> None:
    with MemoryService(database_config={"metadata_store": {"provider": "sqlite"}}) as service:
        service.sync.memorize(FACT, user={"user_id": "alice"})
        run("sqlite_04")
    assert stored("memu_backup.db", "alice", "default").summaries == [FACT]
    assert rows("memu_backup.db", "PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def two_owners(folder: Path) -> Path:
    """A store in which alice and bob have memories."""
    with MemoryService(database_config={"metadata_store": {"provider": "sqlite"}}) as service:
        service.sync.memorize(FACT, user={"user_id": "alice"})
        service.sync.memorize("I keep bees behind the house.", user={"user_id": "bob"})
        service.sync.memorize("I sold my car in June.", user={"user_id": "bob"})
    return folder


COPIED = "SELECT user_id, url, modality, local_path, caption, embedding FROM resources ORDER BY user_id, url"


def test_sqlite_05_no_owner_is_lost(two_owners: Path) -> None:
    close(run("sqlite_05"))
    copied = rows("target.db", COPIED)
    assert copied == rows("memu.db", COPIED)
    assert [row[0] for row in copied] == ["alice", "bob", "bob"]
    for *_, vector in copied:
        check_vector(vector)


def test_sqlite_05_similar_for_the_rest(two_owners: Path) -> None:
    place = run("sqlite_05")
    source_db, target = place["sqlite_db"], place["postgres_db"]
    of = lambda record: {"user_id": getattr(record, "user_id", None)}  # noqa: E731
    new = {}
    for one in source_db.categories.values():
        new[one.id] = target.memory_category_repo.get_or_create_category(
            name=one.name, description=one.description, embedding=one.embedding, user_data=of(one)
        ).id
    for one in source_db.items.values():
        new[one.id] = target.memory_item_repo.create_item(
            resource_id=one.resource_id,
            memory_type=one.memory_type,
            summary=one.summary,
            embedding=one.embedding,
            user_data=of(one),
        ).id
    for one in source_db.relations:
        target.category_item_repo.link_item_category(new[one.item_id], new[one.category_id], of(one))
    close(place)
    linked = """SELECT links.user_id, items.summary, categories.name, items.embedding FROM category_items AS links
        JOIN memory_items AS items ON items.id = links.item_id AND items.user_id = links.user_id
        JOIN memory_categories AS categories ON categories.id = links.category_id
        AND categories.user_id = links.user_id ORDER BY 1, 2, 3"""
    assert rows("target.db", linked) == rows("memu.db", linked) != []
    # The loop gives resources new ids: an item keeps the old one beside it.
    kept = rows("target.db", "SELECT resource_id, json_extract(extra, '$.origin_resource_id') FROM memory_items")
    assert {origin for _, origin in kept} == {one for (one,) in rows("memu.db", "SELECT id FROM resources")}
    assert {resource for resource, _ in kept} == {None}


def test_sqlite_05_transfer_keeps_ids_and_links(two_owners: Path) -> None:
    """What the documented loop cannot do: items still name their resources, and links, texts and times come along."""
    place = run("sqlite_05")
    target = build_sqlite_database(
        config=place["DatabaseConfig"](metadata_store={"provider": "sqlite", "dsn": "sqlite:///whole.db"}),
        user_model=place["UserScope"],
    )
    added = place["sqlite_db"].transfer(target)
    assert (added["resources"], added["memory_items"]) == (3, 3)
    assert sum(place["sqlite_db"].transfer(target).values()) == 0
    target.close()
    close(place)
    for table in ("resources", "memory_items", "memory_categories", "category_items", "resource_texts"):
        names = [name for _, name, *_ in rows("memu.db", f"PRAGMA table_info({table})") if name != "seq"]
        same = f"SELECT {', '.join(names)} FROM {table} ORDER BY user_id, id"
        copied, original = (
            [
                [json.loads(value) if name == "embedding" else value for name, value in zip(names, row, strict=True)]
                for row in found
            ]
            for found in (rows("whole.db", same), rows("memu.db", same))
        )
        assert copied == original != []


def test_sqlite_05_refuses_a_user_model_that_loses_owners(folder: Path) -> None:
    with MemoryService(database_config={"metadata_store": {"provider": "sqlite"}}) as service:
        service.sync.memorize(FACT, user={"user_id": "alice", "agent_id": "coach"})
    with pytest.raises(ConfigError, match=r"agent_id.*'coach'"):
        run("sqlite_05")


CONVERSATION = [
    {"id": "m1", "role": "user", "name": "Alice", "content": "I prefer tea to coffee, and I love green tea most."},
    {"id": "m2", "role": "assistant", "content": "Noted!"},
    {"id": "m3", "role": "user", "name": "Alice", "content": "My favourite food is grilled sardines."},
]


def test_sqlite_06_full_workflow(folder: Path) -> None:
    (folder / "conversation.json").write_text(json.dumps(CONVERSATION))
    assert "your-api-key" not in source("sqlite_06", keyless=True)
    printed = run_script("sqlite_06", folder, keyless=True).splitlines()
    assert printed[0] == "Created 10 categories"
    assert any("tea" in line for line in printed[1:]), printed
    kept = stored("my_memories.db", "alice", "default")
    assert len(kept.summaries) == 2
    assert len(kept.captions) == 1
    assert owners("my_memories.db") == {("alice", "default")}
    assert rows("my_memories.db", "SELECT message_ids, speaker FROM memory_items ORDER BY created_at") == [
        ('["m1"]', "Alice"), ('["m3"]', "Alice"),
    ]  # fmt: skip
    assert rows("my_memories.db", "SELECT count(*) FROM memory_categories") == [(10,)]


def test_sqlite_shell_block(folder: Path) -> None:
    """`chmod 755` on the folder of the data, with its name filled in; a store in it then opens."""
    (folder / "data").mkdir(mode=0o500)
    subprocess.run(["chmod", "755", "data"], check=True)
    MemoryService(database_config={"provider": "sqlite"}).close()
    assert tables("data/memu.db") >= DOCUMENTED
