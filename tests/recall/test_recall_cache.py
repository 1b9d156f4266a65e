"""Many indexes within one budget: loading, refreshing, evicting, forgetting, and who waits for whom."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from memu.recall.base import Delta, Entry, Query
from memu.recall.cache import IndexCache, Refresh
from memu.recall.index import ScopeIndex

PATIENCE = 20  # seconds until a test that hangs is called broken


def loads(*ids: str, seq: int = 1) -> Refresh:
    """A scope of these entries that never changes."""

    def refresh(index: ScopeIndex | None) -> Delta | None:
        if index is None:
            return Delta([Entry(entry_id, f"word {entry_id}") for entry_id in ids], (), seq, "e", complete=True)
        return None

    return refresh


def never(index: ScopeIndex | None) -> Delta | None:
    raise AssertionError("this refresh must not be asked")


SIZE = IndexCache(10**9).get("any", loads("a")).nbytes


class TestGet:
    def test_loads_once_and_then_takes_what_changed(self) -> None:
        cache, given = IndexCache(10**9), []

        def refresh(index: ScopeIndex | None) -> Delta | None:
            given.append(None if index is None else index.seq)
            if index is None:
                return Delta([Entry("a", "cat")], (), seq=1, epoch="e", complete=True)
            return Delta([Entry("b", "cat")], ["a"], seq=2, epoch="e") if index.seq == 1 else None

        first = cache.get("scope", refresh)
        assert [hit.id for hit in first.search(Query("cat"))] == ["a"]
        assert [hit.id for hit in cache.get("scope", refresh).search(Query("cat"))] == ["b"]
        assert cache.get("scope", refresh) is first
        assert given == [None, 1, 2]
        stats = cache.stats()
        assert (stats.loaded, stats.refreshed, stats.current, stats.evicted) == (1, 1, 1, 0)
        assert (stats.scopes, stats.entries, stats.nbytes) == (1, 1, first.nbytes)

    def test_a_scope_with_nothing_to_load_is_empty(self) -> None:
        assert len(IndexCache(10**9).get("scope", lambda index: None)) == 0

    def test_indexes_are_made_as_asked(self) -> None:
        cache = IndexCache(10**9, make=lambda: ScopeIndex(language="german"))
        index = cache.get("scope", lambda _: Delta([Entry("a", "Häuser")], (), 1, "e", complete=True))
        assert index.search(Query("Haus", min_score=0.1))

    def test_a_failed_refresh_keeps_the_index_and_a_failed_load_leaves_nothing(self) -> None:
        cache = IndexCache(10**9)

        def broken(index: ScopeIndex | None) -> Delta | None:
            raise ConnectionError("the database is down")

        with pytest.raises(ConnectionError, match="down"):
            cache.get("scope", broken)
        assert cache.stats().scopes == 0
        index = cache.get("scope", loads("a"))
        with pytest.raises(ConnectionError, match="down"):
            cache.get("scope", broken)
        assert cache.get("scope", loads("other")) is index
        assert cache.stats().nbytes == index.nbytes


class TestBudget:
    def test_the_least_recently_used_goes_first(self) -> None:
        cache = IndexCache(3 * SIZE)
        for key in ("one", "two", "three"):
            cache.get(key, loads("a"))
        cache.get("one", loads("never"))
        cache.get("four", loads("a"))
        stats = cache.stats()
        assert (stats.scopes, stats.evicted, stats.nbytes) == (3, 1, 3 * SIZE)
        for key in ("one", "three", "four"):
            cache.get(key, loads("never"))
        assert cache.stats().loaded == 4
        cache.get("two", loads("a"))
        assert cache.stats().loaded == 5

    def test_the_budget_holds_at_every_step(self) -> None:
        cache = IndexCache(20 * SIZE)
        for number in range(300):
            cache.get(number % 37, loads(*(f"id-{each}" for each in range(number * 7 % 23))))
            assert cache.stats().nbytes <= cache.budget_bytes
        stats = cache.stats()
        assert stats.scopes < 37
        assert stats.loaded == stats.scopes + stats.evicted

    def test_one_larger_than_the_budget_stays_alone(self) -> None:
        cache = IndexCache(1)
        cache.get("small", loads("a"))
        large = cache.get("large", loads("a", "b", "c"))
        assert cache.get("large", loads("never")) is large
        assert cache.stats().scopes == 1

    def test_growth_by_refresh_counts(self) -> None:
        cache = IndexCache(10**9)
        for seq in range(1, 200):
            index = cache.get("scope", lambda _, seq=seq: Delta([Entry(f"id-{seq}", f"word{seq}")], (), seq, "e"))
            assert cache.stats().nbytes == index.nbytes

    def test_an_evicted_index_still_answers_who_holds_it(self) -> None:
        cache = IndexCache(1)
        index = cache.get("one", loads("a"))
        cache.get("two", loads("b"))
        assert [hit.id for hit in index.search(Query("word"))] == ["a"]


class TestDrop:
    def test_one_scope(self) -> None:
        cache = IndexCache(10**9)
        cache.get("one", loads("a"))
        assert cache.drop("one") is True
        assert cache.drop("one") is False
        assert cache.stats().nbytes == 0
        assert len(cache.get("one", loads("a", "b"))) == 2

    def test_all_scopes_of_a_user(self) -> None:
        cache = IndexCache(10**9)
        for user in ("alice", "bob"):
            for tier in ("items", "categories"):
                cache.get((user, tier), loads("a"))
        assert cache.drop_where(lambda key: key[0] == "alice") == 2  # type: ignore[index]
        assert cache.stats().scopes == 2
        cache.get(("bob", "items"), lambda index: None if index is not None else never(index))

    def test_what_is_dropped_while_it_loads_does_not_come_back(self) -> None:
        cache = IndexCache(10**9)

        def refresh(index: ScopeIndex | None) -> Delta | None:
            cache.drop("scope")
            return Delta([Entry("secret", "word")], (), 1, "e", complete=True)

        cache.get("scope", refresh)
        assert cache.stats().scopes == 0
        assert cache.stats().nbytes == 0
        assert len(cache.get("scope", loads())) == 0


class TestThreads:
    def test_two_scopes_never_wait_for_each_other(self) -> None:
        cache, other_is_done = IndexCache(10**9), threading.Event()

        def slow(index: ScopeIndex | None) -> Delta | None:
            assert other_is_done.wait(PATIENCE)
            return None

        with ThreadPoolExecutor(2) as pool:
            waiting = pool.submit(cache.get, "slow", slow)
            pool.submit(cache.get, "fast", loads("a")).result(PATIENCE)
            cache.stats()
            cache.drop("fast")
            other_is_done.set()
            waiting.result(PATIENCE)

    def test_one_scope_is_refreshed_by_one_thread_at_a_time(self) -> None:
        cache, inside, overlap = IndexCache(10**9), threading.Lock(), threading.Event()
        barrier = threading.Barrier(4)

        def refresh(index: ScopeIndex | None) -> Delta | None:
            if not inside.acquire(blocking=False):
                overlap.set()
                return None
            try:
                assert not overlap.wait(0.05)  # time enough for another thread to come in, if it could
                return None if index is not None else loads("a")(None)
            finally:
                inside.release()

        def get() -> ScopeIndex:
            barrier.wait(PATIENCE)
            return cache.get("scope", refresh)

        with ThreadPoolExecutor(4) as pool:
            indexes = {id(future.result(PATIENCE)) for future in [pool.submit(get) for _ in range(4)]}
        assert len(indexes) == 1
        assert cache.stats().loaded == 1

    def test_a_scope_in_use_is_not_evicted(self) -> None:
        cache, held, release = IndexCache(1), threading.Event(), threading.Event()
        mine = cache.get("mine", loads("a"))

        def holding(index: ScopeIndex | None) -> Delta | None:
            held.set()
            assert release.wait(PATIENCE)
            return None

        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(cache.get, "mine", holding)
            assert held.wait(PATIENCE)
            cache.get("other", loads("b"))
            release.set()
            assert future.result(PATIENCE) is mine
        assert cache.get("mine", loads("never")) is mine

    def test_loading_evicting_and_dropping_at_once(self) -> None:
        cache = IndexCache(6 * SIZE)

        def work(seed: int) -> None:
            for turn in range(150):
                key = (seed * 31 + turn * 17) % 12
                index = cache.get(key, loads(f"id-{key}"))
                assert [hit.id for hit in index.search(Query("word"))] == [f"id-{key}"]
                if turn % 10 == 0:
                    cache.drop((key + 1) % 12)
                if turn % 40 == 0:
                    cache.drop_where(lambda each: each == seed)

        with ThreadPoolExecutor(6) as pool:
            for future in [pool.submit(work, seed) for seed in range(6)]:
                future.result(PATIENCE * 3)
        cache.get("last", loads("a"))
        assert cache.stats().nbytes <= cache.budget_bytes
        cache.drop_where(lambda key: True)
        assert (cache.stats().nbytes, cache.stats().scopes) == (0, 0)
