"""Making the tables of a database into those that should be there: what is missing is added, keys are widened."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import schema
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from memu.backends.dialects import Dialect
from memu.backends.inspection import differences
from memu.errors import SchemaError

Columns = tuple[str, ...]


def mend(dialect: Dialect, connection: Connection, metadata: sa.MetaData) -> None:
    """Bring every table to what the schema says.

    Every statement follows from what the database lacks at that time: where a server commits them one by one, the next
    call goes on where one was broken off. A store that gets a further scope field has its narrower keys replaced,
    which would take two owners for one.

    Raises:
        SchemaError: something cannot be mended, such as a column of another type; all of it is named.
    """
    tables = dict(metadata.tables)
    if differences(dialect, connection, tables):
        _Mender(connection, metadata).mend_existing()
        metadata.create_all(connection)
        _Mender(connection, metadata).add_references()
    if left := differences(dialect, connection, tables):
        others, what = sorted({one.table for one in left}), sorted(one.what for one in left)
        raise SchemaError(
            f"{dialect.place} has tables of the same names in another form ({', '.join(others)}), which cannot be "
            "mended without losing something. Rename them, use another database, or change by hand what differs: "
            f"{'; '.join(what)}."
        )


class _Mender:
    """The statements that mend the tables which are there already."""

    def __init__(self, connection: Connection, metadata: sa.MetaData) -> None:
        self.connection = connection
        existing = set(sa.inspect(connection).get_table_names())
        copies = sa.MetaData()  # to add a constraint on its own changes how its table would be made
        for table in metadata.sorted_tables:
            table.to_metadata(copies)
        self.tables = [table for table in copies.sorted_tables if table.name in existing]
        self.alters = connection.dialect.supports_alter

    @property
    def held(self) -> Any:
        """What the database has now."""
        return sa.inspect(self.connection)

    def mend_existing(self) -> None:
        """All but the foreign keys, which may refer to tables that are still to be made."""
        for table in self.tables:
            self._add_columns(table)
        if self.alters:
            for table in self.tables:
                self._drop_narrow_references(table)
            for table in self.tables:
                self._mend_primary_key(table)
        for table in self.tables:
            self._mend_uniques(table)
            self._mend_indexes(table)

    def add_references(self) -> None:
        """The foreign keys that are missing."""
        for table in self.tables if self.alters else ():
            held = {_reference(one) for one in self.held.get_foreign_keys(table.name)}
            for one in _references(table):
                if _wanted(one) not in held and self._has(table, _names(one.columns)):
                    self._add(one, f"the foreign key of {table.name} to {one.referred_table.name}")

    def _has(self, table: sa.Table, columns: Columns) -> bool:
        return set(columns) <= {column["name"] for column in self.held.get_columns(table.name)}

    def _add_columns(self, table: sa.Table) -> None:
        dialect = self.connection.dialect
        compiler: Any = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]
        name = dialect.identifier_preparer.quote(table.name)
        for column in table.columns:
            default = self._default(column)
            if not self._has(table, (column.name,)) and (column.nullable or default):
                text = compiler.get_column_specification(column)
                self.connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {text}{default}")

    def _default(self, column: sa.Column[Any]) -> str:
        """What the rows that are there get; "" where nobody can say."""
        given: Any = column.default
        if given is None or not given.is_scalar:
            return ""
        plain = json.dumps(given.arg)
        literal = plain if isinstance(given.arg, int) else f"'{given.arg if isinstance(given.arg, str) else plain}'"
        # MySQL takes that of a text in brackets only, which SQLite does not take.
        return f" DEFAULT ({literal})" if self.alters else f" DEFAULT {literal}"

    def _drop_narrow_references(self, table: sa.Table) -> None:
        wanted = [_wanted(one) for one in _references(table)]
        for held in self.held.get_foreign_keys(table.name):
            columns, name, target = _reference(held)
            if any(name == full_name and _narrower(columns, full) for full, full_name, _ in wanted):
                to = [f"{name}.{column}" for column in target]
                self._drop(table, sa.ForeignKeyConstraint(columns, to, name=held["name"]), name)

    def _mend_primary_key(self, table: sa.Table) -> None:
        found, wanted = self.held.get_pk_constraint(table.name), _names(table.primary_key.columns)
        held = tuple(found["constrained_columns"])
        if held == wanted or not set(held) <= set(wanted) or not self._has(table, wanted):
            return
        if held:
            self._drop(table, sa.PrimaryKeyConstraint(*held, name=found["name"]))
        self._add(table.primary_key, f"the primary key of {table.name}")

    def _mend_uniques(self, table: sa.Table) -> None:
        for one in (one for one in table.constraints if isinstance(one, sa.UniqueConstraint)):
            wanted = _names(one.columns)
            if not self._has(table, wanted):
                continue
            for name, columns in dict(self._held_uniques(table)).items() if self.alters else ():
                if _narrower(columns, wanted):
                    self._drop(table, sa.UniqueConstraint(*columns, name=name))
            if wanted not in dict(self._held_uniques(table)).values():
                self._add(one, f"the unique key of {table.name} on ({', '.join(wanted)})")

    def _held_uniques(self, table: sa.Table) -> Iterator[tuple[str, Columns]]:
        for one in self.held.get_unique_constraints(table.name):
            yield str(one["name"]), tuple(one["column_names"])
        for index in self.held.get_indexes(table.name):
            if index["unique"] and not index.get("duplicates_constraint"):
                yield str(index["name"]), tuple(index["column_names"])

    def _mend_indexes(self, table: sa.Table) -> None:
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            wanted = _names(index.columns)
            held = {one["name"]: tuple(one["column_names"]) for one in self.held.get_indexes(table.name)}
            if wanted in held.values() or not self._has(table, wanted):
                continue
            for name, columns in held.items():
                if name == index.name or (name.startswith("ix_") and _narrower(columns, wanted)):
                    stub = self._stub(table.name)
                    self.connection.execute(schema.DropIndex(sa.Index(name, *(stub.c[one] for one in columns))))
            self.connection.execute(schema.CreateIndex(index))

    def _drop(self, table: sa.Table, constraint: sa.Constraint, *others: str) -> None:
        """Drop a constraint that the database has and the schema has not; a foreign key's target is named, too."""
        metadata = sa.MetaData()
        for name in {*others, table.name}:
            self._stub(name, metadata)
        metadata.tables[table.name].append_constraint(constraint)
        self.connection.execute(schema.DropConstraint(constraint))

    def _stub(self, table: str, metadata: sa.MetaData | None = None) -> sa.Table:
        """A table as it is, as far as the names of its columns go."""
        names = [column["name"] for column in self.held.get_columns(table)]
        return sa.Table(table, metadata or sa.MetaData(), *(sa.Column(name, sa.Integer) for name in names))

    def _add(self, constraint: sa.Constraint, what: str) -> None:
        statement: Any = schema.AddConstraint(constraint)
        if not self.alters and isinstance(constraint, sa.UniqueConstraint):
            statement = schema.CreateIndex(sa.Index(str(constraint.name), *constraint.columns, unique=True))
        try:
            self.connection.execute(statement)
        except IntegrityError as error:
            raise SchemaError(f"{what} is missing and cannot be made: rows of the table break it.") from error.orig


def _references(table: sa.Table) -> list[sa.ForeignKeyConstraint]:
    return sorted(table.foreign_key_constraints, key=lambda one: str(one.name))


def _wanted(one: sa.ForeignKeyConstraint) -> tuple[Columns, str, Columns]:
    return _names(one.columns), one.referred_table.name, tuple(part.column.name for part in one.elements)


def _reference(held: Mapping[str, Any]) -> tuple[Columns, str, Columns]:
    return tuple(held["constrained_columns"]), held["referred_table"], tuple(held["referred_columns"])


def _narrower(columns: Sequence[str | None], wanted: Columns) -> bool:
    """Whether a key is the wanted one but for some scope fields, which stand between user and agent and the rest."""
    rest = len(columns) - 2
    return len(wanted) > len(columns) > 2 and (*wanted[:2], *wanted[-rest:]) == tuple(columns)


def _names(columns: Any) -> Columns:
    return tuple(str(column.name) for column in columns)
