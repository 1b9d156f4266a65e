"""Sentence embeddings by all-MiniLM-L6-v2: any number of texts of any length, in bounded memory."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from memu.embedding.base import EmbedderIdentity
from memu.embedding.network import Network
from memu.embedding.parameters import WIDTH
from memu.embedding.tokens import WINDOW, TokenIds, WindowedTokenizer
from memu.errors import InputError

IDENTITY = EmbedderIdentity("all-MiniLM-L6-v2", WIDTH, normalized=True)
TEXTS_PER_BLOCK = 256
TOKENS_PER_RUN = 512
_SURROGATE = re.compile("[\ud800-\udfff]")


class MiniLmEmbedder:
    """all-MiniLM-L6-v2, an `Embedder` for English: 384 numbers per text, 256 tokens seen at once.

    A text of more tokens is embedded in overlapping windows; its vector is their mean, weighted by their tokens. The
    vector of a text does not depend on the texts beside it. Use `memu.embedding.load_embedder` to get one.

    Args:
        tokenizer: the model's tokenizer.
        network: the model, in the precision that this machine runs.
    """

    identity = IDENTITY
    max_tokens = WINDOW

    def __init__(self, tokenizer: WindowedTokenizer, network: Network) -> None:
        self.precision = network.precision
        self._tokenizer = tokenizer
        self._network = network

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed `texts`: shape (len(texts), 384), one unit row per text in the order given.

        Raises:
            InputError: a text is empty, or holds nothing the model sees (only white space or invisible characters).
            ModelError: onnxruntime failed.
        """
        _check(texts)
        vectors = np.empty((len(texts), WIDTH), np.float32)
        for start in range(0, len(texts), TEXTS_PER_BLOCK):
            block = texts[start : start + TEXTS_PER_BLOCK]
            windows = [self._windows(text, start + offset) for offset, text in enumerate(block)]
            vectors[start : start + len(block)] = self._embed_windows(windows)
        return vectors

    def _windows(self, text: str, position: int) -> list[TokenIds]:
        windows = self._tokenizer.windows(text)
        if not windows:
            raise InputError(f"Text {position} holds nothing to embed: only white space or invisible characters.")
        return windows

    def _embed_windows(self, texts: list[list[TokenIds]]) -> NDArray[np.float32]:
        """One vector per text from its windows: their mean, weighted by tokens, at length 1."""
        windows = [window for text in texts for window in text]
        vectors = np.empty((len(windows), WIDTH), np.float32)
        for batch in _batches([len(window) for window in windows]):
            vectors[batch] = self._network.vectors([windows[index] for index in batch])
        vectors *= np.array([[len(window) - 2] for window in windows], np.float32)
        firsts = np.cumsum([0] + [len(text) for text in texts[:-1]])
        sums: NDArray[np.float32] = np.add.reduceat(vectors, firsts, axis=0)
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        return sums


def _check(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise InputError("embed() takes a list of texts, not one string: write embed([text])[0].")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"Text {position} is of type {type(text).__name__}, a str is expected.")
        if not text.strip():
            raise InputError(f"Text {position} is empty: there is nothing to embed.")
        if _SURROGATE.search(text):
            raise InputError(f"Text {position} holds half a surrogate pair, which is not valid Unicode.")


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions of sequences, the shortest first, in runs of at most 512 tokens with padding (or one sequence)."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[position] > TOKENS_PER_RUN:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
