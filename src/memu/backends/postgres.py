"""PostgreSQL with pgvector, by psycopg 3."""

import json
import re
from collections.abc import Mapping, Set
from functools import partial
from hashlib import sha256
from types import NoneType
from typing import Any, ClassVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from memu import errors
from memu.backends.base import ALONE, Capability, Where
from memu.backends.clauses import clause
from memu.backends.dialects import BUSY_SECONDS, BY_HAND, MADE, MAKING, Fault, on_conflict, words
from memu.backends.pgvector import Few, Rows, Searches, few, has_index, make_index
from memu.backends.server import SILENCE, Server
from memu.backends.types import LARGEST_EXACT, ExactNumber, Json, Jsonb, PgVector, UtcTime
from memu.settings import PoolConfig

OLDEST_VECTOR = (0, 8)
"""pgvector 0.8 brought iterative scans, without which a filter leaves too few rows."""

PLACE = re.compile(r"\s*[-+]?\d+")
"""A key that the server takes for a place in a list, where there is one."""

LARGEST_DOUBLE = 9_223_372_036_854_775_000
"""As JSON writes the last double below 2**63; no filter has a larger number."""

FILLED_IN: dict[type, str] = {
    sa.Uuid: "gen_random_uuid()",
    UtcTime: "now()",
    Json: "'{}'",
    sa.BigInteger: "0",
}
"""What stands in a column that may not be empty, where an INSERT by hand leaves it out."""

LIBPQ = {
    "TCP_KEEPIDLE": "keepalives_idle",
    "TCP_KEEPINTVL": "keepalives_interval",
    "TCP_KEEPCNT": "keepalives_count",
    "TCP_USER_TIMEOUT": "tcp_user_timeout",
}
"""What libpq calls the options of a socket."""

INSTALL = (
    "install pgvector 0.8 or later on the server (Debian: postgresql-<version>-pgvector; Docker: pgvector/pgvector), "
    "and run CREATE EXTENSION vector in the database"
)


class Postgres(Server):
    """PostgreSQL 13 or later."""

    name = "postgres"
    driver = "psycopg"
    modules: ClassVar[Mapping[str, str]] = {"psycopg": "psycopg"}
    extra = "postgres"
    port = 5432
    collation = "C"
    catalogue = (
        "SELECT table_name, column_name, data_type, collation_name FROM information_schema.columns "
        "WHERE table_schema = current_schema()"
    )
    kept_as: ClassVar[Mapping[type, str]] = {
        UtcTime: "timestamp with time zone",
        sa.BigInteger: "bigint",
        Json: "json",
        Jsonb: "jsonb",
    }
    nulls_first = False
    capabilities = Server.capabilities | Capability.VECTORS
    json_types: ClassVar[Mapping[type, tuple[str, ...]]] = {
        NoneType: ("null",),
        bool: ("boolean",),
        str: ("string",),
        float: ("number",),
    }

    def __init__(self, url: URL, pool: PoolConfig | None = None, few: Few = few) -> None:
        """`few` says how many rows a search compares one by one before it asks the index."""
        super().__init__(url, pool)
        self.vectors = Searches(few)

    def connect(self) -> Engine:
        """Unescaped JSON, as everywhere."""
        from sqlalchemy.dialects.postgresql.base import ischema_names

        ischema_names.setdefault("vector", PgVector)  # or reading the tables back would warn of an unknown type
        engine = super().connect()
        engine.dialect._json_serializer = partial(json.dumps, ensure_ascii=False, allow_nan=False)
        return engine

    def options(self) -> Set[str]:
        """Those of libpq: psycopg takes Python objects beside them, which no text can name."""
        from psycopg import pq

        return {known.keyword.decode() for known in pq.Conninfo.get_defaults()}

    def connect_args(self) -> dict[str, Any]:
        """Wait no longer for a connection than is configured, nor for a server that has gone without a word."""
        silence = {LIBPQ[name]: value for name, value in SILENCE.items() if LIBPQ[name] not in self.url.query}
        return {"connect_timeout": max(2, round(self.pool.connect_timeout)), **silence}  # libpq takes no less

    def connected(self, connection: Any) -> None:
        """Times in UTC, bounded waits, and a search of the vector index that does not stop at too few rows."""
        limits = {"lock_timeout": BUSY_SECONDS, "statement_timeout": self.pool.statement_timeout or 0}
        settings = {name: str(round(seconds * 1000)) for name, seconds in limits.items()}
        settings |= {"TimeZone": "UTC", "hnsw.iterative_scan": "relaxed_order", "hnsw.ef_search": "200"}
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("; ".join(f"SET {name} = '{value}'" for name, value in settings.items()))

    def begin(self, connection: Connection, *, writes: bool, lock: str) -> None:
        """Writers share the store's lock and own their scope's; who is alone, or makes tables, owns the store's."""
        if not writes:
            connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return
        turns = f"pg_advisory_xact_lock({_key(ALONE)})"
        if lock not in (ALONE, MAKING):
            turns = f"pg_advisory_xact_lock_shared({_key(ALONE)}), pg_advisory_xact_lock({_key(lock)})"
        connection.exec_driver_sql(f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT {turns}")

    def prepare(self, connection: Connection, tables: Mapping[str, sa.Table]) -> None:
        """The extension, new enough."""
        if _vector_version(connection) is None:
            try:
                with connection.begin_nested():
                    connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS vector")
            except DBAPIError as error:
                fault = (
                    f'{self.place}: extension "vector" does not exist and cannot be made ({words(error)}): {INSTALL}.'
                )
                raise errors.SchemaError(fault) from error.orig
        if faults := self.missing(connection):
            raise errors.SchemaError(f"{self.place}: {faults[0]}.")

    def missing(self, connection: Connection) -> list[str]:
        """The extension, new enough."""
        held = _vector_version(connection)
        if held is None:
            return [f'the extension "vector" is missing: {INSTALL}']
        if tuple(int(part) for part in held.split(".")[:2]) < OLDEST_VECTOR:
            return [f"pgvector {held} is too old: {INSTALL} (or ALTER EXTENSION vector UPDATE)"]
        return []

    def insert(self, table: sa.Table, conflict: str) -> Any:
        """PostgreSQL's ON CONFLICT."""
        from sqlalchemy.dialects.postgresql import insert

        return on_conflict(insert(table), table, conflict)

    def json_type(self, column: Any, path: tuple[str, ...]) -> Any:
        """`json_typeof`, which is NULL for what is not there."""
        found: Any = sa.func.coalesce(_typeof(column, path), "null")
        for depth, part in enumerate(path):
            if PLACE.fullmatch(part):  # of a list the server would give what stands at that place
                found = sa.case((_typeof(column, path[:depth]) == "object", found), else_="null")
        return found

    def json_value(self, column: Any, path: tuple[str, ...], kind: type) -> Any:
        """As text, which is then read as what it is; strings are compared byte by byte, like names."""
        text = _json(column, "extract_path_text", column, *path)
        if kind is str:
            return sa.collate(text, "C")
        return sa.cast(text, sa.Boolean()) if kind is bool else _exact(text)

    def extras(self, tables: Mapping[str, sa.Table]) -> list[str]:
        """Defaults, so that rows can be inserted by hand into the tables that take them."""
        return [
            f'ALTER TABLE "{table.name}" ALTER COLUMN "{column.name}" SET DEFAULT {FILLED_IN[type(column.type)]}'
            for table in tables.values()
            for column in table.columns
            if table.info[BY_HAND] and not column.nullable and type(column.type) in FILLED_IN
        ]

    def fix_dimension(self, connection: Connection, table: sa.Table, dimension: int | None) -> None:
        """The index of the vectors; see `pgvector.make_index`."""
        make_index(connection, table, dimension)

    def has_dimension(self, connection: Connection, table: sa.Table, dimension: int) -> bool:
        """Whether the index of the vectors is there; see `pgvector.has_index`."""
        return has_index(connection, table, dimension)

    def nearest(
        self,
        connection: Connection,
        tables: Mapping[str, sa.Table],
        name: str,
        vector: NDArray[np.float32],
        where: Where,
        limit: int | None,
    ) -> list[tuple[str, float]]:
        """See `pgvector.Searches`."""

        def general() -> sa.ColumnElement[bool]:
            return sa.and_(sa.true(), *(clause(self, tables, name, one) for one in where))

        rows = Rows.of(tables[name], where, general)
        return self.vectors.nearest(connection, tables[name], vector, rows, limit)

    def reason(self, error: DBAPIError) -> Fault | None:
        """By the SQLSTATE of the server; without one it was the connection."""
        state = getattr(error.orig, "sqlstate", None)
        if state is None:
            lost = type(error.orig).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
            return self._connection_fault(error) if lost else None
        if state == "XX000" and "could not extend file" in str(error.orig):
            state = "53100"  # the server has no code of its own for a file that may not grow
        faults = self._faults(error)
        return faults.get(state) or faults.get(state[:3]) or faults.get(state[:2])

    def _connection_fault(self, error: DBAPIError) -> Fault:
        """libpq tells why a connection failed in words only."""
        said = str(error.orig)
        if "authentication failed" in said or 'FATAL:  role "' in said or "no password supplied" in said:
            return self.refused()
        if "too many clients" in said or "connection slots" in said:
            return errors.StorageBusy, f"{self.place} takes no more connections."
        if 'FATAL:  database "' in said and "does not exist" in said:
            return errors.StorageUnavailable, f"{self.place}: there is no such database; make it with CREATE DATABASE."
        return self.unreachable(error)

    def _faults(self, error: DBAPIError) -> dict[str, Fault]:
        """By whole code, or by the letters that it begins with."""
        said, place = words(error), self.place
        return {
            "08": self.unreachable(error),
            "22": (errors.InputError, f"a value cannot be stored ({said})."),
            "23": (errors.IntegrityError, f"a row breaks a key of the store: {said}."),
            "25006": (errors.StorageReadOnly, f"{place} takes no writes: {said}. Is it a replica?"),
            "28": self.refused(),
            "40001": (errors.Deadlock, f"{place} broke off the transaction for another one."),
            "40P01": (errors.Deadlock, f"{place} broke off the transaction for another one."),
            "42501": (
                errors.StorageReadOnly,
                f"{place} does not permit it: {said}. The user of the dsn needs a GRANT for that.",
            ),
            "42P01": (
                errors.SchemaError,
                f"{place}: {said}; {MADE}",
            ),
            "53100": (errors.StorageFull, f"{place}: the disk of the server is full: {said}."),
            "53200": (errors.StorageFull, f"{place}: the server is out of memory: {said}."),
            "53300": (errors.StorageBusy, f"{place} takes no more connections: {said}."),
            "54": (errors.InputError, f"a value is too long for an index of the server ({said})."),
            "55P03": (errors.StorageBusy, f"{place} is locked by another writer for over {BUSY_SECONDS:.0f} s."),
            "57014": (errors.StorageBusy, f"{place}: {said}; see statement_timeout."),
            "57P": self.unreachable(error),
            "58": (errors.StorageFull, f"{place}: the server could not write: {said}."),
        }


def _json(column: Any, name: str, *arguments: Any) -> Any:
    """A function of the server's for the type of JSON that a column holds."""
    kind = "jsonb" if isinstance(column.type, Jsonb) else "json"
    return getattr(sa.func, f"{kind}_{name}")(*arguments)


def _typeof(column: Any, path: tuple[str, ...]) -> Any:
    return _json(column, "typeof", _json(column, "extract_path", column, *path) if path else column)


def _exact(text: Any) -> Any:
    """The number that a text of JSON's is, with all digits; one with a point or an exponent is a double's value."""
    number = sa.cast(text, ExactNumber())
    # Such a double is an integer. The server would take it to numeric by 15 digits, and to bigint by all.
    double = sa.and_(text.op("~")("[.eE]"), sa.func.abs(number).between(LARGEST_EXACT, LARGEST_DOUBLE))
    whole = sa.cast(sa.cast(sa.cast(text, sa.Double()), sa.BigInteger()), ExactNumber())
    return sa.case((double, whole), else_=number)


def _vector_version(connection: Connection) -> str | None:
    """The version of pgvector in the database; None where it is not."""
    held = connection.exec_driver_sql("SELECT extversion FROM pg_extension WHERE extname = 'vector'").scalar()
    return None if held is None else str(held)


def _key(lock: str) -> int:
    """The 64-bit number of a lock."""
    return int.from_bytes(sha256(f"memu {lock}".encode()).digest()[:8], signed=True)
