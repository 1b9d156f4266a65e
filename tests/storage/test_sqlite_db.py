"""`SQLiteDB`: the callers' records, by owner."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memu.errors import InputError, IntegrityError, NotFoundError, ScopeError, VectorError
from memu.models import CategoryItem, MemoryCategory, MemoryItem, Resource
from memu.storage import SQLiteDB

ALICE = {"user_id": "alice", "agent_id": "helper"}
BOB = {"user_id": "bob", "agent_id": "helper"}
STARTED = 1_700_000_000.5


@pytest.fixture
def db(tmp_path: Path) -> Iterator[SQLiteDB]:
    found = SQLiteDB(tmp_path / "memu.db")
    yield found
    found.close()


def resource(name: str = "r1", **changes: object) -> Resource:
    given = {"id": name, "url": "notes.md", "modality": "document", "local_path": "notes.md", "created_at": STARTED}
    return Resource.model_validate({**given, **ALICE, **changes})


def item(name: str = "i1", **changes: object) -> MemoryItem:
    given = {"id": name, "resource_id": "r1", "memory_type": "profile", "summary": "Keeps bees.", "embedding": []}
    return MemoryItem.model_validate({**given, **ALICE, **changes})


def category(one: str = "c1", **changes: object) -> MemoryCategory:
    return MemoryCategory.model_validate({"id": one, "name": "bees", "description": "Bees", **ALICE, **changes})


def test_records_come_back_as_they_were_given(db: SQLiteDB, tmp_path: Path) -> None:
    db.create_resource(resource(caption="About bees"))
    db.create_item(item(embedding=[0.6, 0.8]))
    db.create_category(category())
    db.create_category_item(CategoryItem(id="any", item_id="i1", category_id="c1", **ALICE))
    db.update_category_summary("c1", "Bees, mostly.", "alice", "helper")
    db.close()
    again = SQLiteDB(tmp_path / "memu.db")
    kept = again.get_resource("r1", "alice", "helper")
    assert kept is not None
    assert (kept.url, kept.caption, kept.created_at.timestamp()) == ("notes.md", "About bees", STARTED)
    kept_item = again.get_item("i1", "alice", "helper")
    assert kept_item is not None
    assert (kept_item.resource_id, kept_item.embedding) == ("r1", [0.6, 0.8])
    found = again.get_category_by_name("bees", "alice", "helper")
    assert found is not None
    assert found.model_dump() == again.get_category("c1", "alice", "helper").model_dump()  # type: ignore[union-attr]
    assert found.summary == "Bees, mostly."
    assert [(link.item_id, link.category_id) for link in again.list_category_items("alice", "helper")] == [("i1", "c1")]
    assert again.get_items_by_category("c1", "alice", "helper") == ["i1"]
    again.close()


def test_lists_are_oldest_first(db: SQLiteDB) -> None:
    for number in (3, 1, 2):
        db.create_resource(resource(f"r{number}", url=f"{number}.md", created_at=STARTED + number))
    assert [one.id for one in db.list_resources("alice", "helper")] == ["r1", "r2", "r3"]


def test_another_pair_sees_and_changes_nothing(db: SQLiteDB) -> None:
    db.create_resource(resource())
    db.create_item(item())
    db.create_category(category())
    for pair in (("bob", "helper"), ("alice", "other"), ("Alice", "helper")):
        assert db.get_resource("r1", *pair) is None
        assert db.get_item("i1", *pair) is None
        assert db.get_category("c1", *pair) is db.get_category_by_name("bees", *pair) is None
        assert db.list_resources(*pair) == db.list_items(*pair) == db.list_categories(*pair) == []
        with pytest.raises(NotFoundError):
            db.update_category_summary("c1", "mine now", *pair)
    with pytest.raises(KeyError):
        db.create_category_item(CategoryItem(id="any", item_id="i1", category_id="c1", **BOB))
    db.create_resource(resource(**BOB))
    assert len(db.list_resources("bob", "helper")) == len(db.list_resources("alice", "helper")) == 1


def test_a_row_that_is_there_is_refused_and_the_store_goes_on(db: SQLiteDB) -> None:
    db.create_resource(resource())
    with pytest.raises(IntegrityError):
        db.create_resource(resource("r2"))
    with pytest.raises(IntegrityError):
        db.create_resource(resource(url="other.md"))
    db.create_resource(resource("r2", url="other.md"))
    assert [one.id for one in db.list_resources("alice", "helper")] == ["r1", "r2"]


def test_a_category_replaces_its_row_and_keeps_its_items(db: SQLiteDB) -> None:
    db.create_item(item(resource_id=None))
    db.create_category(category())
    db.create_category_item(CategoryItem(id="any", item_id="i1", category_id="c1", **ALICE))
    db.create_category(category(description="All about bees"))
    assert [one.description for one in db.list_categories("alice", "helper")] == ["All about bees"]
    assert db.get_items_by_category("c1", "alice", "helper") == ["i1"]


def test_an_unknown_resource_is_kept_beside_the_item(db: SQLiteDB) -> None:
    made = db.create_item(item(resource_id="gone"))
    assert (made.resource_id, made.extra) == (None, {"origin_resource_id": "gone"})


def test_the_returned_record_is_live(db: SQLiteDB) -> None:
    db.create_resource(resource()).caption = "About bees"
    kept = db.get_resource("r1", "alice", "helper")
    assert kept is not None
    assert kept.caption == "About bees"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda db: db.create_item(item(summary="")), InputError),
        (lambda db: db.create_item(item(memory_type="dream")), InputError),
        (lambda db: db.create_item(item(embedding=[float("nan")])), VectorError),
        (lambda db: db.create_item(item(user_id=" ")), ScopeError),
        (lambda db: db.create_resource(resource(url=" ")), InputError),
        (lambda db: db.create_category(category(name="")), InputError),
        (lambda db: db.create_category(category("")), InputError),
        (lambda db: db.get_item("i1", None, "helper"), ScopeError),
        (lambda db: SQLiteDB(":memory:"), InputError),
    ],
)
def test_bad_input_is_refused(db: SQLiteDB, make: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        make(db)  # type: ignore[operator]
    assert db.list_items("alice", "helper") == db.list_resources("alice", "helper") == []
