"""Conditions and orders as SQL: what a `Condition` means, spelled so that every server means the same by it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import NoneType
from typing import Any

import sqlalchemy as sa

from memu.backends.base import Condition, Order, Row, RowsOf, Where
from memu.backends.dialects import Dialect

CHUNK = 500
"""Values in one IN list; the least that a supported server takes is 999 variables."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Stands for the value of a condition, or for the several of a list, that is given when the statement is run."""

    name: str
    several: bool = False


def clause(dialect: Dialect, tables: Mapping[str, sa.Table], name: str, one: Condition) -> sa.ColumnElement[bool]:
    """One condition on the rows of the table `name`."""
    column: Any = tables[name].c[one.field]
    if one.path:
        return _json_clause(dialect, column, one)
    if isinstance(one.value, RowsOf):
        rows = tables[one.value.table]
        met = [clause(dialect, tables, one.value.table, part) for part in one.value.where]
        # In SQL a NULL is in no list and outside of none; here it is outside of every list.
        inner = sa.select(rows.c[one.value.column]).where(*met, rows.c[one.value.column].is_not(None))
        found: sa.ColumnElement[bool] = column.in_(inner)
        return found if one.op == "in_rows" else sa.or_(column.is_(None), sa.not_(found))
    value = one.value
    if isinstance(value, Slot):
        slot = sa.bindparam(value.name, type_=column.type, expanding=value.several)
        return column.in_(slot) if value.several else _compare(column, one.op, slot)
    return _compare(column, one.op, value)


def _compare(column: Any, op: str, value: Any) -> sa.ColumnElement[bool]:
    comparisons: dict[str, Any] = {
        "gt": column.__gt__,
        "gte": column.__ge__,
        "lt": column.__lt__,
        "lte": column.__le__,
    }
    found: sa.ColumnElement[bool]
    if op in comparisons:
        found = sa.false() if value is None else comparisons[op](value)
    elif op == "in":
        found = column.in_([each for each in value if each is not None])
        found = sa.or_(found, column.is_(None)) if None in value else found
    elif op == "eq":
        found = column == value
    else:
        found = column.is_not(None) if value is None else sa.or_(column != value, column.is_(None))
    return found


def _json_clause(dialect: Dialect, column: Any, one: Condition) -> sa.ColumnElement[bool]:
    """A comparison inside a JSON column; a value of another type than the wanted one is unequal, and not comparable."""
    kind = dialect.json_type(column, one.path)
    if one.op == "ne":
        equal = _json_clause(dialect, column, Condition(one.field, "eq", one.value, one.path))
        return sa.not_(sa.func.coalesce(equal, sa.false()))
    if one.op not in ("eq", "in"):
        comparable = isinstance(one.value, str | int | float) and not isinstance(one.value, bool)
        if not comparable:
            return sa.false()
        wanted = _json_kind(one.value)
        met = dialect.json_met(column, one.path, wanted, lambda read: _compare(read, one.op, one.value))
        return _guarded(kind.in_(dialect.json_types[wanted]), met)
    found: list[sa.ColumnElement[bool]] = []
    for wanted, values in _by_kind(one.value if one.op == "in" else (one.value,)).items():
        typed = kind.in_(dialect.json_types[wanted])
        if wanted is not NoneType:
            met = dialect.json_met(column, one.path, wanted, partial(_listed, values))
            typed = _guarded(typed, met)
        found.append(typed)
    return sa.or_(sa.false(), *found)


def _listed(values: Sequence[Any], read: Any) -> sa.ColumnElement[bool]:
    found: sa.ColumnElement[bool] = read.in_(values)
    return found


def _guarded(condition: Any, then: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """`then` where the condition holds: some servers work out both sides of an AND, and stumble over a word there."""
    return sa.case((condition, then), else_=sa.false())


def _json_kind(value: Any) -> type:
    """The type that JSON keeps a value in: all numbers are one."""
    return float if type(value) in (int, float) else type(value)


def _by_kind(values: Sequence[Any]) -> dict[type, list[Any]]:
    """The values of a list, those apart that JSON keeps in different types."""
    groups: dict[type, list[Any]] = {}
    for value in values:
        groups.setdefault(_json_kind(value), []).append(value)
    return groups


def in_order(dialect: Dialect, table: sa.Table, name: str) -> Any:
    """A column to sort by: ascending with nothing first, or descending (a leading "-") with nothing last."""
    descends, column = name.startswith("-"), table.c[name.lstrip("-")]
    sorted_by = column.desc() if descends else column.asc()
    if dialect.nulls_first or not column.nullable:
        return sorted_by
    return sorted_by.nulls_last() if descends else sorted_by.nulls_first()


def behind(table: sa.Table, order: Order, values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Rows behind `values` in the order: (a, b) > (x, y) spelled so that every server can use an index for it."""
    clauses: list[Any] = []
    equal: list[Any] = []
    for name, value in zip(order, values, strict=True):
        column = table.c[name.lstrip("-")]
        clauses.append(sa.and_(*equal, column < value if name.startswith("-") else column > value))
        equal.append(column == value)
    return sa.or_(*clauses)


def parts(where: Where, most: int = CHUNK) -> Iterator[Where]:
    """The same conditions with at most `most` values in each list; no row meets two of the parts."""
    long = next((one for one in where if one.op == "in" and len(one.value) > most), None)
    if long is None:
        yield where
        return
    # True == 1 in Python, and is not in JSON.
    values = list({(isinstance(value, bool), value): value for value in long.value}.values())
    rest = [one for one in where if one is not long]
    for start in range(0, len(values), most):
        yield from parts([*rest, Condition(long.field, "in", tuple(values[start : start + most]), long.path)], most)


def put_in_order(rows: list[Row], order: Order) -> list[Row]:
    """Rows of several parts, in one order."""
    for name in reversed(order):
        field = name.lstrip("-")
        rows = sorted(rows, key=lambda row: (row[field] is not None, row[field]), reverse=name.startswith("-"))
    return rows
