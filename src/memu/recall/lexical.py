"""The lexical index of one scope: BM25 over terms, entry by entry added, read only where the query's terms occur."""

import math
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memu.recall.columns import Column

TERM_BYTES = 270  # measured: the dictionary's slot, the string and the postings object of one term
POSTING_BYTES = 9  # two 32-bit numbers, and the room an array keeps at its end


class LexicalIndex:
    """Postings by term. A slot is written once; dead slots are left out by the mask that `scores` is given.

    `k1` says how soon a repeated word stops counting, `b` how much a long text is held against its words.
    """

    def __init__(self, k1: float, b: float) -> None:
        self.k1, self.b = k1, b
        self._postings: dict[str, array[int]] = {}  # term -> slot, count, slot, count, …
        self._lengths = Column(np.uint32)
        self._pairs = 0

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def nbytes(self) -> int:
        """Estimated bytes held."""
        return self._lengths.nbytes + len(self._postings) * TERM_BYTES + self._pairs * POSTING_BYTES

    def append(self, terms: Sequence[str]) -> None:
        """Index the terms of the next slot."""
        slot = len(self._lengths)
        counts: dict[str, int] = {}
        for term in terms:
            counts[term] = counts.get(term, 0) + 1
        postings = self._postings
        for term, count in counts.items():
            posting = postings.get(term)
            if posting is None:
                postings[term] = array("I", (slot, count))
            else:
                posting.append(slot)
                posting.append(count)
        self._lengths.append(len(terms))
        self._pairs += len(counts)

    def scores(self, terms: Sequence[str], live: NDArray[np.bool_]) -> NDArray[np.float32]:
        """How well each slot answers the query: its BM25 score over the highest that any text could reach, 0..1.

        A word that no entry holds counts in that highest score, so a score does not depend on the other hits, and an
        entry with half of the query's information never looks like one with all of it.

        Args:
            terms: the query's terms; repetitions count once.
            live: shape (slots,), which slots count.
        """
        scores = np.zeros(len(live), np.float32)
        entries = int(np.count_nonzero(live))
        if not entries:
            return scores
        lengths = self._lengths.values
        mean = max(float(lengths.sum(where=live, dtype=np.int64)) / entries, 1.0)
        base, slope = np.float32(self.k1 * (1 - self.b)), np.float32(self.k1 * self.b / mean)
        all_live = entries == len(live)
        reachable = 0.0
        for term in dict.fromkeys(terms):
            slots, counts = self._posting(term)
            if not all_live:
                kept = live[slots]
                slots, counts = slots[kept], counts[kept]
            weight = math.log(1 + (entries - len(slots) + 0.5) / (len(slots) + 0.5))
            reachable += weight
            scores[slots] += np.float32(weight) * counts / (counts + base + slope * lengths[slots])
        return scores / np.float32(reachable) if reachable else scores

    def compacted(self, live: NDArray[np.bool_], new_slots: NDArray[np.int32]) -> "LexicalIndex":
        """The same without the slots that are not live, the others under their new numbers."""
        new = LexicalIndex(self.k1, self.b)
        new._lengths.extend(self._lengths.values[live])
        for term in self._postings:
            slots, counts = self._posting(term)
            alive = live[slots]
            pairs = np.column_stack((new_slots[slots[alive]], counts[alive])).astype(np.uint32)
            if len(pairs):
                new._postings[term] = array("I", pairs.tobytes())
                new._pairs += len(pairs)
        return new

    def _posting(self, term: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """The slots that hold a term, and how often; copies, because an array with views on it cannot grow."""
        pairs = np.array(self._postings.get(term, ()), np.uint32).reshape(-1, 2)
        return pairs[:, 0].astype(np.intp), pairs[:, 1].astype(np.float32)
