"""The resident index of one scope: changes go in, queries are answered."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from memu.errors import InputError
from memu.forked import Lock
from memu.recall.base import Delta, Entry, Hit, Hits, Query, Signals
from memu.recall.dense import check_dimension, unit
from memu.recall.lexical import Terms
from memu.recall.ranking import Evidence, Weights, alone, best_first, fuse
from memu.recall.salience import WEIGHED, weighed
from memu.recall.table import Table
from memu.recall.text import analyzer

FEWEST_RANKED = 64  # so many at least are ranked at once; a filter may refuse some


class ScopeIndex:
    """Finds the entries of one scope by words and vectors.

    Thread-safe: one lock, which a search holds while it reads and a change while it writes. A complete load builds a
    new table outside the lock and swaps it in, so searches go on meanwhile. A change is applied whole or not at all.

    Attributes:
        seq: the scope's change counter that the entries are at; 0 before the first change.
        epoch: the life of the scope that they belong to; "" before the first change.
    """

    def __init__(self, language: str = "english", weights: Weights | None = None) -> None:
        """Make an empty index.

        Args:
            language: of the stemmer, or "none".
            weights: of the ranking.

        Raises:
            ConfigError: there is no stemmer of that name.
        """
        self._analyzer = analyzer(language)
        self._table = Table(self._analyzer, weights or Weights())
        self._lock = Lock()
        self._changing = Lock()
        self.seq = 0
        self.epoch = ""

    def __len__(self) -> int:
        return len(self._table)

    def __contains__(self, entry_id: str) -> bool:
        return entry_id in self._table

    @property
    def nbytes(self) -> int:
        """Estimated bytes of memory held."""
        return self._table.nbytes

    def apply(self, delta: Delta) -> None:
        """Bring the index to `delta.seq`. A delta that is older than the index is known already and changes nothing.

        Raises:
            VectorError: a vector is not finite, zero, or not of the dimension of the others; nothing was changed.
            InputError: the delta is of another epoch and not complete.
        """
        with self._changing:
            if delta.complete:
                self._replace(delta)
            elif self.epoch not in ("", delta.epoch):
                raise InputError(
                    f"a change of epoch {delta.epoch!r} does not fit an index of epoch {self.epoch!r}: "
                    "the scope was begun anew, so give all its entries in a complete delta."
                )
            elif delta.seq >= self.seq:
                self._change(delta)

    def search(self, query: Query) -> Hits:
        """The best entries for a query.

        Raises:
            VectorError: the query's vector is not finite, zero, or not of the entries' dimension.
            InputError: `top_k` is less than one.
        """
        if query.top_k < 1:
            raise InputError(f"top_k is {query.top_k}: expected at least 1.")
        terms = self._analyzer.terms(query.text)
        vector = None if query.vector is None else unit(query.vector)
        with self._lock:
            table = self._table
            evidence = table.evidence(terms, vector, query.cosines)
            ranking = (fuse if query.context else alone)(evidence, table.weights)
            most = max(WEIGHED, query.top_k) if query.weigh else query.top_k
            slots = _select(table, np.where(table.live, ranking.scores, np.float32(-1)), query, most)
            hits = [Hit(table.ids[slot], round(float(ranking.scores[slot]), 6), ranking.parts(slot)) for slot in slots]
            hits = weighed(hits, [table.fields[slot] for slot in slots], query)
            signals = _signals(table, query, evidence)
            return Hits(hits, signals, size=len(table), without_vector=table.without_vector)

    def _replace(self, delta: Delta) -> None:
        table = Table(self._analyzer, self._table.weights)
        for entry in delta.entries:
            table.put(entry, self._terms(entry), _vector(entry))
        with self._lock:
            self._table, self.seq, self.epoch = table, delta.seq, delta.epoch

    def _change(self, delta: Delta) -> None:
        removed = list(delta.removed)
        prepared = [(entry, self._terms(entry), _vector(entry)) for entry in delta.entries]
        _check_dimensions(self._table.dense.dimension, [vector for _, _, vector in prepared if vector is not None])
        with self._lock:
            for entry_id in removed:
                self._table.remove(entry_id)
            for entry, terms, vector in prepared:
                self._table.put(entry, terms, vector)
            if self._table.cluttered:
                self._table = self._table.compacted()
            self.seq, self.epoch = delta.seq, delta.epoch

    def _terms(self, entry: Entry) -> Terms:
        return Terms(self._analyzer.terms(entry.text), self._analyzer.terms(entry.around))


def _select(table: Table, scores: NDArray[np.float32], query: Query, most: int) -> list[int]:
    """The slots of the answer: the filter is asked down the ranking, until there are enough."""
    chosen: list[int] = []
    for slot in _candidates(table, scores, query, most):
        if query.keep is None or query.keep(table.fields[slot]):
            chosen.append(slot)
            if len(chosen) == most:
                break
    return chosen


def _candidates(table: Table, scores: NDArray[np.float32], query: Query, most: int) -> Iterator[int]:
    """The slots that may be returned, best first; scores below zero mark the dead."""
    for slot in best_first(scores, table.ids, max(FEWEST_RANKED, most)):
        if query.min_score is not None and scores[slot] < np.float32(query.min_score):
            return
        yield slot
    if query.min_score is None:
        order = table.by_id()
        yield from order[scores[order] == 0].tolist()


def _signals(table: Table, query: Query, evidence: Evidence) -> Signals:
    """What ran, and why not all did."""
    lexical, dense = evidence.lexical is not None, evidence.dense is not None
    reasons = []
    if not len(table):
        reasons.append("nothing is indexed")
    else:
        if not lexical:
            reasons.append("the query holds no word to search for" if query.text.strip() else "the query has no text")
        if not dense:
            reasons.append("the query has no vector" if query.vector is None else "no entry has a vector")
    return Signals(lexical=lexical, dense=dense, reason="; ".join(reasons) or None)


def _vector(entry: Entry) -> NDArray[np.float32] | None:
    return None if entry.vector is None else unit(entry.vector)


def _check_dimensions(expected: int | None, vectors: Sequence[NDArray[np.float32]]) -> None:
    """Raise VectorError unless all vectors have one dimension, the expected one if there is one."""
    for vector in vectors:
        expected = expected or len(vector)
        check_dimension(vector, expected)
