"""Rows as MongoDB keeps them: BSON values, and beside JSON its scalars as strings that sort as they do."""

import json
import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from memu.backends.base import Row
from memu.backends.tables import Column, Kind, Table
from memu.errors import InputError, IntegrityError

BORN, DIED = "_born", "_died"
"""The turns of the writers that made a version of a row, and that replaced or deleted it."""
NEVER = 2**63 - 1
"""When a version dies that is still the newest."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
OFFSET = 100_000
"""Added to decimal exponents, so that none is negative."""
LARGEST_EXACT = 2**53

BOOLEAN, NUMBER, STRING, OTHER = "b", "n", "s", "x"
"""What stands between a path and its value; no value has the last one."""
BEYOND = "~"
"""After every type."""

Document = dict[str, Any]


def inside(column: str) -> str:
    """The field that has the scalars of a JSON column."""
    return f"_in_{column}"


def document(table: Table, row: Mapping[str, Any]) -> Document:
    """A whole row as it is kept; columns that are not given have their default.

    Raises:
        InputError: a value that the column cannot hold, or a column that the table has not.
        IntegrityError: nothing where there must be something.
    """
    known = {column.name for column in table.columns}
    if unknown := [name for name in row if name not in known]:
        raise InputError(f"the store cannot take the call: {table.name} has no column {unknown[0]!r}.")
    return changes(table, {**{one.name: deepcopy(one.default) for one in table.columns}, **row})


def changes(table: Table, values: Mapping[str, Any]) -> Document:
    """Some values of a row as they are kept."""
    found: Document = {}
    for name, value in values.items():
        column = table.column(name)
        if value is None and not column.nullable:
            raise IntegrityError(f"a row breaks a key of the store: {table.name}.{name} may not be empty.")
        found[name] = stored(column, value)
        if column.kind.is_json:
            found[inside(name)] = sorted(set(scalars(value)))
    return found


def stored(column: Column, value: Any) -> Any:
    """A value of a column, as it is kept and as it is asked for."""
    if value is None:
        return None
    if column.kind is Kind.TIME:
        return _micros(value)
    if column.kind.is_json:
        return json_text(value)
    if column.kind is Kind.VECTOR:
        return [float(number) for number in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if column.kind is Kind.BOOLEAN:
        return bool(value)
    if not isinstance(value, int | float if column.kind is Kind.INTEGER else str):
        raise InputError(f"the store cannot take the call: {column.name} is no {column.kind.value}: {type(value)}.")
    return value


def json_text(value: Any) -> str:
    """JSON as it is kept: unescaped, and without what JSON does not know."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"a value is no JSON: {error}.") from None


def _micros(value: datetime) -> int:
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return (aware - EPOCH) // MICROSECOND


def loaded(table: Table, found: Mapping[str, Any], columns: tuple[str, ...]) -> Row:
    """A row as it was given."""
    return {name: _loaded(table.column(name).kind, found.get(name)) for name in columns}


def _loaded(kind: Kind, raw: Any) -> Any:
    if raw is None:
        return None
    if kind is Kind.TIME:
        return EPOCH + raw * MICROSECOND
    if kind.is_json:
        return json.loads(raw)
    return int(raw) if kind is Kind.INTEGER else raw


# --- scalars inside JSON --------------------------------------------------------------------------------------------


def scalars(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """What stands at each path of a JSON object, but for null, which is as good as missing."""
    if value is None or not (path or isinstance(value, Mapping)):
        return
    if path:
        yield entry(path, value)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from scalars(inner, (*path, str(key)))


def entry(path: tuple[str, ...], value: Any) -> str:
    """One value at one path: entries of a path and a type sort as the values do."""
    return prefix(path) + tagged(value)


def prefix(path: tuple[str, ...]) -> str:
    """What all entries of a path begin with, and those of no other one."""
    return json.dumps(list(path), ensure_ascii=False)


def tagged(value: Any) -> str:
    """A value with its type before it."""
    if isinstance(value, bool):
        return BOOLEAN + ("1" if value else "0")
    if isinstance(value, int | float):
        return NUMBER + sortable(value)
    return STRING + value if isinstance(value, str) else OTHER


def sortable(number: float) -> str:
    """A number as a string: of two, the smaller one has the smaller string, and equal ones have one.

    It is a sign, the decimal exponent and the digits; those of a negative number are turned round.
    """
    if not (isinstance(number, int) or math.isfinite(number)):
        raise InputError(f"{number} is no number of JSON: leave it out.")
    # The shortest digits of a float name no other one; beyond 2**53 they are not its value.
    exact = Decimal(int(number)) if abs(number) >= LARGEST_EXACT else Decimal(repr(number))
    sign, digits, exponent = exact.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    if not text or not isinstance(exponent, int):
        return "1"
    place = len(text) + exponent + OFFSET
    if not sign:
        return f"2{place:06}{text.rstrip('0')}"
    turned = "".join(str(9 - int(digit)) for digit in text.rstrip("0"))
    return f"0{999_999 - place:06}{turned}{BEYOND}"
