"""The vector index of one scope: unit rows, compared with the query exactly."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memu.errors import VectorError
from memu.recall.columns import Column

FIRST_BLOCK, LARGEST_BLOCK = 8, 4096  # rows


class DenseIndex:
    """Rows in blocks, each as large as all before it up to `LARGEST_BLOCK`: growing copies nothing.

    Attributes:
        dimension: of all vectors; None before the first.
        live: how many slots that were not removed have a vector.
    """

    def __init__(self) -> None:
        self.dimension: int | None = None
        self._blocks: list[NDArray[np.float32]] = []
        self._room = 0
        self._slots = Column(np.int32)  # row -> slot, ascending
        self.live = 0

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._slots.nbytes + sum(block.nbytes for block in self._blocks)

    def append(self, slot: int, vector: NDArray[np.float32]) -> None:
        """Add the unit vector of a slot; slots come in ascending order, not every slot has a vector.

        Raises:
            VectorError: the vector is of another dimension than those before it.
        """
        self.dimension = self.dimension or len(vector)
        check_dimension(vector, self.dimension)
        if not self._room:
            self._room = min(max(len(self._slots), FIRST_BLOCK), LARGEST_BLOCK)
            self._blocks.append(np.empty((self._room, self.dimension), np.float32))
        self._blocks[-1][-self._room] = vector
        self._room -= 1
        self._slots.append(slot)
        self.live += 1

    def remove(self, slot: int) -> None:
        """Count the vector of a slot, if it has one, as dead; its row stays until `compacted`."""
        row = int(np.searchsorted(self._slots.values, slot))
        if row < len(self._slots) and self._slots[row] == slot:
            self.live -= 1

    def cosines(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosine between a unit query and each vector, in the order in which they were added.

        Raises:
            VectorError: the query is of another dimension.
        """
        check_dimension(query, self.dimension or len(query))
        found = np.empty(len(self._slots), np.float32)
        start = 0
        for block in self._blocks:
            stop = min(start + len(block), len(found))
            # One row at a time on one thread: twice as fast as BLAS here, and equal rows give equal scores.
            np.einsum("ij,j->i", block[: stop - start], query, out=found[start:stop])
            start = stop
        return found

    def scores(self, query: NDArray[np.float32], size: int) -> NDArray[np.float32]:
        """The cosine between a unit query and each of `size` slots; 0 where it is negative or there is no vector.

        Raises:
            VectorError: the query is of another dimension.
        """
        found = self.cosines(query)
        np.clip(found, 0, 1, out=found)
        if len(found) == size:
            return found
        scores = np.zeros(size, np.float32)
        scores[self._slots.values] = found
        return scores

    def present(self, size: int) -> NDArray[np.bool_] | None:
        """Which of `size` slots have a vector; None when all have."""
        if len(self._slots) == size:
            return None
        mask = np.zeros(size, np.bool_)
        mask[self._slots.values] = True
        return mask

    def compacted(self, live: NDArray[np.bool_], new_slots: NDArray[np.int32]) -> "DenseIndex":
        """The same without the slots that are not live, the others under their new numbers."""
        new = DenseIndex()
        slots = iter(self._slots.values.tolist())
        for block in self._blocks:
            for row, slot in zip(block, slots, strict=False):
                if live[slot]:
                    new.append(int(new_slots[slot]), row)
        return new


def unit(vector: NDArray[np.float32] | Sequence[float]) -> NDArray[np.float32]:
    """The vector at length one, in float32.

    Raises:
        VectorError: it is empty, not one-dimensional, all zero, or holds something that is no finite number.
    """
    try:
        with np.errstate(over="ignore"):  # too large for float32 is infinite, and told apart below
            row = np.asarray(vector, np.float32)
            square = float(np.dot(row, row)) if row.ndim == 1 else 0.0
    except (TypeError, ValueError):
        raise VectorError("the vector holds something that is not a number: expected a list of floats.") from None
    if row.ndim != 1 or not len(row):
        raise VectorError(f"the vector has shape {row.shape}: expected one dimension with at least one number.")
    if not 1e-30 < square < 1e30:
        row, square = _rescaled(row)
    return row / np.float32(square**0.5)


def check_dimension(vector: NDArray[np.float32], dimension: int) -> None:
    """Raise VectorError unless the vector is of this dimension."""
    if len(vector) != dimension:
        raise VectorError(
            f"a vector has {len(vector)} dimensions where the others have {dimension}: "
            "embed it with the store's embedder, or re-embed the store."
        )


def _rescaled(row: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """A row of very large or very small numbers, brought to where its squares can be summed, and that sum."""
    largest = float(np.abs(row).max())
    if not np.isfinite(largest):
        raise VectorError("the vector holds NaN or infinity: expected finite numbers.")
    if not largest:
        raise VectorError("the vector is all zeros and has no direction: expected at least one other number.")
    row = (row.astype(np.float64) / largest).astype(np.float32)
    return row, float(np.dot(row, row))
