"""Conditions and orders as MongoDB is asked them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memu.backends.base import Condition, Order, Where
from memu.backends.mongo_rows import (
    BEYOND,
    BORN,
    DIED,
    NUMBER,
    OTHER,
    STRING,
    entry,
    inside,
    prefix,
    stored,
)
from memu.backends.tables import Kind, Table

Query = dict[str, Any]

NOTHING: Query = {"_id": {"$in": []}}
"""What no document meets."""

LIST = 10_000
"""Values in one list: a command of MongoDB has 16 MB."""


@dataclass(frozen=True, slots=True)
class View:
    """The versions of rows that somebody sees: those that were born by `seq`, and had not died by then.

    What `abandoned` turns made was never committed, and what they ended did not end. A writer sees by its own turn.
    """

    seq: int
    abandoned: tuple[int, ...] = ()

    def query(self) -> Query:
        """The condition on a document."""
        if not self.abandoned:
            return {BORN: {"$lte": self.seq}, DIED: {"$gt": self.seq}}
        gone = list(self.abandoned)
        alive: list[Query] = [{DIED: {"$gt": self.seq}}, {DIED: {"$in": gone}}]
        return {BORN: {"$lte": self.seq, "$nin": gone}, "$or": alive}


def together(queries: Iterable[Query]) -> Query:
    """All of some conditions; those of a field come once, since a document has each key once."""
    whole: Query = {}
    rest: list[Query] = []
    for query in queries:
        if any(key in whole for key in query):
            rest.append(query)
        else:
            whole.update(query)
    return {**whole, "$and": rest} if rest else whole


def clauses(table: Table, where: Where) -> list[Query]:
    """Conditions on the rows of a table; those on other tables' rows are asked for lists here."""
    return [clause(table, one) for one in where]


def clause(table: Table, one: Condition) -> Query:
    """One condition."""
    column = table.column(one.field)
    if one.path:
        return _inside(inside(one.field), one.path, one.op, one.value)
    if one.op == "in":
        return {one.field: {"$in": [stored(column, value) for value in one.value]}}
    if one.op == "not_in_rows":
        return {one.field: {"$nin": list(one.value)}}
    value = stored(column, one.value)
    if one.op == "eq":
        return {one.field: {"$eq": value} if column.kind is Kind.VECTOR else value}
    if one.op == "ne":
        return {one.field: {"$ne": value}}
    return NOTHING if value is None else {one.field: {f"${one.op}": value}}


def _inside(field: str, path: tuple[str, ...], op: str, value: Any) -> Query:
    """A condition on what stands at a path: a range of the strings that begin with it."""
    if op == "in":
        listed: Query = {field: {"$in": [entry(path, one) for one in value if isinstance(one, str | int | float)]}}
        return {"$or": [listed, _missing(field, path)]} if None in value else listed
    if op in ("eq", "ne") and value is None:
        return _missing(field, path) if op == "eq" else _present(field, path)
    if not isinstance(value, str | int | float):
        return {} if op == "ne" else NOTHING
    if op in ("eq", "ne"):
        return {field: entry(path, value) if op == "eq" else {"$ne": entry(path, value)}}
    if isinstance(value, bool):
        return NOTHING
    kind, after = (STRING, OTHER) if isinstance(value, str) else (NUMBER, STRING)
    bounds = {"$gte": prefix(path) + kind, "$lt": prefix(path) + after}
    bounds = {name: bound for name, bound in bounds.items() if name[1] != op[0]}
    return {field: {"$elemMatch": {**bounds, f"${op}": entry(path, value)}}}


def _present(field: str, path: tuple[str, ...]) -> Query:
    return {field: {"$elemMatch": {"$gte": prefix(path), "$lt": prefix(path) + BEYOND}}}


def _missing(field: str, path: tuple[str, ...]) -> Query:
    return {field: {"$not": _present(field, path)[field]}}


def in_order(order: Order) -> list[tuple[str, int]]:
    """An order as the driver takes it; MongoDB's own begins with nothing, and ends with it going down."""
    return [(name.lstrip("-"), -1 if name.startswith("-") else 1) for name in order]


def behind(table: Table, order: Order, values: Sequence[Any]) -> Query:
    """Rows behind `values` in the order: (a, b) > (x, y), spelled so that an index serves it."""
    either: list[Query] = []
    equal: Mapping[str, Any] = {}
    for name, given in zip(order, values, strict=True):
        column = table.column(name.lstrip("-"))
        value = stored(column, given)
        either.append({"$and": [dict(equal), _further(column.name, value, down=name.startswith("-"))]})
        equal = {**equal, column.name: value}
    return {"$or": either}


def _further(name: str, value: Any, *, down: bool) -> Query:
    if value is None:
        return NOTHING if down else {name: {"$ne": None}}
    return {"$or": [{name: {"$lt": value}}, {name: None}]} if down else {name: {"$gt": value}}


def by_keys(names: Sequence[str], keys: Iterable[tuple[Any, ...]]) -> Query:
    """Documents whose fields have the values of one of the keys, and perhaps some more."""
    return {name: {"$in": sorted(set(values))} for name, values in zip(names, zip(*keys, strict=True), strict=True)}
