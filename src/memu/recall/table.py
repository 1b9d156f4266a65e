"""The entries of one scope in slots: a slot is written once, dies when its entry goes, and is swept up later."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memu.recall.base import Entry
from memu.recall.columns import Column
from memu.recall.dense import DenseIndex
from memu.recall.lexical import LexicalIndex, Terms
from memu.recall.passages import NOBODY, Passages
from memu.recall.ranking import Evidence, Weights
from memu.recall.speakers import Speakers
from memu.recall.text import Analyzer

FEWEST_DEAD = 64  # below this, sweeping up costs more than it frees
ENTRY_BYTES = 150  # the slot's references, and the id with its place in the dictionary


class Table:
    """Everything that one scope's entries are found by. Not thread-safe: its index sees to that."""

    def __init__(self, analyzer: Analyzer, weights: Weights) -> None:
        self.analyzer, self.weights = analyzer, weights
        self.ids: list[str] = []
        self.fields: list[Mapping[str, Any]] = []
        self.lexical = LexicalIndex(weights.k1, weights.b)
        self.dense = DenseIndex()
        self.passages = Passages()
        self.speakers = Speakers()
        self._slots: dict[str, int] = {}
        self._live = Column(np.bool_)
        self._embedded = Column(np.bool_)  # here or elsewhere
        self._by_id = np.zeros(0, np.int64)
        self._entry_bytes = 0

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, entry_id: str) -> bool:
        return entry_id in self._slots

    @property
    def live(self) -> NDArray[np.bool_]:
        """Shape (slots,): which slots hold an entry."""
        return self._live.values

    @property
    def without_vector(self) -> int:
        """How many entries have no vector, neither here nor elsewhere."""
        return int(np.count_nonzero(self.live & ~self._embedded.values))

    @property
    def nbytes(self) -> int:
        """Estimated bytes held."""
        parts = self.lexical.nbytes + self.dense.nbytes + self.passages.nbytes + self.speakers.nbytes
        return parts + self._live.nbytes + self._embedded.nbytes + self._by_id.nbytes + self._entry_bytes

    def put(self, entry: Entry, terms: Terms, vector: NDArray[np.float32] | None) -> None:
        """Add an entry with its terms and its unit vector; one of the same id goes first.

        Raises:
            VectorError: the vector is of another dimension than those that are here.
        """
        self.remove(entry.id)
        slot = len(self.ids)
        if vector is not None:
            self.dense.append(slot, vector)
        self.ids.append(entry.id)
        self.fields.append(entry.fields)
        self.lexical.append(terms)
        self.passages.append(entry.id, entry.group, entry.passage, entry.position)
        self.speakers.append(entry.speaker, self.analyzer)
        self._live.append(True)
        self._embedded.append(vector is not None or entry.elsewhere)
        self._slots[entry.id] = slot
        self._entry_bytes += _entry_bytes(entry.id, entry.fields)

    def remove(self, entry_id: str) -> None:
        """Remove an entry; one that is not here is no error."""
        slot = self._slots.pop(entry_id, None)
        if slot is None:
            return
        self._live[slot] = False
        self.passages.remove(slot)
        self.dense.remove(slot)
        if not self.dense.live:
            self.dense = DenseIndex()  # the next vector may be of another dimension
        self._entry_bytes -= _entry_bytes(entry_id, self.fields[slot])
        self.fields[slot] = {}

    @property
    def cluttered(self) -> bool:
        """Whether so many slots are dead that `compacted` is worth its cost."""
        dead = len(self.ids) - len(self._slots)
        return dead > max(FEWEST_DEAD, len(self._slots) // 2)

    def compacted(self) -> "Table":
        """The same entries without dead slots."""
        live = self.live
        new_slots = np.where(live, np.cumsum(live) - 1, NOBODY).astype(np.int32)
        kept = np.flatnonzero(live).tolist()
        new = Table(self.analyzer, self.weights)
        new.ids = [self.ids[slot] for slot in kept]
        new.fields = [self.fields[slot] for slot in kept]
        new.lexical = self.lexical.compacted(live, new_slots)
        new.dense = self.dense.compacted(live, new_slots)
        new.passages = self.passages.compacted(live, new_slots)
        new.speakers = self.speakers.compacted(live)
        new._slots = {entry_id: slot for slot, entry_id in enumerate(new.ids)}
        new._live.extend(live[live])
        new._embedded.extend(self._embedded.values[live])
        new._entry_bytes = self._entry_bytes
        return new

    def evidence(
        self, terms: Sequence[str], vector: NDArray[np.float32] | None, cosines: Mapping[str, float] | None = None
    ) -> Evidence:
        """What each slot has to say to a query; a signal is None when it cannot run.

        Args:
            terms: the query's terms.
            vector: its unit vector.
            cosines: of entries whose vectors are kept elsewhere, by id.

        Raises:
            VectorError: the vector is of another dimension than those of the entries.
        """
        size, live, passages = len(self.ids), self.live, self.passages
        lexical = dense = present = together = None
        if terms and size:
            lexical, together = self.lexical.scores(terms, live, passages.of_slot, len(passages.before))
        if cosines is not None and self._embedded.values.any():
            dense, present = self._given(cosines), self._embedded.values
        elif vector is not None and len(self.dense):
            dense, present = self.dense.scores(vector, size) * live, self.dense.present(size)
        return Evidence(
            lexical=lexical,
            dense=dense,
            present=present if present is None else present & live,
            named=self.speakers.named(terms),
            passages=passages.of_slot,
            together=together,
            before=passages.before,
            after=passages.after,
        )

    def _given(self, cosines: Mapping[str, float]) -> NDArray[np.float32]:
        """Cosines by id as scores by slot; what they do not name scores nothing."""
        dense = np.zeros(len(self.ids), np.float32)
        known = [(self._slots[one], cosine) for one, cosine in cosines.items() if one in self._slots]
        if known:
            slots, values = zip(*known, strict=True)
            dense[list(slots)] = np.clip(np.array(values, np.float32), 0, 1)
        return dense

    def by_id(self) -> NDArray[np.int64]:
        """All slots in the order of their ids, the dead among them; sorted when asked for, and kept."""
        known = len(self._by_id)
        if known < len(self.ids):
            slots = [*self._by_id.tolist(), *range(known, len(self.ids))]
            self._by_id = np.array(sorted(slots, key=self.ids.__getitem__), np.int64)
        return self._by_id


def _entry_bytes(entry_id: str, fields: Mapping[str, Any]) -> int:
    """About what an entry's id and fields take; values that entries share are counted for each."""
    return ENTRY_BYTES + len(entry_id) + sys.getsizeof(fields) + sum(map(sys.getsizeof, fields.values()))
