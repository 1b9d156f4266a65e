"""The calls of a tool that an item keeps: checked, each once, the latest of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError

from memu.errors import InputError
from memu.models import TOOL_CALLS, TOOL_CALLS_KEPT, ToolCallResult

ToolRecord = ToolCallResult | Mapping[str, Any] | Sequence[ToolCallResult | Mapping[str, Any]]
"""A call of a tool, or several: results, or dicts of their fields."""

LONGEST = 4000
"""How many characters of a call's input and of its output are kept."""
CUT = " […]"


def check_tool_record(given: ToolRecord | None, memory_type: str) -> list[dict[str, Any]]:
    """Calls of a tool as they will be kept.

    Raises:
        InputError: the item is of another type than "tool", or a call cannot be kept.
    """
    if given is None:
        return []
    if memory_type != "tool":
        raise InputError(f'tool_record was given for a memory of the type "{memory_type}": only type "tool" has calls.')
    calls = [given] if isinstance(given, ToolCallResult | Mapping) else given
    if isinstance(calls, str) or not isinstance(calls, Sequence):
        raise InputError(f"tool_record is a {type(calls).__name__}: expected a ToolCallResult, its fields, or a list.")
    return [_kept(one) for one in calls]


def _kept(given: Any) -> dict[str, Any]:
    if not isinstance(given, ToolCallResult | Mapping):
        raise InputError(f"tool_record holds a {type(given).__name__}: expected a ToolCallResult or its fields.")
    fields = given.model_dump() if isinstance(given, ToolCallResult) else dict(given)
    try:
        call = ToolCallResult.model_validate(fields)
        call.ensure_hash()
        kept = call.model_dump(mode="json")
        kept |= {"input": _short(kept["input"]), "output": _short(kept["output"])}
        written = orjson.dumps(kept)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, fault["loc"])) or "its fields"
        raise InputError(f"tool_record cannot be kept: {name}: {fault['msg']}.") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"tool_record must be JSON (strings, numbers, booleans, lists, objects): {error}.") from None
    if b"\\u0000" in written:
        raise InputError("tool_record holds a NUL byte: expected plain text.")
    return kept


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return value if len(text) <= LONGEST else text[: LONGEST - len(CUT)] + CUT


def with_tool_calls(extra: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What an item keeps in `extra` when calls are added: a call whose hash is there already stays as it is."""
    if not calls:
        return dict(extra)
    held = {one["call_hash"]: one for one in extra.get(TOOL_CALLS, ())}
    merged = {**{one["call_hash"]: one for one in calls}, **held}
    in_turn = [merged[one] for one in dict.fromkeys([*held, *(call["call_hash"] for call in calls)])]
    return {**extra, TOOL_CALLS: in_turn[-TOOL_CALLS_KEPT:]}
