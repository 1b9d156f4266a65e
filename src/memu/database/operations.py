"""What each writing call changed, kept for a while so that it can be undone."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import numpy as np
import orjson

from memu.backends.base import Condition, Row
from memu.backends.schema import IMAGES, ITEMS, LINKS, OPERATIONS
from memu.database.store import Store
from memu.database.unit import ScopedReader, ScopedWriter
from memu.database.vectors import recorded

KEPT = 100
"""How many of an owner's latest operations are kept, where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that writes: what it is called, and how many operations its owner keeps. `undoes` names another."""

    kind: str
    keep: int = KEPT
    undoes: str | None = None
    id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def kept_id(self) -> str | None:
        """The id by which it can be undone; None where none are kept."""
        return self.id if self.keep else None


class Recording:
    """What one operation makes and changes, gathered inside its transaction and written at its end.

    With no operation (a call of the repositories) nothing is kept.
    """

    def __init__(self, writer: ScopedWriter, store: Store, operation: Operation | None) -> None:
        self.writer, self.store = writer, store
        self.operation = operation if operation and operation.keep else None
        self._made: dict[str, list[str]] = {}
        self._ids: set[str] = set()
        self._images: dict[tuple[str, str], Row] = {}
        self._embedded = False
        self._final = False

    def created(self, table: str, ids: Iterable[str]) -> None:
        """Rows that did not exist before."""
        for one in ids:
            self._made.setdefault(table, []).append(one)
            self._ids.add(one)

    def made(self, row_id: str) -> bool:
        """Whether a row is one of those."""
        return row_id in self._ids

    def changed(
        self,
        table: str,
        rows: Iterable[Row],
        *,
        embeddings: bool = False,
        removed: bool = False,
        further: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Rows as they were before, whole; the first image of a row counts.

        Args:
            table: their table.
            rows: all their columns.
            embeddings: whether the vectors change too.
            removed: whether they are taken away.
            further: for an id, what else belongs to the row's state (its links, its text).
        """
        if self.operation is None:
            return
        for row in rows:
            if (table, row["id"]) in self._images or row["id"] in self._ids:
                continue
            vector = embeddings and row.get("embedding") is not None
            self._embedded |= vector
            image = {"row": as_json(row, self.writer.scope, embedding=embeddings), **(further or {}).get(row["id"], {})}
            self._images[table, row["id"]] = {
                "id": str(uuid4()),
                "operation_id": self.operation.id,
                "kind": table,
                "row_id": row["id"],
                "removed": removed,
                "row_seq": row["seq"],
                "before": image,
            }

    def final(self) -> None:
        """Something was erased for good: the operation can never be undone."""
        self._final = True

    def finish(self) -> None:
        """Write the operation, and let go of those that are too old."""
        operation = self.operation
        if operation is None:
            return
        held = recorded(self.writer.transaction) if self._embedded else None
        row = {
            "id": operation.id,
            "kind": operation.kind,
            "position": self.writer.seq,
            "detail": {"made": self._made, "final": self._final, "embedder": held.as_dict() if held else None},
            "undoes": operation.undoes,
            "undone_by": None,
            "created_at": self.store.now(),
        }
        self.writer.put(OPERATIONS, [row])
        if self._images:
            self.writer.put(IMAGES, list(self._images.values()))
        self._let_go(operation.keep)

    def _let_go(self, keep: int) -> None:
        """Some more than wanted may stay, so that not every call has old ones to delete."""
        if self.writer.count(OPERATIONS) <= keep + keep // 8:
            return
        newest = self.writer.find(OPERATIONS, order=("-position",), limit=keep, columns=("position",))
        older = [Condition("position", "lt", newest[-1]["position"])]
        gone = tuple(row["id"] for row in self.writer.find(OPERATIONS, older, columns=("id",)))
        self.writer.delete(IMAGES, [Condition("operation_id", "in", gone)])
        self.writer.delete(OPERATIONS, [Condition("id", "in", gone)])


def as_json(row: Row, scope: Any, *, embedding: bool) -> dict[str, Any]:
    """A row as JSON, without its owner, and without its vector where that does not change."""
    own = scope.as_dict() if scope else {}
    kept = {name: value for name, value in row.items() if name not in own and (embedding or name != "embedding")}
    if kept.get("embedding") is not None:
        kept["embedding"] = np.asarray(kept["embedding"], dtype=np.float64).tolist()
    plain: dict[str, Any] = orjson.loads(orjson.dumps(kept))
    return plain


def links_of(reader: ScopedReader, item_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """For each item, its links, as a part of its image."""
    found: dict[str, dict[str, Any]] = {one: {"links": []} for one in item_ids}
    for link in reader.find(LINKS, [Condition("item_id", "in", tuple(item_ids))], order=("created_at", "id")):
        found[link["item_id"]]["links"].append(as_json(link, reader.scope, embedding=False))
    return found


def erase_images(writer: ScopedWriter, table: str, ids: Collection[str]) -> None:
    """Leave nothing of rows that are deleted for good in what operations keep; those cannot be undone any more."""
    named = tuple(ids)
    writer.update(IMAGES, {"before": {}}, [Condition("row_id", "in", named)])
    if table != ITEMS:
        writer.update(IMAGES, {"before": {}}, [Condition("before", "in", named, ("row", "resource_id"))])
