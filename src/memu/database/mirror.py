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
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from memu.backends.base import Condition, RecordStore, Transaction, equals
from memu.backends.schema import CATEGORIES, ITEMS, META, RESOURCES, SCOPES
from memu.backends.vectors import checked
from memu.database.backup import copy_file, stamped
from memu.database.vectors import claim, recorded, unknown
from memu.errors import StorageBusy, StorageFull, StorageReadOnly, VectorError

logger = logging.getLogger("memu.database")

COLLECTIONS = (("resources", RESOURCES), ("items", ITEMS), ("categories", CATEGORIES))
PATIENCE = 20
"""The file is written no sooner than this many times the last write's duration after it."""
LARGE = 64 * 1024 * 1024
"""A file above this many bytes is written at close, at a backup and on command only."""
PAGE = 500
LOCK_SECONDS = 30.0
"""How long a process waits for another one that writes the file."""
GENERATION = "generation"
"""The key that tells a mirror from a file that older code keeps itself."""


class Mirror:
    """The file, and when it is to be written."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._dirty = False
        self._not_before = 0.0

    def opened(self, records: RecordStore) -> None:
        """Import an old installation's vectors, or bring a file that is not this store's present state up to date."""
        self._remove_leftovers()
        if self.path.exists() and self._generation() is None:
            self._adopt(records)
        self._dirty = self._stale(records)
        if self._dirty and not self._large():
            self._write(records)

    def wrote(self, records: RecordStore) -> None:
        """Called after every commit: write the file if it is small and has not just been written."""
        self._dirty = True
        if time.monotonic() >= self._not_before and not self._large():
            self._write(records)

    def flush(self, records: RecordStore, *, always: bool = False) -> None:
        """Write the file if it does not show the store's present state; `always` also when it does."""
        if always or self._stale(records):
            self._write(records)

    def shows(self, records: RecordStore) -> bool:
        """Whether the file shows the store's present state; also when there is neither a file nor a vector."""
        return not self._stale(records)

    def _stale(self, records: RecordStore) -> bool:
        """Whether the file shows another state; a store without vectors needs none."""
        with records.reader() as transaction:
            current, empty = generation(transaction), recorded(transaction) is None
        return self._generation() != current and (self.path.exists() or not empty)

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
        with locked(self.path), records.reader() as transaction, replacing(self.path) as file:
            stamp = generation(transaction).encode()
            file.write(b'{"generation":"' + stamp + b'"')
            for name, table in COLLECTIONS:
                file.write(b",\n")
                write_collection(file, name, _entries(transaction, table))
            file.write(b',"end":"' + stamp + b'"}\n')
        self._dirty = False
        finished = time.monotonic()
        self._not_before = finished + PATIENCE * (finished - started)

    def _remove_leftovers(self) -> None:
        """Temporary files of a process that was killed while writing."""
        if not self.path.parent.is_dir():
            return
        with locked(self.path):
            for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):
                leftover.unlink(missing_ok=True)

    def _adopt(self, records: RecordStore) -> None:
        """Take the vectors of a file that older code kept itself into a database that has none."""
        try:
            held = orjson.loads(self.path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            held = None
        if not isinstance(held, dict):
            logger.warning("%s is damaged and will be written anew", self.path)
            return
        if GENERATION in held:
            return
        # Vectors that no row asks for are nowhere else, and the file is about to be written anew.
        kept = copy_file(self.path, self.path.parent / "backups", stamped(self.path))
        with records.transaction() as transaction:
            taken = (
                0 if recorded(transaction) else sum(_adopt_collection(transaction, *each, held) for each in COLLECTIONS)
            )
        logger.warning(
            "%d vectors of an unnamed model were imported from %s, which is kept as %s", taken, self.path, kept
        )


def generation(transaction: Transaction) -> str:
    """A digest of every scope's change counter: another value whenever anything searchable changed."""
    state = hashlib.sha256()
    for row in sorted(transaction.find(SCOPES, columns=("epoch", "seq")), key=lambda row: row["epoch"]):
        state.update(f"{row['epoch']}:{row['seq']};".encode())
    held = transaction.get(META, equals(name="store_id"))
    state.update(str(held).encode())
    return state.hexdigest()


def write_collection(file: IO[bytes], name: str, entries: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
    """Write one collection of the documented shape, an entry a line, as entries come."""
    file.write(orjson.dumps(name) + b":{")
    comma = b"\n"
    for record_id, entry in entries:
        file.write(comma + orjson.dumps(record_id) + b":" + orjson.dumps(entry))
        comma = b",\n"
    file.write(b"}")


def _entries(transaction: Transaction, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A table's embeddings with their owners, a page at a time."""
    text = "summary" if table == ITEMS else "caption" if table == RESOURCES else "name"
    order = ("created_at", "id", "user_id", "agent_id")
    embedded, after = [Condition("embedding", "ne", None)], None
    while True:
        columns = (*order, "embedding", text)
        rows = transaction.find(table, embedded, order=order, limit=PAGE, after=after, columns=columns)
        for row in rows:
            owner = {name: row[name] for name in ("user_id", "agent_id")}
            yield row["id"], {**owner, "vector": row["embedding"], "text": row[text]}
        if len(rows) < PAGE:
            return
        after = tuple(rows[-1][name] for name in order)


def _adopt_collection(transaction: Transaction, name: str, table: str, held: Mapping[str, Any]) -> int:
    entries = held.get(name)
    entries = entries.items() if isinstance(entries, dict) else ()
    return sum(_adopt_one(transaction, table, record_id, entry) for record_id, entry in entries)


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
def locked(path: Path) -> Iterator[None]:
    """One process at a time writes the file.

    Raises:
        StorageBusy: another process held the lock for longer than LOCK_SECONDS.
        StorageReadOnly: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_of(path).open("wb")
    except OSError as error:
        raise StorageReadOnly(f"{path} cannot be written: {error.strerror}.") from error
    with lock:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _locks(lock):
            if time.monotonic() >= deadline:
                raise StorageBusy(f"{path} is being written by another process for over {LOCK_SECONDS:.0f} s.")
            time.sleep(0.01)
        yield


def _locks(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_of(path: Path) -> Path:
    """The lock file beside a mirror."""
    return path.with_name(f".{path.name}.lock")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
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
