"""Where the tests keep documents: a provider on each database, and what is in its tables."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

import servers
from memorizz.memory_provider import MemoryType
from memorizz.memory_provider.mongodb import MongoDBConfig, MongoDBProvider
from memorizz.memory_provider.postgresql import PostgreSQLConfig, PostgreSQLProvider
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.schema import META, SCHEMA
from memorizz.memory_provider.sqlite import SQLiteConfig, SQLiteProvider
from mongodb.in_process import InProcess
from servers.server import database_of

REACHABLE = ("sqlite", "postgres", "mongodb")
"""The kinds of databases that other processes can reach."""
IN_PROCESS = "mongodb-in-process"
KINDS = (*REACHABLE, IN_PROCESS)
TYPES = list(MemoryType)
DIMENSION = 16
OWN = ("_id", "id", "created_at", "updated_at", "timestamp", "embedding")
"""What every document gets."""


def embed(text: str) -> list[float]:
    """A vector of a text: how often each of sixteen classes of letters is in it."""
    vector = np.ones(DIMENSION)
    for letter in text:
        vector[ord(letter) % DIMENSION] += 1
    return vector.tolist()


class Place:
    """A database of one kind, and how to open providers on it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.path = folder / "memorizz.db"
        self.server: Any = None if kind == "sqlite" else InProcess() if kind == IN_PROCESS else servers.get(kind)
        self.dsn = self.server.create_database() if self.server else ""

    def open(self, **options: Any) -> RecordProvider:
        """A provider."""
        make: dict[str, Callable[..., RecordProvider]] = {
            "sqlite": lambda **more: SQLiteProvider(SQLiteConfig(self.path, **more)),
            "postgres": lambda **more: PostgreSQLProvider(PostgreSQLConfig(url=self.dsn, **more)),
            "mongodb": lambda **more: MongoDBProvider(MongoDBConfig(self.dsn, database_of(self.dsn), **more)),
        }
        return make[self.kind.partition("-")[0]](**{"embedder": embed, **options})

    def tables(self) -> set[str]:
        """The names of the tables, without the library."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.path)) as connection:
                return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        with closing(self.server.bare(self.dsn)) as connection:
            if self.kind.startswith("mongodb"):
                return set(connection[database_of(self.dsn)].list_collection_names())
            cursor = connection.cursor()
            cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
            return {name for (name,) in cursor.fetchall()}

    def drop(self) -> None:
        """Remove the database."""
        if self.server:
            self.server.drop_database(self.dsn)


def bare(document: dict[str, Any] | None) -> dict[str, Any]:
    """A document without what every document gets."""
    assert document is not None
    return {key: value for key, value in document.items() if key not in OWN}


def empty(provider: RecordProvider) -> None:
    """Delete every document, and forget every dimension."""
    records = provider._store.records
    with records.reader() as reader:
        known = {row["name"].partition(":")[2] for row in reader.find(META)}
        used = {kind for kind in TYPES if kind.value in known or reader.count(kind.value)}
    for kind in used:
        provider.delete_all(kind)


TABLES = [table.name for table in SCHEMA.tables]
