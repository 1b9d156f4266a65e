"""Databases of every kind to spoil: how each is made, looked at and damaged."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.database.ddl_child import user_model

import servers
from memu.backends.dialects import parse_dsn
from memu.backends.mysql import MySQL
from memu.backends.postgres import Postgres
from memu.backends.schema import build_schema
from memu.backends.sql import SqlRecordStore
from memu.backends.sqlite import SQLite
from memu.database.core import Database
from memu.database.factory import build_database
from memu.database.upgrades import MIGRATIONS
from memu.settings import DatabaseConfig

KINDS = ("sqlite", "postgres", "mariadb", "mysql")
SERVERS = KINDS[1:]
ROOT = Path(__file__).parents[2]
DIALECTS: dict[str, Any] = {"sqlite": SQLite, "postgres": Postgres, "mariadb": MySQL, "mysql": MySQL}


@dataclass
class Place:
    """A database of some kind."""

    kind: str
    dsn: str
    handles: list[Database] = field(default_factory=list)

    def open(self, *fields: str, mode: str = "create") -> Database:
        """A handle on the store, which is closed after the test."""
        config = DatabaseConfig(metadata_store={"dsn": self.dsn, "ddl_mode": mode})
        self.handles.append(build_database(config=config, user_model=user_model(list(fields))))
        return self.handles[-1]

    def make(self, *fields: str, mode: str = "create") -> None:
        """Open the store and close it again."""
        self.open(*fields, mode=mode).close()

    def records(self, migrations: Any = MIGRATIONS) -> SqlRecordStore:
        """The record store alone, with other migrations; the caller closes it."""
        expected = self.dsn.partition("://")[0]
        return SqlRecordStore(DIALECTS[self.kind](parse_dsn(self.dsn, expected=expected)), build_schema(), migrations)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Carry out statements by a bare driver; the rows of the last one."""
        with closing(self._bare()) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
            connection.commit()
            cursor.close()
        return rows

    def _bare(self) -> Any:
        if self.kind == "sqlite":
            return sqlite3.connect(self.dsn.removeprefix("sqlite:///"))
        return servers.get(self.kind).bare(self.dsn)

    def tables(self) -> set[str]:
        """The names of all tables."""
        if self.kind == "sqlite":
            return {name for (name,) in self.run("SELECT name FROM sqlite_master WHERE type = 'table'")}
        schema = "current_schema()" if self.kind == "postgres" else "DATABASE()"
        query = f"SELECT table_name FROM information_schema.tables WHERE table_schema = {schema}"
        return {name for (name,) in self.run(query)}

    def ledger(self) -> list[tuple[Any, ...]]:
        """What the ledger holds."""
        return self.run("SELECT version, name FROM schema_migrations ORDER BY version")

    def remade(self, table: str, pattern: str, by: str) -> None:
        """Make a table of SQLite anew with another definition, which it has no statement for."""
        ((sql,),) = self.run(f"SELECT sql FROM sqlite_master WHERE name = '{table}'")
        indexes = self.run(f"SELECT sql FROM sqlite_master WHERE tbl_name = '{table}' AND type = 'index' AND sql <> ''")
        changed, count = re.subn(pattern, by, sql)
        assert count == 1, sql
        self.run(
            "PRAGMA legacy_alter_table = ON",
            f"ALTER TABLE {table} RENAME TO aside",
            changed,
            f"INSERT INTO {table} SELECT * FROM aside",
            "DROP TABLE aside",
            *(one for (one,) in indexes),
        )

    def close(self) -> None:
        """Close what was opened and remove the database."""
        for database in self.handles:
            database.close()
        if self.kind != "sqlite":
            servers.get(self.kind).drop_database(self.dsn)


def new_place(kind: str, folder: Path) -> Place:
    """An empty database."""
    if kind == "sqlite":
        return Place(kind, f"sqlite:///{folder}/store.db")
    return Place(kind, servers.get(kind).create_database())


def start(how: str, dsn: str, *rest: str) -> "subprocess.Popen[bytes]":
    """A process of `ddl_child`."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")))
    command = [sys.executable, str(Path(__file__).with_name("ddl_child.py")), how, dsn, *rest]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdin=pipe, stdout=pipe, stderr=pipe)
