"""Searching vectors with pgvector: exactly where few rows are meant, by the index where many are."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
import orjson
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import UserDefinedType

from memu.backends.base import Where
from memu.backends.types import PgVector
from memu.forked import Lock

logger = logging.getLogger("memu.backends")

HALF_ABOVE = 2000
"""HNSW takes vectors of at most so many dimensions, halfvec twice as many."""
LARGEST_INDEXED = 4000

FEW = 5000
"""Rows that are sooner compared one by one than found by the index."""

Few = Callable[[int], int]
"""How many rows, by the dimension of their vectors, are compared one by one."""


def few(_dimension: int) -> int:
    """As many whatever the dimension."""
    return FEW


COUNT_AGAIN_SECONDS = 60.0
MOST_SIZES = 10_000


def make_index(connection: Connection, table: sa.Table, dimension: int | None) -> None:
    """An index of the vectors of this dimension; with None, no index.

    One that is there already stays: to ask for it again costs nothing. Vectors of another dimension are passed over:
    while somebody still reads an older state of the table, its dead rows go into a new index, too.
    """
    wanted, held = _index_name(table, dimension), _indexes(connection, table)
    for name in held:
        if name != wanted:
            connection.exec_driver_sql(f'DROP INDEX "{name}"')
    if dimension is None or wanted in held:
        return
    if dimension > LARGEST_INDEXED:
        logger.warning("vectors of %d dimensions are too long for an index: they are searched exactly", dimension)
        return
    kind = "vector" if dimension <= HALF_ABOVE else "halfvec"
    connection.exec_driver_sql(
        f'CREATE INDEX "{wanted}" ON "{table.name}" USING hnsw ((embedding::{kind}({dimension})) {kind}_cosine_ops) '
        f"WHERE vector_dims(embedding) = {dimension}"
    )


def has_index(connection: Connection, table: sa.Table, dimension: int) -> bool:
    """Whether `make_index` would have nothing to do."""
    return _indexes(connection, table) == ([_index_name(table, dimension)] if dimension <= LARGEST_INDEXED else [])


def _index_name(table: sa.Table, dimension: int | None) -> str:
    return f"hnsw_{table.name}_{dimension}"


def _indexes(connection: Connection, table: sa.Table) -> list[str]:
    return [str(name) for name in connection.execute(_INDEXES, {"table": table.name}).scalars()]


_INDEXES = sa.text(
    "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = :table "
    "AND indexname LIKE 'hnsw\\_%'"
)


class Searches:
    """Chooses how to search, and remembers the statements and how many rows there were to go through."""

    def __init__(self, few: Few = few) -> None:
        self._few = few
        self._sizes = _Sizes()
        self._texts: dict[Hashable, str] = {}

    def nearest(
        self, connection: Connection, table: sa.Table, vector: NDArray[np.float32], rows: "Rows", limit: int | None
    ) -> list[tuple[str, float]]:
        """Few rows are compared one by one; of many the index chooses, and should it choose too few, they are, too."""
        values: dict[str, Any] = {**rows.values, "most": limit}
        values["vector"] = orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        ask = partial(self._ask, connection, table, rows, values)
        if limit is None:
            return _best_first(ask(_all))
        dimension = len(vector)
        few = self._few(dimension)
        if dimension <= LARGEST_INDEXED and not self._sizes.few(rows.known_as, lambda: ask(_some, few)[0][0]):
            found = _best_first(ask(_by_index, dimension))
            if len(found) == limit:
                return found
            self._sizes.forget(rows.known_as)
        return _best_first(ask(_one_by_one))

    def _ask(
        self,
        connection: Connection,
        table: sa.Table,
        rows: "Rows",
        values: Mapping[str, Any],
        make: Callable[..., sa.Select[Any]],
        *arguments: Any,
    ) -> Sequence[Any]:
        """Run a statement; its text is kept where it is the same for all values: making it takes its time."""
        if rows.shape is None:
            return connection.execute(make(table, rows.where(), *arguments), values).all()
        key = (make, table.name, rows.shape, *arguments)
        text = self._texts.get(key)
        if text is None:
            statement = make(table, rows.where(), *arguments)
            text = self._texts[key] = str(statement.compile(dialect=connection.dialect))
        return _run(connection, text, values)


def _run(connection: Connection, text: str, values: Mapping[str, Any]) -> Sequence[Any]:
    """By the driver itself: what SQLAlchemy does around a statement would be a third of the time of a small search."""
    from psycopg import Error

    driver: Any = connection.connection.driver_connection
    try:
        found: Sequence[Any] = driver.execute(text, values, prepare=True).fetchall()
    except Error as error:
        if driver.closed:
            connection.invalidate()
            connection.engine.dispose()  # the others in the pool went with the same server
        lost = bool(driver.closed)
        raise DBAPIError.instance(text, None, error, Error, connection_invalidated=lost) from error
    return found


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that are searched.

    Attributes:
        where: makes the clause that they meet.
        known_as: stands for them; a number, since what a forgotten user asked for is not to be kept.
        shape: stands for the clause, where its values are parameters; None where they are a part of it.
        values: those parameters.
    """

    where: Callable[[], sa.ColumnElement[bool]]
    known_as: Hashable
    shape: Hashable
    values: Mapping[str, Any]

    @classmethod
    def of(cls, table: sa.Table, where: Where, general: Callable[[], sa.ColumnElement[bool]]) -> "Rows":
        """The rows that meet some conditions; `general` makes the clause where they are not all plain equalities."""
        known_as = hash((table.name, tuple(where)))
        if not all(one.op == "eq" and not one.path and isinstance(one.value, str | None) for one in where):
            return cls(general, known_as, None, {})
        names = [(one.field, None if one.value is None else f"value_{place}") for place, one in enumerate(where)]
        values = {name: one.value for (_, name), one in zip(names, where, strict=True) if name}

        def plain() -> sa.ColumnElement[bool]:
            clauses = (
                table.c[field].is_(None) if name is None else table.c[field] == sa.bindparam(name, type_=Untyped())
                for field, name in names
            )
            return sa.and_(sa.true(), *clauses)

        return cls(plain, known_as, tuple(names), values)


def _best_first(rows: Sequence[Any]) -> list[tuple[str, float]]:
    """Equal rows by their ids, which the index does not look at."""
    return [(key, 1 - distance) for distance, key in sorted((distance, str(key)) for key, distance in rows)]


class Untyped(UserDefinedType[Any]):
    """A parameter whose type the server sees for itself; SQLAlchemy would cast it, which costs a tenth of a search."""

    cache_ok = True


def _all(table: sa.Table, where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(table.c.id, _distance(table.c.embedding, PgVector())).where(where, table.c.embedding.is_not(None))


def _one_by_one(table: sa.Table, where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """By the distances of the plain vectors, which no plan can leave to the index: that one is of cast vectors.

    The distance is selected as it is sorted by: the server would work out one that is spelled otherwise once more.
    """
    distance = _distance(table.c.embedding, PgVector())
    found = sa.select(table.c.id, distance).where(where, table.c.embedding.is_not(None))
    return found.order_by(distance, table.c.id).limit(sa.bindparam("most", type_=Untyped()))


def _by_index(table: sa.Table, where: sa.ColumnElement[bool], dimension: int) -> sa.Select[Any]:
    """In the order of the index, whose vectors may be of half precision; the distances are of the whole ones."""
    kind = PgVector(dimension, half=dimension > HALF_ABOVE)
    exact = _distance(table.c.embedding, PgVector())
    indexed = sa.func.vector_dims(table.c.embedding) == sa.literal_column(str(dimension))
    found = sa.select(table.c.id, exact).where(where, indexed)
    nearest_first = found.order_by(_distance(sa.cast(table.c.embedding, kind), kind))
    return nearest_first.limit(sa.bindparam("most", type_=Untyped()))


def _some(table: sa.Table, where: sa.ColumnElement[bool], few: int) -> sa.Select[Any]:
    """Whether there are few rows; counted no further than it takes to know."""
    some: sa.Select[Any] = (
        sa.select(sa.literal_column("1")).select_from(table).where(where, table.c.embedding.is_not(None))
    )
    some = some.limit(sa.literal_column(str(few + 1)))
    return sa.select(sa.func.count() <= sa.literal_column(str(few))).select_from(some.subquery())


def _distance(column: Any, kind: PgVector) -> Any:
    """The cosine distance of a column to the vector that is searched."""
    return column.op("<=>", return_type=sa.Float())(sa.cast(sa.bindparam("vector", type_=PgVector()), kind))


class _Sizes:
    """Whether a search has few rows to go through, as counted not long ago; only speed depends on it."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, tuple[bool, float]] = OrderedDict()
        self._lock = Lock()

    def few(self, key: Hashable, look: Callable[[], bool]) -> bool:
        """Whether there are few; looked at anew when nobody has for some time."""
        with self._lock:
            held = self._known.get(key)
        now = monotonic()
        if held and now - held[1] < COUNT_AGAIN_SECONDS:
            return held[0]
        few = look()
        with self._lock:
            self._known[key] = (few, now)
            while len(self._known) > MOST_SIZES:
                self._known.popitem(last=False)
        return few

    def forget(self, key: Hashable) -> None:
        """There turned out to be fewer."""
        with self._lock:
            self._known.pop(key, None)
