"""Files items in categories: by rules for the default ones, by meaning and words for any.

A confidence between 0 and 1 joins three signals as independent evidence: the rules of the category, if its name has
any; the cosine between the vectors of item and category, if there are vectors; and words that the item shares with the
name and description of a category without rules. The rules and word stems are English; the vectors know what the
embedder knows.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memu.extract.base import CategoryView, ExtractedItem
from memu.extract.category_rules import DEFAULT_RULES
from memu.extract.reading import Reading, first_word, names_in, read_sentence
from memu.extract.types import is_coming, is_past
from memu.extract.vocabulary import FUNCTION, LIGHT
from memu.forked import Lock

MOST_CATEGORIES = 3
SHARE_OF_BEST = 0.55
"""A further category is assigned when it is at least so sure, as a share of the surest."""

_STEMMING = Lock()
_NAMED = 0.3  # what a name at the beginning of a sentence says for relationships
_COSINE_FLOOR = 0.08
_COSINE_WEIGHT = 1.0


class RuleCategorizer:
    """A `Categorizer` without a language model.

    Args:
        threshold: the least confidence (0..1) with which an item is filed in a category.
    """

    def __init__(self, *, threshold: float = 0.25) -> None:
        self.threshold = threshold

    def assign(
        self, items: Sequence[ExtractedItem], vectors: NDArray[np.float32] | None, categories: Sequence[CategoryView]
    ) -> list[tuple[str, ...]]:
        """The names of up to three categories of each item, surest first; see `Categorizer`."""
        scores = self.confidences(items, vectors, categories)
        return [self._choose(row, categories) for row in scores]

    def confidences(
        self, items: Sequence[ExtractedItem], vectors: NDArray[np.float32] | None, categories: Sequence[CategoryView]
    ) -> NDArray[np.float64]:
        """How sure each category is for each item, shape (items, categories), 0..1."""
        doubt = 1.0 - _similarity(len(items), vectors, categories)
        names = names_in("\n".join(item.summary for item in items))
        for row, item in enumerate(items):
            reading = read_sentence(item.summary)
            if item.speaker and first_word(reading.core) in names:
                doubt[row, self._about_others(categories)] *= 1.0 - _NAMED
            for column, category in enumerate(categories):
                doubt[row, column] *= 1.0 - _by_words(item, reading, category)
        return 1.0 - doubt

    def _about_others(self, categories: Sequence[CategoryView]) -> list[int]:
        return [column for column, category in enumerate(categories) if category.name == "relationships"]

    def _choose(self, row: NDArray[np.float64], categories: Sequence[CategoryView]) -> tuple[str, ...]:
        order = sorted(range(len(categories)), key=lambda column: (-row[column], column))[:MOST_CATEGORIES]
        least = max(self.threshold, row[order[0]] * SHARE_OF_BEST) if order else 1.0
        return tuple(categories[column].name for column in order if row[column] >= least)


def _similarity(
    rows: int, vectors: NDArray[np.float32] | None, categories: Sequence[CategoryView]
) -> NDArray[np.float64]:
    """The evidence of the vectors, 0..1; nothing where either side has none."""
    evidence = np.zeros((rows, len(categories)))
    if vectors is None or not rows:
        return evidence
    for column, category in enumerate(categories):
        if category.vector is not None:
            cosines = vectors @ category.vector
            evidence[:, column] = np.clip((cosines - _COSINE_FLOOR) * _COSINE_WEIGHT, 0.0, 0.9)
    return np.nan_to_num(evidence)


def _by_words(item: ExtractedItem, reading: Reading, category: CategoryView) -> float:
    clues = DEFAULT_RULES.get(category.name)
    if clues is None:
        return _shared_words(reading, category.name, category.description)
    doubt = 1.0 - _by_form(item, reading, category.name)
    for pattern, sureness in clues:
        if pattern().search(reading.core):
            doubt *= 1.0 - sureness
    return 1.0 - doubt


def _by_form(item: ExtractedItem, reading: Reading, name: str) -> float:
    """What the memory type and the tense say by themselves."""
    kind = item.memory_type
    if name == "habits":
        return 0.65 if kind == "behavior" else 0.0
    if name == "knowledge":
        return 0.65 if kind == "knowledge" else 0.3 if item.speaker is None else 0.0
    if name == "goals" and is_coming(reading.core):
        return 0.5 if kind == "event" else 0.3
    if kind == "event" and name == "experiences":
        return 0.45 if is_past(reading.core) else 0.25
    return 0.0


def _shared_words(reading: Reading, name: str, description: str) -> float:
    """How much of a sentence's content stands in a category's name or description, by word stems."""
    named, described = _stems(name.replace("_", " ")), _stems(description)
    doubt = 1.0
    for stem in {_stem(word) for word in reading.content}:
        doubt *= 0.5 if stem in named else 0.7 if stem in described else 1.0
    return 1.0 - doubt


@lru_cache(maxsize=1024)
def _stems(text: str) -> frozenset[str]:
    tokens = (token.strip(".,;:()\"'").casefold() for token in text.split())
    return frozenset(_stem(token) for token in tokens if token and token not in FUNCTION and token not in LIGHT)


@lru_cache(maxsize=16384)
def _stem(word: str) -> str:
    with _STEMMING:  # a stemmer keeps the word it works on
        return str(_stemmer().stemWord(word))


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")
