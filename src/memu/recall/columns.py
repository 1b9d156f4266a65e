"""A value per slot, in numpy arrays that grow at their end."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

FIRST_CAPACITY = 16


class Column:
    """A one-dimensional array with room at its end; views taken before it grew keep their values."""

    __slots__ = ("_data", "_size")

    def __init__(self, dtype: DTypeLike) -> None:
        self._data: NDArray[Any] = np.zeros(FIRST_CAPACITY, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[Any]:
        """All values, as a view."""
        return self._data[: self._size]

    @property
    def nbytes(self) -> int:
        """Bytes held, room at the end included."""
        return self._data.nbytes

    def append(self, value: int | bool) -> None:
        """Add one value at the end."""
        if self._size == len(self._data):
            self._grow(self._size + self._size // 2)
        self._data[self._size] = value
        self._size += 1

    def extend(self, values: NDArray[Any]) -> None:
        """Add values at the end."""
        size = self._size + len(values)
        if size > len(self._data):
            self._grow(size)
        self._data[self._size : size] = values
        self._size = size

    def __getitem__(self, index: int) -> int:
        return int(self._data[index])

    def __setitem__(self, index: int, value: int | bool) -> None:
        self._data[index] = value

    def _grow(self, capacity: int) -> None:
        grown = np.zeros(capacity, self._data.dtype)
        grown[: self._size] = self._data[: self._size]
        self._data = grown
