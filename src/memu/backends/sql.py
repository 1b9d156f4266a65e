"""The one SQL implementation of the record store, over SQLAlchemy Core."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
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

    def is_current(self) -> bool:
        """Whether nothing is left to make or migrate; found out without a write lock, so that readers open at once."""
        newest = max((step.version for step in self.migrations), default=0)
        with self.dialect.translated(), self.engine.connect() as connection:
            if not newest or ledger.check_version(connection, self.migrations) != newest:
                return False
            inspector = sa.inspect(connection)
            if not set(self.tables) <= set(inspector.get_table_names()):
                return False
            return all(
                {column["name"] for column in inspector.get_columns(name)} >= {column.name for column in table.columns}
                for name, table in self.tables.items()
            )

    def _create_tables(self, connection: Connection) -> None:
        with self.adopt(connection, self.tables) if self.adopt else nullcontext():
            self.metadata.create_all(connection)
        for statement in self.dialect.extras(self.tables):
            connection.exec_driver_sql(statement)

    def validate(self) -> None:
        """Compare the tables of the database with the schema."""
        with self._begin(writes=False) as connection:
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

    def faults(self) -> list[str]:
        """A schema that is not today's, and what the database's own checks find."""
        with self._begin(writes=False) as connection:
            version, newest = (
                ledger.current_version(connection),
                max((step.version for step in self.migrations), default=0),
            )
            found = [] if version == newest else [f"the schema is version {version}, this release has {newest}"]
            return found + self.dialect.faults(connection)

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
        """One SELECT; a long list of values is asked in parts, which are then put in order."""
        parts = list(_parts(where))
        if len(parts) > 1:
            asked = None if columns is None else list(dict.fromkeys([*columns, *(name.lstrip("-") for name in order)]))
            rows = [
                row
                for part in parts
                for row in self.find(table, part, order=order, limit=limit, after=after, columns=asked)
            ]
            return [{name: row[name] for name in columns or row} for row in _in_order(rows, order)[:limit]]
        target = self.tables[table]
        names = columns or [str(column.name) for column in target.columns]
        statement = sa.select(*(target.c[name] for name in names))
        statement = statement.where(*(self._clause(target, one) for one in where))
        if after is not None:
            statement = statement.where(_after(target, order, after))
        statement = statement.order_by(*(_direction(target, name) for name in order)).limit(limit)
        return [dict(zip(names, row, strict=True)) for row in self.connection.execute(statement)]

    def count(self, table: str, where: Where = ()) -> int:
        """SELECT count(*), in parts for a long list of values."""
        target = self.tables[table]
        counted = sa.select(sa.func.count()).select_from(target)
        return sum(
            int(self.connection.execute(counted.where(*(self._clause(target, one) for one in part))).scalar_one())
            for part in _parts(where)
        )

    def update(self, table: str, values: Mapping[str, Any], where: Where) -> int:
        """One UPDATE, in parts for a long list of values."""
        target = self.tables[table]
        return sum(
            self.connection.execute(
                sa.update(target).where(*(self._clause(target, one) for one in part)).values(dict(values))
            ).rowcount
            for part in _parts(where)
        )

    def update_each(self, table: str, rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> int:
        """One statement for all rows, built once."""
        if not rows:
            return 0
        target = self.tables[table]
        # A parameter may not be called like a column that is set.
        same = (target.c[name] == sa.bindparam(f"key_{name}") for name in key)
        values = {name: sa.bindparam(f"new_{name}", type_=target.c[name].type) for name in rows[0] if name not in key}
        bound = [{f"{'key' if name in key else 'new'}_{name}": value for name, value in row.items()} for row in rows]
        return self.connection.execute(sa.update(target).where(*same).values(values), bound).rowcount

    def increment(self, table: str, key: Mapping[str, Any], column: str, fresh: Mapping[str, Any]) -> int:
        """UPDATE first, which locks the row; INSERT when there was none."""
        target = self.tables[table]
        same = sa.and_(*(target.c[name] == value for name, value in key.items()))
        if not self.connection.execute(sa.update(target).where(same).values({column: target.c[column] + 1})).rowcount:
            self.put(table, [{**key, **fresh, column: 1}])
        return int(self.connection.execute(sa.select(target.c[column]).where(same)).scalar_one())

    def delete(self, table: str, where: Where) -> int:
        """One DELETE, in parts for a long list of values."""
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
            # In SQL a NULL is in no list and outside of none; here it is outside of every list.
            inner = inner.where(rows.c[one.value.column].is_not(None))
            clause: sa.ColumnElement[bool] = column.in_(inner)
            return clause if one.op == "in_rows" else sa.or_(column.is_(None), sa.not_(clause))
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
    }
    clause: sa.ColumnElement[bool]
    if op in comparisons:
        clause = sa.false() if value is None else comparisons[op](value)
    elif op == "in":
        clause = column.in_([each for each in value if each is not None])
        clause = sa.or_(clause, column.is_(None)) if None in value else clause
    elif op == "eq":
        clause = column == value
    else:
        clause = column.is_not(None) if value is None else sa.or_(column != value, column.is_(None))
    return clause


def _json_clause(element: Any, one: Condition) -> sa.ColumnElement[bool]:
    """A comparison inside a JSON column; a value of another type than the wanted one is unequal, and not comparable."""
    kind = _json_type(element)
    if one.op == "ne":
        return sa.not_(sa.func.coalesce(_json_clause(element, Condition(one.field, "eq", one.value)), sa.false()))
    if one.op not in ("eq", "in"):
        comparable = isinstance(one.value, str | int | float) and not isinstance(one.value, bool)
        read, names = _json_reading(element, one.value)
        return sa.and_(kind.in_(names), _compare(read, one.op, one.value)) if comparable else sa.false()
    clauses: list[sa.ColumnElement[bool]] = []
    for values in _by_type(one.value if one.op == "in" else (one.value,)):
        read, names = _json_reading(element, values[0])
        clauses.append(kind.in_(names) if values[0] is None else sa.and_(kind.in_(names), read.in_(values)))
    return sa.or_(sa.false(), *clauses)


def _by_type(values: Sequence[Any]) -> list[list[Any]]:
    """The values of a list, those apart that JSON keeps in different types."""
    groups: dict[str, list[Any]] = {}
    for value in values:
        groups.setdefault("number" if type(value) in (int, float) else type(value).__name__, []).append(value)
    return list(groups.values())


def _json_reading(element: Any, value: Any) -> tuple[Any, tuple[str, ...]]:
    """How an element is read to be compared with a value, and the JSON types that it must be of."""
    if value is None:
        return element, ("null",)
    if isinstance(value, bool):
        return element.as_boolean(), ("true", "false")
    if isinstance(value, str):
        return element.as_string(), ("text",)
    return element.as_float(), ("integer", "real")


def _json_type(element: Any) -> sa.ColumnElement[str]:
    """The type of an element; that of a missing one is "null"."""
    pointer = "$" + "".join(f'."{part}"' for part in element.right.value)
    return sa.func.coalesce(sa.func.json_type(element.left, pointer), "null")


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


def _parts(where: Where) -> Iterator[Where]:
    """The same conditions with at most CHUNK values in each list; no row meets two of the parts."""
    long = next((one for one in where if one.op == "in" and len(one.value) > CHUNK), None)
    if long is None:
        yield where
        return
    # True == 1 in Python, and is not in JSON.
    values = list({(isinstance(value, bool), value): value for value in long.value}.values())
    rest = [one for one in where if one is not long]
    for start in range(0, len(values), CHUNK):
        yield from _parts([*rest, Condition(long.field, "in", tuple(values[start : start + CHUNK]), long.path)])


def _in_order(rows: list[Row], order: Order) -> list[Row]:
    for name in reversed(order):
        field = name.lstrip("-")
        rows = sorted(rows, key=lambda row: (row[field] is not None, row[field]), reverse=name.startswith("-"))
    return rows
