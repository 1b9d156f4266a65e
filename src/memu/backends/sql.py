"""The one SQL implementation of the record store, over SQLAlchemy Core."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from memu.backends import ledger
from memu.backends.base import Capability, Condition, Conflict, Order, RecordStore, Row, RowsOf, Transaction, Where
from memu.backends.dialects import Dialect
from memu.backends.tables import Schema, Table
from memu.backends.types import column_type
from memu.errors import ClosedError, SchemaError

Adopt = Callable[[Connection, Mapping[str, sa.Table]], AbstractContextManager[None]]
"""A block around the making of tables that brings tables of another form along: aside before it, copied in after."""

CHUNK = 500
"""Values in one IN list; the least that a supported server takes is 999 variables."""


class SqlRecordStore(RecordStore):
    """Rows in an SQL database; what differs between servers is in the dialect."""

    def __init__(
        self,
        dialect: Dialect,
        schema: Schema,
        migrations: Sequence[ledger.Migration] = (),
        adopt: Adopt | None = None,
    ) -> None:
        self.dialect = dialect
        self.schema = schema
        self.adopt = adopt
        self.capabilities: Capability = dialect.capabilities
        self.migrations = migrations
        self.metadata = sa.MetaData()
        self.tables = {table.name: sql_table(table, self.metadata) for table in schema.tables}
        self._engine: Engine | None = dialect.engine()

    @property
    def engine(self) -> Engine:
        """The connection pool; ClosedError after `close`."""
        if self._engine is None:
            raise ClosedError("the store was closed: make a new service or database handle.")
        return self._engine

    def create(self) -> None:
        """Make the tables that are missing and run the migrations that are due, all in one transaction."""
        with self._begin(writes=True) as connection:
            ledger.upgrade(connection, self.migrations, self._create_tables)

    def _create_tables(self, connection: Connection) -> None:
        with self.adopt(connection, self.tables) if self.adopt else nullcontext():
            self.metadata.create_all(connection)
        for statement in self.dialect.extras(self.tables):
            connection.exec_driver_sql(statement)

    def validate(self) -> None:
        """Compare the tables of the database with the schema."""
        with self.dialect.translated(), self.engine.connect() as connection:
            ledger.check_version(connection, self.migrations)
            inspector = sa.inspect(connection)
            existing = set(inspector.get_table_names())
            faults = [f"table {name} is missing" for name in self.tables if name not in existing]
            for name in existing & set(self.tables):
                columns = {column["name"] for column in inspector.get_columns(name)}
                missing = [column.name for column in self.tables[name].columns if column.name not in columns]
                faults += [f"column {name}.{column} is missing" for column in missing]
        if faults:
            raise SchemaError(f'{"; ".join(sorted(faults))}. Open the store once with ddl_mode="create" to migrate it.')

    @contextmanager
    def _begin(self, *, writes: bool) -> Iterator[Connection]:
        alone = self.dialect.write_lock if writes or not self.capabilities else nullcontext()
        with alone, self.dialect.translated(), self.engine.connect() as plain:
            connection = plain.execution_options(memu_writes=writes)
            with connection.begin():
                yield connection

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One writer at a time in this process; other processes wait as the dialect says."""
        with self._begin(writes=True) as connection:
            yield SqlTransaction(connection, self)

    @contextmanager
    def reader(self) -> Iterator[Transaction]:
        """A snapshot that ends with the block."""
        with self._begin(writes=False) as connection:
            yield SqlTransaction(connection, self)

    def settle(self) -> str | None:
        """See `Dialect.settle`."""
        with self.dialect.translated():
            return self.dialect.settle(self.engine)

    def erase_traces(self) -> None:
        """See `Dialect.erase_traces`."""
        with self.dialect.write_lock, self.dialect.translated():
            self.dialect.erase_traces(self.engine)

    def describe(self) -> dict[str, Any]:
        """What and where the store is, without any secret."""
        return self.dialect.describe()

    def close(self) -> None:
        """Close every connection; idempotent."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


class SqlTransaction(Transaction):
    """Statements on one connection, inside its transaction."""

    def __init__(self, connection: Connection, store: SqlRecordStore) -> None:
        self.connection = connection
        self.store = store
        self.tables = store.tables

    def put(self, table: str, rows: Sequence[Mapping[str, Any]], conflict: Conflict = "error") -> int:
        """One INSERT for all rows."""
        if rows:
            target = self.tables[table]
            statement = sa.insert(target) if conflict == "error" else self.store.dialect.insert(target, conflict)
            self.connection.execute(statement, [dict(row) for row in rows])
        return len(rows)

    def find(
        self,
        table: str,
        where: Where = (),
        *,
        order: Order = (),
        limit: int | None = None,
        after: Sequence[Any] | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        """One SELECT; a long list of values is asked in chunks when no order or limit spans them."""
        long = next((one for one in where if one.op == "in" and len(one.value) > CHUNK), None)
        if long is not None:
            rest = [one for one in where if one is not long]
            rows = [
                row
                for chunk in _chunks(long.value)
                for row in self.find(table, [*rest, _narrowed(long, chunk)], after=after, order=order, columns=columns)
            ]
            rows.sort(key=lambda row: [_sortable(row[name.lstrip("-")]) for name in order]) if order else None
            return rows[:limit]
        target = self.tables[table]
        names = columns or [str(column.name) for column in target.columns]
        statement = sa.select(*(target.c[name] for name in names))
        statement = statement.where(*(self._clause(target, one) for one in where))
        if after is not None:
            statement = statement.where(_after(target, order, after))
        statement = statement.order_by(*(_direction(target, name) for name in order)).limit(limit)
        return [dict(zip(names, row, strict=True)) for row in self.connection.execute(statement)]

    def count(self, table: str, where: Where = ()) -> int:
        """SELECT count(*)."""
        target = self.tables[table]
        statement = sa.select(sa.func.count()).select_from(target).where(*(self._clause(target, one) for one in where))
        return int(self.connection.execute(statement).scalar_one())

    def update(self, table: str, values: Mapping[str, Any], where: Where) -> int:
        """One UPDATE, in chunks for a long list of values."""
        target = self.tables[table]
        return sum(
            self.connection.execute(
                sa.update(target).where(*(self._clause(target, one) for one in part)).values(dict(values))
            ).rowcount
            for part in _parts(where)
        )

    def increment(self, table: str, key: Mapping[str, Any], column: str, fresh: Mapping[str, Any]) -> int:
        """UPDATE first, which locks the row; INSERT when there was none."""
        target = self.tables[table]
        same = sa.and_(*(target.c[name] == value for name, value in key.items()))
        if not self.connection.execute(sa.update(target).where(same).values({column: target.c[column] + 1})).rowcount:
            self.put(table, [{**key, **fresh, column: 1}])
        return int(self.connection.execute(sa.select(target.c[column]).where(same)).scalar_one())

    def delete(self, table: str, where: Where) -> int:
        """One DELETE, in chunks for a long list of values."""
        target = self.tables[table]
        return sum(
            self.connection.execute(sa.delete(target).where(*(self._clause(target, one) for one in part))).rowcount
            for part in _parts(where)
        )

    def _clause(self, table: sa.Table, one: Condition) -> sa.ColumnElement[bool]:
        column: Any = table.c[one.field]
        if one.path:
            return _json_clause(column[one.path], one)
        if isinstance(one.value, RowsOf):
            rows = self.tables[one.value.table]
            inner = sa.select(rows.c[one.value.column]).where(*(self._clause(rows, part) for part in one.value.where))
            clause: sa.ColumnElement[bool] = column.in_(inner) if one.op == "in_rows" else column.not_in(inner)
            return clause
        return _compare(column, one.op, one.value)


def sql_table(table: Table, metadata: sa.MetaData) -> sa.Table:
    """The SQLAlchemy table of a table description; every constraint and index has a name of its own."""
    columns = [
        sa.Column(column.name, column_type(column.kind), nullable=column.nullable, default=column.default)
        for column in table.columns
    ]
    constraints: list[Any] = [sa.PrimaryKeyConstraint(*table.key)]
    constraints += [sa.UniqueConstraint(*names, name=_name("uq", table, names)) for names in table.uniques]
    constraints += [
        sa.ForeignKeyConstraint(
            one.columns,
            [f"{one.table}.{name}" for name in one.target],
            name=_name("fk", table, one.columns),
            ondelete="CASCADE",
        )
        for one in table.references
    ]
    indexes = [sa.Index(_name("ix", table, names), *names) for names in table.indexes]
    return sa.Table(table.name, metadata, *columns, *constraints, *indexes)


def _name(kind: str, table: Table, columns: Sequence[str]) -> str:
    own = [name for name in columns if name not in ("user_id", "agent_id")]
    return f"{kind}_{table.name}_{'_'.join(own)}"[:63]


def _compare(column: Any, op: str, value: Any) -> sa.ColumnElement[bool]:
    comparisons: dict[str, Any] = {
        "gt": column.__gt__,
        "gte": column.__ge__,
        "lt": column.__lt__,
        "lte": column.__le__,
        "in": column.in_,
        "eq": column.__eq__,
    }
    if op != "ne":
        clause: sa.ColumnElement[bool] = comparisons[op](list(value) if op == "in" else value)
        return clause
    return column.is_not(None) if value is None else sa.or_(column != value, column.is_(None))


def _json_clause(element: Any, one: Condition) -> sa.ColumnElement[bool]:
    """A comparison inside a JSON column; a value of another type than the wanted one is unequal, and not comparable."""
    if one.op == "in":
        return sa.or_(sa.false(), *(_json_clause(element, Condition(one.field, "eq", each)) for each in one.value))
    if one.op == "ne":
        return sa.not_(sa.func.coalesce(_json_clause(element, Condition(one.field, "eq", one.value)), sa.false()))
    return sa.and_(_json_type(element, one.value), _compare(_json_cast(element, one.value), one.op, one.value))


def _json_cast(element: Any, value: Any) -> Any:
    if isinstance(value, bool):
        return element.as_boolean()
    return element.as_string() if isinstance(value, str) else element.as_float()


def _json_type(element: Any, value: Any) -> sa.ColumnElement[bool]:
    path = element.right.value
    pointer = "$" + "".join(f'."{part}"' for part in path)
    kind = sa.func.json_type(element.left, pointer)
    names = (
        ("true", "false") if isinstance(value, bool) else ("text",) if isinstance(value, str) else ("integer", "real")
    )
    return kind.in_(names)


def _direction(table: sa.Table, name: str) -> Any:
    return table.c[name[1:]].desc() if name.startswith("-") else table.c[name].asc()


def _after(table: sa.Table, order: Order, values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Rows behind `values` in the order: (a, b) > (x, y) spelled so that every server can use an index for it."""
    clauses: list[Any] = []
    equal: list[Any] = []
    for name, value in zip(order, values, strict=True):
        column = table.c[name.lstrip("-")]
        clauses.append(sa.and_(*equal, column < value if name.startswith("-") else column > value))
        equal.append(column == value)
    return sa.or_(*clauses)


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def _narrowed(one: Condition, chunk: Sequence[Any]) -> Condition:
    return Condition(one.field, "in", tuple(chunk), one.path)


def _parts(where: Where) -> Iterator[Where]:
    long = next((one for one in where if one.op == "in" and len(one.value) > CHUNK), None)
    if long is None:
        yield where
        return
    for chunk in _chunks(long.value):
        yield [*(one for one in where if one is not long), _narrowed(long, chunk)]


def _sortable(value: Any) -> Any:
    return value if isinstance(value, datetime | int | float) else str(value)
