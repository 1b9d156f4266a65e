"""The vectors' index on PostgreSQL, made and asked by hand as the page on memorizz says."""

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memorizz.memory_provider import MemoryType

from .places import Place

PAGE = Path(__file__).parents[2] / "docs" / "memorizz.md"
TALK = MemoryType.CONVERSATION_MEMORY
BY_HAND, OWN = "conversation_memory_embedding_idx", "hnsw_conversation_memory_"


def statements(dimension: int) -> tuple[str, str]:
    """The statements of the page, for vectors of a dimension."""
    made, asked = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    made, asked = made.replace("384", str(dimension)), asked.replace("384", str(dimension))
    if dimension > 2000:
        made = made.replace("(embedding::vector", "(embedding::halfvec").replace("vector_cosine", "halfvec_cosine")
        asked = asked.replace("embedding::vector", "embedding::halfvec")
    return made, asked


@pytest.mark.parametrize("dimension", [384, 2001])
def test_the_index_of_the_page_can_be_made_and_is_asked(postgres: Place, dimension: int) -> None:
    made, asked = statements(dimension)
    vectors = np.random.default_rng(dimension).standard_normal((50, dimension)).astype(np.float32)
    rows = [{"_id": str(place), "content": f"row {place}", "embedding": one} for place, one in enumerate(vectors)]
    assert postgres.server is not None
    with postgres.open() as provider, closing(postgres.server.bare(postgres.dsn)) as connection:
        connection.autocommit = True

        def run(statement: str) -> list[Any]:
            filled: Any = statement.replace("[0.1, 0.2, …]", str(vectors[7].tolist()))
            cursor = connection.execute(filled)
            return cursor.fetchall() if cursor.description else []

        provider.store_many(rows, TALK)
        run(made)
        with closing(postgres.server.bare(postgres.dsn)) as other:  # whose own index goes with its transaction
            other.execute(f"DROP INDEX {OWN}{dimension}")
            other.execute("SET enable_seqscan = off")
            plan = other.execute("EXPLAIN " + asked.replace("[0.1, 0.2, …]", str(vectors[7].tolist()))).fetchall()
            assert any(BY_HAND in line for (line,) in plan)
        found = run(asked)
        nearest = provider.retrieve_by_query(vectors[7], TALK, limit=5)
        assert [content for content, _ in found] == [one["content"] for one in nearest]
        assert [score for _, score in found] == pytest.approx([one["score"] for one in nearest], abs=1e-6)

        assert provider.delete_all(TALK)  # and the next vectors are of another dimension
        provider.store({"content": "new", "embedding": [1.0, 2.0]}, TALK)
        assert provider.retrieve_by_query([1.0, 2.0], TALK)["content"] == "new"
        names = "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%hnsw%' AND tablename = 'conversation_memory'"
        assert {name for (name,) in run(names)} == {BY_HAND, f"{OWN}2"}


def test_the_index_is_refused_without_the_number_of_dimensions(postgres: Place) -> None:
    assert postgres.server is not None
    with postgres.open() as provider, closing(postgres.server.bare(postgres.dsn)) as connection:
        provider.store({"embedding": [1.0, 2.0]}, TALK)
        with pytest.raises(Exception, match="column does not have dimensions"):
            connection.execute(
                f"CREATE INDEX {BY_HAND} ON conversation_memory USING hnsw (embedding vector_cosine_ops)"
            )
