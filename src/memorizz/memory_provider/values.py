"""Values as JSON: what JSON cannot hold either keeps its type by a tag, or is refused by name."""

import functools
import inspect
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

import numpy as np

from memu.errors import InputError, InputTypeError

TAG = "$memorizz"
"""The key of an object that stands for another value: `{"$memorizz": "datetime", "value": …}`."""

DEEPEST = 100
LONGEST_NUMBER = 10**308
"""Whole numbers from here on are no longer what every database takes for a number."""

SMALLEST_BY_EXPONENT = 1e16
"""From here on Python writes a double with an exponent."""

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class _ByName(type):
    def __instancecheck__(cls, one: object) -> bool:
        return type(one).__name__ == "ObjectId"


class ObjectIdLike(metaclass=_ByName):
    """MongoDB's own kind of id, known by its name: its package need not be there."""


def without_callables(value: Any) -> Any:
    """The same without functions, in it and below; containers are new ones."""
    return _pruned(value, 0)


def _pruned(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        return value  # refused by `encoded`, which says where
    if isinstance(value, Mapping):
        return {key: _pruned(one, depth + 1) for key, one in value.items() if not is_function(one)}
    if isinstance(value, list | tuple):
        return [_pruned(one, depth + 1) for one in value if not is_function(one)]
    return value


def is_function(value: Any) -> bool:
    """Whether a value is a function or a method; other things that can be called may be data, and are not left out."""
    return inspect.isroutine(value) or isinstance(value, functools.partial)


def encoded(value: Any, where: str, depth: int = 0) -> Any:
    """A value as plain JSON.

    Times keep their type, tuples become lists, members of an Enum their values.

    Raises:
        InputError: a number that is not finite, a NUL or half a character, a key that is no string, something nested
            deeper than 100 levels; `where` names it.
        InputTypeError: something of a type that JSON does not have.
    """
    if depth > DEEPEST:
        raise InputError(f"{where.partition('[')[0].partition('.')[0]} is nested deeper than {DEEPEST} levels.")
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        return _int(value, where, depth)
    for types, encode in _ENCODERS:
        if isinstance(value, types):
            return encode(value, where, depth)
    raise InputTypeError(
        f"{where} is a {type(value).__name__}: expected None, a bool, number, string, time, list or dict."
    )


def decoded(value: Any) -> Any:
    """What `encoded` was given."""
    if isinstance(value, list):
        return [decoded(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {TAG, "value"} and str(value[TAG]) in _DECODERS:  # else it was written by hand
        return _DECODERS[value[TAG]](value["value"])
    return {key: decoded(one) for key, one in value.items()}


def normal(value: Any) -> Any:
    """Plain JSON in the form of PostgreSQL's `jsonb`: short keys first, one zero, large doubles as integers."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: normal(value[key]) for key in keys}
    if isinstance(value, list):
        return [normal(one) for one in value]
    if isinstance(value, float):
        return int(value) if abs(value) >= SMALLEST_BY_EXPONENT else value + 0.0  # which makes 0.0 of -0.0
    return value


def alike(one: Any, other: Any) -> bool:
    """Whether two values of plain JSON are the same but for their form."""
    return json.dumps(normal(one)) == json.dumps(normal(other))


def plain_text(value: str, where: str) -> str:
    """The string itself, as one that every store can keep.

    Raises:
        InputError: it holds a NUL or half of a character.
    """
    if found := UNSTORABLE.search(value):
        what = "a NUL byte" if found.group() == "\x00" else "a lone surrogate"
        raise InputError(f"{where} holds {what} at character {found.start()}: expected plain text.")
    return str(value)


def _tagged(tag: str, value: Any) -> dict[str, Any]:
    return {TAG: tag, "value": value}


def _int(value: Any, where: str, _depth: int) -> int:
    if not -LONGEST_NUMBER < value < LONGEST_NUMBER:
        raise InputError(f"{where} is a number of more than 308 digits: expected a shorter one, or a string.")
    return int(value)


def _float(value: float, where: str, _depth: int) -> float:
    if not math.isfinite(value):
        raise InputError(f"{where} is {value}: expected a finite number.")
    return float(value)


def _time(value: datetime, where: str, _depth: int) -> Any:
    text = readable(value)
    if text is None:
        raise InputError(f"{where} is {str(value)[:40]!r}: expected a time that its isoformat() gives back.")
    return _tagged("datetime", text)


def readable(value: datetime) -> str | None:
    """A time as an ISO string; None for one that is no time for all its type, such as the NaT of pandas."""
    try:
        text = str(value.isoformat())
        datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return text


def _list(value: Any, where: str, depth: int) -> list[Any]:
    return [encoded(one, f"{where}[{place}]", depth + 1) for place, one in enumerate(value)]


def _dict(value: Mapping[Any, Any], where: str, depth: int) -> dict[str, Any]:
    kept = {}
    for key, one in value.items():
        if not isinstance(key, str):
            raise InputTypeError(f"{where} has the key {key!r}: expected strings as keys.")
        kept[plain_text(key, f"a key of {where}")] = encoded(one, f"{where}.{key}", depth + 1)
    return _tagged("dict", kept) if TAG in kept else kept


_ENCODERS: tuple[tuple[Any, Callable[[Any, str, int], Any]], ...] = (
    (Enum, lambda value, where, depth: encoded(value.value, where, depth + 1)),
    (str, lambda value, where, _: plain_text(value, where)),
    (bool | np.bool_, lambda value, *_: bool(value)),
    (int | np.integer, _int),
    (float | np.floating, _float),
    (datetime, _time),
    (date, lambda value, *_: _tagged("date", value.isoformat())),
    (Mapping, _dict),
    (list | tuple, _list),
    (np.ndarray, lambda value, where, depth: encoded(value.tolist(), where, depth)),
    (ObjectIdLike, lambda value, *_: str(value)),
)
_DECODERS: dict[str, Callable[[Any], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "dict": lambda value: {key: decoded(one) for key, one in value.items()},
}
