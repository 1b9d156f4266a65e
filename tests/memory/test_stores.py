"""`PersistentStore` and `InMemoryStore`: the store methods of older code, over today's database."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from memu import MemoryService
from memu.errors import NotFoundError, ScopeError
from memu.memory.repo import InMemoryStore, PersistentStore
from memu.storage import SimpleVectorDB, SQLiteDB


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def open_store(folder: Path, user: str = "alice", agent: str = "helper") -> PersistentStore:
    db, vector_db = SQLiteDB(folder / "memu.db"), SimpleVectorDB(folder / "vectors.json")
    store = PersistentStore(db=db, vector_db=vector_db, user_id=user, agent_id=agent)
    db.close()
    return store


@pytest.fixture
def store(folder: Path) -> Iterator[PersistentStore]:
    found = open_store(folder)
    yield found
    found.close()


def fill(store: PersistentStore | InMemoryStore, **owner: str) -> tuple[str, str, str]:
    resource = store.create_resource(url="notes.md", modality="document", local_path="notes.md", **owner)
    item = store.create_item(
        resource_id=resource.id, memory_type="profile", summary="Keeps bees.", embedding=[0.6, 0.8], **owner
    )
    category = store.get_or_create_category(name="bees", description="All about bees", embedding=[1.0, 0.0], **owner)
    store.link_item_category(item.id, category.id, **owner)
    return resource.id, item.id, category.id


def test_everything_is_there_after_reopening(folder: Path, store: PersistentStore) -> None:
    resource, item, category = fill(store)
    store.update_resource_embedding(resource, [0.0, 1.0])
    store.update_category_summary(category, "Bees, mostly.")
    store.close()
    again = open_store(folder)
    assert list(again.resources) == [resource]
    assert again.resources[resource].embedding == [0.0, 1.0]
    assert again.items[item].resource_id == resource
    assert again.categories[category].summary == "Bees, mostly."
    assert [(link.item_id, link.category_id) for link in again.relations] == [(item, category)]
    again.close()
    with closing(sqlite3.connect(folder / "memu.db")) as connection:
        owners = "SELECT user_id, agent_id FROM resources UNION SELECT user_id, agent_id FROM category_items"
        assert connection.execute(owners).fetchall() == [("alice", "helper")]
    held = json.loads((folder / "vectors.json").read_text())
    assert held["items"][item]["vector"] == [0.6, 0.8]
    assert held["resources"][resource]["vector"] == [0.0, 1.0]


def test_a_service_sees_the_same_memory(folder: Path, store: PersistentStore) -> None:
    fill(store)
    config = {"provider": "sqlite", "sqlite_path": folder / "memu.db", "vector_db_path": folder / "vectors.json"}
    with MemoryService(user_id="alice", agent_id="helper", database_config=config) as service:
        assert [item["summary"] for item in service.sync.list_memory_items()["items"]] == ["Keeps bees."]
        assert service.sync.list_memory_items()["items"][0]["categories"] == ["bees"]


def test_two_pairs_share_the_files_and_nothing_else(folder: Path, store: PersistentStore) -> None:
    _, item, category = fill(store)
    with closing(open_store(folder, "bob")) as bob:
        assert len(bob.items) == len(bob.resources) == len(bob.categories) == len(bob.relations) == 0
        _, theirs, own = fill(bob)
        for pair in ((item, own), (theirs, category), (item, category)):
            with pytest.raises(KeyError):
                bob.link_item_category(*pair)
        with pytest.raises(NotFoundError):
            bob.update_category_summary(category, "mine now")
        with pytest.raises(ScopeError):
            bob.create_resource(url="x", modality="text", user_id="alice")
    assert list(store.items) == [item]
    assert store.categories[category].summary is None


def test_the_vector_file_answers_with_what_was_just_stored(folder: Path) -> None:
    vector_db = SimpleVectorDB(folder / "vectors.json")
    store = PersistentStore(db=SQLiteDB(folder / "memu.db"), vector_db=vector_db, user_id="alice", agent_id="helper")
    for number in range(1, 20):
        made = store.create_item(memory_type="event", summary=f"Thing {number}", embedding=[1.0, float(number)])
        assert vector_db.get("items", made.id, "alice", "helper") == [1.0, float(number)]
    store.close()
    assert vector_db.get("items", made.id, "alice", "helper") == [1.0, 19.0]


def test_in_memory_store_names_owners_in_each_call() -> None:
    store = InMemoryStore()
    fill(store)
    fill(store, user_id="bob", agent_id="helper")
    assert [one.user_id for one in store.items.values()] == ["default", "bob"]
    assert [one.agent_id for one in store.relations] == ["default", "helper"]
    assert len({one.id for one in store.categories.values()}) == 2, "a name is one pair's"
    again = store.get_or_create_category(name="bees", description="", embedding=None, user_id="bob", agent_id="helper")
    assert again.id in store.categories
    assert len(store.categories) == 2
    store.close()


def test_two_stores_in_ram_are_two() -> None:
    one, two = InMemoryStore(), InMemoryStore()
    fill(one)
    assert len(two.items) == 0
    one.close()
    two.close()
