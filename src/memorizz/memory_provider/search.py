"""The rows nearest to a vector: asked of the server where it searches, of vectors in memory elsewhere; always exact."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memorizz.memory_provider.memory_type import MemoryType
from memorizz.memory_provider.residents import Found, Residents, streamed
from memu.backends.base import Capability, Condition, RecordStore, Transaction
from memu.recall.dense import unit


class Search:
    """Searches the tables of a store; `budget` is how many bytes of vectors may be held in memory."""

    def __init__(self, records: RecordStore, budget: int) -> None:
        self.records = records
        self.budget = budget
        self._residents = {kind: Residents(kind) for kind in MemoryType}

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


def _among(reader: Transaction, kind: MemoryType, where: Sequence[Condition]) -> list[str] | None:
    """The ids of the rows that meet conditions; None for all rows."""
    return [str(row["id"]) for row in reader.find(kind.value, where, columns=["id"])] if where else None
