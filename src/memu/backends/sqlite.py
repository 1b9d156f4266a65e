"""SQLite, in a file or in RAM."""

import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from threading import RLock
from types import NoneType
from typing import Any, ClassVar, cast
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from memu import errors
from memu.backends.base import Capability
from memu.backends.dialects import BUSY_SECONDS, Dialect, Fault, on_conflict, pointer, words
from memu.forked import Lock, leave_alone

logger = logging.getLogger("memu.backends")

SETTLE_SECONDS = 2.0
"""How long a checkpoint is retried when another process is reading."""

FORK_SECONDS = 5.0
"""How long a fork waits for the transactions of other threads."""


class SQLite(Dialect):
    """SQLite, in a file or in RAM."""

    name = "sqlite"
    capabilities = Capability.DURABLE | Capability.SHARED
    json_types: ClassVar[Mapping[type, tuple[str, ...]]] = {
        NoneType: ("null",),
        bool: ("true", "false"),
        str: ("text",),
        float: ("integer", "real"),
    }

    def __init__(self, url: URL, *, creates: bool = True) -> None:
        super().__init__(url)
        self.creates = creates
        self.write_lock = Lock(RLock)
        self._inherited = self._cut_short = False
        if url.query:
            raise errors.ConfigError(f"the dsn has options after '?' ({', '.join(url.query)}): SQLite's takes none.")
        name = url.database or ":memory:"
        if "\x00" in name:
            raise errors.ConfigError("the dsn's path holds a NUL byte: it must name a database file.")
        self.path = None if name == ":memory:" or "mode=memory" in name else Path(name).expanduser().absolute()
        self.leaves_before_fork = self.path is not None
        if self.path is None:
            self.capabilities = Capability.NONE

    def disconnect(self, engine: Engine) -> None:
        """SQLite would take the parent's locks for the child's own: it must not know of any at a fork."""
        deadline, pool = time.monotonic() + FORK_SECONDS, cast(sa.QueuePool, engine.pool)
        while pool.checkedout() and time.monotonic() < deadline:
            time.sleep(0.002)
        self._cut_short = pool.checkedout() > 0
        if self._cut_short:
            leave_alone(engine)
        else:
            engine.dispose()

    def renew(self) -> None:
        """Nothing that was under way in the parent goes on here."""
        self._inherited = True

    def connect(self) -> Engine:
        """A pool of connections to the file; in RAM, the one connection that holds the data."""
        if self._inherited and self._cut_short:
            raise errors.StorageUnavailable(
                f"{self.path} was in use by a transaction of over {FORK_SECONDS:.0f} s when this process was forked, "
                "and SQLite cannot tell the two apart: fork when nothing is under way, or before the store is opened."
            )
        if self._inherited and self.path is None:
            raise errors.StorageUnavailable(
                "the database is in the memory of the process that this one was forked from, where changes made here "
                "would not arrive: keep it in a file or on a server, or make a new one in this process."
            )
        options: dict[str, Any] = {
            "connect_args": {"check_same_thread": False, "timeout": BUSY_SECONDS},
            # Unescaped, since SQLite finds a key inside JSON by the letters it is written with.
            "json_serializer": partial(json.dumps, ensure_ascii=False, allow_nan=False),
        }
        if self.path is None:
            return sa.create_engine("sqlite://", poolclass=sa.StaticPool, **options)
        if self.creates:
            self._prepare_folder(self.path)
        mode = "rwc" if self.creates else "rw"
        # The URL form is needed for names that hold "?" or "#"; SQLite decodes it itself.
        uri = f"sqlite:///file:{quote(str(self.path))}?mode={mode}&uri=true"
        return sa.create_engine(uri, poolclass=sa.QueuePool, pool_size=4, max_overflow=12, **options)

    @property
    def identity(self) -> Hashable:
        """The file, however it is named; a database in RAM is one store's own."""
        return self.path.resolve() if self.path else None

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path or "the database in memory")

    def stored_key(self, table: str) -> tuple[str, ...]:
        """Read around the engine, which would make a file where there is none."""
        if self.path is None or not self.path.is_file():
            return ()
        try:
            with contextlib.closing(sqlite3.connect(f"file:{quote(str(self.path))}?mode=ro", uri=True)) as connection:
                columns = connection.execute("SELECT name, pk FROM pragma_table_info(?)", (table,)).fetchall()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise errors.StorageBusy(f"{self.path} is locked by another process: repeat the call.") from error
            return ()  # damaged, or no database: opening it says which
        return tuple(name for name, place in sorted(columns, key=lambda column: column[1]) if place)

    def turn(self, *, writes: bool) -> AbstractContextManager[Any]:
        """One writer at a time in this process; in RAM there is one connection, so one transaction."""
        return self.write_lock if writes or self.path is None else nullcontext()

    def _prepare_folder(self, path: Path) -> None:
        if path.is_dir():
            raise errors.StorageUnavailable(f"{path} is a directory: the dsn must name a database file.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise errors.StorageUnavailable(f"the folder {path.parent} cannot be made: {error.strerror}.") from error

    def connected(self, connection: Any) -> None:
        """The settings of a connection that was just made."""
        connection.isolation_level = None  # transactions begin where `begin` says, not where the driver guesses
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        if self.path is not None:
            self._write_ahead(cursor)
            cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    @staticmethod
    def _write_ahead(cursor: sqlite3.Cursor) -> None:
        """Let the file have a write-ahead log; where another process is at that, SQLite itself does not wait."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                cursor.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def begin(self, connection: Connection, *, writes: bool, lock: str) -> None:
        """The file has one writer at a time, whatever it writes."""
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    def insert(self, table: sa.Table, conflict: str) -> Any:
        """SQLite's ON CONFLICT."""
        from sqlalchemy.dialects.sqlite import insert

        return on_conflict(insert(table), table, conflict)

    def json_type(self, column: Any, path: tuple[str, ...]) -> Any:
        """`json_type`, which is NULL for what is not there."""
        return sa.func.coalesce(sa.func.json_type(column, pointer(path)), "null")

    def json_value(self, column: Any, path: tuple[str, ...], kind: type) -> Any:
        """`json_extract`, whose values are SQL's own."""
        read = sa.func.json_extract(column, pointer(path))
        return read if kind is str else sa.type_coerce(read, sa.Boolean() if kind is bool else sa.Float())

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
        with self.write_lock, engine.connect() as connection:
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

    def reason(self, error: DBAPIError) -> Fault | None:
        """By SQLite's own error code."""
        code = getattr(error.orig, "sqlite_errorname", "") or ""
        where, said = self.place, words(error)
        faults: dict[str, Fault] = {
            "SQLITE_CONSTRAINT": (errors.IntegrityError, f"a row breaks a key of the store: {said}."),
            "SQLITE_BUSY": (errors.StorageBusy, f"{where} is locked by another process for over {BUSY_SECONDS:.0f} s."),
            "SQLITE_LOCKED": (errors.StorageBusy, f"{where} is locked by another connection."),
            "SQLITE_READONLY": (errors.StorageReadOnly, f"{where} cannot be written: check the file's permissions."),
            "SQLITE_FULL": (errors.StorageFull, f"{where}: the disk is full; free some space and repeat the call."),
            "SQLITE_IOERR": (errors.StorageFull, f"{where}: a disk read or write failed ({code}); is the disk full?"),
            "SQLITE_CANTOPEN": (
                errors.StorageUnavailable,
                f"{where} cannot be opened: check its folder and permissions.",
            ),
            "SQLITE_NOTADB": (errors.StorageCorrupt, f"{where} is not an SQLite database."),
            "SQLITE_CORRUPT": (errors.StorageCorrupt, f"{where} is damaged: restore a backup (memu restore)."),
        }
        return next((fault for prefix, fault in faults.items() if code.startswith(prefix)), None)
