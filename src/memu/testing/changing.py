"""Facts that change on a backend: what holds now, what held then, what became of it, and taking calls back."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memu.app.sync import SyncService
from memu.backends.schema import IMAGES, ITEMS, LINKS, OPERATIONS, RESOURCES, TEXTS
from memu.database.core import Database
from memu.errors import InputError, NotFoundError, UndoError
from memu.testing.backend import ALICE, BOB, Backend, Rows, Suite, ids
from memu.testing.speech import FACTS, said, talk

FUZZ = settings(derandomize=True, deadline=None, database=None, max_examples=8, print_blob=False)
KEPT = (RESOURCES, TEXTS, ITEMS, LINKS)
"""Tables that an undone call leaves as they were; categories stay, and their summaries follow."""


def tell(memory: SyncService, text: str, day: str | None = None, **options: Any) -> dict[str, Any]:
    """Memorize one message of Anna's, said on a day of 2024 such as "05-08"."""
    message = {"role": "user", "name": "Anna", "content": text}
    if day:
        message["created_at"] = f"2024-{day}T12:00:00+00:00"
    result: dict[str, Any] = memory.memorize([message], user=options.pop("user", ALICE), **options)
    return result


def holding(memory: SyncService, question: str = "Where does Anna live?", **options: Any) -> list[str]:
    """What an answer holds, in alphabetical order."""
    return sorted(said(memory.retrieve(question, ALICE, top_k=50, **options)["items"]))


def state(database: Database) -> dict[str, Rows]:
    """The rows that an undone call leaves as they were, without their change numbers."""
    found: dict[str, Rows] = {}
    with database.handle.records.reader() as reader:
        for name in KEPT:
            rows = [{key: value for key, value in row.items() if key != "seq"} for row in reader.find(name)]
            found[name] = sorted(rows, key=lambda row: str(row["id"]))
    return found


class FactTests(Suite):
    """Superseding, and reading what held."""

    def test_a_newer_value_takes_the_place_of_an_older_one(self, memory: SyncService) -> None:
        old = tell(memory, "I live in Berlin.", "01-05")["items"][0]
        result = tell(memory, "I live in Lisbon now.", "03-05")
        new = result["items"][0]
        assert new["fact"] == {"subject": "Anna", "attribute": "lives in", "value": "Lisbon"}
        assert [(one["id"], one["superseded_by"]) for one in result["superseded"]] == [(old["id"], new["id"])]
        assert (old["valid_from"], result["superseded"][0]["valid_to"]) == (old["said_at"], new["said_at"])
        assert holding(memory) == ["I live in Lisbon now."]
        assert said(memory.list_memory_items(ALICE)["items"]) == ["I live in Lisbon now."]
        assert len(memory.list_memory_items(ALICE, include_superseded=True)["items"]) == 2
        summaries = [one["summary"] or "" for one in memory.list_memory_categories(ALICE)["categories"]]
        assert not any("Berlin" in summary for summary in summaries)

    def test_what_held_then(self, memory: SyncService) -> None:
        tell(memory, "I live in Berlin.", "01-05")
        tell(memory, "I live in Lisbon now.", "03-05")
        tell(memory, "I moved to Porto.", "05-05")
        for day, expected in (
            ("2024-01-04", []),
            ("2024-01-05T12:00:00Z", ["I live in Berlin."]),
            ("2024-03-05T11:59:59.999999Z", ["I live in Berlin."]),
            ("2024-03-05T13:00:00+01:00", ["I live in Lisbon now."]),
            (datetime(2024, 5, 6, tzinfo=UTC), ["I moved to Porto."]),
        ):
            assert holding(memory, as_of=day) == expected, day
        assert holding(memory) == ["I moved to Porto."]
        for bad in ("yesterday", 5, "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"):
            with pytest.raises(InputError, match="as_of"):
                memory.retrieve("x", ALICE, as_of=bad)

    @pytest.mark.parametrize("order", ["012", "021", "102", "120", "201", "210"])
    def test_the_order_of_memorizing_does_not_matter(self, memory: SyncService, order: str) -> None:
        says = ("I live in Berlin.", "I live in Lisbon.", "I live in Porto.")
        for place in map(int, order):
            tell(memory, says[place], f"0{place + 1}-01")
        found = memory.list_memory_items(ALICE, include_superseded=True)["items"]
        items = {one["summary"]: one for one in found}
        assert holding(memory) == [says[2]]
        for earlier, later in ((0, 1), (1, 2)):
            assert items[says[earlier]]["superseded_by"] == items[says[later]]["id"]
            assert items[says[earlier]]["valid_to"] == items[says[later]]["valid_from"]

    def test_what_is_not_clear_supersedes_nothing(self, memory: SyncService) -> None:
        says = ("I live in Berlin.", "I live in Germany.", "My sister lives in Rome.", "I have two dogs.",
                "I have three dogs.", "Clara lives in Porto.", "I visited Paris.", "I work at Siemens.")  # fmt: skip
        for place, text in enumerate(says):
            assert tell(memory, text, f"01-{place + 10}")["superseded"] == []
        listed = "1. I live in Oslo.\n2. I live in Rome."
        assert memory.memorize(listed, user=ALICE)["superseded"] == []
        memory.memorize([{"role": "assistant", "content": "I live in Paris."}], user=ALICE)
        memory.memorize([{"name": "Theo", "content": "I live in Vienna."}], user=ALICE)
        tell(memory, "I live in Munich.", user=BOB)
        assert set(says) <= set(holding(memory))

    def test_words_of_the_caller_and_edited_ones_supersede_too(self, memory: SyncService) -> None:
        first = memory.memorize("I work at Siemens.", user=ALICE)["items"][0]
        made = memory.create_memory_item(memory_type="profile", memory_content="The user works at Bosch.", user=ALICE)
        assert ids(made["superseded"]) == [first["id"]]
        other = memory.create_memory_item(memory_type="profile", memory_content="Likes tea.", user=ALICE)
        changed = memory.update_memory_item(
            memory_id=other["memory_item"]["id"], memory_content="I work at the Museum.", user=ALICE
        )
        assert ids(changed["superseded"]) == [made["memory_item"]["id"]]
        assert said(memory.list_memory_items(ALICE)["items"]) == ["I work at the Museum."]

    def test_an_assigned_summary_states_nothing(self, memory: SyncService, alice: Database) -> None:
        old = tell(memory, "I live in Berlin.", "01-05")["items"][0]
        alice.items[old["id"]].summary = "I like Berlin."
        assert tell(memory, "I live in Lisbon.", "02-05")["superseded"] == []

    def test_equal_statements_reinforce_the_first(self, memory: SyncService) -> None:
        first = tell(memory, "I love rye bread.", "01-05")["items"][0]
        assert tell(memory, "I love rye bread.", "01-05")["status"] == "unchanged"
        for day in ("02-05", "03-05"):
            assert "reinforcement_count" not in tell(memory, "I  love rye bread.", day)["items"][0]["extra"]
        tell(memory, "I love rye bread!", "04-05")
        extra = memory.get_memory_item(first["id"], user=ALICE)["extra"]
        assert extra["reinforcement_count"] == 2
        assert datetime.fromisoformat(extra["last_reinforced_at"]).tzinfo

    def test_a_new_version_ends_items_for_its_own_reason(self, backend: Backend, memory: SyncService) -> None:
        path = backend.folder / "notes.txt"
        path.write_text("I live in Berlin.\n\nI love rye bread.", encoding="utf-8")
        memory.memorize(resource_url=path, modality="text", user=ALICE)
        path.write_text("I live in Lisbon.\n\nI love rye bread.", encoding="utf-8")
        memory.memorize(resource_url=path, modality="text", user=ALICE)
        assert holding(memory) == ["I live in Lisbon.", "I love rye bread."]

    def test_history_tells_every_state(self, memory: SyncService) -> None:
        old = tell(memory, "I live in Berlin.", "01-05")["items"][0]
        memory.update_memory_item(memory_id=old["id"], memory_content="I live in Munich.", user=ALICE)
        new = tell(memory, "I live in Lisbon.", "02-05")
        told = memory.history(old["id"], user=ALICE)
        assert [one["event"] for one in told["history"]] == ["update", "supersede"]
        assert [one["before"]["summary"] for one in told["history"]] == ["I live in Berlin.", "I live in Munich."]
        assert told["memory_item"]["superseded_by"] == new["items"][0]["id"]
        assert ids(memory.history(new["items"][0]["id"], user=ALICE)["superseded"]) == [old["id"]]
        for user, identity in ((BOB, old["id"]), (ALICE, "nobody")):
            with pytest.raises(NotFoundError):
                memory.history(identity, user=user)

    def test_what_a_deleted_item_ended_holds_again(self, memory: SyncService) -> None:
        made = {text: tell(memory, text, day)["items"][0]["id"] for text, day in _STAYS}
        memory.delete_memory_item(memory_id=made["I live in Lisbon."], user=ALICE)
        old = memory.get_memory_item(made["I live in Berlin."], user=ALICE)
        assert old["superseded_by"] == made["I live in Porto."]
        assert old["valid_to"] == memory.get_memory_item(made["I live in Porto."], user=ALICE)["valid_from"]
        memory.delete_memory_item(memory_id=made["I live in Porto."], user=ALICE)
        assert holding(memory) == ["I live in Berlin."]
        assert memory.get_memory_item(old["id"], user=ALICE)["valid_to"] is None

    def test_what_a_deleted_resource_ended_holds_again(self, memory: SyncService) -> None:
        tell(memory, "I live in Berlin.", "01-05")
        newer = tell(memory, "I live in Lisbon.", "02-05")
        memory.delete_resource(newer["resource"]["id"], user=ALICE)
        assert holding(memory) == ["I live in Berlin."]

    def test_what_an_edited_item_ended_holds_again_until_the_edit_is_undone(self, memory: SyncService) -> None:
        tell(memory, "I live in Berlin.", "01-05")
        newer = tell(memory, "I live in Lisbon.", "02-05")["items"][0]["id"]
        before = state(memory.parts.database)
        for text, held in (
            ("I love Lisbon.", ["I live in Berlin.", "I love Lisbon."]),
            ("I live in Rome.", ["I live in Rome."]),
            ("I live in Lisbon!", ["I live in Lisbon!"]),
        ):
            edited = memory.update_memory_item(memory_id=newer, memory_content=text, user=ALICE)
            assert holding(memory) == held
            memory.undo(edited["operation_id"], user=ALICE)
            assert state(memory.parts.database) == before

    def test_a_time_to_come_counts_as_now(self, memory: SyncService) -> None:
        tell(memory, "I live in Berlin.", "01-05")
        message = {"role": "user", "name": "Anna", "content": "I live in Lisbon.", "created_at": "9000-01-01T00:00:00Z"}
        result = memory.memorize([message], user=ALICE)
        assert any("future" in warning for warning in result["warnings"])
        assert holding(memory) == holding(memory, as_of=datetime.now(UTC)) == ["I live in Lisbon."]


_STAYS = (("I live in Berlin.", "01-05"), ("I live in Lisbon.", "02-05"), ("I live in Porto.", "03-05"))


class UndoTests(Suite):
    """Operations and their undoing."""

    def test_undoing_brings_the_superseded_back(self, memory: SyncService) -> None:
        old = tell(memory, "I live in Berlin.", "01-05")["items"][0]
        before = state(memory.parts.database)
        result = tell(memory, "I live in Lisbon.", "02-05")
        after = state(memory.parts.database)
        undone = memory.undo(result["operation_id"], user=ALICE)
        assert (undone["kind"], ids(undone["restored"])) == ("memorize", [old["id"]])
        assert undone["removed"] == ids(result["items"])
        assert state(memory.parts.database) == before
        assert holding(memory) == ["I live in Berlin."]
        memory.undo(undone["operation_id"], user=ALICE)
        assert state(memory.parts.database) == after
        assert holding(memory) == ["I live in Lisbon."]

    def test_later_changes_stand_in_the_way_and_are_named(self, memory: SyncService) -> None:
        first = tell(memory, "I live in Berlin.", "01-05")
        second = tell(memory, "I live in Porto.", "03-05")
        late = tell(memory, "I live in Rome.", "02-05")
        for operation, standing in ((first, [late]), (second, [late])):
            with pytest.raises(UndoError) as caught:
                memory.undo(operation["operation_id"], user=ALICE)
            assert list(caught.value.operations) == [one["operation_id"] for one in standing]
        for one in (late, second, first):
            memory.undo(one["operation_id"], user=ALICE)
        assert holding(memory) == []
        with pytest.raises(UndoError, match="already"):
            memory.undo(first["operation_id"], user=ALICE)

    def test_what_leans_on_it_stands_in_the_way(self, memory: SyncService) -> None:
        later = tell(memory, "I live in Porto.", "03-05")
        early = tell(memory, "I live in Rome.", "02-05")
        with pytest.raises(UndoError) as caught:
            memory.undo(later["operation_id"], user=ALICE)
        assert caught.value.operations == (early["operation_id"],)

    def test_an_item_that_was_added_to_its_resource_stands_in_the_way(
        self, memory: SyncService, alice: Database
    ) -> None:
        made = tell(memory, "I live in Porto.")
        added = alice.memory_item_repo.create_item(
            memory_type="profile", summary="Anna loves Porto.", resource_id=made["resource"]["id"]
        )
        with pytest.raises(UndoError, match="1 of its rows were changed since, by a call that is no operation"):
            memory.undo(made["operation_id"], user=ALICE)
        assert sorted(said(memory.list_memory_items(ALICE)["items"])) == ["Anna loves Porto.", "I live in Porto."]
        memory.delete_memory_item(memory_id=added.id, user=ALICE)
        memory.undo(made["operation_id"], user=ALICE)
        assert memory.list_memory_items(ALICE)["items"] == memory.list_resources(ALICE)["resources"] == []

    def test_a_call_that_is_no_operation_stands_in_the_way_too(self, memory: SyncService, alice: Database) -> None:
        made = tell(memory, "I live in Porto.")
        alice.items[made["items"][0]["id"]].summary = "I love Porto."
        with pytest.raises(UndoError, match="no operation"):
            memory.undo(made["operation_id"], user=ALICE)

    def test_no_call_undoes_another_users_operation(self, backend: Backend, memory: SyncService) -> None:
        made = tell(memory, "I live in Porto.")
        before = backend.dump(memory.parts.database)
        for user, operation in ((BOB, made["operation_id"]), (ALICE, "nobody"), (ALICE, "%")):
            with pytest.raises(NotFoundError):
                memory.undo(operation, user=user)
        assert backend.dump(memory.parts.database) == before

    def test_what_was_deleted_is_gone_for_good(self, backend: Backend, memory: SyncService) -> None:
        made = tell(memory, "I live in Porto.", "01-05")
        other = tell(memory, "I live in Rome.", "02-05")
        gone = memory.delete_memory_item(memory_id=made["items"][0]["id"], user=ALICE)
        kept = repr(backend.rows(memory.parts.database, IMAGES) + backend.rows(memory.parts.database, OPERATIONS))
        assert "Porto" not in kept
        for operation in (made, other, gone):
            with pytest.raises(UndoError, match="for good"):
                memory.undo(operation["operation_id"], user=ALICE)

    def test_deleting_a_resource_erases_what_undoing_kept_of_it(self, backend: Backend, memory: SyncService) -> None:
        first = memory.memorize(talk(FACTS[:2]), user=ALICE)
        more = memory.memorize(talk(FACTS[:4]), user=ALICE)
        memory.undo(more["operation_id"], user=ALICE)
        assert FACTS[3] in repr(backend.rows(memory.parts.database, IMAGES))
        memory.delete_resource(first["resource"]["id"], user=ALICE)
        assert not any(fact in repr(backend.rows(memory.parts.database, IMAGES)) for fact in FACTS)

    @pytest.mark.parametrize("call", ["forget", "clear_memory"])
    def test_erasing_an_owner_erases_operations(self, backend: Backend, memory: SyncService, call: str) -> None:
        undone = memory.undo(tell(memory, "I live in Porto.")["operation_id"], user=ALICE)
        assert "Porto" in repr(backend.rows(memory.parts.database, IMAGES))
        if call == "forget":
            memory.forget(user=ALICE)
        else:
            memory.clear_memory(ALICE)
        assert backend.rows(memory.parts.database, IMAGES) == backend.rows(memory.parts.database, OPERATIONS) == []
        with pytest.raises(NotFoundError):
            memory.undo(undone["operation_id"], user=ALICE)

    def test_only_the_latest_operations_are_kept(self, backend: Backend) -> None:
        with backend.service(memorize_config={"operations_kept": 3}) as service:
            made = [tell(service.sync, f"I bought boat number {n}.") for n in range(6)]
            assert len(backend.rows(service.database, OPERATIONS)) == 3
            with pytest.raises(NotFoundError):
                service.sync.undo(made[2]["operation_id"], user=ALICE)
            service.sync.undo(made[3]["operation_id"], user=ALICE)
        with backend.service(memorize_config={"operations_kept": 0}) as service:
            assert tell(service.sync, "I bought another boat.")["operation_id"] is None

    def test_a_conversation_memorized_again_takes_the_place(self, memory: SyncService) -> None:
        undone = memory.undo(memory.memorize(talk(FACTS[:2]), user=ALICE)["operation_id"], user=ALICE)
        assert memory.memorize(talk(FACTS[:2]), user=ALICE)["status"] == "created"
        with pytest.raises(UndoError, match="again"):
            memory.undo(undone["operation_id"], user=ALICE)

    def test_undoing_all_in_reverse_is_the_beginning(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        @FUZZ
        @given(st.lists(st.tuples(st.sampled_from(sorted(_CALLS)), st.integers(0, 99)), max_size=7))
        def reverse(calls: list[tuple[str, int]]) -> None:
            backend = self.backend_type(tmp_path_factory.mktemp("undo"))
            try:
                with backend.service() as service:
                    _there_and_back(service.sync, calls)
            finally:
                backend.wipe()

        reverse()


def _there_and_back(memory: SyncService, calls: list[tuple[str, int]]) -> None:
    tell(memory, "I live in Berlin.", "06-15")
    tell(memory, "I love rye bread.")
    states, operations = [], []
    for name, number in calls:
        before = state(memory.parts.database)
        if made := _CALLS[name](memory, number):
            states.append(before)
            operations.append(made)
    end = state(memory.parts.database)
    undoings = []
    for before, operation in zip(reversed(states), reversed(operations), strict=True):
        undoings.append(memory.undo(operation, user=ALICE)["operation_id"])
        assert state(memory.parts.database) == before, calls
    for undoing in reversed(undoings):
        memory.undo(undoing, user=ALICE)
    assert state(memory.parts.database) == end, calls


_TOWNS = ("Berlin", "Lisbon", "Porto", "Rome")


def _grow(memory: SyncService, number: int) -> str | None:
    made = memory.memorize(talk(FACTS[: 1 + number % 9]), user=ALICE)["operation_id"]
    return made if made is None else str(made)


def _move(memory: SyncService, number: int) -> str | None:
    made = tell(memory, f"I live in {_TOWNS[number % 4]}.", f"06-{1 + number % 28:02}")["operation_id"]
    return made if made is None else str(made)


def _create(memory: SyncService, number: int) -> str:
    made = memory.create_memory_item(
        memory_type="profile", memory_content=FACTS[number % 12], memory_categories=["a", "b"][: number % 3], user=ALICE
    )
    return str(made["operation_id"])


def _update(memory: SyncService, number: int) -> str:
    items = memory.list_memory_items(ALICE, include_superseded=True)["items"]
    words: Mapping[str, Any] = {"memory_content": f"I moved to {_TOWNS[number % 4]}."} if number % 2 else {}
    names = ["a", "c"][: number % 3] if number % 3 else None
    made = memory.update_memory_item(
        memory_id=items[number % len(items)]["id"],
        memory_categories=names,
        metadata={"n": number},
        user=ALICE,
        **words,
    )
    return str(made["operation_id"])


_CALLS: dict[str, Callable[[SyncService, int], str | None]] = {
    "grow": _grow,
    "move": _move,
    "create": _create,
    "update": _update,
}


class ChangeTests(FactTests, UndoTests):
    """Everything about what changes."""
