"""Searching vectors on PostgreSQL: by the index and one by one, with the same answers as a comparison in Python."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import servers
from memu.backends import pgvector
from memu.backends.schema import ITEMS, LINKS
from memu.database.core import Database
from memu.database.factory import build_database
from memu.database.reembed import reembed
from memu.database.rows import item_defaults
from memu.database.vectors import Recorded
from memu.embedding.base import EmbedderIdentity
from memu.errors import VectorError
from memu.models import utc_now
from memu.scope import Scope
from memu.settings import DatabaseConfig

ALICE, BOB = Scope.of({"user_id": "alice"}), Scope.of({"user_id": "bob"})
COUNT = 60


@pytest.fixture
def server() -> servers.Server:
    return servers.get("postgres")


@pytest.fixture(params=["one by one", "by the index"])
def database(request: pytest.FixtureRequest, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    if request.param == "by the index":
        monkeypatch.setattr(pgvector, "FEW", 5)
    opened = build_database(config=DatabaseConfig(metadata_store={"dsn": dsn}))
    yield opened
    opened.close()


def vectors(dimension: int, count: int = COUNT) -> np.ndarray:
    found = np.random.default_rng(dimension).standard_normal((count, dimension)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def fill(database: Database, scope: Scope, rows: np.ndarray, *, bare: int = 0) -> None:
    now = utc_now()
    common = {**item_defaults(), "memory_type": "event", "created_at": now, "updated_at": now}
    items: list[dict[str, Any]] = [
        {**common, "id": f"{place:04}", "summary": f"row {place}", "embedding": row} for place, row in enumerate(rows)
    ]
    empty = [{**common, "id": f"bare-{n:04}", "summary": "no vector", "embedding": None} for n in range(bare)]
    with database.handle.writer(scope, Recorded("test", rows.shape[1], normalized=True)) as writer:
        writer.put(ITEMS, [*items, *empty])


def nearest(rows: np.ndarray, query: np.ndarray, count: int) -> list[str]:
    return [f"{place:04}" for place in np.argsort(-(rows @ query), kind="stable")[:count]]


@pytest.mark.parametrize("dimension", [8, 384, 2001, 3072])
def test_the_nearest_are_found(database: Database, dimension: int) -> None:
    rows = vectors(dimension)
    fill(database, ALICE, rows)
    fill(database, BOB, rows[:7])
    mine = database.bound(ALICE).memory_item_repo
    for query in rows[:5]:
        found = mine.vector_search_items(query, 10)
        positive = [key for key, score in found if score > 0]
        assert positive == nearest(rows, query, len(positive))
        assert len(found) == 10
    assert len(database.bound(BOB).memory_item_repo.vector_search_items(rows[0], 10)) == 7


def test_rows_without_a_vector_are_passed_over(database: Database) -> None:
    rows = vectors(16, 4)
    fill(database, ALICE, rows, bare=300)
    found = database.bound(ALICE).memory_item_repo.vector_search_items(rows[0], 10)
    assert sorted(key for key, _ in found) == ["0000", "0001", "0002", "0003"]


def test_a_filter_on_a_category_asks_the_owners_own_links(database: Database) -> None:
    rows = vectors(16)
    for scope in (ALICE, BOB):
        fill(database, scope, rows)
        category = database.bound(scope).get_or_create_category(name="trips")
        if scope == BOB:
            database.bound(scope).link_item_category("0003", category.id)
    link = database.bound(BOB).category_item_repo.list_relations()[0]
    theirs = database.bound(ALICE).memory_category_repo.by_name("trips")
    assert theirs is not None
    with database.handle.writer(BOB) as writer:  # as an import into another owner leaves it: the same ids
        now = utc_now()
        writer.put(
            "memory_categories",
            [
                {
                    "id": theirs.id,
                    "name": "other",
                    "description": "",
                    "embedding": None,
                    "summary": None,
                    "stale": False,
                    "extra": {},
                    "created_at": now,
                    "updated_at": now,
                }
            ],
        )
        writer.put(
            LINKS, [{"id": "l", "item_id": "0003", "category_id": theirs.id, "created_at": now, "updated_at": now}]
        )
    assert link.item_id == "0003"
    mine = database.bound(ALICE).memory_item_repo
    assert mine.vector_search_items(rows[3], 3, {"category": "trips"}) == []
    assert mine.vector_search_items(rows[3], 1, {"category__ne": "trips"})[0][0] == "0003"


def test_a_long_list_of_ids_is_asked_in_parts(database: Database) -> None:
    rows = vectors(16)
    fill(database, ALICE, rows)
    wanted = {"id__in": [f"{place:04}" for place in range(1, 70_001)]}
    found = database.bound(ALICE).memory_item_repo.vector_search_items(rows[0], 3, wanted)
    assert [key for key, _ in found] == nearest(rows, rows[0], 4)[1:]


def test_a_vector_of_another_dimension_is_named(database: Database) -> None:
    fill(database, ALICE, vectors(16))
    with pytest.raises(VectorError, match="16"):
        database.bound(ALICE).memory_item_repo.vector_search_items([0.5, 0.5], 3)


class Words:
    """Vectors of another dimension, from the length of the text."""

    identity = EmbedderIdentity("words", 24, True)

    def embed(self, texts: list[str]) -> np.ndarray:
        found = np.ones((len(texts), 24), np.float32)
        found[:, 0] = [len(text) for text in texts]
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def indexes(dsn: str) -> list[str]:
    with servers.get("postgres").bare(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'hnsw%' ORDER BY indexname")
        return [name for (name,) in cursor.fetchall()]


def test_another_embedder_gets_another_index_and_a_killed_move_is_finished(
    database: Database, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, ALICE, vectors(16))
    assert indexes(dsn) == [f"hnsw_{name}_16" for name in ("memory_categories", "memory_items", "resources")]
    with monkeypatch.context() as patch:
        patch.setattr("memu.database.reembed._Move._fix_dimension", lambda move: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            reembed(database.handle, Words())
    assert indexes(dsn) == []
    assert len(database.bound(ALICE).memory_item_repo.vector_search_items([1.0] * 24, 5)) == 5
    assert reembed(database.handle, Words()).made == 0
    assert indexes(dsn) == [f"hnsw_{name}_24" for name in ("memory_categories", "memory_items", "resources")]


def test_another_embedder_gets_its_index_while_somebody_reads_the_old_vectors(database: Database, dsn: str) -> None:
    fill(database, ALICE, vectors(16))
    with servers.get("postgres").bare(dsn) as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")  # from here on it sees this state
        assert reembed(database.handle, Words()).made == COUNT
        assert reader.execute("SELECT max(vector_dims(embedding)) FROM memory_items").fetchone() == (16,)
    assert len(database.bound(ALICE).memory_item_repo.vector_search_items([1.0] * 24, 5)) == 5
    assert indexes(dsn) == [f"hnsw_{name}_24" for name in ("memory_categories", "memory_items", "resources")]
