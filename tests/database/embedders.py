"""A second embedder for tests: real, deterministic, and of another dimension than the one that ships."""

import hashlib
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from memu.embedding.base import EmbedderIdentity
from memu.errors import InputError

WORD = re.compile(r"\w+")


class HashingEmbedder:
    """Every word has a direction of its own; a text's vector is the sum of its words' directions, at length one."""

    max_tokens = None

    def __init__(self, dimension: int = 64, name: str = "hashing", hook: Callable[[int], None] | None = None) -> None:
        self.identity = EmbedderIdentity(f"{name}-{dimension}", dimension, normalized=True)
        self.calls = 0
        self.texts = 0
        self.hook = hook

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls += 1
        self.texts += len(texts)
        if self.hook:
            self.hook(self.calls)
        return np.array([self.vector(text) for text in texts], np.float32).reshape(-1, self.identity.dimension)

    def vector(self, text: str) -> NDArray[np.float32]:
        words = WORD.findall(text.casefold())
        if not words:
            raise InputError("the text holds nothing to embed.")
        total = np.sum([self._direction(word) for word in words], axis=0)
        return (total / np.linalg.norm(total)).astype(np.float32)

    def _direction(self, word: str) -> NDArray[np.float64]:
        seed = int.from_bytes(hashlib.sha256(f"{self.identity.name}:{word}".encode()).digest()[:8])
        return np.random.default_rng(seed).normal(size=self.identity.dimension)
