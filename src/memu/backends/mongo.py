"""Rows in MongoDB, kept in versions: readers see one state, writers take turns, and no replica set is needed."""

import logging
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memu import errors
from memu.backends import mongo_lease, mongo_sweep
from memu.backends.base import ALONE, Capability, Condition, RecordStore, Transaction, Where
from memu.backends.dialects import BUSY_SECONDS, ENCODED
from memu.backends.mongo_address import Address
from memu.backends.mongo_errors import busy, translated
from memu.backends.mongo_lease import Head
from memu.backends.mongo_reads import MongoReader
from memu.backends.mongo_shape import KEEPING, Shape, Step
from memu.backends.mongo_writes import MongoWriter
from memu.backends.tables import Kind, Schema
from memu.settings import PoolConfig

logger = logging.getLogger("memu.backends")


class Connect(Protocol):
    """Makes a client of a database."""

    def __call__(self, address: Address, pool: PoolConfig) -> Any: ...


def connect(address: Address, pool: PoolConfig) -> Any:
    """A pool of connections, which are made when they are first needed.

    Raises:
        MissingExtra: the driver is not installed.
        ConfigError: the DSN has an option that the driver does not take.
    """
    try:
        from pymongo import MongoClient
    except ImportError as error:
        raise errors.MissingExtra(
            f"the driver of mongodb, pymongo, is not installed ({error}): pip install 'memu[mongodb]'."
        ) from None
    commands = logging.getLogger("pymongo.command")
    if commands.level == logging.NOTSET:  # at DEBUG it logs every command with what is kept
        commands.setLevel(logging.INFO)
    seconds = {
        "waitQueueTimeoutMS": pool.pool_timeout,
        "maxIdleTimeMS": pool.pool_recycle,
        "connectTimeoutMS": pool.connect_timeout,
        "serverSelectionTimeoutMS": pool.connect_timeout,
    }
    options: dict[str, Any] = {name: max(1, round(value * 1000)) for name, value in seconds.items()}
    if pool.statement_timeout:
        options["timeoutMS"] = max(1, round(pool.statement_timeout * 1000))
    most = pool.pool_size + pool.max_overflow
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an option that it does not know is only a warning to the driver
            return MongoClient(address.dsn, maxPoolSize=most, appname="memu", **options)
    except Exception as error:
        kind = type(error).__name__
    # Out of the block: the driver's words may hold a piece of the DSN, and would come along as the context.
    raise errors.ConfigError(
        f"the driver of mongodb cannot read the dsn ({kind}; its options: {', '.join(address.option_names()) or 'none'}"
        "): expected mongodb://user:password@host:27017/database?options, ; "
        f"{ENCODED}."
    )


class MongoRecordStore(RecordStore):
    """Rows in one database of a MongoDB server or replica set."""

    capabilities = Capability.DURABLE | Capability.SHARED

    def __init__(
        self,
        address: Address,
        schema: Schema,
        steps: Sequence[Step] = (),
        pool: PoolConfig | None = None,
        *,
        lease: float | None = None,
        grace: float | None = None,
        connect: Connect = connect,
    ) -> None:
        self.address = address
        self.origin = address
        self.schema = schema
        self.pool = pool or PoolConfig()
        self.shape = Shape(self, steps)
        self._times = {
            "lease": mongo_lease.LEASE if lease is None else lease,
            "grace": mongo_lease.GRACE if grace is None else grace,
        }
        self._connect = connect
        self._closed = False
        self._open()

    def _open(self) -> None:
        self._client = self._connect(self.address, self.pool)
        from pymongo import ReadPreference, WriteConcern

        self._process = os.getpid()
        self._alone = threading.Lock()
        safe = {"read_preference": ReadPreference.PRIMARY, "write_concern": WriteConcern("majority")}
        self._database = self._client.get_database(self.address.database, **safe)
        self._kept = self._database[KEEPING]
        # What was written before it is in the journal, too, once the commit is.
        self._head = Head(
            self._kept.with_options(write_concern=WriteConcern("majority", j=True)), self.address, **self._times
        )

    def _here(self) -> None:
        """Make sure that the store is open, in this process: a child has no use of its parent's connections."""
        if self._closed:
            raise errors.ClosedError("the store was closed: make a new service or database handle.")
        if self._process != os.getpid():
            self._open()

    @property
    def database(self) -> Any:
        """The driver's database; ClosedError after `close`."""
        self._here()
        return self._database

    @property
    def kept(self) -> Any:
        """The collection of what the store knows of itself."""
        self._here()
        return self._kept

    @property
    def head(self) -> Head:
        """Whose turn it is, and what was committed."""
        self._here()
        return self._head

    def rows(self, table: str) -> Any:
        """The collection of a table."""
        return self.database[table]

    def create(self) -> None:
        """Make or mend the collections and indexes, and run the steps that are due."""
        with translated(self.address):
            self.shape.make()

    def is_current(self) -> bool:
        """Whether nothing is left to make."""
        with translated(self.address):
            if not self.shape.newest or self.shape.check_version() != self.shape.newest:
                return False
            return not self.shape.lacking()

    def validate(self) -> None:
        """Compare the collections with the schema."""
        with translated(self.address):
            self.shape.check_version()
            found = self.shape.lacking()
        if found:
            raise errors.SchemaError(f'{"; ".join(found)}. Open the store once with ddl_mode="create" to migrate it.')

    def faults(self) -> list[str]:
        """A form that is not today's, and keys that are there twice."""
        with translated(self.address):
            version, newest = self.shape.version() or 0, self.shape.newest
            found = [] if version == newest else [f"the schema is version {version}, this release has {newest}"]
            return found + self.shape.doubles()

    @contextmanager
    def transaction(self, lock: str = ALONE) -> Iterator[Transaction]:
        """All writers take turns, whatever they write: first those of this process, then the processes."""
        self._here()
        alone = self._alone
        if not alone.acquire(timeout=BUSY_SECONDS):
            raise busy(self.address)
        try:
            with translated(self.address):
                yield from self._turn()
        finally:
            alone.release()

    def _turn(self) -> Iterator[Transaction]:
        from pymongo.errors import PyMongoError, ServerSelectionTimeoutError

        turn = self.head.take()
        writer = MongoWriter(self, turn)
        try:
            mongo_sweep.after_taking(self, turn)
            yield writer
            turn.commit()
        except BaseException as error:
            turn.doubtful = not isinstance(error, Exception) or isinstance(error, PyMongoError)
            if not (turn.unsure or isinstance(error, ServerSelectionTimeoutError)):
                with suppress(PyMongoError, errors.MemuError):  # then the lease runs out
                    writer.roll_back()
            raise
        try:
            mongo_sweep.after_commit(self, turn)
        except PyMongoError as error:
            logger.debug("dead rows are left for the next one to sweep up: %s", error)

    @contextmanager
    def reader(self) -> Iterator[Transaction]:
        """What was committed when the block began."""
        with translated(self.address):
            yield MongoReader.begun(self)

    def nearest(
        self, table: str, vector: NDArray[np.float32], *, where: Where = (), limit: int | None = None
    ) -> list[tuple[str, float]]:
        """Every row that meets `where` is compared: an index of the server's would lag behind what was committed."""
        column = next(one.name for one in self.schema.table(table).columns if one.kind is Kind.VECTOR)
        with self.reader() as reader:
            rows = reader.find(table, [*where, Condition(column, "ne", None)], columns=("id", column))
        if not rows:
            return []
        matrix = np.asarray([row[column] for row in rows], dtype=np.float32)
        lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
        cosines = matrix @ vector / np.where(lengths > 0, lengths, 1)
        found = [(str(row["id"]), float(cosine)) for row, cosine in zip(rows, cosines, strict=True)]
        return sorted(found, key=lambda one: (-one[1], one[0]))[:limit]

    def settle(self) -> str | None:
        """Nothing to do: the server keeps its own files."""
        return None

    def erase_traces(self) -> None:
        """Remove the dead versions at once; those who still read them are told so."""
        with translated(self.address):
            mongo_sweep.erase(self)

    def describe(self) -> dict[str, Any]:
        """The provider and the DSN, without its password or anything like one."""
        return {**self.address.describe(), "pool": self.pool.model_dump()}

    def close(self) -> None:
        """Close every connection; idempotent."""
        if not self._closed and self._process == os.getpid():
            self._client.close()
        self._closed = True


class MongoDatabase(Address):
    """A database, and how to open stores on it."""

    def __init__(self, dsn: str, pool: PoolConfig | None = None) -> None:
        super().__init__(dsn)
        self.pool = pool

    def open(self, schema: Schema, steps: Sequence[Step] = ()) -> MongoRecordStore:
        """A store on it; nothing is asked of the server yet."""
        return MongoRecordStore(self, schema, steps, self.pool)

    def stored_key(self, table: str) -> tuple[str, ...]:
        """The primary key of a table as it is in the database, in its order; empty when there is no such table."""
        store = self.open(Schema(()))
        try:
            with translated(self):
                return store.shape.stored_key(table)
        finally:
            store.close()
