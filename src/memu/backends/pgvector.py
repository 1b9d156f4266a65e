"""Searching vectors with pgvector: exactly where few rows are meant, by the index where many are."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from threading import Lock
from time import monotonic
from typing import Any

import numpy as np
import orjson
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from memu.backends.types import PgVector

logger = logging.getLogger("memu.backends")

HALF_ABOVE = 2000
"""HNSW takes vectors of at most so many dimensions, halfvec twice as many."""
LARGEST_INDEXED = 4000

FEW = 5000
"""Rows that are sooner compared one by one than found by the index."""
COUNT_AGAIN_SECONDS = 60.0
MOST_SIZES = 10_000


def make_index(connection: Connection, table: sa.Table, dimension: int | None) -> None:
    """An index of the vectors as vectors of this dimension, which also refuses all others; with None, no index."""
    name = f"hnsw_{table.name}_embedding"
    connection.exec_driver_sql(f'DROP INDEX IF EXISTS "{name}"')
    if dimension is None:
        return
    if dimension > LARGEST_INDEXED:
        logger.warning("vectors of %d dimensions are too long for an index: they are searched exactly", dimension)
        return
    kind = "vector" if dimension <= HALF_ABOVE else "halfvec"
    connection.exec_driver_sql(
        f'CREATE INDEX "{name}" ON "{table.name}" USING hnsw ((embedding::{kind}({dimension})) {kind}_cosine_ops)'
    )


class Searches:
    """Chooses how to search, and remembers how many rows there were to go through."""

    def __init__(self) -> None:
        self._sizes = _Sizes()

    def nearest(
        self,
        connection: Connection,
        table: sa.Table,
        vector: NDArray[np.float32],
        where: sa.ColumnElement[bool],
        limit: int | None,
        known_as: Hashable,
    ) -> list[tuple[str, float]]:
        """Few rows are compared one by one; of many the index chooses, and should it choose too few, they are, too."""
        indexed = limit is not None and len(vector) <= LARGEST_INDEXED
        if indexed and not self._sizes.few(known_as, partial(_count, connection, table, where)):
            found = _run(connection, _by_index(table, vector, where, limit), vector)
            if len(found) == limit:
                return found
            self._sizes.forget(known_as)
        return _run(connection, _one_by_one(table, where, limit), vector)


def _run(connection: Connection, statement: Any, vector: NDArray[np.float32]) -> list[tuple[str, float]]:
    """Equal rows by their ids, which the index does not look at."""
    rows = connection.execute(statement, {"vector": orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()})
    return sorted(((str(key), float(cosine)) for key, cosine in rows), key=lambda row: (-row[1], row[0]))


def _one_by_one(table: sa.Table, where: sa.ColumnElement[bool], limit: int | None) -> Any:
    """Every row's distance, worked out before any is chosen, so that no plan can leave it to the index."""
    distance = _distance(table.c.embedding, PgVector())
    if limit is None:
        return sa.select(table.c.id, 1 - distance).where(where, table.c.embedding.is_not(None))
    mine = sa.select(table.c.id, distance.label("distance")).where(where, table.c.embedding.is_not(None))
    rows = mine.cte("mine").prefix_with("MATERIALIZED")
    return sa.select(rows.c.id, 1 - rows.c.distance).order_by(rows.c.distance, rows.c.id).limit(limit)


def _by_index(table: sa.Table, vector: NDArray[np.float32], where: sa.ColumnElement[bool], limit: int | None) -> Any:
    """In the order of the index, whose vectors may be of half precision; the distances are of the whole ones."""
    kind = PgVector(len(vector), half=len(vector) > HALF_ABOVE)
    nearest_first = _distance(sa.cast(table.c.embedding, kind), kind)
    exact = _distance(table.c.embedding, PgVector())
    return sa.select(table.c.id, 1 - exact).where(where).order_by(nearest_first).limit(limit)


def _distance(column: Any, kind: PgVector) -> Any:
    """The cosine distance of a column to the vector that is searched."""
    return column.op("<=>", return_type=sa.Float())(sa.cast(sa.bindparam("vector", type_=PgVector()), kind))


def _count(connection: Connection, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    """How many rows there are, as far as it matters."""
    some = sa.select(sa.literal(1)).select_from(table).where(where).limit(FEW + 1).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


class _Sizes:
    """Whether a search has few rows to go through, as counted not long ago; only speed depends on it."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, tuple[bool, float]] = OrderedDict()
        self._lock = Lock()

    def few(self, key: Hashable, count: Callable[[], int]) -> bool:
        """Whether there are at most FEW; counted anew when nobody has for some time."""
        with self._lock:
            held = self._known.get(key)
        now = monotonic()
        if held and now - held[1] < COUNT_AGAIN_SECONDS:
            return held[0]
        few = count() <= FEW
        with self._lock:
            self._known[key] = (few, now)
            while len(self._known) > MOST_SIZES:
                self._known.popitem(last=False)
        return few

    def forget(self, key: Hashable) -> None:
        """There turned out to be fewer."""
        with self._lock:
            self._known.pop(key, None)
