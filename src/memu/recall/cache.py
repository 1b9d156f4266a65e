"""The resident indexes of many scopes, within one budget of memory."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from memu.forked import Lock, renews
from memu.recall.base import Delta
from memu.recall.index import ScopeIndex

Refresh = Callable[[ScopeIndex | None], Delta | None]


@dataclass(slots=True, eq=False)
class _Shelf:
    """The place of one scope's index; its lock is held while the index is brought up to date."""

    lock: Lock = field(default_factory=Lock)
    index: ScopeIndex | None = None
    nbytes: int = 0
    users: int = 0


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What the cache holds, and what it did since it was made.

    `current` counts the gets that found their index up to date, `refreshed` those that applied a change to a resident
    one, `loaded` those that began with none.
    """

    scopes: int
    entries: int
    nbytes: int
    budget_bytes: int
    current: int
    refreshed: int
    loaded: int
    evicted: int


class IndexCache:
    """Keeps the indexes of the scopes used last. Thread-safe; scopes do not wait for each other.

    A scope is loaded when it is first asked for and evicted whole, least recently used first. The scopes that are being
    asked for right now stay, even if one of them alone is larger than the budget.
    """

    def __init__(self, budget_bytes: int, make: Callable[[], ScopeIndex] = ScopeIndex) -> None:
        """Make an empty cache.

        Args:
            budget_bytes: how much memory the indexes may hold together.
            make: makes an empty index.
        """
        self.budget_bytes = budget_bytes
        self._make = make
        self._shelves: OrderedDict[Hashable, _Shelf] = OrderedDict()
        self._lock = Lock()
        self._nbytes = 0
        self._current = self._refreshed = self._loaded = self._evicted = 0
        renews(self)

    def renew(self) -> None:
        """Nothing is resident in a child: the parent may have been in the middle of a change."""
        self._shelves = OrderedDict()
        self._nbytes = 0

    def allow(self, budget_bytes: int) -> None:
        """Raise the budget to at least so much: of several who share a cache, the most generous counts."""
        with self._lock:
            self.budget_bytes = max(self.budget_bytes, budget_bytes)

    def get(self, key: Hashable, refresh: Refresh) -> ScopeIndex:
        """The index of a scope, up to date.

        Args:
            key: the scope.
            refresh: is given the resident index, or None when there is none, and returns what has changed since its
                `seq`, for None everything; None when nothing has. One call at a time for each key.

        Raises:
            Whatever `refresh` raises; a resident index is then as it was.
        """
        shelf = self._enter(key)
        try:
            with shelf.lock:
                return self._bring_up(shelf, refresh)
        finally:
            self._leave(key, shelf)

    def drop(self, key: Hashable) -> bool:
        """Forget the index of a scope; False when it was not resident. A refresh under way does not bring it back."""
        with self._lock:
            return self._remove(key)

    def drop_where(self, predicate: Callable[[Hashable], bool]) -> int:
        """Forget the indexes of all scopes whose key the predicate accepts; how many there were."""
        with self._lock:
            return sum(self._remove(key) for key in [key for key in self._shelves if predicate(key)])

    def stats(self) -> CacheStats:
        """What the cache holds and did."""
        with self._lock:
            indexes = [shelf.index for shelf in self._shelves.values() if shelf.index is not None]
            return CacheStats(
                scopes=len(indexes),
                entries=sum(map(len, indexes)),
                nbytes=self._nbytes,
                budget_bytes=self.budget_bytes,
                current=self._current,
                refreshed=self._refreshed,
                loaded=self._loaded,
                evicted=self._evicted,
            )

    def _enter(self, key: Hashable) -> _Shelf:
        with self._lock:
            shelf = self._shelves.setdefault(key, _Shelf())
            self._shelves.move_to_end(key)
            shelf.users += 1
            return shelf

    def _bring_up(self, shelf: _Shelf, refresh: Refresh) -> ScopeIndex:
        """Ask for changes and apply them."""
        resident = shelf.index is not None
        delta = refresh(shelf.index)
        index = shelf.index or self._make()
        if delta is not None:
            index.apply(delta)
        shelf.index = index
        with self._lock:
            self._loaded += not resident
            self._refreshed += resident and delta is not None
            self._current += resident and delta is None
        return index

    def _leave(self, key: Hashable, shelf: _Shelf) -> None:
        """Account for what the shelf holds now, and make room."""
        with self._lock:
            shelf.users -= 1
            if self._shelves.get(key) is not shelf:
                return  # dropped meanwhile
            if shelf.index is None:  # the first load failed
                if not shelf.users:
                    self._remove(key)
                return
            nbytes = shelf.index.nbytes
            self._nbytes += nbytes - shelf.nbytes
            shelf.nbytes = nbytes
            self._evict(key)

    def _evict(self, newest: Hashable) -> None:
        """Drop the least recently used scopes until the rest fits; the newest and those in use stay."""
        if self._nbytes <= self.budget_bytes:
            return
        for key in [key for key, shelf in self._shelves.items() if not shelf.users and key != newest]:
            self._remove(key)
            self._evicted += 1
            if self._nbytes <= self.budget_bytes:
                return

    def _remove(self, key: Hashable) -> bool:
        shelf = self._shelves.pop(key, None)
        if shelf is None:
            return False
        self._nbytes -= shelf.nbytes
        return shelf.index is not None
