"""MongoDB in this process, without a wire: the driver's client of one address is a client of mongomock's.

The library is not told: it asks PyMongo for a client, as it always does. Another process cannot come to the data.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any
from unittest import mock

import mongomock
import pymongo
from mongomock.collection import Cursor
from pymongo.errors import OperationFailure

from servers.server import new_name

COMMANDS = (
    "count_documents",
    "create_index",
    "delete_many",
    "drop_index",
    "find_one",
    "find_one_and_update",
    "index_information",
    "insert_many",
    "update_many",
    "update_one",
)
ONE_AT_A_TIME: tuple[tuple[type, tuple[str, ...]], ...] = (
    (mongomock.Collection, COMMANDS),
    (mongomock.Database, ("create_collection",)),
    (Cursor, ("__next__",)),
)
"""What a server carries out by itself, and mongomock in several steps, between which other threads come in."""

COMMAND = mongomock.Database.command
"""Mongomock's own, which `InProcess` exchanges while it has a database, as that of a whole run may have one."""

_LOCK = threading.RLock()


class InProcess:
    """An empty server, under an address that nothing else has; gone when its database is dropped."""

    def __init__(self) -> None:
        self.host = f"{new_name()}.in-process"
        self._client = mongomock.MongoClient()
        self._patches = ExitStack()

    def create_database(self) -> str:
        """Let the driver find the server; the address of a database on it."""
        for kind, names in ONE_AT_A_TIME:
            alone = {name: _alone(getattr(kind, name)) for name in names}
            self._patches.enter_context(mock.patch.multiple(kind, **alone))
        self._patches.enter_context(mock.patch.object(mongomock.Database, "command", _unknown))
        elsewhere = pymongo.MongoClient

        def client(dsn: str, **options: Any) -> Any:
            return self._client if self.host in dsn else elsewhere(dsn, **options)

        self._patches.enter_context(mock.patch("pymongo.MongoClient", client))
        return f"mongodb://{self.host}/memu"

    def drop_database(self, dsn: str) -> None:
        """Forget all."""
        self._patches.close()

    def bare(self, dsn: str) -> Any:
        """The client itself, whose `close` closes nothing."""
        return self._client


def _alone(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **options: Any) -> Any:
        with _LOCK:
            return method(*args, **options)

    return call


def _unknown(database: Any, name: str, *_: Any, **__: Any) -> Any:
    """What a server answers to a command that it does not have; mongomock takes one argument, and has only ping."""
    raise OperationFailure(f"no such command: '{name}'", 59)
