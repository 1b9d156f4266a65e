"""An embedder at an endpoint: texts go there in batches, unit vectors come back in the order of the texts."""

import logging
import os
import time
import weakref
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memu.embedding.base import EmbedderIdentity
from memu.endpoints import EMBEDDING, LLMConfig
from memu.errors import InputError, ModelAnswerInvalid
from memu.forked import Lock
from memu.llm.base import Call, Tokens
from memu.llm.connection import client, require_model
from memu.llm.failures import Failure, pause_before, read_failure
from memu.llm.limit import Limit
from memu.llm.usage import UsageLog, priced
from memu.llm.wire import Vectors, count, read_body

logger = logging.getLogger("memu.llm")

PROBE = "dimension"
"""What is embedded when the dimension is asked for before anything else was embedded."""


class EndpointEmbedder:
    """An `Embedder` whose model runs at an endpoint. It blocks, and may be used by several threads.

    Its connections are kept and used again. The timeout bounds each wait for the endpoint.

    Args:
        config: the endpoint; `embed_dimension` where the model is to make shorter vectors than its own.
        usage: where requests are counted.

    Raises:
        ConfigError: the endpoint has no `embed_model`.
    """

    max_tokens = None

    def __init__(self, config: LLMConfig, *, usage: UsageLog | None = None) -> None:
        self.config = config
        self.model = require_model(config, "embed_model")
        self.usage = usage or UsageLog()
        self.dimension: int | None = config.embed_dimension
        self._limit = Limit(config.max_parallel)
        self._lock = Lock()
        self._clients: dict[int, Any] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.model} at {self.config.host}>"

    @property
    def identity(self) -> EmbedderIdentity:
        """The model's space; asks the endpoint when the dimension is not known yet."""
        if self.dimension is None:
            self.embed([PROBE])
        return EmbedderIdentity(self.model, self.dimension or 0, normalized=True)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed `texts`; see `Embedder.embed`.

        Raises:
            InputError: a text is blank.
            ModelError: one of the errors of `ChatModel.complete`.
        """
        if blank := [at for at, text in enumerate(texts) if not text.strip()]:
            raise InputError(f"text {blank[0]} is blank: there is nothing to embed.")
        size = self.config.embed_batch_size
        batches = [self._batch(texts[start : start + size]) for start in range(0, len(texts), size)]
        return np.concatenate(batches) if batches else np.empty((0, self.identity.dimension), np.float32)

    def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        with self._lock:
            for one in self._clients.values():
                one.close()
            self._clients.clear()

    def _batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        attempt = 0
        while True:
            found = self._try(texts)
            if not isinstance(found, Failure):
                return found
            pause = pause_before(attempt, found, self.config)
            if pause is None:
                raise found.error
            attempt += 1
            logger.info("embedding: %s Attempt %d in %.1f s.", found.error, attempt + 1, pause)
            time.sleep(pause)

    def _try(self, texts: Sequence[str]) -> NDArray[np.float32] | Failure:
        """One attempt; errors are given back, as in `OpenAIChat`."""
        options: dict[str, Any] = {} if self.config.embed_dimension is None else {"dimensions": self.dimension}
        connected = self._client()
        with self._limit:
            start = perf_counter()
            try:
                response = connected.embeddings.with_raw_response.create(
                    input=list(texts), model=self.model, encoding_format="float", **options
                )
            except Exception as error:
                failure = read_failure(error, self.config, self.model)
                self._count(Tokens(), perf_counter() - start, failure.error)
                return failure
            body = read_body(Vectors, response.content, self.config.host)
            self._count(count(body.usage, "".join(texts), ""), perf_counter() - start)
        return self._rows(body, len(texts))

    def _rows(self, body: Vectors, wanted: int) -> NDArray[np.float32]:
        """The vectors in the order of the texts, whatever order they came in."""
        ordered = sorted(body.data, key=lambda one: one.index)
        lengths = {len(one.embedding) for one in ordered}
        if [one.index for one in ordered] != list(range(wanted)) or len(lengths) != 1:
            raise self._invalid(f"{len(ordered)} vectors of {sorted(lengths)} numbers for {wanted} texts")
        rows = np.array([one.embedding for one in ordered], dtype=np.float64)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        if not rows.size or not np.isfinite(norms).all() or not norms.all():
            raise self._invalid("a vector that is empty, zero or not finite")
        self._learn(rows.shape[1])
        unit: NDArray[np.float32] = (rows / norms).astype(np.float32)
        return unit

    def _learn(self, dimension: int) -> None:
        with self._lock:
            known, self.dimension = self.dimension, self.dimension or dimension
        if known not in (None, dimension):
            raise self._invalid(f"vectors of {dimension} numbers instead of {known}")

    def _invalid(self, told: str) -> ModelAnswerInvalid:
        return ModelAnswerInvalid(
            f"{self.config.host} ({self.model}) gave {told}: is this a model for embeddings, and always the same one?"
        )

    def _count(self, tokens: Tokens, seconds: float, error: Exception | None = None) -> None:
        call = Call("embed")
        self.usage.add(priced(self.config.prices, "embed", EMBEDDING, self.model, call, tokens, seconds, error))

    def _client(self) -> Any:
        """This process's client: a forked child must not write into its parent's connections."""
        with self._lock:
            if os.getpid() not in self._clients:
                made = client(self.config)
                weakref.finalize(self, made.close)
                self._clients[os.getpid()] = made
            return self._clients[os.getpid()]
