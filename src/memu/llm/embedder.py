"""An embedder at an endpoint: texts go there in batches, unit vectors come back in the order of the texts."""

import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memu import background
from memu.embedding.base import EmbedderIdentity
from memu.endpoints import EMBEDDING, LLMConfig
from memu.errors import InputError, InterceptorError, ModelAnswerInvalid
from memu.forked import Lock
from memu.llm.base import Answer, Call, Request, Tokens
from memu.llm.connection import async_client, require_model
from memu.llm.interceptors import Interceptors
from memu.llm.sending import Sender
from memu.llm.usage import UsageLog
from memu.llm.wire import Vectors, count, read_body

PROBE = "dimension"
"""What is embedded when the dimension is asked for before anything else was embedded."""

NOBODY = Call("embed")
"""Why vectors are asked for, where nobody says."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded(Answer[None]):
    """Vectors, one row for each text; the other fields are what hooks see of them."""

    rows: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))


class EndpointEmbedder:
    """An `Embedder` whose model runs at an endpoint. It may be used by several threads and event loops.

    Its connections live on the library's own event loop, so that they are kept and used again whoever asks.

    Args:
        config: the endpoint; `embed_dimension` where the model is to make shorter vectors than its own.
        usage: where requests are counted.
        interceptors: the hooks around each call.

    Raises:
        ConfigError: the endpoint has no `embed_model`.
    """

    max_tokens = None

    def __init__(
        self, config: LLMConfig, *, usage: UsageLog | None = None, interceptors: Interceptors | None = None
    ) -> None:
        self.config = config
        self.model = require_model(config, "embed_model")
        self.sender = Sender(EMBEDDING, config, usage, interceptors)
        self.dimension: int | None = config.embed_dimension
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
        """Embed `texts`, which blocks; see `Embedder.embed`.

        Raises:
            InputError: a text is blank.
            ModelError: one of the errors of `ChatModel.complete`.
        """
        if not texts:
            return np.empty((0, self.identity.dimension), np.float32)
        return background.wait_for(self.ask(texts))

    async def ask(self, texts: Sequence[str], call: Call = NOBODY) -> NDArray[np.float32]:
        """The same for a call that has a budget, an account and hooks; cancelling it closes its connection.

        Raises:
            InputError, ModelError: as `embed`.
            BudgetExceeded, InterceptorError: as `ChatModel.complete`.
        """
        if blank := [at for at, text in enumerate(texts) if not text.strip()]:
            raise InputError(f"text {blank[0]} is blank: there is nothing to embed.")
        request = Request("embed", EMBEDDING, self.model, texts=tuple(texts))
        if not texts:
            return np.empty((0, self.dimension or 0), np.float32)
        return (await self.sender.hooked(call, request, partial(self._embed, len(texts)))).rows

    def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        with self._lock:
            client = self._clients.pop(os.getpid(), None)
        if client is not None:
            background.begin(client.close())

    async def _embed(self, wanted: int, call: Call, request: Request) -> Embedded:
        """The vectors of all texts, batch after batch."""
        if (request.model, len(request.texts)) != (self.model, wanted):
            raise InterceptorError(
                f"an interceptor asks {request.model} for {len(request.texts)} vectors instead of {self.model} for "
                f"{wanted}: it may change what the texts say, and nothing else."
            )
        size = self.config.embed_batch_size
        batches = []
        for start in range(0, len(request.texts), size):
            part = replace(request, texts=request.texts[start : start + size])
            batches.append(await background.run_there(self._batch(call, part)))
        rows = np.concatenate([one.rows for one in batches])
        tokens = sum((one.tokens for one in batches), Tokens())
        return Embedded("", None, self.model, "stop", tokens, len(batches), rows)

    async def _batch(self, call: Call, request: Request) -> Embedded:
        client, texts = self._client(), list(request.texts)
        options: dict[str, Any] = {} if self.config.embed_dimension is None else {"dimensions": self.dimension}

        async def post() -> Any:
            return await client.embeddings.with_raw_response.create(
                input=texts, model=self.model, encoding_format="float", **options
            )

        def read(body: bytes) -> tuple[Embedded, None]:
            found = read_body(Vectors, body, self.config.host)
            tokens = count(found.usage, "".join(texts), "")
            return Embedded("", None, self.model, "stop", tokens, rows=self._rows(found, len(texts))), None

        return await self.sender.send(call, request, post, read)

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

    def _client(self) -> Any:
        """This process's client: a forked child must not write into its parent's connections."""
        with self._lock:
            process = os.getpid()
            if process not in self._clients:
                made = async_client(self.config)
                weakref.finalize(self, _let_go, made, process).atexit = False
                self._clients[process] = made
            return self._clients[process]


def _let_go(client: Any, process: int) -> None:
    """Close a client that nobody closed, where it is this process's own."""
    if process == os.getpid():
        background.begin(client.close())
