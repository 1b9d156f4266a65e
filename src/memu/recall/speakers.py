"""Who said what: the speakers of a scope, and which of them a query names."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memu.recall.columns import Column
from memu.recall.text import Analyzer

NOBODY = -1


class Speakers:
    """The speaker of each slot as a number, and the numbers of the speakers by each word of their names."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._by_term: dict[str, list[int]] = {}
        self._of_slot = Column(np.int32)

    @property
    def nbytes(self) -> int:
        """Estimated bytes held."""
        return self._of_slot.nbytes + 400 * len(self._numbers)

    def append(self, speaker: str | None, analyzer: Analyzer) -> None:
        """Note the speaker of the next slot."""
        if not speaker:
            self._of_slot.append(NOBODY)
            return
        number = self._numbers.get(speaker)
        if number is None:
            number = self._numbers[speaker] = len(self._numbers)
            for term in set(analyzer.terms(speaker)):
                self._by_term.setdefault(term, []).append(number)
        self._of_slot.append(number)

    def compacted(self, live: NDArray[np.bool_]) -> "Speakers":
        """The same without the slots that are not live; their speakers' names stay known."""
        new = Speakers()
        new._numbers, new._by_term = dict(self._numbers), dict(self._by_term)
        new._of_slot.extend(self._of_slot.values[live])
        return new

    def named(self, terms: Sequence[str]) -> NDArray[np.bool_] | None:
        """Which slots' speakers have a word of their name among the query's terms; None when no speaker has."""
        numbers = {number for term in terms for number in self._by_term.get(term, ())}
        if not numbers:
            return None
        chosen = np.zeros(len(self._numbers) + 1, np.bool_)  # NOBODY reads the last
        chosen[list(numbers)] = True
        named: NDArray[np.bool_] = chosen[self._of_slot.values]
        return named
