"""Records are live, lists are whole, oldest first and lazy, and an unknown resource costs nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memu import MemoryService
from memu.database.core import Database
from memu.database.repository import PAGE
from memu.errors import InputError, NotFoundError, VectorError


@pytest.fixture
def service(tmp_path: Path) -> Iterator[MemoryService]:
    config = {"provider": "sqlite", "sqlite_path": tmp_path / "memu.db", "vector_db_path": tmp_path / "vectors.json"}
    blobs = {"resources_dir": tmp_path / "resources"}
    with MemoryService(user_id="alice", database_config=config, blob_config=blobs) as found:
        yield found


@pytest.fixture
def store(service: MemoryService) -> Database:
    return service.store


def column(tmp_path: Path, table: str, name: str) -> Any:
    with closing(sqlite3.connect(tmp_path / "memu.db")) as connection:
        [(value,)] = connection.execute(f"SELECT {name} FROM {table}").fetchall()
    return value


def test_setting_a_field_persists(store: Database, tmp_path: Path) -> None:
    resource = store.create_resource(url="notes.md", modality="document", local_path="notes.md")
    resource.caption = "About bees"
    resource.embedding = [0.6, 0.8]
    assert column(tmp_path, "resources", "caption") == "About bees"
    assert column(tmp_path, "resources", "embedding") == "[0.6,0.8]"
    item = store.create_item(memory_type="profile", summary="Keeps bees.", resource_id=resource.id)
    item.summary = "Keeps many bees."
    item.memory_type = "behavior"
    item.happened_at = datetime(2024, 5, 6, tzinfo=UTC)
    assert column(tmp_path, "memory_items", "summary") == "Keeps many bees."
    assert column(tmp_path, "memory_items", "memory_type") == "behavior"
    assert column(tmp_path, "memory_items", "happened_at") == "2024-05-06 00:00:00.000000"
    category = store.get_or_create_category(name="bees")
    category.summary = "Bees, mostly."
    assert column(tmp_path, "categories", "summary") == "Bees, mostly."
    assert store.resources[resource.id].model_dump() == resource.model_dump() | {
        "updated_at": store.resources[resource.id].updated_at
    }


def test_a_refused_assignment_changes_nothing(store: Database, tmp_path: Path) -> None:
    item = store.create_item(memory_type="profile", summary="Keeps bees.", embedding=[0.6, 0.8])
    with pytest.raises(VectorError):
        item.embedding = [float("nan"), 1.0]
    with pytest.raises(VectorError):
        item.embedding = [1.0, 2.0, 3.0]
    with pytest.raises(InputError):
        item.id = "another"
    with pytest.raises(InputError):
        item.user_id = "bob"
    with pytest.raises(InputError):
        item.memory_type = "dream"
    with pytest.raises(InputError):
        item.summary = " "
    assert (item.embedding, item.user_id, item.memory_type, item.summary) == (
        [0.6, 0.8],
        "alice",
        "profile",
        "Keeps bees.",
    )
    assert column(tmp_path, "memory_items", "memory_type") == "profile"
    assert column(tmp_path, "memory_items", "embedding") == "[0.6,0.8]"


def test_a_record_that_was_deleted_says_so(store: Database) -> None:
    item = store.create_item(memory_type="profile", summary="Keeps bees.")
    store.memory_item_repo.delete_item(item.id)
    with pytest.raises(NotFoundError, match="was deleted"):
        item.summary = "Keeps many bees."
    assert item.summary == "Keeps bees."


def test_a_changed_item_is_found_by_its_new_words(service: MemoryService) -> None:
    made = service.sync.create_memory_item(memory_type="profile", memory_content="Anna is a doctor.")["memory_item"]
    assert service.sync.retrieve("zeppelin")["items"]
    service.store.items[made["id"]].summary = "Anna flies a zeppelin."
    found = service.sync.retrieve("zeppelin")["items"][0]
    assert found["summary"] == "Anna flies a zeppelin."


def test_an_unknown_resource_is_kept_and_said(
    store: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    item = store.create_item(memory_type="profile", summary="Keeps bees.", resource_id="from-another-store")
    assert (item.resource_id, item.extra) == (None, {"origin_resource_id": "from-another-store"})
    assert column(tmp_path, "memory_items", "resource_id") is None
    assert column(tmp_path, "memory_items", "extra") == '{"origin_resource_id": "from-another-store"}'
    assert "from-another-store" in caplog.text


def test_lists_hold_everything_oldest_first(service: MemoryService) -> None:
    store = service.store
    made = [store.create_item(memory_type="event", summary=f"Thing {number}").id for number in range(12)]
    assert list(store.items) == [one.id for one in store.items.values()] == made
    assert [item["id"] for item in service.sync.list_memory_items()["items"]] == made
    assert list(store.memory_item_repo.list_items()) == made
    listed, cursor = [], None
    while True:
        page = service.sync.list_memory_items(limit=5, cursor=cursor)
        listed += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert listed == made


def test_iteration_reads_a_page_at_a_time(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"memory_type": "event", "summary": f"Thing {number}"} for number in range(PAGE + 5)]
    for row in rows[:5]:
        store.create_item(**row)
    monkeypatch.setattr("memu.database.repository.PAGE", 2)
    pages = []
    page = type(store.memory_item_repo).page

    def counted(*args: Any, **options: Any) -> Any:
        pages.append(options.get("limit"))
        return page(*args, **options)

    monkeypatch.setattr(type(store.memory_item_repo), "page", counted)
    records = iter(store.items.values())
    assert pages == []
    assert next(records).summary == "Thing 0"
    assert pages == [2]
    assert len(list(records)) == 4
    assert pages == [2, 2, 2]


def test_superseded_items_only_on_request(service: MemoryService, tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("I keep bees behind the house.\n\nMy sister Anna is a doctor in Porto.\n")
    service.sync.memorize(resource_url=notes)
    notes.write_text("I keep bees behind the house.\n\nMy sister Anna is a judge in Braga.\n")
    assert service.sync.memorize(resource_url=notes)["status"] == "replaced"
    now = {"I keep bees behind the house.", "My sister Anna is a judge in Braga."}
    assert {item.summary for item in service.store.items.values()} == now
    assert {item["summary"] for item in service.sync.list_memory_items()["items"]} == now
    everything = service.sync.list_memory_items(include_superseded=True)["items"]
    assert {item["summary"] for item in everything} - now == {"My sister Anna is a doctor in Porto."}


def test_times_are_aware_and_utc(service: MemoryService) -> None:
    service.sync.memorize("I keep bees behind the house.")
    for record in (*service.store.items.values(), *service.store.resources.values(), *service.store.relations):
        assert record.created_at.tzinfo is UTC
        assert record.updated_at >= record.created_at


def test_what_a_server_has_no_room_for_is_refused_everywhere(store: Database) -> None:
    with pytest.raises(InputError, match="speaker has 256 characters"):
        store.memory_item_repo.create_item(memory_type="tool", summary="x", speaker="x" * 256)
    with pytest.raises(InputError, match="modality has 65 characters"):
        store.create_resource(url="notes.md", modality="x" * 65)
    kept = store.memory_item_repo.create_item(memory_type="tool", summary="x", speaker="😀" * 255)
    assert list(store.items) == [kept.id]
    assert len(store.resources) == 0
