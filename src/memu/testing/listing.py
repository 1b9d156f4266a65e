"""Lists on a backend: order, pages, and every operator on every field, the same for lists and for searches."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from memu.app.sync import SyncService
from memu.backends.filters import SUFFIXES, matches
from memu.backends.schema import ITEMS, RESOURCES
from memu.database.core import Database
from memu.database.fields import FIELDS, conditions
from memu.errors import FilterError, InputError, ScopeError
from memu.models import MemoryItem
from memu.testing.backend import ALICE, BOB, Backend, Suite, ids
from memu.testing.speech import FACTS, talk

ORDERED = ("gt", "gte", "lt", "lte")
LOOKED_UP = ("category", "resource")
"""Fields that take equality, `__ne` and `__in` only."""

METADATA_FILTERS: tuple[dict[str, Any], ...] = (
    {"metadata.channel": "mail"},
    {"metadata.channel__ne": "mail"},
    {"metadata.channel__in": ["mail", "call"]},
    {"metadata.rank": 1},
    {"metadata.rank": 1.0},
    {"metadata.rank": "1"},
    {"metadata.rank": True},
    {"metadata.rank__gt": 1},
    {"metadata.rank__gte": "0"},
    {"metadata.rank__lt": 2},
    {"metadata.rank__in": ["1", 2.5]},
    {"metadata.ok": True},
    {"metadata.ok__ne": True},
    {"metadata.nothing": "x"},
    {"metadata.nothing__ne": "x"},
    {"metadata.channel.deeper": "x"},
)

UNKNOWN_FILTERS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"colour": "red"}, "colour"),
    ({"memory_type__like": "%"}, "like"),
    ({"memory_type__": "x"}, "memory_type__"),
    ({"__in": ["x"]}, "''"),
    ({"metadata": {"channel": "mail"}}, "metadata"),
    ({"metadata.": "x"}, "metadata"),
    ({'metadata.a"b': "x"}, "metadata"),
    ({"embedding": "x"}, "embedding"),
    ({"summary": "x"}, "summary"),
    ({"memory_type": None}, "memory_type"),
    ({"memory_type": ["skill"]}, "memory_type"),
    ({"memory_type__in": "skill"}, "memory_type__in"),
    ({"created_at__gt": "yesterday"}, "created_at__gt"),
    ({"created_at": 5}, "created_at"),
    ({"metadata.rank": [1]}, "metadata.rank"),
    ({"resource__gt": "a"}, "resource__gt"),
)


class ListTests(Suite):
    """Lists, pages and filters."""

    @pytest.fixture
    def full(self, memory: SyncService) -> SyncService:
        """Two users with memories of several kinds, speakers, times and metadata."""
        for user in (ALICE, BOB):
            memory.memorize(talk(FACTS[:4]), user=user, metadata={"channel": "mail", "rank": 1})
            memory.memorize(talk(FACTS[4:8], "Ben"), user=user, metadata={"channel": "call", "rank": 2.5})
            memory.create_memory_item(
                memory_type="skill", memory_content="Can fold paper cranes.", memory_categories=["crafts"], user=user
            )
            memory.create_memory_item(
                memory_type="tool", memory_content="Uses a compass.", user=user, metadata={"rank": "1", "ok": True}
            )
        return memory

    def test_everything_oldest_first(self, full: SyncService, alice: Database) -> None:
        answer = full.list_memory_items(ALICE)
        assert answer["next_cursor"] is None
        keys = [(item["created_at"], item["id"]) for item in answer["items"]]
        assert keys == sorted(keys)
        assert len(keys) == len(set(keys)) == len(alice.items) == 10
        assert {item["user_id"] for item in answer["items"]} == {"alice"}

    @pytest.mark.parametrize("size", [1, 3, 9, 10, 11])
    def test_pages_show_everything_once(self, full: SyncService, size: int) -> None:
        whole = full.list_memory_items(ALICE)["items"]
        seen, cursor = [], None
        while True:
            page = full.list_memory_items(ALICE, limit=size, cursor=cursor)
            assert len(page["items"]) <= size
            seen += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == whole

    def test_pages_go_on_over_changes(self, full: SyncService) -> None:
        whole = ids(full.list_memory_items(ALICE)["items"])
        first = full.list_memory_items(ALICE, limit=4)
        full.delete_memory_item(memory_id=whole[3], user=ALICE)
        full.delete_memory_item(memory_id=whole[5], user=ALICE)
        new = full.create_memory_item(memory_type="tool", memory_content="Owns a sextant.", user=ALICE)
        rest = full.list_memory_items(ALICE, cursor=first["next_cursor"])
        assert ids(rest["items"]) == [whole[4], *whole[6:], new["memory_item"]["id"]]

    def test_equal_times_are_ordered_by_id(self, full: SyncService, alice: Database) -> None:
        at = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
        for _ in range(5):
            alice.memory_item_repo.create_item(memory_type="tool", summary="same time", created_at=at)
        first = full.list_memory_items(ALICE, limit=3)
        second = full.list_memory_items(ALICE, limit=2, cursor=first["next_cursor"])
        listed = ids(first["items"] + second["items"])
        assert listed == sorted(listed)
        assert len(set(listed)) == 5

    def test_categories_and_resources_have_pages_too(self, full: SyncService) -> None:
        for call, name in ((full.list_memory_categories, "categories"), (full.list_resources, "resources")):
            whole = call(ALICE)[name]
            first = call(ALICE, limit=1)
            assert len(whole) > 1
            assert first[name] + call(ALICE, cursor=first["next_cursor"])[name] == whole

    @pytest.mark.parametrize("limit", [0, -1, 1.5, "3", True])
    def test_a_limit_is_a_whole_number(self, full: SyncService, limit: Any) -> None:
        with pytest.raises(InputError, match="limit"):
            full.list_memory_items(ALICE, limit=limit)

    @pytest.mark.parametrize("cursor", ["", "x", "W10=", "WyJ4Il0=", 5])
    def test_a_cursor_is_one_of_ours(self, full: SyncService, cursor: Any) -> None:
        with pytest.raises(InputError, match="cursor"):
            full.list_memory_items(ALICE, cursor=cursor)

    @pytest.mark.parametrize("field", [field.name for field in FIELDS[ITEMS] if field.name != "metadata"])
    def test_every_operator_on_every_field(self, full: SyncService, alice: Database, field: str) -> None:
        values = sorted({value for item in alice.items.values() for value in _values(alice, item, field)})
        assert values
        for op, value in product(["eq", *SUFFIXES], (values[0], values[-1], values[len(values) // 2])):
            where = {f"{field}__{op}" if op != "eq" else field: [value, values[0]] if op == "in" else value}
            if field in LOOKED_UP and op in ORDERED:
                with pytest.raises(FilterError, match=field):
                    full.list_memory_items({**ALICE, **where})
            else:
                _agree(full, alice, where)

    def test_metadata_can_be_filtered_on(self, full: SyncService, alice: Database) -> None:
        for where in METADATA_FILTERS:
            _agree(full, alice, where)

    def test_random_filters_agree(self, full: SyncService, alice: Database) -> None:
        draw = random.Random(5)  # noqa: S311 - the same cases in every run
        for _ in range(150):
            _agree(full, alice, _random_filter(draw, alice))

    def test_an_unknown_filter_is_named(self, full: SyncService) -> None:
        for where, named in UNKNOWN_FILTERS:
            for call in (full.list_memory_items, full.clear_memory):
                with pytest.raises(FilterError) as fault:
                    call({**ALICE, **where})
                assert named in str(fault.value)
            with pytest.raises(FilterError):
                full.retrieve("compass", {**ALICE, **where})
        assert len(full.list_memory_items(ALICE)["items"]) == 10

    @pytest.mark.parametrize("where", [5, "user_id", [("user_id", "alice")], {"user_id__ne": "alice"}])
    def test_a_filter_is_a_mapping_with_one_owner(self, full: SyncService, where: Any) -> None:
        for call in (full.list_memory_items, full.list_resources, full.list_memory_categories):
            with pytest.raises((InputError, ScopeError)):
                call(where)

    def test_resources_and_categories_are_filtered_by_their_fields(self, full: SyncService) -> None:
        listed = full.list_resources({**ALICE, "metadata.channel": "mail", "modality": "conversation"})["resources"]
        assert [one["metadata"]["rank"] for one in listed] == [1]
        assert ids(full.list_resources({**ALICE, "url": listed[0]["url"]})["resources"]) == ids(listed)
        crafts = full.list_memory_categories({**ALICE, "name": "crafts"})["categories"]
        assert [one["name"] for one in crafts] == ["crafts"]
        with pytest.raises(FilterError):
            full.list_resources({**ALICE, "memory_type": "tool"})
        with pytest.raises(FilterError):
            full.list_memory_categories({**ALICE, "url": "x"})

    def test_counts_and_mappings_agree_with_lists(self, backend: Backend, full: SyncService, alice: Database) -> None:
        where = {"memory_type__in": ["skill", "tool"]}
        assert alice.memory_item_repo.count(where) == len(full.list_memory_items({**ALICE, **where})["items"]) == 2
        own = [row for row in backend.rows(alice, ITEMS) if row["user_id"] == "alice"]
        assert len(alice.items) == len(list(alice.items)) == len(list(alice.items.values())) == len(own)
        assert len(alice.resources) == len(full.list_resources(ALICE)["resources"]) == 2
        assert {row["id"] for row in backend.rows(alice, RESOURCES)} > set(alice.resources)


def _values(database: Database, item: MemoryItem, field: str) -> list[Any]:
    if field == "category":
        links = database.category_item_repo.get_item_categories(item.id)
        return [database.categories[link.category_id].name for link in links]
    value = getattr(item, {"resource": "resource_id"}.get(field, field))
    if field == "happened_at" and value is None and item.said_at:
        return [item.said_at]
    return [] if value is None else [value]


def _agree(memory: SyncService, database: Database, where: Mapping[str, Any]) -> None:
    """A list, a count, a search and the reference meaning of a filter give the same items."""
    with database.handle.reader(database.scope) as reader:
        parsed = conditions(ITEMS, where, reader)
    expected = [item.id for item in database.items.values() if matches(_seen(database, item), parsed)]
    assert ids(memory.list_memory_items({**ALICE, **where})["items"]) == expected, where
    assert database.memory_item_repo.count(where) == len(expected), where
    searched = memory.retrieve("Where does Clara work and live?", {**ALICE, **where}, top_k=1000)
    assert sorted(ids(searched["items"])) == sorted(expected), where


def _seen(database: Database, item: MemoryItem) -> dict[str, Any]:
    links = database.category_item_repo.get_item_categories(item.id)
    return {**item.model_dump(), "category_id": tuple(link.category_id for link in links)}


def _random_filter(draw: random.Random, database: Database) -> dict[str, Any]:
    """Up to three tests of fields that some item has."""
    items = list(database.items.values())
    where: dict[str, Any] = {}
    for _ in range(draw.randint(1, 3)):
        field = draw.choice([one.name for one in FIELDS[ITEMS] if one.name != "metadata"])
        values = [value for item in draw.sample(items, 3) for value in _values(database, item, field)]
        op = draw.choice(["eq", "ne", "in"] if field in LOOKED_UP else ["eq", *SUFFIXES])
        if values:
            value = values[0] + timedelta(microseconds=draw.randint(-1, 1)) if _is_time(values[0]) else values[0]
            where[field if op == "eq" else f"{field}__{op}"] = values if op == "in" else value
    return where


def _is_time(value: Any) -> bool:
    return isinstance(value, datetime)
