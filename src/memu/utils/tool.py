"""The calls of a tool that an item keeps, and what they come to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memu.errors import InputError
from memu.models import TOOL_CALLS, TOOL_CALLS_KEPT, MemoryItem, ToolCallResult


def get_tool_calls(item: MemoryItem | Mapping[str, Any]) -> list[ToolCallResult]:
    """The calls that an item keeps, oldest first; of a record, or of the dict that a call of the service returned."""
    extra = item.extra if isinstance(item, MemoryItem) else item.get("extra", {})
    return [ToolCallResult.model_validate(one) for one in extra.get(TOOL_CALLS, ())]


def set_tool_calls(item: MemoryItem, calls: Iterable[ToolCallResult]) -> None:
    """Give an item these calls, each once by its hash, the latest 100, in the place of those that it has.

    An item from a store is written as the record in hand has it: what others added since it was read is lost. To add
    calls beside other writers use `update_item(tool_record=)`.
    """
    by_hash: dict[str, ToolCallResult] = {}
    for one in calls:
        by_hash.setdefault(one.ensure_hash(), one)
    kept = [one.model_dump(mode="json") for one in by_hash.values()]
    item.extra = {**item.extra, TOOL_CALLS: kept[-TOOL_CALLS_KEPT:]}


def add_tool_call(item: MemoryItem, call: ToolCallResult) -> None:
    """Add a call to those of an item; see `set_tool_calls`."""
    set_tool_calls(item, [*get_tool_calls(item), call])


def get_tool_statistics(item: MemoryItem | Mapping[str, Any], recent_n: int = 20) -> dict[str, Any]:
    """What the latest calls of a tool come to.

    Returns:
        `total_calls` that are kept and `recent_calls_analyzed` of them; `avg_success_rate` (0..1) and `avg_time_cost`
        of these; `avg_token_cost` and `avg_score` of those where they are known; `last_call_at` and `last_success`.
        None where there is nothing to tell from.
    """
    if isinstance(recent_n, bool) or not isinstance(recent_n, int) or recent_n < 1:
        raise InputError(f"recent_n is {recent_n!r}: expected a whole number from 1 up.")
    calls = sorted(get_tool_calls(item), key=lambda one: one.created_at)
    recent = calls[-recent_n:]
    return {
        "total_calls": len(calls),
        "recent_calls_analyzed": len(recent),
        "avg_success_rate": _mean([float(one.success) for one in recent]),
        "avg_time_cost": _mean([one.time_cost for one in recent]),
        "avg_token_cost": _mean([one.token_cost for one in recent if one.token_cost >= 0]),
        "avg_score": _mean([one.score for one in recent if one.score is not None]),
        "last_call_at": recent[-1].created_at if recent else None,
        "last_success": recent[-1].success if recent else None,
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
