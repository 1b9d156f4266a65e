"""What the search indexes hold and answer: entries in, hits out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Entry:
    """One searchable record.

    Attributes:
        id: the record's id.
        text: the words to search (for an item: speaker or heading, and summary).
        vector: its embedding, shape (dimension,), any length; None when there is none, or not here.
        elsewhere: whether it has an embedding that the store searches itself; queries then bring the cosines.
        group: the resource it came from; passages of one group are neighbours in the order of `position`.
        passage: the message or block of its group that it is a part of; None when it is one by itself. The entries of a
            passage are judged together, and the best of them comes first.
        around: words of the passage that no entry holds; they speak for the passage, not for the entry.
        position: where it stands in its group (character offset).
        speaker: who said it.
        fields: everything that filters may ask for, by field name (memory_type, categories, created_at, …).
    """

    id: str
    text: str
    vector: NDArray[np.float32] | None = None
    elsewhere: bool = False
    group: str | None = None
    passage: str | None = None
    around: str = ""
    position: int = 0
    speaker: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """One search: words and their embedding (either may be missing), a filter, and how many to return.

    `keep` is asked with an entry's `fields` and says whether it may be returned; filters apply before the cut, so if k
    entries pass, k come back: those without any evidence last, by id. With `min_score` only those with evidence and at
    least that score come back. `cosines` are of entries whose vectors are kept elsewhere, by id. Without `context` an
    entry is ranked by its own words and vector alone, whatever its passage and its neighbours say and whoever is named.
    `weigh` is asked with the fields of the entries most like the query, and says by what their scores are multiplied
    before the cut; `min_score` is about the score before that.
    """

    text: str = ""
    vector: NDArray[np.float32] | None = None
    keep: Callable[[Mapping[str, Any]], bool] | None = None
    top_k: int = 5
    min_score: float | None = None
    context: bool = True
    cosines: Mapping[str, float] | None = None
    weigh: Callable[[Mapping[str, Any]], float] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: the id, the fused score in 0..1 (higher is better), and the share of each signal in it.

    Of a query that weighs, the score is the weighed one, which may be above 1, and `relevance` is what was weighed.
    """

    id: str
    score: float
    parts: Mapping[str, float] = field(default_factory=dict)
    relevance: float | None = None


class Signals(TypedDict):
    """Which signals ranked an answer, and for one that did not run the reason."""

    lexical: bool
    dense: bool
    reason: str | None


class Hits(list[Hit]):
    """The hits of one search, best first, equal scores by id.

    Attributes:
        signals: what ranked them.
        size: how many entries there are.
        without_vector: how many of them have no vector.
    """

    def __init__(self, hits: Iterable[Hit], signals: Signals, *, size: int = 0, without_vector: int = 0) -> None:
        super().__init__(hits)
        self.signals = signals
        self.size = size
        self.without_vector = without_vector


@dataclass(slots=True)
class Delta:
    """What changed in a scope since an index last looked.

    Attributes:
        entries: what is new or different; each replaces the one of its id.
        removed: ids that are gone; taken out before `entries` are put in.
        seq: the scope's change counter that this brings an index to.
        epoch: the life of the scope that this belongs to.
        complete: True when the entries are all there are, so that the index begins anew.
    """

    entries: Iterable[Entry]
    removed: Iterable[str]
    seq: int
    epoch: str
    complete: bool = False
