"""What the suite must know of a backend: how to open a store of it, and how to look at one behind its back."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from memu.app.service import MemoryService
from memu.app.sync import SyncService
from memu.backends.base import RecordStore
from memu.backends.tables import Schema
from memu.database.core import Database
from memu.database.factory import build_database
from memu.scope import Scope
from memu.settings import DatabaseConfig

Rows = list[dict[str, Any]]
Person = Mapping[str, str]

ALICE: Person = {"user_id": "alice", "agent_id": "helper"}
BOB: Person = {"user_id": "bob", "agent_id": "helper"}


class Backend(ABC):
    """One store of a backend, empty at first, which the suite may open, close and open again.

    A subclass says how to open it and how a bare driver reads it; see `tests/conformance` for two of them.

    Attributes:
        name: as `MEMU_REQUIRE_BACKENDS` names it.
        durable: whether what was written is there when the store is opened again.
        machine_runs: how many random sequences of operations are tried, of some 45 steps each.
        folder: an empty folder for the files of this store, if it has any.
    """

    name: ClassVar[str]
    durable: ClassVar[bool] = True
    machine_runs: ClassVar[int] = 47

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def config(self) -> DatabaseConfig:
        """The settings with which services open the store, the same ones at every call."""

    @abstractmethod
    def records(self, schema: Schema) -> RecordStore:
        """A record store with tables of the suite's own, apart from the store of `config`; not created yet."""

    @abstractmethod
    def rows(self, database: Database, table: str) -> Rows:
        """All rows of a table as a bare driver reads them, in any order, around all code of the library."""

    def faults(self, database: Database) -> list[str]:
        """What the server's own checks of foreign keys and files complain of; nothing where it has none."""
        return []

    def wipe(self) -> None:  # noqa: B027 - most have nothing to do
        """Take the store away, after everything that uses it was closed; nothing to do where `folder` holds it all."""

    def service(self, **options: Any) -> MemoryService:
        """A service on the store; without an embedder where `options` name none, so that it starts at once."""
        options.setdefault("embedding_config", {"provider": "none"})
        options.setdefault("blob_config", {"resources_dir": self.folder / "resources"})
        return MemoryService(database_config=self.config(), **options)

    def database(self) -> Database:
        """The operator's handle on the store, over all users."""
        return build_database(config=self.config())

    def dump(self, database: Database) -> dict[str, Rows]:
        """Every row of every table, in a fixed order: two dumps are equal when nothing was changed between them."""
        tables = [table.name for table in database.handle.records.schema.tables]
        return {name: sorted(self.rows(database, name), key=_sort_key) for name in tables}


def _sort_key(row: Mapping[str, Any]) -> str:
    return repr(sorted(row.items()))


class Suite:
    """Base of the suite's classes: a fresh store for each test, and services that are closed after it."""

    backend_type: ClassVar[type[Backend]]

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        """The store of one test."""
        backend = self.backend_type(tmp_path)
        yield backend
        backend.wipe()

    @pytest.fixture
    def service(self, backend: Backend) -> Iterator[MemoryService]:
        """A service for many users, without an embedder."""
        with backend.service() as service:
            yield service

    @pytest.fixture
    def memory(self, service: MemoryService) -> SyncService:
        """The calls of `service`, without `await`."""
        return service.sync

    @pytest.fixture
    def alice(self, service: MemoryService) -> Database:
        """Alice's part of the store."""
        return service.database.bound(Scope.of(ALICE))

    @pytest.fixture
    def bob(self, service: MemoryService) -> Database:
        """Bob's part of the store."""
        return service.database.bound(Scope.of(BOB))


def ids(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ids of some records, in their order."""
    return [str(record["id"]) for record in records]
