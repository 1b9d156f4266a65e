"""The lexical index of one scope: BM25 over terms, entry by entry added, read only where the query's terms occur."""

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memu.recall.columns import Column
from memu.recall.passages import highest

TERM_BYTES = 270  # measured: the dictionary's slot, the string and the postings object of one term
POSTING_BYTES = 9  # two 32-bit numbers, and the room an array keeps at its end


class Terms(NamedTuple):
    """The terms of an entry's text, and of the words around it in its passage."""

    own: Sequence[str]
    around: Sequence[str] = ()


class LexicalIndex:
    """Postings by term. A slot is written once; dead slots are left out by the mask that `scores` is given.

    Each slot has two texts: text 2 * slot is the entry's own, text 2 * slot + 1 holds the words around it. `k1` says
    how soon a repeated word stops counting, `b` how much a long text is held against its words.
    """

    def __init__(self, k1: float, b: float) -> None:
        self.k1, self.b = k1, b
        self._postings: dict[str, array[int]] = {}  # term -> text, count, text, count, …
        self._lengths = Column(np.uint32)  # of the texts
        self._pairs = 0

    def __len__(self) -> int:
        return len(self._lengths) // 2

    @property
    def nbytes(self) -> int:
        """Estimated bytes held."""
        return self._lengths.nbytes + len(self._postings) * TERM_BYTES + self._pairs * POSTING_BYTES

    def append(self, terms: Terms) -> None:
        """Index the two texts of the next slot."""
        for text, words in enumerate(terms, start=len(self._lengths)):
            counts: dict[str, int] = {}
            for term in words:
                counts[term] = counts.get(term, 0) + 1
            self._post(text, counts)
            self._lengths.append(len(words))
            self._pairs += len(counts)

    def scores(
        self, terms: Sequence[str], live: NDArray[np.bool_], passages: NDArray[np.int32], size: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """How well each slot by itself, and each passage as a whole, answers the query.

        A score is the BM25 score over the highest that any text could reach, 0..1. In a passage every term counts as in
        the text of the passage that says most about it. A word that no text holds counts in that highest score, so a
        score does not depend on the other hits, and a text with half of the query's information never looks like one
        with all of it.

        Args:
            terms: the query's terms; repetitions count once.
            live: shape (slots,), which slots count.
            passages: shape (slots,), the passage of each slot.
            size: how many passages there are.
        """
        own, together = np.zeros(len(live), np.float32), np.zeros(size, np.float32)
        lengths, texts_live = self._lengths.values, np.repeat(live, 2)
        texts_live[1::2] &= lengths[1::2] > 0
        number = int(np.count_nonzero(texts_live))
        mean = max(float(lengths.sum(where=texts_live, dtype=np.int64)) / max(number, 1), 1.0)
        base, slope = np.float32(self.k1 * (1 - self.b)), np.float32(self.k1 * self.b / mean)
        reachable = 0.0
        for term in dict.fromkeys(terms):
            texts, counts = self._posting(term)
            kept = texts_live[texts]
            texts, counts = texts[kept], counts[kept]
            weight = math.log(1 + (number - len(texts) + 0.5) / (len(texts) + 0.5))
            reachable += weight
            gains = np.float32(weight) * counts / (counts + base + slope * lengths[texts])
            spoken = texts % 2 == 0
            own[texts[spoken] // 2] += gains[spoken]
            together += highest(gains.astype(np.float32), passages[texts // 2], size)
        whole = np.float32(reachable or 1)
        return own / whole, together / whole

    def compacted(self, live: NDArray[np.bool_], new_slots: NDArray[np.int32]) -> "LexicalIndex":
        """The same without the slots that are not live, the others under their new numbers."""
        new = LexicalIndex(self.k1, self.b)
        new._lengths.extend(self._lengths.values[np.repeat(live, 2)])
        for term in self._postings:
            texts, counts = self._posting(term)
            alive = live[texts // 2]
            texts, counts = texts[alive], counts[alive]
            pairs = np.column_stack((2 * new_slots[texts // 2] + texts % 2, counts)).astype(np.uint32)
            if len(pairs):
                new._postings[term] = array("I", pairs.tobytes())
                new._pairs += len(pairs)
        return new

    def _post(self, text: int, counts: Mapping[str, int]) -> None:
        postings = self._postings
        for term, count in counts.items():
            posting = postings.get(term)
            if posting is None:
                postings[term] = array("I", (text, count))
            else:
                posting.append(text)
                posting.append(count)

    def _posting(self, term: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """The texts that hold a term, and how often; copies, because an array with views on it cannot grow."""
        pairs = np.array(self._postings.get(term, ()), np.uint32).reshape(-1, 2)
        return pairs[:, 0].astype(np.intp), pairs[:, 1].astype(np.float32)
