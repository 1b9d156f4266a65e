"""Provisional: the newest texts that fit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memu.extract.base import CategoryView


class ExtractiveSummarizer:
    """Chooses the newest texts."""

    def choose(
        self, category: CategoryView, texts: Sequence[str], vectors: NDArray[np.float32] | None, *, target_length: int
    ) -> list[int]:
        """Positions of the newest texts within the length."""
        chosen: list[int] = []
        length = 0
        for position in reversed(range(len(texts))):
            length += len(texts[position])
            if chosen and length > target_length:
                break
            chosen.append(position)
        return sorted(chosen)
