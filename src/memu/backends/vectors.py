"""Which vectors can be kept and compared: flat, finite, not zero."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memu.errors import VectorError

LARGEST = 1e15
"""The largest number of a vector whose length is still finite in single precision, in any dimension."""


def as_array(vector: Any) -> NDArray[np.float32]:
    """A caller's vector in single precision, shape (dimension,); VectorError as `checked` raises it."""
    if isinstance(vector, np.ndarray) and vector.ndim == 1 and vector.dtype.kind == "f" and _sound(vector):
        return vector.astype(np.float32, copy=False)
    return np.asarray(checked(vector), dtype=np.float32)


def _sound(numbers: NDArray[Any]) -> bool:
    """Whether it can be seen at one look that nothing is wrong with a vector; NaN meets no comparison."""
    return bool(len(numbers) and 0 < np.abs(numbers).max() <= LARGEST)


def checked(vector: Any) -> list[float] | None:
    """A caller's vector as a list of floats; None stays None.

    Raises:
        VectorError: it is empty, zero, holds a NaN or an infinity, or is not a flat sequence of numbers.
    """
    if vector is None:
        return None
    if isinstance(vector, np.ndarray):
        vector = vector.tolist()
    if isinstance(vector, str | bytes | Mapping) or not isinstance(vector, Sequence):
        raise VectorError(f"the embedding is a {type(vector).__name__}: expected a list of numbers.")
    if set(map(type, vector)) == {float} and _sound(np.array(vector)):
        return list(vector)
    if not len(vector):
        raise VectorError("the embedding is empty: expected a list of numbers, or None for no embedding.")
    for position, number in enumerate(vector):
        if isinstance(number, bool) or not isinstance(number, int | float | np.floating | np.integer):
            raise VectorError(
                f"the embedding holds a {type(number).__name__} at position {position}: expected numbers."
            )
        if isinstance(number, int) and abs(number) > LARGEST:  # which may be too long to be shown, or made a float
            raise VectorError(
                f"the embedding holds a huge number at position {position}: at most {LARGEST:g} can be compared."
            )
        if not math.isfinite(number):
            raise VectorError(f"the embedding holds {number} at position {position}: every number must be finite.")
        if abs(float(number)) > LARGEST:
            raise VectorError(
                f"the embedding holds {number} at position {position}: at most {LARGEST:g} can be compared."
            )
    numbers = [float(number) for number in vector]
    if not any(numbers):
        raise VectorError("the embedding is all zeros: it has no direction to compare.")
    return numbers
