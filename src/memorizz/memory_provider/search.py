"""The rows nearest to a vector: asked of the server where it searches, else of vectors in memory, which is exact.

PostgreSQL compares few rows one by one (`postgresql.compared`), which is exact, too; many it seeks by an index of the
nearest neighbours, which may pass over some.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.residents import Found, Residents, streamed
from memu.backends.base import Capability, Condition, RecordStore, Transaction
from memu.recall.dense import unit

MOST_TIES = 4096
"""How many that are equally near are looked at, to tell which come first."""


class Search:
    """Searches the tables of a store; `budget` is how many bytes of vectors may be held in memory."""

    def __init__(self, records: RecordStore, budget: int) -> None:
        self.records = records
        self.budget = budget
        self._residents = {kind: Residents(kind) for kind in MemoryType}

    def first(
        self, kind: MemoryType, vector: NDArray[np.float32], where: Sequence[Condition], limit: int
    ) -> list[Found]:
        """As `nearest`; ties at the cut by the ids that documents are known by."""
        asked = limit + 1
        found = self.nearest(kind, vector, where, asked) if limit else []
        while limit < asked == len(found) < limit + MOST_TIES and found[-1][1] == found[limit - 1][1]:
            asked = limit + 16 * (asked - limit)
            found = self.nearest(kind, vector, where, asked)
        if len(found) <= limit or found[limit][1] < found[limit - 1][1]:
            return found[:limit]
        return self.records.glance(lambda reader: _cut(reader, kind, found, limit))

    def nearest(
        self, kind: MemoryType, vector: NDArray[np.float32], where: Sequence[Condition], limit: int
    ) -> list[Found]:
        """The ids and cosines of the rows that meet conditions and are nearest, the best first, ties by row id."""
        if not limit:
            return []
        if Capability.VECTORS in self.records.capabilities:
            return self.records.nearest(kind.value, vector, where=where, limit=limit)
        held, query = self._residents[kind], unit(vector)
        room = self.budget - sum(one.nbytes for one in self._residents.values() if one is not held)
        with held.lock, self.records.reader() as reader:
            if held.refresh(reader, len(query), room):
                return held.nearest(query, limit, _among(reader, kind, where))
            return streamed(reader, kind, query, where, limit)


def _cut(reader: Transaction, kind: MemoryType, found: Sequence[Found], limit: int) -> list[Found]:
    """The best of those found, ties by the ids that their documents are known by."""
    least = found[limit - 1][1]
    sure = [one for one in found if one[1] > least]
    tied = tuple(name for name, score in found if score == least)
    rows = reader.find(kind.value, [Condition("id", "in", tied)], columns=["id", "given_id"])
    known = {str(row["id"]): row["given_id"] or row["id"] for row in rows}
    ordered = sorted(tied, key=lambda name: (name not in known, known.get(name, name)))
    return [*sure, *((name, least) for name in ordered[: limit - len(sure)])]


def _among(reader: Transaction, kind: MemoryType, where: Sequence[Condition]) -> list[str] | None:
    """The ids of the rows that meet conditions; None for all rows."""
    return [str(row["id"]) for row in reader.find(kind.value, where, columns=["id"])] if where else None
