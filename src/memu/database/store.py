"""One open store: what all services and handles on one database share."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import uuid4

from memu.backends.base import ALONE, Capability, RecordStore, equals
from memu.backends.repeat import repeated
from memu.backends.schema import META, SEARCHED
from memu.database.mirror import Mirror
from memu.database.unit import ScopedReader, ScopedWriter
from memu.database.vectors import Recorded, claim, decides, recorded
from memu.errors import ClosedError, MemuError
from memu.forked import Lock, renews
from memu.models import utc_now
from memu.recall.cache import IndexCache
from memu.recall.index import ScopeIndex
from memu.scope import Scope
from memu.sources.hashing import digest

logger = logging.getLogger("memu.database")

THREADS = 4
"""Threads on which the reading calls of services cross from the event loop to one store."""
WRITERS = 4
"""Threads for the writing ones, where several can write at once."""


class Store:
    """A record store with its search indexes, its mirror and its threads; closed when its last user lets go.

    A user lets go by `release`, which whoever shares the store sets. With `exact` the resident indexes hold the vectors
    even where the record store could search them itself.
    """

    def __init__(
        self,
        records: RecordStore,
        *,
        index_budget: int,
        language: str = "english",
        mirror: Mirror | None = None,
        exact: bool = False,
    ) -> None:
        self.records = records
        self.searches_vectors = bool(records.capabilities & Capability.VECTORS) and not exact
        self.indexes = IndexCache(index_budget, lambda: ScopeIndex(language))
        self.mirror = mirror
        self.users = 0
        self.release: Callable[[], None] = self.close
        self.swept: set[Scope] = set()
        self._lock = Lock()
        self._clock = utc_now()
        self._executors: dict[str, ThreadPoolExecutor] = {}
        self._closed = False
        self._decided = False
        renews(self)

    def renew(self) -> None:
        """Threads do not come along into a child."""
        self._executors = {}

    @property
    def scope_fields(self) -> tuple[str, ...]:
        """The scope columns of the store."""
        return self.records.schema.scope_fields

    @property
    def executor(self) -> ThreadPoolExecutor:
        """The threads on which blocking calls run; started when first needed."""
        return self._threads("memu-store", THREADS)

    @property
    def writer_executor(self) -> ThreadPoolExecutor:
        """The threads on which writing calls wait for others, in no reader's way: one, where only one can write."""
        return self._threads("memu-writer", WRITERS if self.records.capabilities & Capability.PARALLEL else 1)

    def _threads(self, name: str, count: int) -> ThreadPoolExecutor:
        with self._lock:
            self._check_open()
            if name not in self._executors:
                self._executors[name] = ThreadPoolExecutor(count, thread_name_prefix=name)
            return self._executors[name]

    def now(self) -> datetime:
        """The present time, later than at any call before: rows made in turn are listed in turn."""
        return self.times(1)[0]

    def times(self, count: int) -> list[datetime]:
        """As many strictly increasing times as asked for, a microsecond apart."""
        with self._lock:
            first = max(utc_now(), self._clock + timedelta(microseconds=1))
            self._clock = first + timedelta(microseconds=max(count - 1, 0))
        return [first + timedelta(microseconds=step) for step in range(count)]

    @contextmanager
    def reader(self, scope: Scope | None) -> Iterator[ScopedReader]:
        """A short read of one scope, or of all with None."""
        self._check_open()
        with self.records.reader() as transaction:
            yield ScopedReader(transaction, scope)

    @contextmanager
    def writer(self, scope: Scope, embedder: Recorded | None = None) -> Iterator[ScopedWriter]:
        """One transaction on one scope; `embedder` is claimed for the store's vectors before anything is written.

        The server may break it off for others' sake (Deadlock): whoever calls this is `repeated`.
        """
        self._check_open()
        with self.records.transaction(self._lock_of(scope, embedder)) as transaction:
            if embedder is not None and claim(transaction, embedder):
                for table in SEARCHED:
                    transaction.fix_dimension(table, embedder.dimension)
            unit = ScopedWriter(transaction, scope)
            yield unit
        unit.warning = self.committed()

    def _lock_of(self, scope: Scope, embedder: Recorded | None) -> str:
        """What the transaction of a scope must wait for: who decides the store's embedder must be alone in it."""
        if embedder is None or self._decided:
            return str(scope)
        held = self.embedder()
        self._decided = held is not None and held.known  # another one takes its place only where all are alone
        return ALONE if decides(held, embedder) else str(scope)

    def committed(self) -> str | None:
        """What follows every commit: the main file is made complete, the mirror is told; a warning if that failed."""
        warning = self.records.settle()
        if warning:
            logger.warning("%s", warning)
        try:
            if self.mirror:
                self.mirror.wrote(self.records)
        except (MemuError, OSError) as error:
            warning = f"{error} The memories themselves are kept."
            logger.warning("%s", warning)
        return warning

    @cached_property
    def store_id(self) -> str:
        """The store's own id; "" for a store that was never opened for writing."""
        with self.records.reader() as transaction:
            row = transaction.get(META, equals(name="store_id"))
        return str(row["value"]) if row else ""

    def folder(self, scope: Scope) -> str:
        """The name of the folder of a scope's files: no two scopes, and no two stores, share one."""
        return digest(self.store_id, *(f"{name}={value}" for name, value in scope.items))[:32]

    def embedder(self) -> Recorded | None:
        """The embedder recorded for the store's vectors."""
        with self.records.reader() as transaction:
            return recorded(transaction)

    def unindexed(self) -> list[str]:
        """The tables whose vectors lack the index that the store's dimension asks for."""
        with self.records.reader() as transaction:
            held = recorded(transaction)
            return [table for table in SEARCHED if held and not transaction.has_dimension(table, held.dimension)]

    @repeated
    def index_vectors(self) -> None:
        """Make the indexes of the vectors that are not there."""
        with self.records.transaction() as transaction:
            if held := recorded(transaction):
                for table in SEARCHED:
                    transaction.fix_dimension(table, held.dimension)

    @repeated
    def identity(self) -> str:
        """The store's own id, made when it is first opened for writing."""
        self.__dict__.pop("store_id", None)
        with self.records.transaction() as transaction:
            transaction.put(META, [{"name": "store_id", "value": str(uuid4())}], "ignore")
            row = transaction.get(META, equals(name="store_id"))
        return str(row["value"]) if row else ""

    def forget_indexes(self, scope: Scope) -> None:
        """Drop the resident indexes of one scope."""
        self.indexes.drop_where(lambda key: isinstance(key, tuple) and key[0] == scope)

    def describe(self) -> dict[str, Any]:
        """Where the store is, its embedder, its mirror and its indexes; no secret."""
        held = self.embedder()
        return {
            **self.records.describe(),
            "scope_fields": list(self.scope_fields),
            "embedder": held.as_dict() if held else None,
            "mirror": str(self.mirror.path) if self.mirror else None,
            "indexes": asdict(self.indexes.stats()),
        }

    def close(self) -> None:
        """Write the mirror, stop the threads, release every connection; idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            executors, self._executors = self._executors, {}
        for executor in executors.values():
            executor.shutdown(wait=True)
        try:
            if self.mirror:
                self.mirror.flush(self.records)
        finally:
            self.records.close()

    def finish(self) -> None:
        """At the end of a program that did not close its services: what closing would have written is written."""
        try:
            if self.mirror and not self._closed:
                self.mirror.flush(self.records)
        except (MemuError, OSError) as error:
            logger.warning("%s", error)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the store was closed: make a new service or database handle.")
