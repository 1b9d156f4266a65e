"""What every provider is configured with, and how its parts are opened: once, when they are first needed."""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memorizz.memory_provider.dimensions import ByType, Dimensions
from memorizz.memory_provider.documents import vector_of
from memorizz.memory_provider.search import Search
from memorizz.memory_provider.writing import Writer
from memu.backends.base import RecordStore
from memu.embedding import Embedder, load_embedder
from memu.errors import ClosedError, ConfigError, InputTypeError, MemuError, StorageUnavailable, VectorError
from memu.forked import Lock

TextEmbedder = Embedder | Callable[[str], Sequence[float]]
"""What makes a vector of a text: an embedder, or a function."""

MEGABYTE = 2**20


@dataclass(kw_only=True)
class ProviderConfig(ABC):
    """The options that do not depend on the database.

    Args:
        embedding_dimensions: of all vectors, or by memory type; without it a table's first vector decides.
        embedder: makes the vectors of queries that are texts: an object with `embed(texts)`, or a function of one text;
            by default the model that runs on this machine, loaded at the first such query.
        index_budget_mb: how many megabytes of vectors may be held in memory, where the database does not search them
            itself; beyond that they are read for each search.
    """

    embedding_dimensions: int | ByType | None = None
    embedder: TextEmbedder | None = field(default=None, repr=False)
    index_budget_mb: float = 512.0

    def check(self) -> None:
        """Look at the options before anything is opened.

        Raises:
            ConfigError: one makes no sense.
        """
        embeds = self.embedder is None or callable(getattr(self.embedder, "embed", self.embedder))
        if not embeds or isinstance(self.embedder, type):
            raise ConfigError(f"embedder is {self.embedder!r}: expected an object with embed(texts), or a function.")
        number(self.index_budget_mb, "index_budget_mb", least=0)

    @abstractmethod
    def open(self) -> RecordStore:
        """Open the store, with its tables made.

        Raises:
            StorageUnavailable: it cannot be reached.
        """


def number(given: Any, name: str, *, least: float, whole: bool = False, most: float = 1e9) -> None:
    """Raise ConfigError unless an option is a number within bounds."""
    kinds = int if whole else int | float
    if isinstance(given, bool) or not isinstance(given, kinds) or not least <= given <= most:
        wanted = f"a {'whole ' if whole else ''}number from {least:g} to {most:g}"
        shown = f"a {type(given).__name__}" if isinstance(given, str) else repr(given)  # which may be a password
        raise ConfigError(f"{name} is {shown}: expected {wanted}.")


def texts(config: ProviderConfig, names: Sequence[str]) -> None:
    """Raise ConfigError unless options are strings; their values are not shown, since one may be a password."""
    for name in names:
        if not isinstance(given := getattr(config, name), str):
            raise ConfigError(f"{name} is a {type(given).__name__}: expected a string.")


def no_address(config: ProviderConfig, names: Sequence[str], remedy: str) -> None:
    """Raise ConfigError for an option that is a whole address, in which a password may stand: it is not shown."""
    for name in names:
        marks = ("://", "password=", *("@=" if name == "host" else ""))
        given = getattr(config, name)
        if isinstance(given, str) and any(mark in given for mark in marks):
            raise ConfigError(f"{name} is an address (not shown: it may hold a password): {remedy}.")


def made(records: RecordStore, server: str = "the database") -> RecordStore:
    """The store itself, with its tables; closed again when they cannot be made.

    Raises:
        StorageUnavailable: the server, named by `server`, cannot be reached.
    """
    try:
        if not records.is_current():
            records.create()
    except BaseException as error:
        records.close()
        if isinstance(error, StorageUnavailable):
            raise StorageUnavailable(f"Failed to connect to {server}: {error}") from error.__cause__
        raise
    return records


class Opened:
    """A store and what works on it."""

    def __init__(self, config: ProviderConfig) -> None:
        config.check()
        dimensions = Dimensions(config.embedding_dimensions)
        self.records = config.open()
        self.dimensions = dimensions
        self.writer = Writer(self.records, dimensions)
        self.search = Search(self.records, int(config.index_budget_mb * MEGABYTE))
        self._embedder = config.embedder
        self._loading = Lock()

    def embed(self, text: str) -> NDArray[np.float32]:
        """The vector of a text.

        Raises:
            ConfigError: no embedder is configured, and the local one is not installed.
            InputError: the text is empty.
            VectorError: the embedder gave something that is no vector.
        """
        with self._loading:
            embedder = self._own_embedder
        given: Any = embedder.embed([text]) if hasattr(embedder, "embed") else [embedder(text)]
        try:
            (vector,) = [given] if isinstance(given, Coroutine) else given
        except (TypeError, ValueError):
            raise VectorError("the embedder gave no list of one vector for one text: mend its embed(texts).") from None
        if isinstance(vector, Coroutine):
            vector.close()
            raise VectorError("the embedder is a coroutine function: expected one that is called without await.")
        if vector is None:
            raise VectorError("the embedder gave None for a text: expected a list of numbers.")
        return np.asarray(vector_of(vector), np.float32)

    @cached_property
    def _own_embedder(self) -> TextEmbedder:
        if self._embedder is not None:
            return self._embedder
        local = load_embedder()
        if local is None:
            raise ConfigError(
                "there is no model to embed a text with: give the config an embedder, or ask with a vector."
            )
        return local


def checked_config(kind: type[ProviderConfig], given: Any) -> ProviderConfig:
    """A config of a kind: as it is given, made of a dict of its arguments, or its defaults for None.

    Raises:
        InputTypeError: it is something else, or the dict has a key that is no argument.
    """
    if given is None:
        return kind()
    if isinstance(given, Mapping):
        unknown = sorted(set(map(str, given)) - {one.name for one in fields(kind)})
        if unknown:
            known = ", ".join(one.name for one in fields(kind))
            raise InputTypeError(f"the config has the key {unknown[0]!r}: expected {known}.")
        return kind(**given)
    if not isinstance(given, kind):
        raise InputTypeError(f"the config is a {type(given).__name__}: expected a {kind.__name__} or a dict.")
    return given


def taken_down(kind: type[ProviderConfig], given: Sequence[Any], named: Mapping[str, Any]) -> ProviderConfig:
    """The config among the arguments that a subclass was made with.

    Raises:
        InputTypeError: there is none among them.
    """
    if not given and not named:
        return kind()
    held = [one for one in (*given, *named.values()) if isinstance(one, ProviderConfig)]
    if not held and not given and "config" not in named:
        raise InputTypeError(f"no {kind.__name__} was given: hand one to super().__init__(config).")
    return checked_config(kind, held[0] if held else named.get("config", given[0] if given else None))


class Opening:
    """The way to the parts of a provider, which are opened when they are first needed, and closed once."""

    def __init__(self, find: Callable[[], ProviderConfig]) -> None:
        self._find = find
        self._opened: Opened | None = None
        self._closed = False
        self._lock = Lock()

    @cached_property
    def config(self) -> ProviderConfig:
        """What it is opened with; InputTypeError when nothing was given that could say."""
        return self._find()

    @property
    def is_known(self) -> bool:
        """Whether there is a config."""
        try:
            _ = self.config
        except MemuError:
            return False
        return True

    @property
    def opened(self) -> Opened:
        """The parts; ClosedError after `close`."""
        with self._lock:
            if self._closed:
                raise ClosedError("the provider was closed: make a new one.")
            if self._opened is None:
                self._opened = Opened(self.config)
                # A provider that is dropped without `close` leaves no connection behind.
                weakref.finalize(self, self._opened.records.close).atexit = False
            return self._opened

    def close(self) -> None:
        """Close the store; idempotent."""
        with self._lock:
            self._closed = True
            if self._opened is not None:
                self._opened.records.close()
                self._opened = None
