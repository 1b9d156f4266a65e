"""Vectors: which are taken, of which dimension, and where they are compared."""

from typing import Any

import numpy as np
import pytest

from memorizz.enums import MemoryType
from memorizz.memory_provider import residents
from memorizz.memory_provider.provider import RecordProvider
from memu.errors import ConfigError, VectorError

from .places import DIMENSION, Place, embed

LONG, TALK = MemoryType.LONG_TERM_MEMORY, MemoryType.CONVERSATION_MEMORY


@pytest.mark.parametrize("dimension", [1, 256, 1536, 3072])
def test_row_23_the_first_vector_decides(provider: RecordProvider, dimension: int) -> None:
    random = np.random.default_rng(dimension)
    vectors = random.standard_normal((12, dimension))
    for place, vector in enumerate(vectors):
        given: Any = [vector.tolist(), tuple(vector), vector, vector.astype(np.float32)][place % 4]
        provider.store({"_id": str(place), "embedding": given}, LONG)
    cosines = vectors @ vectors[3] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(vectors[3])
    found = provider.retrieve_by_query(vectors[3], LONG, limit=12)
    np.testing.assert_allclose([one["score"] for one in found], sorted(cosines, reverse=True), atol=1e-5)
    wrong = [0.5] * (dimension + 1)
    said = (
        f"vector dimension mismatch: the embedding has {dimension + 1} dimensions, long_term_memory takes {dimension}:"
    )
    for call in (
        lambda: provider.store({"_id": "new", "embedding": wrong}, LONG),
        lambda: provider.store({"_id": "3", "embedding": wrong}, LONG),
        lambda: provider.update_by_id("3", {"embedding": wrong, "x": 1}, LONG),
        lambda: provider.retrieve_by_query(wrong, LONG),
        lambda: provider.retrieve_by_query({"embedding": wrong, "memory_id": "m"}, LONG),
    ):
        with pytest.raises(VectorError, match=said):
            call()
    assert len(provider.list_all(LONG)) == 12
    kept = provider.retrieve_by_id("3", LONG)
    assert kept is not None
    assert "x" not in kept
    assert provider.store({"embedding": wrong}, TALK)  # each table has its own
    assert provider.delete_all(LONG)
    provider.store({"_id": "new", "embedding": wrong}, LONG)
    assert provider.retrieve_by_query(wrong, LONG, limit=5)["_id"] == "new"


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [0.0, 0.0],
        [float("nan"), 1.0],
        [1.0, float("inf")],
        [1e-30, 0],
        [1e30, 1],
        ["a"],
        [[1.0]],
        "text",
        {"a": 1},
        5,
        [True],
    ],
)
def test_row_23_what_is_no_vector_is_refused(provider: RecordProvider, bad: Any) -> None:
    with pytest.raises(VectorError, match="embedding"):
        provider.store({"embedding": bad}, LONG)
    provider.store({"_id": "a", "embedding": [1.0, 2.0]}, LONG)
    with pytest.raises(VectorError, match="embedding"):
        provider.update_by_id("a", {"embedding": bad}, LONG)
    with pytest.raises(VectorError, match="embedding"):
        provider.retrieve_by_query({"embedding": bad}, LONG)
    assert len(provider.list_all(LONG)) == 1


def test_row_23_dimensions_may_be_configured(place: Place) -> None:
    with place.open(embedding_dimensions={"knowledge_base": 4}) as provider:
        with pytest.raises(VectorError, match="has 3 dimensions, long_term_memory takes 4"):
            provider.store({"embedding": [1, 2, 3]}, LONG)
        with pytest.raises(VectorError, match="vector dimension mismatch"):
            provider.retrieve_by_query([1, 2, 3], LONG)
        provider.store({"embedding": [1, 2, 3]}, TALK)
        provider.store({"_id": "a", "embedding": [1, 2, 3, 4]}, LONG)
    with place.open(embedding_dimensions=3) as other:
        with pytest.raises(VectorError, match="has 4 dimensions, long_term_memory takes 3"):
            other.store({"embedding": [1, 2, 3, 4]}, LONG)
        with pytest.raises(VectorError, match="has 3 dimensions, long_term_memory takes 4"):
            other.store({"embedding": [1, 2, 3]}, LONG)
        assert other.store({"embedding": [1, 2, 3]}, TALK)
    for bad in (0, -1, True, 1.5):
        with pytest.raises(ConfigError, match="embedding_dimensions"):
            place.open(embedding_dimensions=bad)
    with pytest.raises(ConfigError, match="'nothing' is not a memory type"):
        place.open(embedding_dimensions={"nothing": 3})


def test_a_text_of_another_dimension_is_told(place: Place) -> None:
    class Own:
        def embed(self, texts: list[str]) -> Any:
            return np.array([embed(text) for text in texts], np.float32)

    with place.open(embedder=Own()) as provider:
        provider.store({"_id": "a", "embedding": embed("tea")}, LONG)
        assert provider.retrieve_by_query("tea", LONG)["score"] == pytest.approx(1)
        provider.store({"embedding": [1.0] * 3}, TALK)
        with pytest.raises(VectorError, match=f"has {DIMENSION} dimensions, conversation_memory takes 3"):
            provider.retrieve_by_query("tea", TALK)


def test_other_providers_writes_are_seen(place: Place) -> None:
    """What one process holds in memory follows what another writes, changes and deletes."""
    with place.open() as one, place.open() as two:
        rows = {str(n): embed(chr(97 + n) * 9) for n in range(6)}
        for name, vector in rows.items():
            one.store({"_id": name, "embedding": vector}, LONG)

        def seen(provider: RecordProvider, query: list[float]) -> list[str]:
            return [found["_id"] for found in provider.retrieve_by_query(query, LONG, limit=9)]

        assert set(seen(one, rows["0"])) == set(seen(two, rows["0"])) == set(rows)
        two.delete_by_id("0", LONG)
        two.store({"_id": "new", "embedding": rows["0"]}, LONG)
        two.update_by_id("1", {"embedding": rows["0"]}, LONG)
        two.update_by_id("2", {"embedding": None}, LONG)
        two.store({"_id": "3", "embedding": None}, LONG)  # replaced by one without a vector
        found = seen(one, rows["0"])
        assert set(found) == {"new", "1", "4", "5"}
        assert set(found[:2]) == {"new", "1"}
        two.delete_all(LONG)
        assert seen(one, rows["0"]) == []
        two.store({"_id": "b", "embedding": [1, 2]}, LONG)
        assert seen(one, [1, 2]) == ["b"]
        two.delete_all(LONG)
        two.store({"_id": "c", "embedding": [1, 2, 3]}, LONG)
        assert seen(one, [1, 2, 3]) == ["c"]


def test_vectors_beyond_the_budget_are_read_for_each_search(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residents, "PAGE", 30)
    if place.kind == "postgres":
        pytest.skip("PostgreSQL searches vectors itself")
    random = np.random.default_rng(5)
    vectors = random.standard_normal((100, 8)).astype(np.float32)
    with place.open() as wide, place.open(index_budget_mb=0) as narrow:
        rows = [{"_id": f"{n}", "embedding": one, "memory_id": f"{n % 5}"} for n, one in enumerate(vectors)]
        assert wide.store_many(rows, LONG) == [row["_id"] for row in rows]
        for query in random.standard_normal((4, 8)):
            for filters in ({}, {"memory_id": "3"}):
                asked = {"embedding": query, **filters}
                found = [provider.retrieve_by_query(asked, LONG, limit=15) for provider in (wide, narrow)]
                assert len(found[0]) == 15
                assert [one["_id"] for one in found[0]] == [one["_id"] for one in found[1]]
        assert narrow._store.search._residents[LONG].nbytes < 100
        assert wide._store.search._residents[LONG].nbytes > 100


def test_many_changes_leave_no_dead_vectors(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residents, "PAGE", 30)
    if place.kind != "sqlite":
        pytest.skip("one database is enough to look at memory")
    with place.open() as provider:
        for turn in range(150):
            provider.store({"_id": f"{turn % 5}", "embedding": [turn + 1, 1]}, LONG)
            if turn % 10 == 0:
                provider.retrieve_by_query([1, 1], LONG)
        assert len(provider.retrieve_by_query([1, 1], LONG, limit=9)) == 5
        assert len(provider._store.search._residents[LONG]._ids) <= 50
