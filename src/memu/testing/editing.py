"""Single memories on a backend: making, changing, filing, deleting and forgetting them."""

from typing import Any

import pytest

from memu.app.sync import SyncService
from memu.backends.schema import CATEGORIES, HISTORY, ITEMS, LINKS, META, RESOURCES, SCOPES, TEXTS
from memu.database.core import Database
from memu.errors import InputError, NotFoundError
from memu.testing.backend import ALICE, BOB, Backend, Suite, ids
from memu.testing.speech import FACTS, said, talk


class EditTests(Suite):
    """Creating, updating and deleting through the service."""

    def test_a_memory_in_the_callers_words(self, memory: SyncService) -> None:
        made = memory.create_memory_item(
            memory_type="skill",
            memory_content="Can sail a dinghy.",
            memory_categories=["Sport", "sea", "sea"],
            metadata={"level": 2},
            user=ALICE,
        )
        item = made["memory_item"]
        assert (item["memory_type"], item["summary"], item["metadata"]) == ("skill", "Can sail a dinghy.", {"level": 2})
        assert item["categories"] == ["Sport", "sea"]
        assert {one["name"] for one in made["category_updates"]} == {"Sport", "sea"}
        assert all("dinghy" in one["summary"] for one in made["category_updates"])
        assert memory.get_memory_item(item["id"], user=ALICE) == item

    def test_a_configured_category_is_found_in_any_case(self, memory: SyncService) -> None:
        made = memory.create_memory_item(
            memory_type="profile", memory_content="Works nights.", memory_categories=["WORK_LIFE"], user=ALICE
        )
        assert made["memory_item"]["categories"] == ["work_life"]

    def test_an_update_keeps_what_is_not_given(self, memory: SyncService, alice: Database) -> None:
        item = _make(memory, ["a", "b"], metadata={"x": 1})
        changed = memory.update_memory_item(memory_id=item["id"], memory_content="Speaks Danish.", user=ALICE)
        assert changed["memory_item"]["summary"] == "Speaks Danish."
        assert changed["memory_item"]["memory_type"] == "profile"
        assert changed["memory_item"]["categories"] == ["a", "b"]
        assert changed["memory_item"]["metadata"] == {"x": 1}
        assert changed["memory_item"]["created_at"] == item["created_at"]
        assert changed["memory_item"]["updated_at"] > item["updated_at"]
        history = alice.memory_item_repo.history(item["id"])
        assert [(entry["event"], entry["before"]["summary"]) for entry in history] == [("update", "Speaks Norwegian.")]

    def test_an_update_can_refile(self, memory: SyncService) -> None:
        item = _make(memory, ["a", "b"])
        changed = memory.update_memory_item(memory_id=item["id"], memory_categories=["b", "c"], user=ALICE)
        assert sorted(changed["memory_item"]["categories"]) == ["b", "c"]
        assert memory.list_memory_items({**ALICE, "category": "a"})["items"] == []
        assert ids(memory.retrieve("Norwegian", {**ALICE, "category": "c"})["items"]) == [item["id"]]
        empty = memory.update_memory_item(memory_id=item["id"], memory_categories=[], user=ALICE)
        assert empty["memory_item"]["categories"] == []

    def test_an_update_merges_metadata(self, memory: SyncService) -> None:
        item = _make(memory, [], metadata={"x": 1, "y": 1})
        changed = memory.update_memory_item(memory_id=item["id"], metadata={"y": 2}, user=ALICE)
        assert changed["memory_item"]["metadata"] == {"x": 1, "y": 2}

    def test_what_changed_is_what_is_found(self, memory: SyncService) -> None:
        item = _make(memory, ["a"])
        assert ids(memory.retrieve("Norwegian", ALICE)["items"]) == [item["id"]]
        memory.update_memory_item(memory_id=item["id"], memory_content="Plays the harpsichord.", user=ALICE)
        found = memory.retrieve("harpsichord", ALICE, min_score=0.01)
        assert said(found["items"]) == ["Plays the harpsichord."]
        assert memory.retrieve("Norwegian", ALICE, min_score=0.01)["items"] == []
        memory.delete_memory_item(memory_id=item["id"], user=ALICE)
        assert memory.retrieve("harpsichord", ALICE)["items"] == []

    def test_deleting_takes_links_history_and_summary_along(self, backend: Backend, memory: SyncService) -> None:
        item = _make(memory, ["a"])
        memory.update_memory_item(memory_id=item["id"], memory_content="Speaks Danish.", user=ALICE)
        gone = memory.delete_memory_item(memory_id=item["id"], user=ALICE)
        assert gone["memory_item"]["id"] == item["id"]
        assert [one["summary"] for one in gone["category_updates"]] == [None]
        for table in (ITEMS, LINKS, HISTORY):
            assert backend.rows(memory.parts.database, table) == []
        with pytest.raises(NotFoundError):
            memory.get_memory_item(item["id"], user=ALICE)

    @pytest.mark.parametrize("name", ["id", "url"])
    def test_deleting_a_resource_by_id_or_url(self, backend: Backend, memory: SyncService, name: str) -> None:
        first = memory.memorize(talk(FACTS[:3]), user=ALICE)
        second = memory.memorize(talk(FACTS[5:7]), user=ALICE)
        gone = memory.delete_resource(first["resource"][name], user=ALICE)
        assert gone["deleted_items"] == 3
        assert ids(gone["deleted_resources"]) == [first["resource"]["id"]]
        assert ids(memory.list_memory_items(ALICE)["items"]) == ids(second["items"])
        assert [row["id"] for row in backend.rows(memory.parts.database, TEXTS)] == [second["resource"]["id"]]
        for category in memory.list_memory_categories(ALICE)["categories"]:
            assert not any(fact in (category["summary"] or "") for fact in FACTS[:3])

    def test_clearing_by_a_filter(self, memory: SyncService) -> None:
        memory.memorize(talk(FACTS[:3]), user=ALICE, metadata={"keep": True})
        memory.memorize(talk(FACTS[5:8]), user=ALICE)
        gone = memory.clear_memory({**ALICE, "metadata.keep__ne": True})
        assert said(gone["deleted_items"]) == list(FACTS[5:8])
        assert (gone["deleted_categories"], gone["deleted_resources"]) == ([], [])
        assert said(memory.list_memory_items(ALICE)["items"]) == list(FACTS[:3])

    def test_clearing_everything_of_one_user(self, backend: Backend, memory: SyncService) -> None:
        for user in (ALICE, BOB):
            memory.memorize(talk(FACTS[:3]), user=user)
        gone = memory.clear_memory(ALICE)
        assert [len(gone[f"deleted_{name}"]) for name in ("items", "resources", "categories")] == [3, 1, 10]
        owners = {name: _owners(backend, memory, name) for name in (ITEMS, RESOURCES, TEXTS, CATEGORIES, LINKS)}
        assert set().union(*owners.values()) == {"bob"}
        assert memory.memorize(talk(FACTS[:3]), user=ALICE)["status"] == "created"

    def test_forgetting_leaves_no_row(self, backend: Backend, memory: SyncService) -> None:
        for user in (ALICE, BOB):
            memory.memorize(talk(FACTS[:3]), user=user)
        result = memory.forget(user=ALICE)
        assert result["erased"][ITEMS] == 3
        tables = [name for name in backend.dump(memory.parts.database) if name != META]
        assert set().union(*(_owners(backend, memory, name) for name in tables)) == {"bob"}
        assert memory.list_memory_items(ALICE)["items"] == []
        assert memory.retrieve("Lisbon", ALICE)["items"] == []
        assert memory.forget(user=ALICE)["erased"] == {}
        memory.memorize(talk(FACTS[6:8]), user=ALICE)
        assert said(memory.retrieve("Maritime Museum", ALICE, top_k=9, min_score=0.01)["items"])[0] == FACTS[7]
        assert len(_owners(backend, memory, SCOPES)) == 2

    @pytest.mark.parametrize("identity", ["", "nobody", "%", "*", "' OR 1=1 --", "a" * 5000, "😀"])
    def test_an_id_that_nobody_has(self, backend: Backend, memory: SyncService, identity: str) -> None:
        memory.memorize(talk(FACTS[:2]), user=ALICE)
        before = backend.dump(memory.parts.database)
        for call, options in (
            (memory.get_memory_item, {"memory_id": identity}),
            (memory.update_memory_item, {"memory_id": identity, "memory_content": "x"}),
            (memory.delete_memory_item, {"memory_id": identity}),
            (memory.delete_resource, {"resource": identity}),
            (memory.get_resource_text, {"resource_id": identity}),
            (memory.get_resource_messages, {"resource_id": identity}),
        ):
            with pytest.raises((NotFoundError, InputError)):
                call(**options, user=ALICE)
        assert backend.dump(memory.parts.database) == before

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"memory_type": "dream"},
            {"memory_content": " "},
            {"memory_content": "a\x00b"},
            {"memory_content": "\ud800"},
            {"memory_content": 5},
            {"memory_categories": [""]},
            {"memory_categories": ["x" * 256]},
            {"metadata": {"a": float("inf")}},
            {"metadata": {5: "a"}},
            {"metadata": []},
        ],
        ids=str,
    )
    def test_a_bad_change_leaves_the_store_as_it_was(
        self, backend: Backend, memory: SyncService, options: dict[str, Any]
    ) -> None:
        item = _make(memory, ["a"])
        before = backend.dump(memory.parts.database)
        with pytest.raises(InputError):
            memory.update_memory_item(memory_id=item["id"], **options, user=ALICE)
        if options:
            with pytest.raises(InputError):
                memory.create_memory_item(**{"memory_type": "tool", "memory_content": "x", **options}, user=ALICE)
        assert backend.dump(memory.parts.database) == before


def _make(memory: SyncService, categories: list[str], **options: Any) -> dict[str, Any]:
    made = memory.create_memory_item(
        memory_type="profile",
        memory_content="Speaks Norwegian.",
        memory_categories=categories,
        user=ALICE,
        **options,
    )
    item: dict[str, Any] = made["memory_item"]
    return item


def _owners(backend: Backend, memory: SyncService, table: str) -> set[str]:
    return {row["user_id"] for row in backend.rows(memory.parts.database, table)}
