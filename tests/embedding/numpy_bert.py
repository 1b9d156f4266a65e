"""The network of all-MiniLM-L6-v2 a second time, in plain numpy and fp32, as the yardstick of the tests."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

Floats = NDArray[np.float32]
erf = np.vectorize(math.erf, otypes=[np.float32])


class NumpyBert:
    """Embeds one text at a time, unpadded, by the textbook formulas."""

    def __init__(self, tensors: Mapping[str, Floats], tokenizer: Path) -> None:
        self.tensors = tensors
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def linear(self, x: Floats, name: str) -> Floats:
        return x @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def norm(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return centred / deviation * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]

    def attention(self, x: Floats, name: str) -> Floats:
        heads = [
            self.linear(x, f"{name}.self.{part}").reshape(len(x), 12, 32).swapaxes(0, 1)
            for part in ("query", "key", "value")
        ]
        scores = heads[0] @ heads[1].swapaxes(1, 2) / np.sqrt(np.float32(32))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = weights / weights.sum(axis=-1, keepdims=True) @ heads[2]
        return self.linear(mixed.swapaxes(0, 1).reshape(len(x), 384), f"{name}.output.dense")

    def vector(self, ids: list[int]) -> Floats:
        """The unit vector of a token sequence that has its [CLS] and [SEP]."""
        words, positions, types = (
            self.tensors[f"embeddings.{table}_embeddings.weight"] for table in ("word", "position", "token_type")
        )
        x = self.norm(words[ids] + positions[: len(ids)] + types[0], "embeddings.LayerNorm")
        for number in range(6):
            layer = f"encoder.layer.{number}"
            x = self.norm(x + self.attention(x, f"{layer}.attention"), f"{layer}.attention.output.LayerNorm")
            hidden = self.linear(x, f"{layer}.intermediate.dense")
            gelu = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
            x = self.norm(x + self.linear(gelu, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        mean = x.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def embed(self, text: str) -> Floats:
        """The vector of a text of at most 256 tokens."""
        return self.vector(self.tokenizer.encode(text).ids)
