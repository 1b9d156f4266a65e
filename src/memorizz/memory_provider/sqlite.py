"""Memories in an SQLite file, or in RAM."""

import os
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy.engine import URL

from memorizz.memory_provider.config import ProviderConfig, made, no_address
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.schema import SCHEMA
from memorizz.memory_provider.upgrades import MIGRATIONS
from memu.backends.base import RecordStore
from memu.backends.sql import SqlRecordStore
from memu.backends.sqlite import SQLite
from memu.errors import InputTypeError

IN_RAM = ":memory:"


@dataclass
class SQLiteConfig(ProviderConfig):
    """Which file; ":memory:" for none. The other options are those of `ProviderConfig`, by keyword."""

    path: str | os.PathLike[str] = "memorizz.db"

    def __post_init__(self) -> None:
        """Refuse an address before a file is made of it."""
        no_address(self, ("path",), "expected the name of a file; servers have providers of their own")

    def open(self) -> RecordStore:
        """Open the file, and make it where it is missing."""
        path = os.fspath(self.path) if isinstance(self.path, str | os.PathLike) else None
        if not isinstance(path, str) or not path or "\0" in path:
            raise InputTypeError(f"the path is {self.path!r}: expected the name of a file, or {IN_RAM!r}.")
        return made(SqlRecordStore(SQLite(URL.create("sqlite", database=path)), SCHEMA, MIGRATIONS))


class SQLiteProvider(RecordProvider):
    """A memory provider on SQLite."""

    config_type: ClassVar[type[ProviderConfig]] = SQLiteConfig
