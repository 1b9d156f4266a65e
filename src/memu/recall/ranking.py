"""How the signals become one score: words and vectors fused, neighbours heard, the speaker who was named preferred."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from memu.errors import ConfigError

Scores = NDArray[np.float32]
DECIMALS = 6  # scores that agree to so many decimals are equal, and go by id


@dataclass(frozen=True, slots=True)
class Weights:
    """The numbers of the ranking.

    Attributes:
        lexical: weight of the BM25 score, beside `dense`.
        dense: weight of the cosine.
        context: share of its own score that an entry lends to each side, 0..1: the answer stands beside the question.
        decay: how much of that share is left with each further step, 0..1.
        reach: how many steps an entry is heard.
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
    k1: float = 0.9
    b: float = 0.3

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value, highest = getattr(self, name), None if name in ("lexical", "dense", "reach", "k1") else 1
            if value < 0 or (highest and value > highest):
                raise ConfigError(f"the weight {name} is {value}: expected {'0..1' if highest else 'at least 0'}.")
        if not self.lexical + self.dense:
            raise ConfigError("the weights lexical and dense are both 0: give at least one of them.")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of each slot about one query.

    Attributes:
        lexical: normalised BM25, 0..1; None when that signal did not run.
        dense: cosine, 0..1; None when that signal did not run.
        present: which slots have a vector; None for all.
        before: the slot before each in its group, -1 for none.
        after: the slot after each in its group, -1 for none.
        named: which slots' speaker the query names; None for no slot.
    """

    lexical: Scores | None
    dense: Scores | None
    present: NDArray[np.bool_] | None
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    named: NDArray[np.bool_] | None


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

    An entry's own score is the weighted mean of its words and its vector, or the one of them that it has. Its
    neighbours then count as further, weaker evidence for it: what is missing to certainty shrinks by the share they
    lend. A score depends on no other score but theirs.
    """
    lexical, dense = _own(evidence, weights)
    own = lexical + dense
    heard = _hear(own, evidence, weights)
    scores = heard
    if evidence.named is not None:
        scores = heard + evidence.named * np.float32(weights.speaker) * heard * (1 - heard)
    return Ranking(np.round(scores, DECIMALS), lexical, dense, heard - own)


def _own(evidence: Evidence, weights: Weights) -> tuple[Scores, Scores]:
    """The shares of words and of vectors in each slot's own score."""
    lexical, dense = evidence.lexical, evidence.dense
    if lexical is None or dense is None:
        nothing = np.zeros(len(evidence.before), np.float32)
        return nothing if lexical is None else lexical, nothing if dense is None else dense
    share = np.float32(weights.dense / (weights.lexical + weights.dense))
    if evidence.present is None:
        return lexical * (1 - share), dense * share
    return np.where(evidence.present, lexical * (1 - share), lexical), dense * share


def _hear(own: Scores, evidence: Evidence, weights: Weights) -> Scores:
    """Each slot's score after its neighbours were heard; of the two on both sides the stronger one."""
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
