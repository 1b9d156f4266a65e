"""The plain meaning of a search, written again without indexes: every entry is looked at for every query."""

import math
from collections import Counter
from collections.abc import Sequence

from memu.recall.base import Delta, Entry, Query
from memu.recall.ranking import Weights
from memu.recall.text import analyzer

TOLERANCE = 1e-4


class Model:
    """The entries of one scope in a dictionary, and BM25, cosine, neighbours and speakers by their definitions."""

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

    def search(self, query: Query) -> list[tuple[str, float]]:
        """Everything that may come back, best first, without the cut at `top_k`."""
        scores = self.scores(query.text, None if query.vector is None else list(map(float, query.vector)))
        kept = [(i, s) for i, s in scores.items() if query.keep is None or query.keep(self.entries[i].fields)]
        if query.min_score is not None:
            kept = [(i, s) for i, s in kept if s > 0 and s >= query.min_score]
        return sorted(kept, key=lambda pair: (-pair[1], pair[0]))

    def scores(self, text: str, vector: Sequence[float] | None) -> dict[str, float]:
        heard = self.heard(self.own(text, vector))
        words = set(self.terms(text))
        return {
            entry_id: score + self.weights.speaker * score * (1 - score)
            if words & set(self.terms(self.entries[entry_id].speaker or ""))
            else score
            for entry_id, score in heard.items()
        }

    def own(self, text: str, vector: Sequence[float] | None) -> dict[str, float]:
        lexical = self.bm25(text)
        dense = None
        if vector is not None and any(entry.vector is not None for entry in self.entries.values()):
            dense = {i: cosine(vector, e.vector) for i, e in self.entries.items() if e.vector is not None}
        if lexical is None or dense is None:
            return dict.fromkeys(self.entries, 0.0) | (lexical or dense or {})
        share = self.weights.dense / (self.weights.lexical + self.weights.dense)
        return {i: s * (1 - share) + dense[i] * share if i in dense else s for i, s in lexical.items()}

    def bm25(self, text: str) -> dict[str, float] | None:
        wanted = set(self.terms(text))
        if not wanted or not self.entries:
            return None
        counts = {i: Counter(self.terms(entry.text)) for i, entry in self.entries.items()}
        mean = max(sum(c.total() for c in counts.values()) / len(counts), 1.0)
        weight = {}
        for term in wanted:
            holders = sum(term in c for c in counts.values())
            weight[term] = math.log(1 + (len(counts) - holders + 0.5) / (holders + 0.5))
        k1, b = self.weights.k1, self.weights.b
        return {
            i: sum(weight[t] * c[t] / (c[t] + k1 * (1 - b + b * c.total() / mean)) for t in wanted if c[t])
            / sum(weight.values())
            for i, c in counts.items()
        }

    def heard(self, own: dict[str, float]) -> dict[str, float]:
        missing = {entry_id: 1 - score for entry_id, score in own.items()}
        groups: dict[str, list[Entry]] = {}
        for entry in self.entries.values():
            if entry.group is not None:
                groups.setdefault(entry.group, []).append(entry)
        for members in groups.values():
            row = [entry.id for entry in sorted(members, key=lambda entry: (entry.position, entry.id))]
            for place, entry_id in enumerate(row):
                share = self.weights.context
                for step in range(1, self.weights.reach + 1):
                    beside = [row[p] for p in (place - step, place + step) if 0 <= p < len(row)]
                    missing[entry_id] *= 1 - share * max((own[other] for other in beside), default=0.0)
                    share *= self.weights.decay
        return {entry_id: 1 - rest for entry_id, rest in missing.items()}


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of two vectors, 0 where it is negative."""
    product = math.fsum(float(a) * float(b) for a, b in zip(one, other, strict=True))
    return max(0.0, product / (math.hypot(*map(float, one)) * math.hypot(*map(float, other))))


def check(hits: Sequence[object], query: Query, model: Model) -> None:
    """Hold an index's answer to the model's: as many, the same scores at each rank, and each hit its own score."""
    expected = model.search(query)
    plain = dict(model.search(Query(query.text, query.vector, query.keep)))
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
