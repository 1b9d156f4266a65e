"""How the suite opens the backends of this package, and looks at their rows."""

import os
import sqlite3
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import servers
from memu.backends.base import RecordStore
from memu.backends.dialects import parse_dsn
from memu.backends.mongo import MongoDatabase, MongoRecordStore
from memu.backends.mysql import MySQL
from memu.backends.postgres import Postgres
from memu.backends.server import Server
from memu.backends.sql import SqlRecordStore
from memu.backends.sqlite import SQLite
from memu.backends.tables import Schema
from memu.database.core import Database
from memu.settings import DatabaseConfig
from memu.testing import Backend, Rows


def runs(usual: int) -> int:
    """How often the state machine runs where a run takes long; everywhere as often in `make soak`."""
    return Backend.machine_runs if os.environ.get("MEMU_HYPOTHESIS") == "search" else usual


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


class OnServer(Backend):
    """A database of its own on a server that the run shares."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = servers.get(self.name)
        self.dsn = self.server.create_database()

    def config(self) -> DatabaseConfig:
        return DatabaseConfig(metadata_store={"dsn": self.dsn})

    @cached_property
    def driver(self) -> Any:
        """A bare driver's connection or client, made once: the machine looks thousands of times."""
        return self.server.bare(self.dsn)

    def wipe(self) -> None:
        if "driver" in self.__dict__:
            self.driver.close()
        self.server.drop_database(self.dsn)


class ServerBackend(OnServer):
    """An SQL database."""

    dialect: ClassVar[type[Server]]
    machine_runs = runs(20)

    def records(self, schema: Schema) -> RecordStore:
        kind = self.dsn.partition("://")[0]
        return SqlRecordStore(self.dialect(parse_dsn(self.dsn, expected=kind)), schema)

    def rows(self, database: Database, table: str) -> Rows:
        with closing(self.driver.cursor()) as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        self.driver.rollback()  # or the next look would see the same state again
        return found


class PostgresBackend(ServerBackend):
    """PostgreSQL with pgvector."""

    name = "postgres"
    dialect = Postgres


class MariaDBBackend(ServerBackend):
    """MariaDB."""

    name = "mariadb"
    dialect = MySQL


class MySQLBackend(ServerBackend):
    """MySQL."""

    name = "mysql"
    dialect = MySQL


class MongoBackend(OnServer):
    """MongoDB."""

    name = "mongodb"
    # What stands in for it looks at every document for every question.
    machine_runs = runs(6)

    def records(self, schema: Schema) -> RecordStore:
        return MongoRecordStore(MongoDatabase(self.dsn), schema, grace=3.0)  # the dead make what stands in for it slow

    def rows(self, database: Database, table: str) -> Rows:
        rows = self.driver.get_default_database()
        head = rows["memu_head"].find_one({"_id": "head"})
        gone = [one["turn"] for one in head["abandoned"]]
        found = rows[table].find({"_born": {"$lte": head["seq"], "$nin": gone}})
        return [one for one in found if one["_died"] > head["seq"] or one["_died"] in gone]


SERVERS = (PostgresBackend, MariaDBBackend, MySQLBackend)
"""The servers that speak SQL."""
BACKENDS = (SQLiteBackend, InMemoryBackend, *SERVERS)
EVERY = (*BACKENDS, MongoBackend)
DURABLE = (SQLiteBackend, *SERVERS)
