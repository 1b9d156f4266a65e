"""The vectors of a table in memory, kept up to date by the number of its writes."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.schema import META
from memorizz.memory_provider.writing import deletes_of, writes_of
from memu.backends.base import Condition, Row, Transaction, Where, equals
from memu.forked import Lock, renews
from memu.recall.dense import DenseIndex, unit

EMBEDDED = Condition("embedding", "ne", None)
PAGE = 500
"""Rows that are read at a time."""

FLOAT_BYTES = 4

Found = tuple[str, float]
"""A row's id and its cosine similarity."""


class Residents:
    """The unit vectors of one table, by row id. `lock` is held while they are refreshed or searched."""

    def __init__(self, kind: MemoryType) -> None:
        self.kind = kind
        self.lock = Lock()
        self.renew()
        renews(self)

    def renew(self) -> None:
        """Hold nothing, as in a child: the parent may have been in the middle of a change."""
        self._writes = self._deletes = 0
        self._fits = True
        self._clear()

    def _clear(self) -> None:
        self._index = DenseIndex()
        self._ids: list[str] = []  # by slot
        self._slots: dict[str, int] = {}
        self._dead: list[int] = []  # slots whose row is gone, or has another slot now

    @property
    def nbytes(self) -> int:
        """Bytes of vectors held."""
        return self._index.nbytes

    def refresh(self, reader: Transaction, dimension: int, room: int) -> bool:
        """Read what was written since the last time, and let go of what was deleted.

        Returns:
            False when the vectors would take more than `room` bytes; then none are held.
        """
        writes, deletes = (_counted(reader, name(self.kind)) for name in (writes_of, deletes_of))
        if writes == self._writes:
            return self._fits
        if not self._slots:
            self._fits = reader.count(self.kind.value, [EMBEDDED]) * dimension * FLOAT_BYTES <= room
        if self._fits:
            self._read_changes(reader, lost=deletes != self._deletes)
            self._fits = self.nbytes <= 2 * room  # half of it may be room to grow
        if not self._fits:
            self._clear()
        self._writes, self._deletes = writes, deletes
        return self._fits

    def _read_changes(self, reader: Transaction, *, lost: bool) -> None:
        changed = [Condition("seq", "gt", self._writes)] if self._slots else [EMBEDDED]
        for row in pages(reader, self.kind, changed):
            self._take(row)
        if lost:
            held = {str(row["id"]) for row in reader.find(self.kind.value, [EMBEDDED], columns=["id"])}
            for name in [name for name in self._slots if name not in held]:
                self._drop(name)
        if len(self._dead) > len(self._slots) + PAGE:
            self._compact()

    def nearest(self, query: NDArray[np.float32], limit: int, among: Sequence[str] | None) -> list[Found]:
        """The ids of the vectors that are nearest to a unit query, exactly; of the rows `among` them, if given."""
        if not self._slots:
            return []
        cosines = self._index.cosines(query)
        if among is None:
            cosines[self._dead] = -np.inf
            return best(self._ids, cosines, min(limit, len(self._slots)))
        names = [name for name in among if name in self._slots]
        slots = np.fromiter((self._slots[name] for name in names), np.int64, len(names))
        return best(names, cosines[slots], limit)

    def _take(self, row: Row) -> None:
        name = str(row["id"])
        self._drop(name)
        if row["embedding"] is not None:
            vector = unit(row["embedding"])
            if self._index.dimension not in (None, len(vector)):  # the table was emptied, and begun anew
                self._clear()
            self._index.append(len(self._ids), vector)
            self._slots[name] = len(self._ids)
            self._ids.append(name)

    def _drop(self, name: str) -> None:
        slot = self._slots.pop(name, None)
        if slot is not None:
            self._dead.append(slot)

    def _compact(self) -> None:
        live = np.ones(len(self._ids), np.bool_)
        live[self._dead] = False
        self._index = self._index.compacted(live, (np.cumsum(live) - 1).astype(np.int32))
        self._ids = [name for name, lives in zip(self._ids, live, strict=True) if lives]
        self._slots = {name: slot for slot, name in enumerate(self._ids)}
        self._dead = []


def _counted(reader: Transaction, name: str) -> int:
    row = reader.get(META, equals(name=name))
    return int(row["number"]) if row else 0


def pages(reader: Transaction, kind: MemoryType, where: Where) -> Iterator[Row]:
    """The ids and vectors of the rows that meet conditions, a page at a time, by id."""
    after = None
    while True:
        rows = reader.find(kind.value, where, order=["id"], limit=PAGE, after=after, columns=["id", "embedding"])
        yield from rows
        if len(rows) < PAGE:
            return
        after = [rows[-1]["id"]]


def streamed(
    reader: Transaction, kind: MemoryType, query: NDArray[np.float32], where: Where, limit: int
) -> list[Found]:
    """The nearest rows, found by reading them all: where their vectors are too many to be held."""
    found: list[Found] = []
    names: list[str] = []
    vectors: list[NDArray[np.float32]] = []

    def compare() -> None:
        cosines = np.einsum("ij,j->i", np.stack(vectors), query)
        both = [*found, *zip(names, map(float, cosines), strict=True)]
        found[:] = best([name for name, _ in both], np.array([score for _, score in both], np.float32), limit)
        names.clear()
        vectors.clear()

    for row in pages(reader, kind, [*where, EMBEDDED]):
        names.append(str(row["id"]))
        vectors.append(unit(row["embedding"]))
        if len(names) == PAGE:
            compare()
    if names:
        compare()
    return found


def best(names: Sequence[str], cosines: NDArray[np.float32], limit: int) -> list[Found]:
    """The names of the largest cosines, largest first, ties by name."""
    if limit < len(names):
        least = np.partition(cosines, -limit)[-limit] if limit else np.float32(np.inf)
        chosen: Sequence[int] = np.flatnonzero(cosines >= least).tolist()
    else:
        chosen = range(len(names))
    found = sorted(((names[place], float(cosines[place])) for place in chosen), key=lambda one: (-one[1], one[0]))
    return found[:limit]
