"""Who stands beside whom: the entries of one group, linked in the order of their positions."""

from array import array
from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from memu.recall.columns import Column

NOBODY = -1
PLACE_BYTES = 108  # a tuple of a number and an id that is counted elsewhere, and two references


class Neighbours:
    """For each slot the one before and the one after it in its group, ties in position by id; `NOBODY` at the ends."""

    def __init__(self) -> None:
        self._before = Column(np.int32)
        self._after = Column(np.int32)
        self._places: list[tuple[int, str]] = []
        self._row_of: list[array[int] | None] = []  # slot -> the slots of its group, in order
        self._groups: dict[str, array[int]] = {}

    @property
    def before(self) -> NDArray[np.int32]:
        """Shape (slots,): the slot before each."""
        return self._before.values

    @property
    def after(self) -> NDArray[np.int32]:
        """Shape (slots,): the slot after each."""
        return self._after.values

    @property
    def nbytes(self) -> int:
        """Estimated bytes held."""
        return self._before.nbytes + self._after.nbytes + len(self._places) * PLACE_BYTES + len(self._groups) * 300

    def append(self, entry_id: str, group: str | None, position: int) -> None:
        """Place the next slot in its group; one without a group stands alone."""
        slot = len(self._places)
        self._places.append((position, entry_id))
        self._before.append(NOBODY)
        self._after.append(NOBODY)
        row = None if group is None else self._groups.setdefault(group, array("I"))
        self._row_of.append(row)
        if row is None:
            return
        index = self._index(row, slot)
        row.insert(index, slot)
        self._link(row[index - 1] if index else NOBODY, slot)
        self._link(slot, row[index + 1] if index + 1 < len(row) else NOBODY)

    def remove(self, slot: int) -> None:
        """Take a slot out of its group; those beside it become neighbours."""
        row = self._row_of[slot]
        if row is None:
            return
        del row[self._index(row, slot)]
        self._link(self._before[slot], self._after[slot])
        self._before[slot] = self._after[slot] = NOBODY

    def compacted(self, live: NDArray[np.bool_], new_slots: NDArray[np.int32]) -> "Neighbours":
        """The same without the slots that are not live, the others under their new numbers."""
        new = Neighbours()
        renumber = np.append(new_slots, NOBODY).astype(np.int32)
        new._before.extend(renumber[self.before[live]])
        new._after.extend(renumber[self.after[live]])
        kept = np.flatnonzero(live).tolist()
        new._places = [self._places[slot] for slot in kept]
        new._groups = {
            group: array("I", new_slots[np.array(row, np.intp)].astype(np.uint32).tobytes())
            for group, row in self._groups.items()
            if row
        }
        new._row_of = [None] * len(kept)
        for row in new._groups.values():
            for slot in row:
                new._row_of[slot] = row
        return new

    def _index(self, row: "array[int]", slot: int) -> int:
        """Where a slot stands in a row, or belongs."""
        place = self._places[slot]
        if row and self._places[row[-1]] < place:  # the usual case: entries come in order
            return len(row)
        return bisect_left(row, place, key=self._places.__getitem__)

    def _link(self, before: int, after: int) -> None:
        if before != NOBODY:
            self._after[before] = after
        if after != NOBODY:
            self._before[after] = before
