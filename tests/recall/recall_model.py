"""The plain meaning of a search, written again without indexes: every entry is looked at for every query."""

import math
from collections import Counter
from collections.abc import Sequence

from memu.recall.base import Delta, Entry, Query
from memu.recall.ranking import Weights
from memu.recall.text import analyzer

TOLERANCE = 1e-4


class Model:
    """The entries of one scope in a dictionary, and BM25, cosine, passages and neighbours by their definitions."""

    def __init__(self, weights: Weights | None = None, language: str = "english") -> None:
        self.entries: dict[str, Entry] = {}
        self.weights = weights or Weights()
        self.terms = analyzer(language).terms

    def apply(self, delta: Delta) -> None:
        if delta.complete:
            self.entries = {}
        for entry_id in delta.removed:
            self.entries.pop(entry_id, None)
        for entry in delta.entries:
            self.entries[entry.id] = entry

    def passages(self) -> list[list[str]]:
        """The ids of each passage's entries; an entry without a group or a passage is one by itself."""
        found: dict[object, list[str]] = {}
        for entry in self.entries.values():
            alone = entry.group is None or entry.passage is None
            found.setdefault(entry.id if alone else (entry.group, entry.passage), []).append(entry.id)
        return list(found.values())

    def search(self, query: Query) -> list[tuple[str, float]]:
        """Everything that may come back, best first, without the cut at `top_k`."""
        vector = None if query.vector is None else list(map(float, query.vector))
        scores = self.scores(query.text, vector) if query.context else self.own(query.text, vector)
        kept = [(i, s) for i, s in scores.items() if query.keep is None or query.keep(self.entries[i].fields)]
        if query.min_score is not None:
            kept = [(i, s) for i, s in kept if s > 0 and s >= query.min_score]
        return sorted(kept, key=lambda pair: (-pair[1], pair[0]))

    def scores(self, text: str, vector: Sequence[float] | None) -> dict[str, float]:
        own, heard = self.own(text, vector), self.heard(text, vector)
        words = set(self.terms(text))
        scores = {}
        for passage in self.passages():
            best = max(own[i] for i in passage)
            for i in passage:
                score = heard[i] if own[i] >= best - 1e-7 else own[i]
                named = words & set(self.terms(self.entries[i].speaker or ""))
                scores[i] = score + self.weights.speaker * score * (1 - score) if named else score
        return scores

    def own(self, text: str, vector: Sequence[float] | None) -> dict[str, float]:
        """Each entry by its own words and vector."""
        gains, dense = self.gains(text), self.dense(vector)
        return {i: self.mean(gains and sum(gains[i, False].values()), dense, [i]) for i in self.entries}

    def together(self, text: str, vector: Sequence[float] | None, passage: list[str]) -> float:
        """A passage by the best of its texts for each word, and by its best vector; at least its best entry."""
        gains, dense, own = self.gains(text), self.dense(vector), self.own(text, vector)
        texts = gains and [gains[i, around] for i in passage for around in (False, True)]
        words = texts and sum(max(one.get(term, 0.0) for one in texts) for term in set().union(*texts))
        return max(self.mean(words, dense, passage), *(own[i] for i in passage))

    def mean(self, words: float | None, dense: dict[str, float] | None, passage: list[str]) -> float:
        vectors = [dense[i] for i in passage if i in dense] if dense is not None else []
        if words is None or not vectors:
            return max(vectors, default=0.0) if words is None else words
        share = self.weights.dense / (self.weights.lexical + self.weights.dense)
        return words * (1 - share) + max(vectors) * share

    def dense(self, vector: Sequence[float] | None) -> dict[str, float] | None:
        if vector is None or all(entry.vector is None for entry in self.entries.values()):
            return None
        return {i: cosine(vector, e.vector) for i, e in self.entries.items() if e.vector is not None}

    def gains(self, text: str) -> dict[tuple[str, bool], dict[str, float]] | None:
        """What each of the query's words brings to each text: that of an entry, and the one around it."""
        wanted = set(self.terms(text))
        if not wanted or not self.entries:
            return None
        counts = {(i, False): Counter(self.terms(entry.text)) for i, entry in self.entries.items()}
        counts |= {(i, True): Counter(self.terms(entry.around)) for i, entry in self.entries.items()}
        texts = {key: c for key, c in counts.items() if not key[1] or c}
        mean = max(sum(c.total() for c in texts.values()) / len(texts), 1.0)
        weight = {}
        for term in wanted:
            holders = sum(term in c for c in texts.values())
            weight[term] = math.log(1 + (len(texts) - holders + 0.5) / (holders + 0.5))
        k1, b, whole = self.weights.k1, self.weights.b, sum(weight.values())
        return {
            key: {t: weight[t] / whole * c[t] / (c[t] + k1 * (1 - b + b * c.total() / mean)) for t in wanted if c[t]}
            for key, c in counts.items()
        }

    def heard(self, text: str, vector: Sequence[float] | None) -> dict[str, float]:
        """The score of each entry's passage after its neighbours were heard."""
        passages = self.passages()
        own = [self.together(text, vector, passage) for passage in passages]
        missing = [1 - score for score in own]
        for row in self.rows(passages):
            for place, number in enumerate(row):
                share = self.weights.context
                for step in range(1, self.weights.reach + 1):
                    beside = [row[p] for p in (place - step, place + step) if 0 <= p < len(row)]
                    missing[number] *= 1 - share * max((own[other] for other in beside), default=0.0)
                    share *= self.weights.decay
        return {i: 1 - rest for passage, rest in zip(passages, missing, strict=True) for i in passage}

    def rows(self, passages: list[list[str]]) -> list[list[int]]:
        """The numbers of each group's passages, in the order of their first entries."""
        groups: dict[str, list[tuple[tuple[int, str], int]]] = {}
        for number, passage in enumerate(passages):
            group = self.entries[passage[0]].group
            if group is not None:
                first = min((self.entries[i].position, i) for i in passage)
                groups.setdefault(group, []).append((first, number))
        return [[number for _, number in sorted(row)] for row in groups.values()]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of two vectors, 0 where it is negative."""
    product = math.fsum(float(a) * float(b) for a, b in zip(one, other, strict=True))
    return max(0.0, product / (math.hypot(*map(float, one)) * math.hypot(*map(float, other))))


def check(hits: Sequence[object], query: Query, model: Model) -> None:
    """Hold an index's answer to the model's: as many, the same scores at each rank, and each hit its own score."""
    expected = model.search(query)
    plain = dict(model.search(Query(query.text, query.vector, query.keep, context=query.context)))
    got = [(hit.id, hit.score) for hit in hits]  # type: ignore[attr-defined]
    if query.min_score is not None:  # rounding may decide about those that stand on the line
        expected = [(i, s) for i, s in expected if s > query.min_score + TOLERANCE]
        got = [(i, s) for i, s in got if s > query.min_score + TOLERANCE]
        assert all(hit.score >= query.min_score - TOLERANCE for hit in hits)  # type: ignore[attr-defined]
    expected = expected[: query.top_k]
    assert len(got) == len(expected) == len({entry_id for entry_id, _ in got})
    for (entry_id, score), (_, best) in zip(got, expected, strict=True):
        assert abs(score - best) < TOLERANCE
        assert abs(score - plain[entry_id]) < TOLERANCE
    assert got == sorted(got, key=lambda pair: (-pair[1], pair[0]))
