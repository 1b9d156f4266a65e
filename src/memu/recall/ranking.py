"""How the signals become one score: words and vectors fused, passages and neighbours heard, the named favoured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from memu.errors import ConfigError
from memu.recall.passages import highest

Scores = NDArray[np.float32]
DECIMALS = 6  # scores that agree to so many decimals are equal, and go by id


@dataclass(frozen=True, slots=True)
class Weights:
    """The numbers of the ranking.

    Attributes:
        lexical: weight of the BM25 score, beside `dense`.
        dense: weight of the cosine.
        context: share of its own score that a passage lends to each side, 0..1: the answer stands beside the question.
        decay: how much of that share is left with each further step, 0..1.
        reach: how many passages further one is heard.
        speaker: how much an entry gains when the query names its speaker, 0..1: s becomes s + speaker * s * (1 - s).
        k1: how soon a repeated word stops counting (BM25).
        b: how much a long text is held against its words, 0..1 (BM25).
    """

    lexical: float = 0.7
    dense: float = 0.3
    context: float = 0.5
    decay: float = 0.5
    reach: int = 2
    speaker: float = 0.1
    k1: float = 0.6
    b: float = 0.3

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value, highest = getattr(self, name), None if name in ("lexical", "dense", "reach", "k1") else 1
            if value < 0 or (highest and value > highest):
                raise ConfigError(f"the weight {name} is {value}: expected {'0..1' if highest else 'at least 0'}.")
        if not self.lexical + self.dense:
            raise ConfigError("the weights lexical and dense are both 0: give at least one of them.")

    @property
    def dense_share(self) -> np.float32:
        """How much the cosine counts where there are both signals, 0..1."""
        return np.float32(self.dense / (self.lexical + self.dense))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of each slot, and of each passage, about one query.

    Attributes:
        lexical: normalised BM25 of each slot, 0..1; None when that signal did not run.
        dense: cosine of each slot, 0..1, 0 for the dead; None when that signal did not run.
        present: which slots have a vector; None for all.
        named: which slots' speaker the query names; None for no slot.
        passages: the passage of each slot.
        together: normalised BM25 of each passage, 0..1; None when that signal did not run.
        before: the passage before each in its group, -1 for none.
        after: the passage after each in its group, -1 for none.
    """

    lexical: Scores | None
    dense: Scores | None
    present: NDArray[np.bool_] | None
    named: NDArray[np.bool_] | None
    passages: NDArray[np.int32]
    together: Scores | None
    before: NDArray[np.int32]
    after: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The score of each slot, 0..1, and how it came about."""

    scores: Scores
    lexical: Scores
    dense: Scores
    context: Scores

    def parts(self, slot: int) -> dict[str, float]:
        """The share of each signal in a slot's score; they sum up to it."""
        lexical, dense, context = float(self.lexical[slot]), float(self.dense[slot]), float(self.context[slot])
        speaker = float(self.scores[slot]) - lexical - dense - context
        shares = {"lexical": lexical, "dense": dense, "context": context, "speaker": speaker}
        return {name: round(share, DECIMALS) for name, share in shares.items()}


def fuse(evidence: Evidence, weights: Weights) -> Ranking:
    """Rank by all signals that ran.

    A passage's score is the weighted mean of its words and its best vector, or the one of them that it has. Its
    neighbours then count as further, weaker evidence for it: what is missing to certainty shrinks by the share they
    lend. The best of its entries speaks for it and has that score; the others rank by what they say themselves, so that
    an answer is not filled with one passage. A score depends on no others but these.
    """
    lexical, dense = _own(evidence, weights)
    own = lexical + dense
    best = highest(own, evidence.passages, len(evidence.before))
    heard = _hear(_together(best, dense, evidence, weights), evidence, weights)
    scores: Scores = np.where(own < best[evidence.passages], own, heard[evidence.passages])
    context = scores - own
    if evidence.named is not None:
        scores = scores + evidence.named * np.float32(weights.speaker) * scores * (1 - scores)
    return Ranking(np.round(scores, DECIMALS), lexical, dense, context)


def alone(evidence: Evidence, weights: Weights) -> Ranking:
    """Rank each slot by its own words and vector: their weighted mean, or the one of them that it has."""
    lexical, dense = _own(evidence, weights)
    return Ranking(np.round(lexical + dense, DECIMALS), lexical, dense, np.zeros_like(lexical))


def _own(evidence: Evidence, weights: Weights) -> tuple[Scores, Scores]:
    """The shares of words and of vectors in each slot's own score."""
    lexical, dense = evidence.lexical, evidence.dense
    if lexical is None or dense is None:
        nothing = np.zeros(len(evidence.passages), np.float32)
        return nothing if lexical is None else lexical, nothing if dense is None else dense
    share = weights.dense_share
    if evidence.present is None:
        return lexical * (1 - share), dense * share
    return np.where(evidence.present, lexical * (1 - share), lexical), dense * share


def _together(best: Scores, dense: Scores, evidence: Evidence, weights: Weights) -> Scores:
    """Each passage's score by the words of all its entries and those around them; at least its best entry's own.

    Args:
        best: that entry's score.
        dense: the share of the vectors in each slot's own score.
    """
    lexical = evidence.together
    if lexical is None or evidence.dense is None:
        return best if lexical is None else np.maximum(lexical, best)
    size, share = len(best), np.full(len(best), weights.dense_share, np.float32)
    if evidence.present is not None:
        share *= highest(evidence.present.astype(np.float32), evidence.passages, size)
    together: Scores = np.maximum(lexical * (1 - share) + highest(dense, evidence.passages, size), best)
    return together


def _hear(own: Scores, evidence: Evidence, weights: Weights) -> Scores:
    """Each passage's score after its neighbours were heard; of the two on both sides the stronger one."""
    missing = 1 - own
    before = after = own
    share = weights.context
    for _ in range(weights.reach):
        before, after = _follow(before, evidence.before), _follow(after, evidence.after)
        missing *= 1 - np.float32(share) * np.maximum(before, after)
        share *= weights.decay
    return 1 - missing


def _follow(values: Scores, links: NDArray[np.int32]) -> Scores:
    """The values at the ends of the links, 0 where there is none (-1 reads the zero appended at the end)."""
    return np.append(values, np.float32(0))[links]


def best_first(scores: Scores, ids: Sequence[str], first: int) -> Iterator[int]:
    """The slots with a score above zero, best first, equal ones by id; sorted block by block as they are asked for.

    Args:
        scores: shape (slots,).
        ids: the id of each slot.
        first: how many are likely to be asked for.
    """
    rest = np.flatnonzero(scores > 0)
    while len(rest):
        values = scores[rest]
        if first < len(rest):
            chosen = values >= np.partition(values, -first)[-first]
            block, rest = rest[chosen], rest[~chosen]
        else:
            block, rest = rest, rest[:0]
        yield from _sorted_block(block, scores, ids)
        first *= 4


def _sorted_block(block: NDArray[np.intp], scores: Scores, ids: Sequence[str]) -> list[int]:
    """Slots by score, then id: numpy sorts the scores, Python only the runs of equal ones."""
    block = block[np.argsort(-scores[block], kind="stable")]
    slots: list[int] = block.tolist()
    edges = np.flatnonzero(np.diff(scores[block], prepend=-1, append=-1))  # where another score begins, and the end
    tied = np.flatnonzero(np.diff(edges) > 1)
    for start, stop in zip(edges[tied].tolist(), edges[tied + 1].tolist(), strict=True):
        slots[start:stop] = sorted(slots[start:stop], key=ids.__getitem__)
    return slots
