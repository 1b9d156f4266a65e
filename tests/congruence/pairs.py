"""Two stores that must not differ: the same calls go to both, and their answers are compared id by id."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from conformance.backends import EVERY, SQLiteBackend
from memu.app.service import MemoryService
from memu.app.sync import SyncService
from memu.database.core import Database
from memu.errors import MemuError
from memu.scope import Scope
from memu.testing import Backend

OTHERS: tuple[type[Backend], ...] = tuple(kind for kind in EVERY if kind is not SQLiteBackend)
"""The backends that are compared with SQLite."""

TOLERANCE = 1e-4
"""How far scores and vectors may differ: pgvector keeps 32 bits."""

ALL = 500
"""More than any of these stores holds."""

NOW = {"created_at", "updated_at", "valid_from", "valid_to", "last_reinforced_at"}
"""Fields that hold the time of the call, which is another one in each store."""
FILES = {"local_path", "files"}
"""Fields that tell of copies of files, which a store in RAM does not make."""
MEASURED = {"embedding", "score"}

Person = Mapping[str, str]


@dataclass(frozen=True)
class Made:
    """In an argument: the time at which that record was made, in the store that is asked."""

    item_id: str


@dataclass(eq=False)
class Side:
    """One of the two stores, and how its ids are called in the other."""

    name: str
    service: MemoryService
    ids: dict[str, str] = field(default_factory=dict)  # the reference's id -> its own

    @property
    def memory(self) -> SyncService:
        """The calls without `await`."""
        return self.service.sync

    def of(self, person: Person) -> Database:
        """One owner's part of the store."""
        return self.service.database.bound(Scope.of(person))

    def own(self, value: Any) -> Any:
        """An argument with this store's ids and times in place of the reference's."""
        if isinstance(value, Made):
            item = self.service.database.memory_item_repo.get(self.own(value.item_id))
            assert item is not None
            return item.created_at
        if isinstance(value, str):
            return self.ids.get(value, value)
        if isinstance(value, Mapping):
            return {key: self.own(one) for key, one in value.items()}
        return [self.own(one) for one in value] if isinstance(value, list) else value


class Pair:
    """A reference store and another one. Every id of one stands for exactly one id of the other."""

    def __init__(self, reference: Side, other: Side) -> None:
        self.reference = reference
        self.other = other
        self._back: dict[str, str] = {}

    def ask(self, call: Callable[[Side], Any]) -> Any:
        """The answer of a call, which is the same on both sides, or refused on both in the same way."""
        expected, got = _outcome(call, self.reference), _outcome(call, self.other)
        self.same(expected, got, "answer")
        return expected

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        """Ask for a call of the service."""
        return self.ask(lambda side: getattr(side.memory, name)(*side.own(list(args)), **side.own(options)))

    def rank(self, top_k: int, search: Callable[[Side, int], Sequence[tuple[str, float]]]) -> None:
        """Both find the same, in the same order; what scores alike may change places.

        The other side's hits are held to all hits of the reference: each has the score that it has there, and the
        place that this score has there.
        """
        everything = _outcome(lambda side: search(side, ALL), self.reference)
        told, found = (_outcome(lambda side: search(side, top_k), side) for side in (self.reference, self.other))
        if isinstance(everything, str):
            assert everything == told == found, (everything, told, found)
            return
        scores = dict(everything)
        assert [score for _, score in told] == [score for _, score in everything[:top_k]]
        assert len(found) == len(told), (len(found), len(told))
        ids = [self._back[one] for one, _ in found]
        assert len(set(ids)) == len(ids)
        for (expected, at), one, (_, score) in zip(told, ids, found, strict=True):
            assert abs(score - at) <= TOLERANCE, (expected, at, one, score)
            assert abs(score - scores[one]) <= TOLERANCE, (one, score, scores[one])

    def same(self, expected: Any, got: Any, where: str) -> None:
        """Compare two answers in depth; ids that are met for the first time belong together from now on."""
        name = where.rpartition(".")[2]
        if name in NOW or name in FILES:
            keeps = name in NOW or self.other.service.parts.blobs is not None
            assert bool(expected) == bool(got) or not keeps, (where, expected, got)
        elif isinstance(expected, Mapping) and isinstance(got, Mapping):
            self._same_mapping(expected, got, where)
        elif isinstance(expected, list | tuple) and isinstance(got, list | tuple):
            assert len(expected) == len(got), (where, expected, got)
            for place, (one, another) in enumerate(zip(expected, got, strict=True)):
                self.same(one, another, f"{where}.{place}" if name not in MEASURED else where)
        elif name in MEASURED and isinstance(expected, float) and isinstance(got, float):
            assert math.isclose(expected, got, abs_tol=TOLERANCE, rel_tol=TOLERANCE), (where, expected, got)
        elif isinstance(expected, str) and isinstance(got, str) and _is_id(expected):
            assert self.other.ids.setdefault(expected, got) == got, (where, expected, got)
            assert self._back.setdefault(got, expected) == expected, (where, expected, got)
        else:
            assert type(expected) is type(got), (where, expected, got)
            assert expected == got, where

    def _same_mapping(self, expected: Mapping[str, Any], got: Mapping[str, Any], where: str) -> None:
        if all(map(_is_id, expected)) and expected:  # records by id, in their order
            self.same([*expected.items()], [*got.items()], where)
            return
        assert set(expected) == set(got), (where, set(expected) ^ set(got))
        for key, value in expected.items():
            self.same(value, got[key], f"{where}.{key}")


def _outcome(call: Callable[[Side], Any], side: Side) -> Any:
    """An answer as plain data; the name of the error when the call was refused."""
    try:
        return _plain(call(side))
    except MemuError as refusal:
        return f"refused: {type(refusal).__name__}"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(dict(value))
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _is_id(text: str) -> bool:
    try:
        return len(text) == 36 and bool(UUID(text))
    except ValueError:
        return False


@contextmanager
def paired(kind: type[Backend], folder: Path, **options: Any) -> Iterator[Pair]:
    """A fresh store of a backend beside one of SQLite."""
    with ExitStack() as stack:
        sides = []
        for name, backend_type in (("reference", SQLiteBackend), ("other", kind)):
            (folder / name).mkdir()
            backend = backend_type(folder / name)
            stack.callback(backend.wipe)
            sides.append(Side(backend.name, stack.enter_context(backend.service(**options))))
        yield Pair(*sides)
