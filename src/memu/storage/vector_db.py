"""`SimpleVectorDB`: vectors in one JSON file of the documented shape, searched exactly."""

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from memu.backends.vectors import checked
from memu.database.mirror import COLLECTIONS, GENERATION, LARGE, PATIENCE, locked, replacing, write_collection
from memu.database.rows import check_text
from memu.errors import InputError, ScopeError, StorageCorrupt, VectorError
from memu.forked import Lock
from memu.scope import Scope

logger = logging.getLogger("memu.storage")

Entry = dict[str, Any]
Key = tuple[str, str]


class SimpleVectorDB:
    """Vectors by collection and id, each of one user and agent; no call reads or writes another pair's.

    Changes are written at once when the file is small, and otherwise no sooner than 20 times the last write's duration
    after it, at `close` and at the end of the program; each write replaces the file whole. Several handles and
    processes may use one file: what they changed is merged, entry by entry.

    The file may also be a database's mirror (`vectors.json`): it can then be read here, and is written by the database.
    """

    def __init__(self, db_path: str | Path) -> None:
        """Name the file; it is read when it is first needed."""
        self.db_path = Path(db_path).expanduser().absolute()
        self._file = _File(self.db_path)
        self._finalizer = weakref.finalize(self, self._file.save)

    def upsert(
        self,
        collection: str,
        item_id: str,
        vector: Sequence[float],
        user_id: str,
        agent_id: str,
        text: str | None = None,
    ) -> None:
        """Insert or replace a vector.

        Raises:
            VectorError: the vector is empty, zero or not finite.
            ScopeError: the id is another pair's in this collection.
            InputError: an id, collection or text that cannot be kept, or the file is a database's mirror.
        """
        owner = _owner(user_id, agent_id)
        numbers = checked(vector)
        if numbers is None:
            raise VectorError("the vector is None: expected a list of numbers.")
        if not isinstance(collection, str) or not collection or collection in (GENERATION, "end"):
            raise InputError(f"{collection!r} cannot name a collection: expected a string such as 'items'.")
        check_text("collection", collection)
        check_text("item_id", item_id)
        if text is not None and text != "":
            check_text("text", text)
        self._file.change((collection, item_id), {**owner, "vector": numbers, "text": text})

    def delete(self, collection: str, item_id: str, user_id: str, agent_id: str) -> None:
        """Delete the pair's vector of that id; nothing happens when it has none."""
        if self._entry(collection, item_id, user_id, agent_id):
            self._file.change((collection, item_id), None)

    def get(self, collection: str, item_id: str, user_id: str, agent_id: str) -> list[float] | None:
        """The pair's vector of that id, or None."""
        entry = self._entry(collection, item_id, user_id, agent_id)
        return list(entry["vector"]) if entry else None

    def get_text(self, collection: str, item_id: str, user_id: str, agent_id: str) -> str | None:
        """The text that is kept with the pair's vector of that id, or None."""
        entry = self._entry(collection, item_id, user_id, agent_id)
        return entry.get("text") if entry else None

    def list_all(
        self, collection: str, user_id: str, agent_id: str, include_text: bool = False
    ) -> list[tuple[Any, ...]]:
        """The pair's entries as (id, vector), or (id, vector, text)."""
        return [
            (record_id, list(entry["vector"]), *((entry.get("text"),) if include_text else ()))
            for record_id, entry in self._owned(collection, user_id, agent_id)
        ]

    def query(
        self, collection: str, query_vector: Sequence[float], user_id: str, agent_id: str, top_k: int = 5
    ) -> list[tuple[str, float]]:
        """The ids of the pair's vectors nearest to a vector, with their cosine similarity, best first, ties by id.

        Raises:
            VectorError: the vector is empty, zero, not finite, or of another dimension than a stored one.
        """
        owned = list(self._owned(collection, user_id, agent_id))
        numbers = checked(query_vector)
        if numbers is None or not owned:
            return []
        if odd := [record_id for record_id, entry in owned if len(entry["vector"]) != len(numbers)]:
            raise VectorError(f"the query has {len(numbers)} dimensions: the vector of {odd[0]!r} has others.")
        query = np.asarray(numbers, dtype=np.float64)
        matrix = np.asarray([entry["vector"] for _, entry in owned], dtype=np.float64)
        scores = matrix @ query / (np.linalg.norm(matrix, axis=1) * np.linalg.norm(query))
        ranked = sorted(
            zip((record_id for record_id, _ in owned), scores, strict=True), key=lambda one: (-one[1], one[0])
        )
        return [(record_id, float(score)) for record_id, score in ranked[: max(top_k, 0)]]

    def follow(self, bring_up_to_date: Callable[[], None]) -> None:
        """Call this before the file is read: it is the mirror of a database, which may not have written it yet."""
        self._file.source = bring_up_to_date

    def close(self) -> None:
        """Write what has not been written; the handle stays usable."""
        self._file.save()

    def _entry(self, collection: str, item_id: str, user_id: str, agent_id: str) -> Entry | None:
        owner = _owner(user_id, agent_id)
        entry = self._file.read().get(collection, {}).get(item_id)
        return entry if entry and owner.items() <= entry.items() else None

    def _owned(self, collection: str, user_id: str, agent_id: str) -> Iterator[tuple[str, Entry]]:
        owner = _owner(user_id, agent_id)
        entries = dict(self._file.read().get(collection, {}))  # another thread may be adding some
        return ((record_id, entry) for record_id, entry in entries.items() if owner.items() <= entry.items())


def _owner(user_id: str, agent_id: str) -> dict[str, str]:
    return Scope.of({"user_id": user_id, "agent_id": agent_id}).as_dict()


class _File:
    """The entries of the file with the changes that are not in it yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source: Callable[[], None] | None = None
        self._lock = Lock(threading.RLock)
        self._seen: tuple[int, ...] | None = None
        self._held: dict[str, dict[str, Entry]] = {}
        self._changes: dict[Key, Entry | None] = {}
        self._mirrors = False
        self._not_before = 0.0

    def read(self) -> Mapping[str, dict[str, Entry]]:
        """All entries: the file's as it is now, and the changes of this handle."""
        with self._lock:
            if self.source:
                self.source()
            self._load()
            return self._held

    def change(self, key: Key, entry: Entry | None) -> None:
        """Set or delete one entry; the file is written if its time has come."""
        with self._lock:
            held = self.read().get(key[0], {}).get(key[1])
            if self._mirrors:
                raise InputError(
                    f"{self.path} is the mirror of a database, which writes it: set embeddings through the store."
                )
            if held and entry and not _same_owner(held, entry):
                raise ScopeError(f"the id {key[1]!r} cannot be used in {key[0]!r}: choose another.")
            self._changes[key] = entry
            self._apply(key, entry)
            large = self.path.exists() and self.path.stat().st_size > LARGE
            if time.monotonic() >= self._not_before and not large:
                self.save()

    def save(self) -> None:
        """Write the changes of this handle over what the file holds now."""
        with self._lock:
            if not self._changes:
                return
            started = time.monotonic()
            with locked(self.path):
                self._load()
                with replacing(self.path) as file:
                    self._write(file)
                self._seen = self._stamp()
            self._changes.clear()
            finished = time.monotonic()
            self._not_before = finished + PATIENCE * (finished - started)

    def _write(self, file: Any) -> None:
        names = list(dict.fromkeys([*(name for name, _ in COLLECTIONS), *self._held]))
        for position, name in enumerate(names):
            file.write(b",\n" if position else b"{")
            write_collection(file, name, self._held.get(name, {}).items())
        file.write(b"}\n")

    def _load(self) -> None:
        stamp = self._stamp()
        if stamp == self._seen:
            return
        held = self._parse() if stamp else {}
        self._mirrors = GENERATION in held
        self._held = {name: dict(entries) for name, entries in held.items() if isinstance(entries, dict)}
        self._seen = stamp
        for key, entry in self._changes.items():
            self._apply(key, entry)

    def _parse(self) -> dict[str, Any]:
        try:
            held = orjson.loads(self.path.read_bytes())
        except orjson.JSONDecodeError as error:
            raise StorageCorrupt(f"{self.path} is damaged ({error}): restore a backup, or delete the file.") from None
        if not isinstance(held, dict):
            raise StorageCorrupt(f"{self.path} holds no collections of vectors: it was left as it is.")
        return held

    def _apply(self, key: Key, entry: Entry | None) -> None:
        collection = self._held.setdefault(key[0], {})
        if entry is None:
            collection.pop(key[1], None)
        elif not (held := collection.get(key[1])) or _same_owner(held, entry):
            collection[key[1]] = entry
        else:
            logger.warning("the vector %r of %s was not kept: another pair took its id meanwhile", key[1], key[0])

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def _same_owner(one: Entry, other: Entry) -> bool:
    return all(one.get(name) == other[name] for name in ("user_id", "agent_id"))
