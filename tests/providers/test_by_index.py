"""Searches on PostgreSQL that are left to the index of the vectors: filters still apply before the cut."""

from typing import Any

import numpy as np
import pytest

from memorizz.memory_provider import MemoryType, postgresql
from memu.backends import pgvector
from servers.server import database_of

from .places import Place

LONG = MemoryType.LONG_TERM_MEMORY
ROWS, DIMENSION, CLUSTERS, K = 4000, 32, 40, 10
SHARES = {"half": 2, "fifth": 5, "twentieth": 20, "fiftieth": 50, "two hundredth": 200}
FEWEST = "two hundredth"


class Clustered:
    """Vectors around centres, as those of texts are, and whose memory each is in; every memory has some of each."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(20250618)
        self.centres = self.random.standard_normal((CLUSTERS, DIMENSION))
        self.vectors = self.draw(ROWS)
        self.memories = np.array(["others"] * ROWS, dtype=object)
        places = self.random.permutation(ROWS)
        for share, part in SHARES.items():
            chosen, places = places[: ROWS // part], places[ROWS // part :]
            self.memories[chosen] = share

    def draw(self, count: int) -> np.ndarray:
        """Unit vectors around some of the centres."""
        chosen = self.centres[self.random.integers(0, CLUSTERS, count)]
        vectors = chosen + 0.4 * self.random.standard_normal((count, DIMENSION))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def nearest(self, query: np.ndarray, memory: str) -> set[str]:
        """The true answer."""
        mine = np.flatnonzero(self.memories == memory)
        return {str(place) for place in mine[np.argsort(-(self.vectors[mine] @ query), kind="stable")[:K]]}


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plan of each statement of a search, which the server was asked for just before the statement itself."""
    seen: list[str] = []
    run = pgvector._run

    def explained(connection: Any, text: str, values: Any) -> Any:
        driver = connection.connection.driver_connection
        lines = driver.execute(f"EXPLAIN {text}", values).fetchall()
        seen.append("\n".join(line for (line,) in lines))
        return run(connection, text, values)

    monkeypatch.setattr(pgvector, "_run", explained)
    return seen


@pytest.mark.parametrize("sorts", [True, False])
def test_row_04_filters_apply_before_the_cut_of_the_index(
    postgres: Place, plans: list[str], monkeypatch: pytest.MonkeyPatch, sorts: bool
) -> None:
    rows = Clustered()
    monkeypatch.setattr(postgresql, "compared", lambda _dimension: K)
    with postgres.server.bare(postgres.dsn) as connection:  # type: ignore[union-attr]
        connection.execute(f"ALTER DATABASE {database_of(postgres.dsn)} SET enable_sort = {sorts}")
    with postgres.open() as provider:
        given = zip(rows.memories, rows.vectors, strict=True)
        provider.store_many(
            ({"_id": str(n), "memory_id": memory, "embedding": one} for n, (memory, one) in enumerate(given)), LONG
        )
        with postgres.server.bare(postgres.dsn) as connection:  # type: ignore[union-attr]
            connection.execute("ANALYZE long_term_memory")
        for share in SHARES:
            hits = 0
            for query in rows.draw(30):
                plans.clear()
                found = provider.retrieve_by_query({"embedding": query, "memory_id": share}, LONG, limit=K)
                assert len(found) == K
                assert {one["memory_id"] for one in found} == {share}
                assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)
                hits += len({one["_id"] for one in found} & rows.nearest(query, share))
                by_index = f"Index Scan using hnsw_long_term_memory_{DIMENSION} on" in plans[-1]
                assert by_index or (sorts and share == FEWEST)  # those the server, where it may, sooner sorts
            assert hits >= 0.99 * K * 30, share


@pytest.mark.parametrize(
    ("dimension", "most"), [(1, 20_000), (384, 20_000), (768, 10_000), (1536, 5_000), (4000, 5_000)]
)
def test_how_many_documents_are_compared_one_by_one(dimension: int, most: int) -> None:
    assert postgresql.compared(dimension) == most
