"""The one SQL implementation of the record store, over SQLAlchemy Core."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from memu.backends.base import ALONE, Capability, Conflict, Order, RecordStore, Row, T, Transaction, Where
from memu.backends.clauses import parts, put_in_order
from memu.backends.dialects import BY_HAND, MAKING, Dialect
from memu.backends.inspection import differences
from memu.backends.ledger import Ledger, Migration
from memu.backends.mending import mend
from memu.backends.statements import Statements
from memu.backends.tables import Schema, Table
from memu.backends.types import column_type
from memu.errors import ClosedError, SchemaError
from memu.forked import Lock, leave_alone, pauses, renews

Adopt = Callable[[Connection, Mapping[str, sa.Table]], AbstractContextManager[None]]
"""A block around the making of tables that brings tables of another form along: aside before it, copied in after."""


class SqlRecordStore(RecordStore):
    """Rows in an SQL database; what differs between servers is in the dialect."""

    def __init__(
        self,
        dialect: Dialect,
        schema: Schema,
        migrations: Sequence[Migration] = (),
        adopt: Adopt | None = None,
    ) -> None:
        self.dialect = dialect
        self.origin = dialect
        self.schema = schema
        self.adopt = adopt
        self.capabilities: Capability = dialect.capabilities
        self.ledger = Ledger(schema.ledger, migrations)
        self.metadata = sa.MetaData()
        self.tables = {table.name: sql_table(table, self.metadata) for table in schema.tables}
        self.columns = {table.name: [column.name for column in table.columns] for table in schema.tables}
        self.statements = Statements(dialect, self.tables)
        self._closed = False
        self._connecting = Lock()
        self._engine: Engine | None = dialect.engine()
        renews(self)
        if dialect.leaves_before_fork:
            pauses(self)

    @property
    def engine(self) -> Engine:
        """The connection pool of this process; ClosedError after `close`."""
        return self._engine or self._connected()

    def _connected(self) -> Engine:
        with self._connecting:
            if self._closed:
                raise ClosedError("the store was closed: make a new service or database handle.")
            if self._engine is None:
                self._engine = self.dialect.engine()
            return self._engine

    def renew(self) -> None:
        """A child has connections of its own: two processes on one would read each other's answers."""
        self._connecting = Lock()
        if self._engine is not None:
            leave_alone(self._engine)
            self._engine = None
        self.dialect.renew()

    def pause(self) -> None:
        """Leave no connection open over a fork, if the others let go of theirs in time."""
        self._gate = self._connecting
        self._gate.__enter__()
        engine, self._engine = self._engine, None
        if engine is not None:
            self.dialect.disconnect(engine)

    def resume(self) -> None:
        """Connections are made again."""
        self._gate.__exit__()

    def create(self) -> None:
        """Make or mend the tables and run the migrations that are due; in one transaction where it can be."""
        with self._begun(writes=True, lock=MAKING) as connection:
            self.dialect.prepare(connection, self.tables)
            self.ledger.upgrade(connection, self._create_tables)

    def is_current(self) -> bool:
        """Whether nothing is left to make or migrate; found out without a write lock, so that readers open at once."""
        newest = self.ledger.newest
        with self._begun(writes=False) as connection:
            if not newest or self.ledger.check_version(connection) != newest:
                return False
            return not self._lacking(connection)

    def _lacking(self, connection: Connection) -> list[str]:
        """What is not there, or not as it should be, in words."""
        different = differences(self.dialect, connection, self.tables)
        return sorted([*self.dialect.missing(connection), *(one.what for one in different)])

    def _create_tables(self, connection: Connection) -> None:
        with self.adopt(connection, self.tables) if self.adopt else nullcontext():
            mend(self.dialect, connection, self.metadata)
        for statement in self.dialect.extras(self.tables):
            connection.exec_driver_sql(statement)

    def validate(self) -> None:
        """Compare the tables of the database with the schema."""
        with self._begun(writes=False) as connection:
            self.ledger.check_version(connection)
            found = self._lacking(connection)
        if found:
            raise SchemaError(f'{"; ".join(found)}. Open the store once with ddl_mode="create" to migrate it.')

    def faults(self) -> list[str]:
        """A schema that is not today's, and what the database's own checks find."""
        with self._begun(writes=False) as connection:
            version, newest = self.ledger.current_version(connection), self.ledger.newest
            found = [] if version == newest else [f"the schema is version {version}, this release has {newest}"]
            return found + self.dialect.faults(connection)

    @contextmanager
    def _begun(self, *, writes: bool, lock: str = ALONE) -> Iterator[Connection]:
        """A connection in a transaction, which ends with the block."""
        options = {"memu_writes": writes, "memu_lock": lock}
        with self.dialect.turn(writes=writes), self.dialect.translated():
            connection = self._connection(options)
            committing = False
            try:
                with connection.get_transaction() or nullcontext():
                    yield connection
                    committing = writes
            except DBAPIError as error:
                if committing and error.connection_invalidated:
                    raise self.dialect.unsure(error) from error.orig
                raise
            finally:
                self.dialect.ended(connection)
                connection.close()

    def _connection(self, options: Mapping[str, Any]) -> Connection:
        """Begin on a connection of the pool; one that the server dropped while it lay there is replaced, once."""
        for last in (False, True):
            connection = self.engine.connect().execution_options(**options)
            try:
                connection.begin()
                return connection
            except BaseException as error:
                connection.close()
                if last or not (isinstance(error, DBAPIError) and error.connection_invalidated):
                    raise
        raise AssertionError  # the second try returned or raised

    @contextmanager
    def transaction(self, lock: str = ALONE) -> Iterator[Transaction]:
        """Its turn comes as the dialect says."""
        with self._begun(writes=True, lock=lock) as connection:
            yield SqlTransaction(connection, self)

    @contextmanager
    def reader(self) -> Iterator[Transaction]:
        """A snapshot that ends with the block."""
        with self._begun(writes=False) as connection:
            yield SqlTransaction(connection, self)

    def glance(self, read: Callable[[Transaction], T]) -> T:
        """Without the round trips to begin and end a transaction."""
        return self._alone(lambda connection: read(SqlTransaction(connection, self)))

    def nearest(
        self, table: str, vector: NDArray[np.float32], *, where: Where = (), limit: int | None = None
    ) -> list[tuple[str, float]]:
        """One statement, and so one state; see `Dialect.nearest`."""

        def found(part: Where) -> list[tuple[str, float]]:
            return self._alone(lambda one: self.dialect.nearest(one, self.tables, table, vector, part, limit))

        several = [found(part) for part in parts(where)]
        if len(several) == 1:
            return several[0]
        return sorted((row for rows in several for row in rows), key=lambda row: (-row[1], row[0]))[:limit]

    def _alone(self, use: Callable[[Connection], T]) -> T:
        """Run one statement, with no transaction around it."""
        with self.dialect.turn(writes=False), self.dialect.translated():
            try:
                return self._alone_once(use)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            return self._alone_once(use)  # the connection may have died in the pool

    def _alone_once(self, use: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return use(connection.execution_options(memu_bare=True))

    def settle(self) -> str | None:
        """See `Dialect.settle`."""
        with self.dialect.translated():
            return self.dialect.settle(self.engine)

    def erase_traces(self) -> None:
        """See `Dialect.erase_traces`."""
        with self.dialect.translated():
            self.dialect.erase_traces(self.engine)

    def describe(self) -> dict[str, Any]:
        """What and where the store is, without any secret."""
        return self.dialect.describe()

    def close(self) -> None:
        """Close every connection; idempotent."""
        with self._connecting:
            self._closed = True
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
        several = list(parts(where))
        if len(several) > 1:
            asked = None if columns is None else list(dict.fromkeys([*columns, *(name.lstrip("-") for name in order)]))
            rows = [
                row
                for part in several
                for row in self.find(table, part, order=order, limit=limit, after=after, columns=asked)
            ]
            return [{name: row[name] for name in columns or row} for row in put_in_order(rows, order)[:limit]]
        names = columns or self.store.columns[table]
        statement, values = self.store.statements.select(table, names, where, order, limit, after)
        return [dict(zip(names, row, strict=True)) for row in self.connection.execute(statement, values).all()]

    def count(self, table: str, where: Where = ()) -> int:
        """SELECT count(*), in parts for a long list of values."""
        target = self.tables[table]
        counted = sa.select(sa.func.count()).select_from(target)
        return sum(
            int(self.connection.execute(counted.where(*self._met(table, part))).scalar_one()) for part in parts(where)
        )

    def update(self, table: str, values: Mapping[str, Any], where: Where) -> int:
        """One UPDATE, in parts for a long list of values."""
        target = self.tables[table]
        return sum(
            self.connection.execute(sa.update(target).where(*self._met(table, part)).values(dict(values))).rowcount
            for part in parts(where)
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

    def fix_dimension(self, table: str, dimension: int | None) -> None:
        """See `Dialect.fix_dimension`."""
        self.store.dialect.fix_dimension(self.connection, self.tables[table], dimension)

    def has_dimension(self, table: str, dimension: int) -> bool:
        """See `Dialect.has_dimension`."""
        return self.store.dialect.has_dimension(self.connection, self.tables[table], dimension)

    def delete(self, table: str, where: Where) -> int:
        """One DELETE, in parts for a long list of values."""
        target = self.tables[table]
        return sum(
            self.connection.execute(sa.delete(target).where(*self._met(table, part))).rowcount for part in parts(where)
        )

    def _met(self, table: str, where: Where) -> Iterator[sa.ColumnElement[bool]]:
        return self.store.statements.met(table, where)


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
    return sa.Table(table.name, metadata, *columns, *constraints, *indexes, info={BY_HAND: table.by_hand})


def _name(kind: str, table: Table, columns: Sequence[str]) -> str:
    own = [name for name in columns if name not in ("user_id", "agent_id")] or columns
    return f"{kind}_{table.name}_{'_'.join(own)}"[:63]
