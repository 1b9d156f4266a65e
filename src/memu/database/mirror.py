"""`vectors.json`: a copy of the embeddings in the documented JSON shape, for people and older code to read.

The truth is the `embedding` column. The file can be thrown away at any time: it is written again when it is missing,
torn, stale or another store's, and it is read only once in a store's life, when an old installation's database has no
vectors of its own.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from memu.backends.base import Condition, RecordStore, Transaction, equals
from memu.backends.schema import CATEGORIES, ITEMS, META, RESOURCES, SCOPES
from memu.database.vectors import checked, claim, recorded, unknown
from memu.errors import StorageFull, StorageReadOnly, VectorError

logger = logging.getLogger("memu.database")

COLLECTIONS = (("resources", RESOURCES), ("items", ITEMS), ("categories", CATEGORIES))
PATIENCE = 20
"""The file is written no sooner than this many times the last write's duration after it."""
LARGE = 64 * 1024 * 1024
"""A file above this many bytes is written at close, at a backup and on command only."""
PAGE = 500


class Mirror:
    """The file, and when it is to be written."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._dirty = False
        self._not_before = 0.0

    def opened(self, records: RecordStore) -> None:
        """Import an old installation's vectors, or bring a file that is not this store's present state up to date."""
        self._remove_leftovers()
        head = self._generation()
        if head is None and self.path.exists():
            self._adopt(records)
        with records.reader() as transaction:
            current, empty = generation(transaction), recorded(transaction) is None
        self._dirty = head != current and not (empty and not self.path.exists())
        if self._dirty and not self._large():
            self._write(records)

    def wrote(self, records: RecordStore) -> None:
        """Called after every commit: write the file if it is small and has not just been written."""
        self._dirty = True
        if time.monotonic() >= self._not_before and not self._large():
            self._write(records)

    def flush(self, records: RecordStore, *, always: bool = False) -> None:
        """Write the file if anything changed since; `always` also when nothing did."""
        if self._dirty or always:
            self._write(records)

    def _large(self) -> bool:
        return self.path.exists() and self.path.stat().st_size > LARGE

    def _generation(self) -> str | None:
        """The state that the file shows, from its first and last bytes; None when missing, torn, or of old make."""
        try:
            with self.path.open("rb") as file:
                head = file.read(200)
                file.seek(max(0, self.path.stat().st_size - 200))
                tail = file.read()
        except OSError:
            return None
        first = re.match(rb'\{"generation":"([0-9a-f]{64})",', head)
        last = re.search(rb',"end":"([0-9a-f]{64})"\}\s*$', tail)
        return first[1].decode() if first and last and first[1] == last[1] else None

    def _write(self, records: RecordStore) -> None:
        started = time.monotonic()
        with self._locked(), records.reader() as transaction, _replacing(self.path) as file:
            stamp = generation(transaction).encode()
            file.write(b'{"generation":"' + stamp + b'"')
            for name, table in COLLECTIONS:
                file.write(b',\n"' + name.encode() + b'":{')
                _write_collection(file, transaction, table)
                file.write(b"}")
            file.write(b',"end":"' + stamp + b'"}\n')
        self._dirty = False
        finished = time.monotonic()
        self._not_before = finished + PATIENCE * (finished - started)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time writes the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.name}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _remove_leftovers(self) -> None:
        """Temporary files of a process that was killed while writing."""
        if not self.path.parent.is_dir():
            return
        with self._locked():
            for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):
                leftover.unlink(missing_ok=True)

    def _adopt(self, records: RecordStore) -> int:
        """Take the vectors of an old file into a database that has none; returns how many."""
        with records.reader() as transaction:
            if recorded(transaction) is not None:
                return 0
        try:
            held = orjson.loads(self.path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            logger.warning("%s is damaged and will be written anew", self.path)
            return 0
        with records.transaction() as transaction:
            taken = sum(
                _adopt_one(transaction, table, record_id, entry)
                for name, table in COLLECTIONS
                for record_id, entry in (held.get(name) or {}).items()
            )
        logger.info("%d vectors were imported from %s", taken, self.path)
        return taken


def generation(transaction: Transaction) -> str:
    """A digest of every scope's change counter: another value whenever anything searchable changed."""
    state = hashlib.sha256()
    for row in sorted(transaction.find(SCOPES, columns=("epoch", "seq")), key=lambda row: row["epoch"]):
        state.update(f"{row['epoch']}:{row['seq']};".encode())
    held = transaction.get(META, equals(name="store_id"))
    state.update(str(held).encode())
    return state.hexdigest()


def _write_collection(file: IO[bytes], transaction: Transaction, table: str) -> None:
    text = "summary" if table == ITEMS else "caption" if table == RESOURCES else "name"
    columns, after, comma = ("created_at", "id", "user_id", "agent_id", "embedding", text), None, b"\n"
    while True:
        rows = transaction.find(
            table,
            [Condition("embedding", "ne", None)],
            order=("created_at", "id", "user_id", "agent_id"),
            limit=PAGE,
            after=after,
            columns=columns,
        )
        for row in rows:
            entry = {
                "user_id": row["user_id"],
                "agent_id": row["agent_id"],
                "vector": row["embedding"],
                "text": row[text],
            }
            file.write(comma + orjson.dumps(row["id"]) + b":" + orjson.dumps(entry))
            comma = b",\n"
        if len(rows) < PAGE:
            return
        after = tuple(rows[-1][name] for name in ("created_at", "id", "user_id", "agent_id"))


def _adopt_one(transaction: Transaction, table: str, record_id: str, entry: Any) -> int:
    try:
        vector = checked(entry.get("vector"))
        if vector is None:
            return 0
        claim(transaction, unknown(len(vector)))
    except (VectorError, AttributeError):
        return 0
    owner = {name: entry[name] for name in ("user_id", "agent_id") if name in entry}
    where = [*equals(id=record_id, **owner), Condition("embedding", "eq", None)]
    return transaction.update(table, {"embedding": vector}, where)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file beside `path`, and put it in its place when all of it is on disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except PermissionError as error:
        raise StorageReadOnly(f"{path} cannot be written: check its folder's permissions.") from error
    except OSError as error:
        full = f"{path} could not be written ({error.strerror}): is the disk full? The database itself is complete."
        raise StorageFull(full) from error
    finally:
        temporary.unlink(missing_ok=True)
