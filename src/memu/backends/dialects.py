"""What differs between SQL servers: how to connect, how to begin, how to insert over a key, what an error means."""

import json
import logging
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from memu import errors
from memu.backends.base import Capability

logger = logging.getLogger("memu.backends")

BUSY_SECONDS = 30.0
"""How long a writer waits for another process before StorageBusy."""

SETTLE_SECONDS = 2.0
"""How long a checkpoint is retried when another process is reading."""


def parse_dsn(dsn: str, *, expected: str) -> URL:
    """Read a DSN; the error of one that cannot be read never repeats it, since it may hold a password.

    Raises:
        ConfigError: the DSN is not an SQLAlchemy URL, or names another kind of database than `expected`.
    """
    try:
        url = make_url(dsn)
    except (ArgumentError, ValueError):  # the latter, with a piece of the DSN in it, for a port that is no number
        raise errors.ConfigError(
            f"the dsn is not a database URL: expected {expected}://…, such as sqlite:///memu.db (not shown: it may "
            "hold a password)."
        ) from None
    if url.get_backend_name() != expected:
        raise errors.ConfigError(f"the dsn names {url.get_backend_name()!r}: the provider expects {expected}://…")
    return url


class Dialect(ABC):
    """Defaults for every SQL server; a subclass overrides what differs, and says why."""

    name = "sql"
    capabilities = Capability.DURABLE | Capability.SHARED

    def __init__(self, url: URL) -> None:
        self.url = url
        self.write_lock = RLock()

    @abstractmethod
    def engine(self) -> Engine:
        """Make the connection pool."""

    @abstractmethod
    def insert(self, table: sa.Table, conflict: str) -> Any:
        """An INSERT that raises, skips or replaces on an existing key."""

    def settle(self, engine: Engine) -> str | None:
        """Nothing to do where the server keeps its own files."""
        return None

    def erase_traces(self, engine: Engine) -> None:  # noqa: B027 - to do nothing is what most servers need
        """Nothing to do where the server keeps its own files."""

    def faults(self, connection: Connection) -> list[str]:
        """What the server's own checks find wrong; nothing where it keeps its own house."""
        return []

    def extras(self, tables: Mapping[str, sa.Table]) -> list[str]:
        """Further DDL after the tables."""
        return []

    def describe(self) -> dict[str, Any]:
        """Where the store is, without its password."""
        return {"provider": self.name, "dsn": self.url.render_as_string(hide_password=True)}

    def translate(self, error: DBAPIError) -> errors.MemuError:
        """The error of ours that says what a driver's error means."""
        return errors.StorageError(
            f"the database refused the statement: {_reason(error)}. Nothing of the call was kept."
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn driver errors inside the block into errors of ours; the driver's error stays as the cause."""
        try:
            yield
        except DBAPIError as error:
            raise self.translate(error) from error.orig
        except (UnicodeEncodeError, OverflowError) as error:
            # The driver's own refusal to hand over a value, which is no database error to it.
            fault = f"a value cannot be stored ({error}): expected plain text, 64-bit numbers."
            raise errors.InputError(fault) from None
        except sa.exc.TimeoutError as error:
            raise errors.StorageBusy("all connections to the database are in use: repeat the call.") from error
        except SQLAlchemyError as error:
            # Before the driver sees it: a value that is no JSON, a name that is no column. Its text may hold values.
            fault = f"the store cannot take the call: {str(getattr(error, 'orig', None) or error).splitlines()[0]}."
            raise errors.InputError(fault) from None


class SQLite(Dialect):
    """SQLite, in a file or in RAM."""

    name = "sqlite"

    def __init__(self, url: URL, *, creates: bool = True) -> None:
        super().__init__(url)
        self.creates = creates
        if url.query:
            raise errors.ConfigError(f"the dsn has options after '?' ({', '.join(url.query)}): SQLite's takes none.")
        name = url.database or ":memory:"
        if "\x00" in name:
            raise errors.ConfigError("the dsn's path holds a NUL byte: it must name a database file.")
        self.path = None if name == ":memory:" or "mode=memory" in name else Path(name).expanduser().absolute()
        if self.path is None:
            self.capabilities = Capability.NONE

    def engine(self) -> Engine:
        """A pool of connections to the file; in RAM, the one connection that holds the data."""
        options: dict[str, Any] = {
            "connect_args": {"check_same_thread": False, "timeout": BUSY_SECONDS},
            # Unescaped, since SQLite finds a key inside JSON by the letters it is written with.
            "json_serializer": partial(json.dumps, ensure_ascii=False, allow_nan=False),
        }
        if self.path is None:
            engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, **options)
        else:
            if self.creates:
                self._prepare_folder(self.path)
            mode = "rwc" if self.creates else "rw"
            # The URL form is needed for names that hold "?" or "#"; SQLite decodes it itself.
            uri = f"sqlite:///file:{quote(str(self.path))}?mode={mode}&uri=true"
            engine = sa.create_engine(uri, poolclass=sa.QueuePool, pool_size=4, max_overflow=12, **options)
        sa.event.listen(engine, "connect", self._on_connect)
        sa.event.listen(engine, "begin", self._on_begin)
        return engine

    def _prepare_folder(self, path: Path) -> None:
        if path.is_dir():
            raise errors.StorageUnavailable(f"{path} is a directory: the dsn must name a database file.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise errors.StorageUnavailable(f"the folder {path.parent} cannot be made: {error.strerror}.") from error

    def _on_connect(self, connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where _on_begin says, not where the driver guesses
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        if self.path is not None:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    def _on_begin(self, connection: Connection) -> None:
        writes = connection.get_execution_options().get("memu_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    def insert(self, table: sa.Table, conflict: str) -> Any:
        """SQLite's ON CONFLICT."""
        from sqlalchemy.dialects.sqlite import insert

        statement = insert(table)
        if conflict == "ignore":
            return statement.on_conflict_do_nothing()
        key = list(table.primary_key.columns)
        values = {column.name: statement.excluded[column.name] for column in table.columns if column not in key}
        return statement.on_conflict_do_update(index_elements=key, set_=values) if values else statement

    def extras(self, tables: Mapping[str, sa.Table]) -> list[str]:
        """The name that one of the documents gives to the categories."""
        if "memory_categories" not in tables:
            return []
        return ["CREATE VIEW IF NOT EXISTS categories AS SELECT * FROM memory_categories"]

    def faults(self, connection: Connection) -> list[str]:
        """The checks that SQLite has: of its pages and indexes, and of its foreign keys."""
        pages = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(20)") if row[0] != "ok"]
        keys: dict[tuple[str, str], int] = {}
        for table, _, target, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            keys[table, target] = keys.get((table, target), 0) + 1
        return pages + [
            f"{n} rows of {table} name rows of {target} that are gone" for (table, target), n in keys.items()
        ]

    def settle(self, engine: Engine) -> str | None:
        """Bring the write-ahead log into the main file, so that a plain copy of the file is a complete database."""
        if self.path is None:
            return None
        deadline = time.monotonic() + SETTLE_SECONDS
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA busy_timeout = {int(SETTLE_SECONDS * 250)}")
            try:
                while driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    if time.monotonic() >= deadline:
                        return (
                            f"{self.path.name}: another process is reading, so the newest changes are still in "
                            f"{self.path.name}-wal; copy the database with backup_database, not as a plain file."
                        )
            except sqlite3.Error as error:
                return f"{self.path.name}: the newest changes are still in {self.path.name}-wal ({error})."
            finally:
                driver.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        return None

    def erase_traces(self, engine: Engine) -> None:
        """Rewrite the file without its free pages; deleted content is overwritten already (secure_delete)."""
        kind: type[errors.MemuError] = errors.StorageBusy
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            try:
                driver.execute("VACUUM")
                fault = None
            except sqlite3.Error as error:
                kind, fault = type(self.translate(DBAPIError(None, None, error))), str(error)
        if fault := fault or self.settle(engine):
            raise kind(f"the rows are erased, but traces of them remain in the files: repeat the call. ({fault})")

    def describe(self) -> dict[str, Any]:
        """The provider and the file."""
        return {"provider": "sqlite", "path": str(self.path)} if self.path else {"provider": "inmemory"}

    def translate(self, error: DBAPIError) -> errors.MemuError:
        """By SQLite's own error code."""
        code = getattr(error.orig, "sqlite_errorname", "") or ""
        where = str(self.path or "the database in memory")
        reason = _reason(error)
        for prefix, make, text in (
            ("SQLITE_CONSTRAINT", errors.IntegrityError, f"a row breaks a key of the store: {reason}."),
            ("SQLITE_BUSY", errors.StorageBusy, f"{where} is locked by another process for over {BUSY_SECONDS:.0f} s."),
            ("SQLITE_LOCKED", errors.StorageBusy, f"{where} is locked by another connection."),
            ("SQLITE_READONLY", errors.StorageReadOnly, f"{where} cannot be written: check the file's permissions."),
            ("SQLITE_FULL", errors.StorageFull, f"{where}: the disk is full; free some space and repeat the call."),
            ("SQLITE_IOERR", errors.StorageFull, f"{where}: a disk read or write failed ({code}); is the disk full?"),
            (
                "SQLITE_CANTOPEN",
                errors.StorageUnavailable,
                f"{where} cannot be opened: check its folder and permissions.",
            ),
            ("SQLITE_NOTADB", errors.StorageCorrupt, f"{where} is not an SQLite database."),
            ("SQLITE_CORRUPT", errors.StorageCorrupt, f"{where} is damaged: restore a backup (memu restore)."),
        ):
            if code.startswith(prefix):
                return make(f"{text} Nothing of the call was kept.")
        return super().translate(error)


def _reason(error: DBAPIError) -> str:
    """The driver's own words, without the statement and its values."""
    return str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__
