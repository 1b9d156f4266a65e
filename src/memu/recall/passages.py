"""What stands together and what beside it: the passages of each group, linked in the order of their first entries."""

from array import array
from bisect import bisect_left, insort
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from memu.recall.columns import Column

NOBODY = -1
PLACE_BYTES = 108  # a tuple of a number and an id that is counted elsewhere, and two references
PASSAGE_BYTES = 160  # the object and the list of its slots
NAME_BYTES = 160  # a passage's id, with its place in the dictionary of its group


@dataclass(slots=True)
class _Group:
    """The passages of one group: in order, and by name."""

    row: "array[int]" = field(default_factory=lambda: array("I"))
    names: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Passage:
    """The slots of one passage, in order, and where it belongs."""

    slots: list[int]
    group: str | None
    name: str | None


class Passages:
    """For each slot the number of its passage; for each passage the one before and the one after it in its group.

    Entries are in order by position, ties by id, and passages by their first entries; `NOBODY` is at the ends. An entry
    that names no passage or no group is a passage by itself. A passage's number is never given again.
    """

    def __init__(self) -> None:
        self._of_slot = Column(np.int32)
        self._before = Column(np.int32)
        self._after = Column(np.int32)
        self._places: list[tuple[int, str]] = []
        self._passages: list[_Passage] = []
        self._groups: dict[str, _Group] = {}
        self._named = 0

    @property
    def of_slot(self) -> NDArray[np.int32]:
        """Shape (slots,): the passage of each slot."""
        return self._of_slot.values

    @property
    def before(self) -> NDArray[np.int32]:
        """Shape (passages,): the passage before each."""
        return self._before.values

    @property
    def after(self) -> NDArray[np.int32]:
        """Shape (passages,): the passage after each."""
        return self._after.values

    @property
    def nbytes(self) -> int:
        """Estimated bytes held."""
        columns = self._of_slot.nbytes + self._before.nbytes + self._after.nbytes
        names = self._named * NAME_BYTES + len(self._groups) * 600
        return columns + len(self._places) * PLACE_BYTES + len(self._passages) * PASSAGE_BYTES + names

    def append(self, entry_id: str, group: str | None, name: str | None, position: int) -> None:
        """Place the next slot in a passage of its group."""
        slot = len(self._places)
        self._places.append((position, entry_id))
        number = None
        if group is not None:
            names = self._groups.setdefault(group, _Group()).names
            number = None if name is None else names.get(name)
        if number is None:
            number = self._begin(group, name, slot)
        else:
            self._join(number, slot)
        self._of_slot.append(number)

    def remove(self, slot: int) -> None:
        """Take a slot out of its passage; when it was the last one, the passages beside it become neighbours."""
        number = self._of_slot[slot]
        passage = self._passages[number]
        if passage.slots[0] != slot:
            passage.slots.remove(slot)
            return
        self._take_out(number)
        passage.slots.remove(slot)
        if passage.slots:
            self._put_in(number)
        elif passage.group is not None and passage.name is not None:
            del self._groups[passage.group].names[passage.name]
            self._named -= 1

    def compacted(self, live: NDArray[np.bool_], new_slots: NDArray[np.int32]) -> "Passages":
        """The same without the slots that are not live and the passages without a slot, under new numbers."""
        filled = np.array([bool(passage.slots) for passage in self._passages], np.bool_)
        renumber = np.append(np.where(filled, np.cumsum(filled) - 1, NOBODY), NOBODY).astype(np.int32)
        new = Passages()
        new._of_slot.extend(renumber[self.of_slot[live]])
        new._before.extend(renumber[self.before[filled]])
        new._after.extend(renumber[self.after[filled]])
        new._places = [self._places[slot] for slot in np.flatnonzero(live).tolist()]
        for passage in self._passages:
            if passage.slots:
                slots: list[int] = new_slots[passage.slots].tolist()
                new._passages.append(_Passage(slots, passage.group, passage.name))
        for name, group in self._groups.items():
            if group.row:
                row = array("I", renumber[np.array(group.row, np.intp)].astype(np.uint32).tobytes())
                names = {name: int(renumber[number]) for name, number in group.names.items()}
                new._groups[name] = _Group(row, names)
        new._named = self._named
        return new

    def _begin(self, group: str | None, name: str | None, slot: int) -> int:
        number = len(self._passages)
        self._passages.append(_Passage([slot], group, name))
        self._before.append(NOBODY)
        self._after.append(NOBODY)
        if group is not None and name is not None:
            self._groups[group].names[name] = number
            self._named += 1
        self._put_in(number)
        return number

    def _join(self, number: int, slot: int) -> None:
        slots = self._passages[number].slots
        if self._places[slots[0]] < self._places[slot]:
            insort(slots, slot, key=self._places.__getitem__)
            return
        self._take_out(number)  # it begins earlier now
        slots.insert(0, slot)
        self._put_in(number)

    def _put_in(self, number: int) -> None:
        """Put a passage where it belongs in its group."""
        group = self._passages[number].group
        if group is None:
            return
        row = self._groups[group].row
        index = self._index(row, number)
        row.insert(index, number)
        self._link(row[index - 1] if index else NOBODY, number)
        self._link(number, row[index + 1] if index + 1 < len(row) else NOBODY)

    def _take_out(self, number: int) -> None:
        group = self._passages[number].group
        if group is None:
            return
        row = self._groups[group].row
        del row[self._index(row, number)]
        self._link(self._before[number], self._after[number])
        self._before[number] = self._after[number] = NOBODY

    def _index(self, row: "array[int]", number: int) -> int:
        """Where a passage stands in a row, or belongs."""
        place = self._place(number)
        if row and self._place(row[-1]) < place:  # the usual case: entries come in order
            return len(row)
        return bisect_left(row, place, key=self._place)

    def _place(self, number: int) -> tuple[int, str]:
        return self._places[self._passages[number].slots[0]]

    def _link(self, before: int, after: int) -> None:
        if before != NOBODY:
            self._after[before] = after
        if after != NOBODY:
            self._before[after] = before


def highest(values: NDArray[np.float32], passages: NDArray[np.int32], size: int) -> NDArray[np.float32]:
    """The highest of the values in each of `size` passages; 0 where there is none."""
    best = np.zeros(size, np.float32)
    np.maximum.at(best, passages, values)
    return best
