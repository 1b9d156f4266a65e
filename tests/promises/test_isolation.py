"""P4: no call reads or writes outside its (user, agent) scope."""

import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.backends import EVERY, SQLiteBackend
from memu.app.service import MemoryService
from memu.backends.schema import ITEMS, LINKS, RESOURCES, TEXTS
from memu.database.core import Database
from memu.database.repositories import CategoryItemRepo, MemoryCategoryRepo, MemoryItemRepo, ResourceRepo
from memu.errors import InputError, MemuError, NotFoundError, ScopeError
from memu.scope import Scope
from memu.testing import ALICE, BOB
from memu.testing.speech import FACTS, talk
from promises.worlds import SECRET, World, shared_world

Call = Callable[[World], Any]

WORLDS = [(kind, False) for kind in EVERY] + [(SQLiteBackend, True)]


@pytest.fixture(params=WORLDS, ids=lambda param: f"{param[0].name}-{'bound' if param[1] else 'many'}")
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    kind, bound = request.param
    with shared_world(kind, tmp_path, bound=bound) as made:
        yield made


CALLS: dict[str, list[Call]] = {
    "memorize": [
        lambda w: w.bob.memorize([*talk(FACTS[:3]), *talk(["I keep a boat in the attic."])], **w.named),
        lambda w: w.bob.memorize(talk(FACTS[4:6]), metadata={"user_id": "alice", "agent_id": "helper"}, **w.named),
        lambda w: w.bob.memorize("Alice lives at the harbour.", metadata={"scope": dict(ALICE)}, **w.named),
    ],
    "retrieve": [
        lambda w: w.bob.retrieve(f"Where is the {SECRET}?", w.where, top_k=100),
        lambda w: w.bob.retrieve(f"Where is the {SECRET}?", {**w.where, "id": w.item_id}),
        lambda w: w.bob.retrieve(f"Where is the {SECRET}?", {**w.where, "resource": w.resource_id}),
        lambda w: w.bob.retrieve(f"Where is the {SECRET}?", {**w.where, "resource": w.url}),
        lambda w: w.bob.retrieve(f"Where is the {SECRET}?", {**w.where, "category": f"{SECRET}s"}),
    ],
    "context": [lambda w: w.bob.context(f"Where is it, the {SECRET}?", w.where).replace("Where", "")],
    "embed": [lambda w: w.bob.embed(["words"])],
    "list_memory_items": [
        lambda w: w.bob.list_memory_items(w.where, include_superseded=True),
        lambda w: w.bob.list_memory_items({**w.where, "id__in": [w.item_id]}),
        lambda w: w.bob.list_memory_items({**w.where, "category__ne": "nothing"}),
        lambda w: w.bob.list_memory_items({**w.where, "resource__in": [w.resource_id, w.url]}),
        lambda w: w.bob.list_memory_items(
            w.where, cursor=w.operator.sync.list_memory_items(ALICE, limit=1)["next_cursor"]
        ),
    ],
    "list_memory_categories": [
        lambda w: w.bob.list_memory_categories(w.where),
        lambda w: w.bob.list_memory_categories({**w.where, "id": w.category_id}),
    ],
    "list_resources": [
        lambda w: w.bob.list_resources(w.where),
        lambda w: w.bob.list_resources({**w.where, "id": w.resource_id}),
    ],
    "get_memory_item": [lambda w: w.bob.get_memory_item(w.item_id, **w.named)],
    "create_memory_item": [
        lambda w: w.bob.create_memory_item(
            memory_type="tool",
            memory_content="Has a boat.",
            memory_categories=[w.category_id, "boats"],
            metadata={"user_id": "alice", "resource_id": w.resource_id},
            **w.named,
        )
    ],
    "update_memory_item": [
        lambda w: w.bob.update_memory_item(memory_id=w.item_id, memory_content="taken", **w.named),
        lambda w: w.bob.update_memory_item(memory_id=w.item_id, memory_categories=["boats"], **w.named),
    ],
    "delete_memory_item": [lambda w: w.bob.delete_memory_item(memory_id=w.item_id, **w.named)],
    "delete_resource": [
        lambda w: w.bob.delete_resource(w.resource_id, **w.named),
        lambda w: w.bob.delete_resource(w.url, **w.named),
    ],
    "history": [lambda w: w.bob.history(w.item_id, **w.named)],
    "undo": [lambda w: w.bob.undo(w.operation_id, **w.named)],
    "get_resource_text": [lambda w: w.bob.get_resource_text(w.resource_id, **w.named)],
    "get_resource_messages": [lambda w: w.bob.get_resource_messages(w.resource_id, **w.named)],
    "describe": [lambda w: w.bob.describe()],
    "clear_memory": [
        lambda w: w.bob.clear_memory({**w.where, "id": w.item_id}),
        lambda w: w.bob.clear_memory({**w.where, "category__ne": "nothing"}),
        lambda w: w.bob.clear_memory(w.where),
    ],
    "forget": [lambda w: w.bob.forget(**w.named)],
}
"""What Bob tries with every public call that takes or gives memories."""

HANDLES = {"database", "db", "store", "sync", "parts"}
"""Members that are handles, not calls: the database has a table of its own below, `parts` is the service's inside."""

LIFE = {"close", "aclose"}
"""Members that touch no memory."""

WATCHERS = {"usage", "intercept_before_llm_call", "intercept_after_llm_call", "intercept_on_error_llm_call"}
"""They watch the language models of a whole service, for its operator; no memory is reached by them."""

FILTERED = ("retrieve", "context", "list_memory_items", "list_memory_categories", "list_resources", "clear_memory")
NAMED = (
    "memorize",
    "retrieve",
    "context",
    "get_memory_item",
    "create_memory_item",
    "update_memory_item",
    "delete_memory_item",
    "delete_resource",
    "history",
    "undo",
    "forget",
    "get_resource_text",
    "get_resource_messages",
)

HOSTILE: list[Any] = [
    {"user_id": None},
    {"agent_id": None},
    {"user_id": None, "agent_id": None},
    {"user_id": ["alice", "bob"]},
    {"user_id": ("alice",)},
    {"user_id": {"user_id": "alice"}},
    {"user_id": {"$ne": ""}},
    {"user_id": {"user_id": {"user_id": "alice"}}},
    {"user_id": "*"},
    {"user_id": "%"},
    {"user_id": "_____"},
    {"user_id": "a%"},
    {"user_id": "' OR '1'='1"},
    {"user_id": 'alice"; DROP TABLE memory_items; --'},
    {"user_id": "ALICE"},
    {"user_id": "alice "},
    {"user_id": " alice"},
    {"user_id": "alice\x00"},
    {"user_id": "alice\n"},
    {"user_id": ""},
    {"user_id": True},
    {"user_id": 0},
    {"user_id": b"alice"},
    {"user_id": "a" * 256},
    {"USER_ID": "alice"},
    {"user": "alice"},
    {"user_id__in": ["alice", "bob"]},
    {"user_id__ne": "bob"},
    {"user_id__gte": ""},
    {"user_id__gt": "a"},
    {"user_id__lt": "b"},
    {"user_id__": "alice"},
    {"user_id.x": "alice"},
    {"agent_id__ne": ""},
    {"$or": [{"user_id": "alice"}]},
    {"or": [{"user_id": "alice"}]},
    {"scope": None},
    {"metadata.user_id": "alice"},
    [],
    "alice",
    ["user_id", "alice"],
    5,
]


def test_every_public_call_has_a_case() -> None:
    public = {name for name in dir(MemoryService) if not name.startswith("_")}
    assert public == set(CALLS) | HANDLES | LIFE | WATCHERS
    for names, argument in ((FILTERED, "where"), (NAMED, "user")):
        taking = {name for name in CALLS if argument in inspect.signature(getattr(MemoryService, name)).parameters}
        assert taking == set(names)


def _tried(call: Callable[[], Any]) -> Any:
    """The answer of a call, or None when it was refused."""
    try:
        return call()
    except MemuError as refusal:
        _innocent(str(refusal))
        return None


def _innocent(answer: Any) -> None:
    """Nothing in an answer is Alice's."""
    told = json.dumps(answer, default=str)
    assert SECRET not in told
    for one in _records(answer):
        assert one.get("user_id") != "alice"


def _records(answer: Any) -> Iterator[dict[str, Any]]:
    if isinstance(answer, dict):
        if "user_id" in answer and "id" in answer:
            yield answer
        for name, value in answer.items():
            if name != "metadata":
                yield from _records(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from _records(value)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_with_the_ids_of_another_user(world: World, name: str) -> None:
    before = world.rows_of("alice")
    for call in CALLS[name]:
        answer = _tried(lambda call=call: call(world))
        if name != "retrieve":  # which repeats the question
            _innocent(answer)
        elif answer is not None:
            _innocent({tier: answer[tier] for tier in ("items", "categories", "resources")})
    assert world.rows_of("alice") == before
    assert world.backend.faults(world.database) == []


@pytest.mark.parametrize("name", FILTERED)
def test_a_call_with_a_hostile_filter(world: World, name: str) -> None:
    before = world.rows_of("alice")
    call = getattr(world.bob, name)
    question = ["press"] if name in ("retrieve", "context") else []
    for where in HOSTILE:
        for full in (where, {**BOB, **where}) if isinstance(where, dict) else (where,):
            _innocent(_tried(lambda full=full: call(*question, full)))
    assert world.rows_of("alice") == before


ARGUMENTS: dict[str, Callable[[World], dict[str, Any]]] = {
    "memorize": lambda w: {"content": "The boat is blue."},
    "retrieve": lambda w: {"queries": "press"},
    "context": lambda w: {"question": "press"},
    "create_memory_item": lambda w: {"memory_type": "tool", "memory_content": "The boat is blue."},
    "get_memory_item": lambda w: {"memory_id": w.item_id},
    "update_memory_item": lambda w: {"memory_id": w.item_id, "memory_content": "taken"},
    "delete_memory_item": lambda w: {"memory_id": w.item_id},
    "delete_resource": lambda w: {"resource": w.resource_id},
    "history": lambda w: {"item_id": w.item_id},
    "undo": lambda w: {"operation_id": w.operation_id},
    "get_resource_text": lambda w: {"resource_id": w.resource_id},
    "get_resource_messages": lambda w: {"resource_id": w.resource_id},
    "forget": lambda w: {},
}


@pytest.mark.parametrize("name", NAMED)
def test_a_call_with_a_hostile_user(world: World, name: str) -> None:
    before = world.rows_of("alice")
    for user in HOSTILE:
        for full in (user, {**BOB, **user}) if isinstance(user, dict) else (user,):
            _innocent(_tried(lambda full=full: getattr(world.bob, name)(**ARGUMENTS[name](world), user=full)))
    assert world.rows_of("alice") == before


@pytest.mark.parametrize("value", [None, ["alice"], {"a": 1}, 5, "", " alice", "a\n", "a" * 256, "\ud800"])
def test_a_value_that_names_nobody_is_refused(world: World, value: Any) -> None:
    for call in (
        lambda: world.bob.list_memory_items({"user_id": value}),
        lambda: world.bob.memorize("The boat is blue.", user={"user_id": value}),
        lambda: world.bob.forget(user={"agent_id": value}),
    ):
        with pytest.raises(ScopeError) as refusal:
            call()
        assert isinstance(refusal.value, PermissionError | ValueError)


def test_a_bound_service_refuses_every_other_pair(tmp_path: Path) -> None:
    with shared_world(SQLiteBackend, tmp_path, bound=True) as world:
        before = world.backend.dump(world.database)
        for other in (ALICE, {"user_id": "alice"}, {"agent_id": "other"}, {"user_id": "BOB"}, {"team": "x"}):
            for name in NAMED:
                with pytest.raises(ScopeError):
                    getattr(world.bob, name)(**ARGUMENTS[name](world), user=other)
            for name in FILTERED:
                question = ["press"] if name in ("retrieve", "context") else []
                with pytest.raises((ScopeError, InputError)):
                    getattr(world.bob, name)(*question, other)
        assert world.backend.dump(world.database) == before
        assert world.bob.list_memory_items(dict(BOB))["items"]


def test_metadata_names_no_owner(world: World) -> None:
    told = {"user_id": "alice", "agent_id": "x", "id": "1", "resource_id": world.resource_id}
    item = world.bob.memorize(talk(FACTS[7:8]), metadata=told, **world.named)["items"][0]
    assert (item["user_id"], item["agent_id"], item["metadata"]) == ("bob", "helper", told)
    assert item["id"] != "1"
    found = world.bob.list_memory_items({**world.where, "metadata.user_id": "alice"})["items"]
    assert [one["id"] for one in found] == [item["id"]]


def test_equal_ids_in_two_scopes_stay_apart(world: World) -> None:
    records = world.database.handle.records
    with records.transaction() as transaction:
        for table in (RESOURCES, TEXTS, ITEMS, "memory_categories", LINKS):
            for place, row in enumerate(transaction.find(table)):
                if row["user_id"] == "alice":
                    # A category name may stand once in a scope, and Bob has the default ones.
                    fresh = {"name": f"category {place}"} if "name" in row else {}
                    words = {"summary": "Prints with a lever press."} if table == ITEMS else {}
                    transaction.put(table, [{**row, **BOB, **fresh, **words}])
        transaction.increment("scopes", dict(BOB), "seq", {"epoch": "x"})
    before = world.rows_of("alice")
    assert world.bob.get_memory_item(world.item_id, **world.named)["summary"] == "Prints with a lever press."
    found = world.bob.retrieve("Prints press", world.where)["items"]
    assert SECRET not in json.dumps(found, default=str)
    world.bob.update_memory_item(memory_id=world.item_id, memory_content="Prints by hand.", **world.named)
    assert world.bob.retrieve("Prints by hand", world.where)["items"][0]["id"] == world.item_id
    hers = world.operator.sync.retrieve("Prints press", ALICE)["items"][0]
    assert (hers["id"], SECRET in hers["summary"]) == (world.item_id, True)
    world.bob.delete_memory_item(memory_id=world.item_id, **world.named)
    world.bob.delete_resource(world.resource_id, **world.named)
    assert world.rows_of("alice") == before
    world.bob.forget(**world.named)
    assert world.rows_of("alice") == before
    assert world.operator.sync.retrieve("Prints press", ALICE)["items"][0]["id"] == world.item_id


REPOSITORY_CALLS: dict[type, dict[str, Callable[[Any, World], Any]]] = {
    ResourceRepo: {
        "list_resources": lambda repo, w: repo.list_resources({"id": w.resource_id}),
        "clear_resources": lambda repo, w: repo.clear_resources({"id": w.resource_id}),
        "create_resource": lambda repo, w: (
            repo.create_resource(url=w.url, modality="text", caption="taken").user_id == "alice"
        ),
        "text": lambda repo, w: repo.text(w.resource_id),
    },
    MemoryItemRepo: {
        "get_item": lambda repo, w: repo.get_item(w.item_id),
        "list_items": lambda repo, w: repo.list_items({"id": w.item_id}),
        "list_items_by_ref_ids": lambda repo, w: repo.list_items_by_ref_ids([w.item_id, w.item_id[:8]]),
        "clear_items": lambda repo, w: repo.clear_items({"id": w.item_id}),
        "create_item": lambda repo, w: (
            repo.create_item(memory_type="tool", summary="Boat.", resource_id=w.resource_id).resource_id
        ),
        "update_item": lambda repo, w: repo.update_item(item_id=w.item_id, summary="taken"),
        "delete_item": lambda repo, w: repo.delete_item(w.item_id),
        "history": lambda repo, w: repo.history(w.item_id),
        "vector_search_items": lambda repo, w: w.item_id in dict(repo.vector_search_items([1.0, 0.0], 100)),
    },
    MemoryCategoryRepo: {
        "list_categories": lambda repo, w: repo.list_categories({"id": w.category_id}),
        "clear_categories": lambda repo, w: repo.clear_categories({"id": w.category_id}),
        "by_name": lambda repo, w: repo.by_name(f"{SECRET}s"),
        "get_or_create_category": lambda repo, w: repo.get_or_create_category(name="boats").summary,
        "update_category": lambda repo, w: repo.update_category(category_id=w.category_id, summary="taken"),
    },
    CategoryItemRepo: {
        "list_relations": lambda repo, w: repo.list_relations({"item_id": w.item_id}),
        "get_item_categories": lambda repo, w: repo.get_item_categories(w.item_id),
        "link_item_category": lambda repo, w: repo.link_item_category(w.item_id, w.category_id),
        "unlink_item_category": lambda repo, w: repo.unlink_item_category(w.item_id, w.category_id),
    },
}
SHARED: dict[str, Callable[[Any, World], Any]] = {
    "get": lambda repo, w: repo.get(w.item_id) or repo.get(w.resource_id) or repo.get(w.category_id),
    "page": lambda repo, w: repo.page({"id__in": [w.item_id, w.resource_id, w.category_id]}, superseded=True),
    "iterate": lambda repo, w: list(repo.iterate({"id__in": [w.item_id, w.resource_id, w.category_id]})),
    "count": lambda repo, w: repo.count({"id__in": [w.item_id, w.resource_id, w.category_id]}),
    "clear": lambda repo, w: repo.clear({"id__in": [w.item_id, w.resource_id, w.category_id]}),
    "load_existing": lambda repo, w: repo.load_existing(),
}
DATA = {"table", "model", "visible", "checks"}


def test_every_call_of_the_repositories_gives_nothing_of_others(world: World) -> None:
    before = world.rows_of("alice")
    database = world.database.bound(Scope.of(BOB))
    for repository in (
        database.resource_repo,
        database.memory_item_repo,
        database.memory_category_repo,
        database.category_item_repo,
    ):
        calls = {**SHARED, **REPOSITORY_CALLS[type(repository)]}
        assert {name for name in dir(type(repository)) if not name.startswith("_")} == set(calls) | DATA
        for call in calls.values():
            assert not _tried(lambda call=call, repository=repository: call(repository, world))
    for mapping in (database.items, database.resources, database.categories):
        for foreign in (world.item_id, world.resource_id, world.category_id):
            assert foreign not in mapping
    assert world.rows_of("alice") == before


DATABASE_CALLS: dict[str, Callable[[Database, World], Any]] = {
    "create_resource": lambda d, w: d.create_resource(url=w.url, modality="text", user_id="alice", agent_id="helper"),
    "create_item": lambda d, w: d.create_item(memory_type="tool", summary="x", user_id="alice", agent_id="helper"),
    "get_or_create_category": lambda d, w: d.get_or_create_category(name=f"{SECRET}s", user_id="alice"),
    "link_item_category": lambda d, w: d.link_item_category(w.item_id, w.category_id),
    "update_resource_embedding": lambda d, w: d.update_resource_embedding(w.resource_id, [1.0]),
    "update_category_summary": lambda d, w: d.update_category_summary(w.category_id, "taken"),
}


@pytest.mark.parametrize("name", DATABASE_CALLS)
def test_the_bound_store_object_refuses_others(world: World, name: str) -> None:
    before = world.rows_of("alice")
    with pytest.raises((ScopeError, NotFoundError)):
        DATABASE_CALLS[name](world.database.bound(Scope.of(BOB)), world)
    assert world.rows_of("alice") == before


def test_a_live_record_stays_its_owners(world: World) -> None:
    before = world.rows_of("alice")
    item = next(iter(world.database.bound(Scope.of(BOB)).items.values()))
    for name, value in (
        ("user_id", "alice"),
        ("agent_id", "x"),
        ("id", world.item_id),
        ("resource_id", world.resource_id),
    ):
        with pytest.raises(InputError):
            setattr(item, name, value)
    item.metadata = {"user_id": "alice"}
    item.extra = {"user_id": "alice"}
    assert world.rows_of("alice") == before
