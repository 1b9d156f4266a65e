"""How the suite opens the backends of this package, and looks at their rows."""

import sqlite3
from contextlib import closing
from typing import Any

from memu.backends.base import RecordStore
from memu.backends.dialects import parse_dsn
from memu.backends.sql import SqlRecordStore
from memu.backends.sqlite import SQLite
from memu.backends.tables import Schema
from memu.database.core import Database
from memu.settings import DatabaseConfig
from memu.testing import Backend, Rows


class SQLiteBackend(Backend):
    """A file."""

    name = "sqlite"

    def config(self) -> DatabaseConfig:
        return DatabaseConfig(metadata_store={"provider": "sqlite", "dsn": f"sqlite:///{self.folder}/memu.db"})

    def records(self, schema: Schema) -> RecordStore:
        return SqlRecordStore(SQLite(parse_dsn(f"sqlite:///{self.folder}/probe.db", expected="sqlite")), schema)

    def rows(self, database: Database, table: str) -> Rows:
        with closing(sqlite3.connect(self.folder / "memu.db")) as connection:
            return read(connection, f'SELECT * FROM "{table}"')

    def faults(self, database: Database) -> list[str]:
        with closing(sqlite3.connect(self.folder / "memu.db")) as connection:
            return complaints(connection)


class InMemoryBackend(Backend):
    """SQLite in RAM, whose only connection is the engine's own."""

    name = "inmemory"
    durable = False

    def config(self) -> DatabaseConfig:
        return DatabaseConfig()

    def records(self, schema: Schema) -> RecordStore:
        return SqlRecordStore(SQLite(parse_dsn("sqlite://", expected="sqlite")), schema)

    def rows(self, database: Database, table: str) -> Rows:
        return read(driver(database), f'SELECT * FROM "{table}"')

    def faults(self, database: Database) -> list[str]:
        return complaints(driver(database))


def driver(database: Database) -> sqlite3.Connection:
    """The driver's connection to a database in RAM."""
    return database.handle.records.engine.raw_connection().driver_connection


def read(connection: sqlite3.Connection, statement: str) -> Rows:
    """The rows of a SELECT, as dicts."""
    cursor = connection.execute(statement)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def complaints(connection: sqlite3.Connection) -> list[Any]:
    """What SQLite's own checks find wrong."""
    wrong = [row for row in connection.execute("PRAGMA quick_check").fetchall() if row != ("ok",)]
    return [*connection.execute("PRAGMA foreign_key_check").fetchall(), *wrong]
