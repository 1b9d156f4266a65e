"""Filters as users write them (`{"created_at__gte": …}`) to conditions, and what a condition means."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from memu.backends.base import Condition, Operator, Where
from memu.backends.tables import Kind
from memu.errors import FilterError

SUFFIXES: tuple[str, ...] = tuple(op for op in get_args(Operator) if op not in ("eq", "in_rows", "not_in_rows"))
METADATA = "metadata"
_LARGEST = 2**63 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field that may be filtered on, and what its values are."""

    name: str
    kind: Kind


def parse(where: Mapping[str, Any] | None, fields: Iterable[Field]) -> list[Condition]:
    """Turn a filter mapping into conditions.

    A key is a field name, or one with `__in`, `__ne`, `__gt`, `__gte`, `__lt` or `__lte`; `metadata.key` (also with a
    suffix) looks into the metadata of an item. Times may be datetimes, dates in ISO form, or ISO strings; those
    without a zone are UTC.

    Raises:
        FilterError: naming the unknown field or operator, or the value that does not fit.
    """
    if where is None:
        return []
    if not isinstance(where, Mapping):
        raise FilterError(f"where is a {type(where).__name__}: expected a mapping of field names to values.")
    known = {field.name: field for field in fields}
    return [_condition(str(key), value, known) for key, value in where.items()]


def _condition(key: str, value: Any, known: Mapping[str, Field]) -> Condition:
    name, op = _split(key, known)
    base, _, rest = name.partition(".")
    field = known[base]
    path = tuple(rest.split(".")) if rest else ()
    if (field.kind is Kind.JSON) != bool(path) or not all(path) or any(map(unreachable, path)):
        raise FilterError(f"filter {key!r}: metadata is filtered by one of its keys, as metadata.key.")
    if op == "in":
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise FilterError(f"filter {key!r}: expected a list of values, got {type(value).__name__}.")
        return Condition(base, "in", tuple(_value(key, one, field.kind, op) for one in value), path)
    return Condition(base, op, _value(key, value, field.kind, op), path)


def unreachable(key: str) -> bool:
    """Whether servers write a key of a JSON object with escapes, so that a path could not name it."""
    return any(letter in '"\\\x7f' or letter < " " for letter in key)


def _split(key: str, known: Mapping[str, Field]) -> tuple[str, Operator]:
    name, separator, suffix = key.rpartition("__")
    if not separator:
        name, suffix = key, "eq"
    elif suffix not in SUFFIXES:
        raise FilterError(
            f"filter {key!r}: unknown operator {suffix!r}: expected {', '.join(f'__{s}' for s in SUFFIXES)}."
        )
    if name.partition(".")[0] not in known:
        fields = ", ".join("metadata.<key>" if one == METADATA else one for one in known)
        raise FilterError(f"Unknown filter field {name!r}: expected one of {fields}.")
    return name, suffix  # type: ignore[return-value]


def _value(key: str, value: Any, kind: Kind, op: str) -> Any:
    if value is None:
        raise FilterError(f"filter {key!r} is None: leave the filter out, or name a value.")
    if kind is Kind.TIME:
        return _time(key, value)
    if kind is Kind.JSON:
        if not isinstance(value, str | int | float | bool) or (op in _COMPARE and isinstance(value, bool)):
            raise FilterError(f"filter {key!r}: expected a string, number or boolean, got {type(value).__name__}.")
        if isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
            raise FilterError(f"filter {key!r}: {value} is no number that metadata holds: expected one of 64 bits.")
        return _text(key, value) if isinstance(value, str) else value
    if kind is Kind.BOOLEAN:
        if not isinstance(value, bool):
            raise FilterError(f"filter {key!r}: expected True or False, got {type(value).__name__}.")
        return value
    if not isinstance(value, str):
        raise FilterError(f"filter {key!r}: expected a string, got {type(value).__name__}.")
    return _text(key, value)


def _text(key: str, value: str) -> str:
    """A value that a store can be asked for: some servers refuse a NUL, all refuse half of a character."""
    if found := _UNSTORABLE.search(value):
        what = "a NUL byte" if found.group() == "\x00" else "a lone surrogate"
        raise FilterError(f"filter {key!r} holds {what} at character {found.start()}: expected plain text.")
    return value


def _time(key: str, value: Any) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise FilterError(f"filter {key!r}: {value!r} is not an ISO date or time (2024-05-31T18:00:00Z).") from None
    if not isinstance(value, datetime):
        raise FilterError(f"filter {key!r}: expected a datetime or an ISO string, got {type(value).__name__}.")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def matches(values: Mapping[str, Any], where: Where) -> bool:
    """Whether a row, or the fields of an index entry, meets every condition: the reference meaning of a condition.

    A field that holds several values (a set or tuple, such as an item's categories) meets a condition when one does;
    `ne` when none of them is equal.
    """
    return all(_holds(_look(values.get(one.field), one.path), one) for one in where)


def _look(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _holds(value: Any, condition: Condition) -> bool:
    if isinstance(value, frozenset | set | tuple):
        if condition.op == "ne":
            return all(_holds(one, condition) for one in value)
        return any(_holds(one, condition) for one in value)
    wanted = condition.value
    if condition.op == "in":
        return any(_same(value, one) for one in wanted)
    if condition.op in ("eq", "ne"):
        return _same(value, wanted) == (condition.op == "eq")
    return value is not None and _comparable(value, wanted) and bool(_COMPARE[condition.op](value, wanted))


def _same(value: Any, wanted: Any) -> bool:
    # True == 1 in Python, but true is not 1 in JSON.
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _comparable(value: Any, wanted: Any) -> bool:
    numbers = (int, float)
    if wanted is None or isinstance(value, bool) or isinstance(wanted, bool):
        return False
    return isinstance(value, numbers) == isinstance(wanted, numbers) and isinstance(value, str) == isinstance(
        wanted, str
    )
