"""What an embedder is: text in, unit vectors out, under a name that a store records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """Which space vectors live in: two vectors may be compared only when their identities are equal.

    Attributes:
        name: the model's name.
        dimension: numbers per vector.
        normalized: whether every vector has length 1, so that a dot product is a cosine.
    """

    name: str
    dimension: int
    normalized: bool


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors; blocking, and safe to call from several threads at once."""

    @property
    def identity(self) -> EmbedderIdentity:
        """The space that `embed` writes into."""
        ...

    @property
    def max_tokens(self) -> int | None:
        """How many tokens the model sees at once; None when it has no limit or none is known."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed `texts`.

        Returns:
            One unit row per text, in the order given: shape (len(texts), dimension), (0, dimension) for none.

        Raises:
            InputError: a text is empty or holds nothing that can be embedded.
            ModelError: the model failed.
        """
        ...
