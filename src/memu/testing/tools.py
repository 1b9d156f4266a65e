"""Calls of tools on a backend, and references that lead to items."""

import pytest

from memu.app.sync import SyncService
from memu.database.core import Database
from memu.errors import InputError
from memu.models import TOOL_CALLS_KEPT, ToolCallResult
from memu.testing.backend import ALICE, BOB, Suite
from memu.utils.references import fetch_referenced_items
from memu.utils.tool import get_tool_calls, get_tool_statistics, set_tool_calls


class ToolTests(Suite):
    """What an item of the type "tool" keeps of its calls, and items by reference."""

    def test_calls_of_a_tool_are_added_and_counted(self, memory: SyncService) -> None:
        first = ToolCallResult(tool_name="search", input={"q": "rye"}, output="3 hits", time_cost=1.0, token_cost=10)
        first.ensure_hash()
        made = memory.create_memory_item(
            memory_type="tool", memory_content="search finds recipes.", tool_record=first, user=ALICE
        )["memory_item"]
        second = {"tool_name": "search", "success": False, "time_cost": 3.0, "score": 0.5}
        memory.update_memory_item(memory_id=made["id"], tool_record=[second, first], user=ALICE)
        item = memory.get_memory_item(made["id"], user=ALICE)
        assert [one.success for one in get_tool_calls(item)] == [True, False]
        assert get_tool_calls(item)[0] == first
        told = get_tool_statistics(item)
        assert (told["total_calls"], told["avg_success_rate"], told["avg_time_cost"]) == (2, 0.5, 2.0)
        assert (told["avg_token_cost"], told["avg_score"], told["last_success"]) == (10.0, 0.5, False)

    def test_the_latest_calls_are_kept_and_the_history_does_not_grow(self, alice: Database) -> None:
        items = alice.memory_item_repo
        calls = [{"tool_name": "t", "call_hash": f"{at}"} for at in range(TOOL_CALLS_KEPT)]
        item = items.create_item(memory_type="tool", summary="t works.", tool_record=calls, extra={"x": 1})
        changed = items.update_item(item_id=item.id, tool_record={"tool_name": "t", "call_hash": "new"})
        hashes = [one.call_hash for one in get_tool_calls(changed)]
        assert (len(hashes), hashes[0], hashes[-1], changed.extra["x"]) == (TOOL_CALLS_KEPT, "1", "new", 1)
        assert items.history(item.id) == []
        set_tool_calls(changed, [])
        held = items.get_item(item.id)
        assert held is not None
        assert get_tool_calls(held) == []

    def test_a_call_that_is_added_can_be_undone(self, memory: SyncService) -> None:
        made = memory.create_memory_item(memory_type="tool", memory_content="search finds recipes.", user=ALICE)
        item = made["memory_item"]["id"]
        added = memory.update_memory_item(memory_id=item, tool_record={"tool_name": "search"}, user=ALICE)
        assert len(get_tool_calls(added["memory_item"])) == 1
        memory.undo(added["operation_id"], user=ALICE)
        assert get_tool_calls(memory.get_memory_item(item, user=ALICE)) == []

    def test_only_a_tool_has_calls(self, alice: Database) -> None:
        items = alice.memory_item_repo
        item = items.create_item(memory_type="event", summary="An event.")
        with pytest.raises(InputError, match='of the type "event": only type "tool" has calls'):
            items.update_item(item_id=item.id, tool_record={"tool_name": "t"})
        for bad in ({"output": "x"}, {"tool_name": "t", "time_cost": -1}, {"tool_name": "t", "cost": 1}, "t", [1]):
            with pytest.raises(InputError, match="tool_record"):
                items.create_item(memory_type="tool", summary="t.", tool_record=bad)  # type: ignore[arg-type]

    def test_references_lead_to_items_of_their_owner_only(self, alice: Database, bob: Database) -> None:
        made = [alice.memory_item_repo.create_item(memory_type="event", summary=one, id=one) for one in _IDS]
        text = f"Two. [ref:{_IDS[1]}] One, in short. [ref:abcdefgh-1] Gone. [ref:zzzzzzzz,abc]"
        assert list(fetch_referenced_items(text, alice)) == [made[1].id, made[0].id]
        assert fetch_referenced_items(text, bob) == {}
        everybody = Database(alice.handle, None)
        assert list(fetch_referenced_items(text, everybody, ALICE)) == [made[1].id, made[0].id]
        assert fetch_referenced_items(text, everybody, BOB) == {}
        assert fetch_referenced_items(text, everybody) == {}
        with pytest.raises(InputError, match=f"several ids, {_IDS[0]}, {_IDS[1]}: give more"):
            fetch_referenced_items("[ref:abcdefgh]", alice)


_IDS = ("abcdefgh-1111", "abcdefgh-2222", "ABCDEFGH-1111")
