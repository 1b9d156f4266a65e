"""Filters on documents as conditions on rows: a key's value is compared, never made part of a statement."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import numpy as np

from memorizz.memory_provider.base import UNSET, Owner
from memorizz.memory_provider.clock import moment
from memorizz.memory_provider.documents import ID_KEYS
from memorizz.memory_provider.ids import known_id, refuse_many, row_id
from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.schema import DOCUMENT, METADATA, STRICT, text_columns, time_columns
from memorizz.memory_provider.values import UNSTORABLE
from memu.backends.base import Condition
from memu.backends.filters import unreachable
from memu.backends.tables import LENGTHS
from memu.errors import FilterError, InputTypeError

SHARED = frozenset({MemoryType.LONG_TERM_MEMORY, MemoryType.TOOLBOX, MemoryType.SKILLBOX})
"""Types of which a user also sees what belongs to nobody."""

LARGEST = 2**63 - 1


def conditions(kind: MemoryType, filters: Mapping[Any, Any]) -> list[Condition]:
    """What rows must meet so that their documents have the wanted values.

    Raises:
        FilterError: a key or a value that cannot be compared.
    """
    return [found for key, value in filters.items() for found in _conditions(kind, key, value)]


def of_owner(kind: MemoryType, user_id: Owner, *, shared: bool = True) -> list[Condition]:
    """What the rows of a user meet, with those that belong to nobody and are `shared`; nothing without a user."""
    if user_id is UNSET:
        return []
    if user_id is None:
        return [Condition("user_id", "eq", None)]
    owner = _owner(user_id)
    return [
        Condition("user_id", "in", (owner, None)) if shared and kind in SHARED else Condition("user_id", "eq", owner)
    ]


def _owner(user_id: Any) -> str:
    if not isinstance(refuse_many(user_id, "user_id"), str):
        raise InputTypeError(f"user_id is of type {type(user_id).__name__}: expected a string or None.")
    return str(_comparable("user_id", user_id))


def _conditions(kind: MemoryType, key: Any, value: Any) -> Iterator[Condition]:
    if not isinstance(key, str) or not key or UNSTORABLE.search(key) or unreachable(key):
        raise FilterError(f"the filter key {key!r} names nothing: expected a key of a document, or metadata.key.")
    values = _values(key, value)
    if key in ID_KEYS:
        yield _any_of("id", _row_ids(kind, key, values))
    elif key in time_columns(kind):
        yield _any_of(key, [None if one is None else moment(one, f"filter {key!r}", FilterError) for one in values])
    elif key.startswith(f"{METADATA}."):
        yield _at(METADATA, tuple(key.split(".")[1:]), key, values)
    elif key == METADATA:
        yield Condition(METADATA, "eq", None)  # a dict, which no value equals, would be there
        yield _at(DOCUMENT, (key,), key, values)
    elif key in text_columns(kind):
        yield from _in_column(kind, key, values)
    else:
        yield _at(DOCUMENT, (key,), key, values)


def _values(key: str, value: Any) -> tuple[Any, ...]:
    """The values that are meant, each comparable: those of a list, or the one."""
    several = isinstance(value, list | tuple | set | frozenset)
    return tuple(_comparable(key, one) for one in (value if several else (value,)))


def _comparable(key: str, value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, np.integer | np.floating | np.bool_):
        value = value.item()
    if value is None or isinstance(value, str | bool | int | float | datetime):
        if isinstance(value, str) and UNSTORABLE.search(value):
            raise FilterError(f"filter {key!r} holds a NUL byte or a lone surrogate: expected plain text.")
        if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:  # NaN is neither
            told = "a huge number" if isinstance(value, int) else value
            raise FilterError(f"filter {key!r}: {told} is no number that is kept: expected a finite one of 64 bits.")
        return value
    if key in ID_KEYS and (text := known_id(value, f"filter {key!r}")) is not None:
        return text
    raise FilterError(
        f"filter {key!r} is a {type(value).__name__}: expected a string, number, bool, None or a list of those; "
        "there are no operators."
    )


def _row_ids(kind: MemoryType, key: str, values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(row_id(kind, text) for one in values if (text := known_id(one, f"filter {key!r}")) is not None)


def _in_column(kind: MemoryType, key: str, values: Sequence[Any]) -> Iterator[Condition]:
    """A key with a column, which holds its value if that is a string that fits; every other value is in the JSON."""
    longest = LENGTHS.get(text_columns(kind)[key])
    held = [isinstance(one, str) and (longest is None or len(one) <= longest) for one in values]
    texts = [fits for one, fits in zip(values, held, strict=True) if one is not None]
    if key in STRICT or all(held):
        yield _any_of(key, [one for one in values if one is None or isinstance(one, str)])
    elif not any(held):
        if None in values:
            yield Condition(key, "eq", None)
        yield _at(DOCUMENT, (key,), key, values)
    elif all(texts):
        yield _any_of(key, values)
        yield _at(DOCUMENT, (key,), key, [None])  # else a value that is no string would be taken for none
    else:
        raise FilterError(f"filter {key!r} lists strings and other values: ask for the ones and then for the others.")


def _at(column: str, path: tuple[str, ...], key: str, values: Sequence[Any]) -> Condition:
    if not all(path):
        raise FilterError(f"the filter key {key!r} names nothing: expected metadata.key.")
    if any(isinstance(one, datetime) for one in values):
        raise FilterError(f"filter {key!r} is a datetime: only created_at, updated_at and timestamp are times.")
    return _any_of(column, values, path)


def _any_of(field: str, values: Sequence[Any], path: tuple[str, ...] = ()) -> Condition:
    """One value is asked for as such: servers have their quickest way for that."""
    return Condition(field, "eq", values[0], path) if len(values) == 1 else Condition(field, "in", tuple(values), path)
