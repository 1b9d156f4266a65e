"""What the tables of a database are not that they should be: every missing or different table, column, key, index."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeEngine

from memu.backends.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be, in words."""

    table: str
    what: str


def differences(dialect: Dialect, connection: Connection, tables: Mapping[str, sa.Table]) -> list[Difference]:
    """Compare the tables of a database with the schema; what the database has beyond it is nobody's business."""
    inspector = sa.inspect(connection)
    existing = set(inspector.get_table_names())
    unfit = dialect.unfit_columns(connection, tables) if existing else {}
    found: list[Difference] = []
    for name, table in tables.items():
        said = _of_table(inspector, connection, table, unfit) if name in existing else [f"table {name} is missing"]
        found += [Difference(name, what) for what in said]
    return found


def _of_table(
    inspector: Any, connection: Connection, table: sa.Table, unfit: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    held = {column["name"]: column for column in inspector.get_columns(table.name)}
    for column in table.columns:
        if column.name not in held:
            yield f"column {table.name}.{column.name} is missing"
            continue
        told = _of_column(connection, column, held[column.name]) or unfit.get((table.name, column.name))
        if told:
            yield f"column {table.name}.{column.name} {told}"
    yield from _of_keys(inspector, table)


def _of_column(connection: Connection, wanted: sa.Column[Any], held: Mapping[str, Any]) -> str | None:
    """How a column differs: in what it can hold, or in whether it may hold nothing."""
    expected, found = _family(wanted.type, connection), _family(held["type"], connection)
    if found[0] not in (expected[0], None):
        return f"is of type {held['type']}, expected {wanted.type.compile(connection.dialect)}"
    if expected[1] and found[1] and found[1] < expected[1]:
        return f"holds {found[1]} characters, expected {expected[1]}"
    if bool(held["nullable"]) != bool(wanted.nullable) and not wanted.primary_key:
        return "may be NULL, expected NOT NULL" if held["nullable"] else "is NOT NULL, expected to take NULL"
    return None


def _family(kind: TypeEngine[Any], connection: Connection) -> tuple[type | None, int | None]:
    """What a type keeps, as coarse as servers agree on, and how many characters of it; None for one nobody knows."""
    own = kind.dialect_impl(connection.dialect)
    inner: Any = getattr(own, "impl_instance", None) or getattr(own, "impl", own)
    affinity = inner._type_affinity
    if affinity is sa.types.NullType:
        return None, None
    if issubclass(affinity, sa.Boolean):  # MySQL keeps it in a number
        affinity = sa.Integer
    return affinity, getattr(inner, "length", None) if issubclass(affinity, sa.String) else None


def _of_keys(inspector: Any, table: sa.Table) -> Iterator[str]:
    name = table.name
    held, wanted = tuple(inspector.get_pk_constraint(name)["constrained_columns"]), _names(table.primary_key.columns)
    if held != wanted:
        yield f"the primary key of {name} is ({', '.join(held)}), expected ({', '.join(wanted)})"
    indexes = {(tuple(one["column_names"]), bool(one["unique"])) for one in inspector.get_indexes(name)}
    uniques = {tuple(one["column_names"]) for one in inspector.get_unique_constraints(name)}
    uniques |= {columns for columns, unique in indexes if unique}
    references = {
        (tuple(one["constrained_columns"]), one["referred_table"], tuple(one["referred_columns"]))
        for one in inspector.get_foreign_keys(name)
    }
    for one in sorted(table.constraints, key=lambda one: str(one.name)):
        if isinstance(one, sa.UniqueConstraint) and _names(one.columns) not in uniques:
            yield f"the unique key of {name} on ({', '.join(_names(one.columns))}) is missing"
        if isinstance(one, sa.ForeignKeyConstraint):
            target = one.referred_table.name
            if (_names(one.columns), target, tuple(part.column.name for part in one.elements)) not in references:
                yield f"the foreign key of {name} ({', '.join(_names(one.columns))}) to {target} is missing"
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        if _names(index.columns) not in {columns for columns, _ in indexes}:
            yield f"the index {index.name} on {name} ({', '.join(_names(index.columns))}) is missing"


def _names(columns: Sequence[sa.Column[Any]] | Any) -> tuple[str, ...]:
    return tuple(column.name for column in columns)
