"""memorizz: whether filters apply before the cut, and its speed beside bare statements that do the same.

Usage: python benchmarks/memorizz_provider.py [--rows 20000] [--queries 100] [--stores 1000] [--dsn DSN] [--write]

First: memories hold 1/200, 1/50, 1/20, 1/5 and 1/2 of the rows, with random vectors of 256 dimensions, the hardest for
an index. Each is asked for its 10 nearest rows: how many came, and how many of them are the true ones; on PostgreSQL
the largest also by the index, as if its rows were too many to be compared one by one. Then: documents
stored, read by id and searched per second, by the provider and by bare psycopg or sqlite3 on tables that the provider
made, with all their indexes, in a database of their own. The two take turns in short spells, so that a busy machine is
busy for both. The bare search is the fastest of two, by the index and one by one, that brings all rows and no worse
ones; a file has no bare search. Without --dsn a server of the tests' own is started. `--write` keeps the figures in
benchmarks/results/memorizz.json.
"""

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import orjson
import psycopg

from memorizz.memory_provider import MemoryType, postgresql
from memorizz.memory_provider.postgresql import PostgreSQLConfig, PostgreSQLProvider
from memorizz.memory_provider.provider import RecordProvider
from memorizz.memory_provider.sqlite import SQLiteConfig, SQLiteProvider

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "memorizz.json"
LONG = MemoryType.LONG_TERM_MEMORY
DIMENSION, K, SPELL, BATCH = 256, 10, 25, 1000
SHARES = {"1/200": 200, "1/50": 50, "1/20": 20, "1/5": 5, "1/2": 2}
LARGEST = "1/2"
SEARCHED = "1/20"
"""The memory that is searched for speed."""

Way = Callable[[int], Any]
"""Does something with a row's or a query's number."""

COLUMNS = "id, memory_id, content, created_at, updated_at, metadata, document, embedding, position, seq"
INSERT = f"INSERT INTO long_term_memory ({COLUMNS}) VALUES "
SELECT = "SELECT id, memory_id, content, created_at, updated_at, metadata, document"
BY_INDEX = f"""
{SELECT}, embedding::vector(256) <=> %(vector)s::vector(256) AS distance FROM long_term_memory
WHERE memory_id = %(memory)s ORDER BY embedding::vector(256) <=> %(vector)s::vector(256) LIMIT 10"""
ONE_BY_ONE = f"""
WITH mine AS MATERIALIZED (
  SELECT *, embedding <=> %(vector)s::vector AS distance FROM long_term_memory WHERE memory_id = %(memory)s
) {SELECT}, distance FROM mine ORDER BY distance LIMIT 10"""


class Rows:
    """Random unit vectors, with the memory of each; row n has the UUID of that number."""

    def __init__(self, count: int) -> None:
        self.random = np.random.default_rng(20250528)
        self.vectors = self.draw(count)
        self.memories = np.array(["others"] * count, dtype=object)
        places = self.random.permutation(count)
        for share, part in SHARES.items():
            chosen, places = places[: count // part], places[count // part :]
            self.memories[chosen] = share

    def draw(self, count: int) -> np.ndarray:
        """New vectors of the same kind."""
        vectors = self.random.standard_normal((count, DIMENSION)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def exact(self, query: np.ndarray, memory: str) -> set[str]:
        """The true answer."""
        mine = np.flatnonzero(self.memories == memory)
        best = mine[np.argsort(-(self.vectors[mine] @ query), kind="stable")[:K]]
        return {id_of(int(place)) for place in best}

    def document(self, place: int) -> dict[str, Any]:
        """A row as a document."""
        return {
            "_id": id_of(place), "memory_id": self.memories[place], "content": f"We went to the sea, time {place}.",
            "importance": 0.5, "embedding": self.vectors[place],
        }  # fmt: skip


def id_of(place: int) -> str:
    return str(uuid.UUID(int=place + 1))


def load(provider: RecordProvider, rows: Rows) -> float:
    """Store all rows; seconds."""
    started = time.perf_counter()
    for start in range(0, len(rows.vectors), BATCH):
        stop = min(start + BATCH, len(rows.vectors))
        provider.store_many([rows.document(place) for place in range(start, stop)], LONG)
    return time.perf_counter() - started


# --- filters before the cut -------------------------------------------------------------------------------------------


def filtered(
    provider: RecordProvider, rows: Rows, queries: np.ndarray, shares: Iterable[str] = SHARES
) -> dict[str, Any]:
    """By share: rows that came of K, how many are the true ones, and milliseconds."""
    table = {}
    for share in shares:
        came, hits, times = [], [], []
        for query in queries:
            started = time.perf_counter()
            found = provider.retrieve_by_query({"embedding": query, "memory_id": share}, LONG, limit=K)
            times.append((time.perf_counter() - started) * 1000)
            came.append(len(found))
            hits.append(len({one["_id"] for one in found} & rows.exact(query, share)))
        table[share] = {
            "rows": round(statistics.mean(came), 2), "fewest": min(came),
            "recall": round(sum(hits) / (K * len(queries)), 4), "median_ms": round(statistics.median(times), 3),
        }  # fmt: skip
    return table


# --- beside bare statements -------------------------------------------------------------------------------------------


def in_turns(ways: dict[str, Way], count: int) -> dict[str, float]:
    """How often a second each does what it does, in spells of SPELL."""
    seconds = dict.fromkeys(ways, 0.0)
    for start in range(0, count, SPELL):
        for name, way in ways.items():
            started = time.perf_counter()
            for number in range(start, min(start + SPELL, count)):
                way(number)
            seconds[name] += time.perf_counter() - started
    return {name: round(count / spent, 1) for name, spent in seconds.items()}


def bare_values(rows: Rows, place: int, key: str) -> tuple[Any, ...]:
    """A document's values in the order of COLUMNS, JSON and vector as text."""
    document, now = rows.document(place), datetime.now(UTC)
    vector = orjson.dumps(document["embedding"], option=orjson.OPT_SERIALIZE_NUMPY).decode()
    rest = orjson.dumps({"importance": document["importance"]}).decode()
    return key, document["memory_id"], document["content"], now, now, None, rest, vector, time.time_ns(), place


def beside(
    provider: RecordProvider, rows: Rows, queries: np.ndarray, stores: int, bare: dict[str, Way]
) -> dict[str, Any]:
    """The speeds of both, and the ratio."""
    own: dict[str, Way] = {
        "store": lambda number: provider.store(rows.document(number) | {"_id": None}, LONG),
        "read by id": lambda number: provider.retrieve_by_id(id_of(number), LONG),
        "search": lambda number: provider.retrieve_by_query(
            {"embedding": queries[number], "memory_id": SEARCHED}, LONG, limit=K
        ),
    }
    table: dict[str, Any] = {}
    for name, way in own.items():
        count = len(queries) if name == "search" else stores
        others = {other: one for other, one in bare.items() if other.startswith(name)}
        for one in (way, *others.values()):
            one(0)  # so that plans are made and pages read
        speeds = in_turns({"memorizz": way, **others}, count)
        best = max((speeds[other] for other in others), default=None)
        table[name] = {**speeds, "ratio": best and round(speeds["memorizz"] / best, 3)}
    return table


@contextmanager
def bare_psycopg(dsn: str, rows: Rows, queries: np.ndarray) -> Iterator[dict[str, Way]]:
    """Prepared statements on one connection, each committed at once."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET hnsw.iterative_scan = 'strict_order'")
        places = ", ".join(["%s::uuid", "%s", "%s", "%s", "%s", "%s::jsonb", "%s::json", "%s::vector", "%s", "%s"])

        def run(statement: str, values: Any) -> list[tuple[Any, ...]]:
            return connection.execute(statement, values, prepare=True).fetchall()

        def search(statement: str) -> Way:
            return lambda number: run(statement, {"vector": as_text(queries[number]), "memory": SEARCHED})

        ways: dict[str, Way] = {
            "store": lambda number: connection.execute(
                f"{INSERT} ({places})", bare_values(rows, number, str(uuid.uuid4())), prepare=True
            ),
            "read by id": lambda number: run(
                f"{SELECT}, embedding FROM long_term_memory WHERE id = %s::uuid", (id_of(number),)
            ),
        }
        for name, statement in (("search by index", BY_INDEX), ("search one by one", ONE_BY_ONE)):
            found = [{str(row[0]) for row in search(statement)(number)} for number in range(len(queries))]
            hits = sum(len(one & rows.exact(query, SEARCHED)) for one, query in zip(found, queries, strict=True))
            if hits >= 0.99 * K * len(queries):
                ways[name] = search(statement)
        yield ways


@contextmanager
def bare_sqlite3(path: Path, rows: Rows) -> Iterator[dict[str, Way]]:
    """The statements on one connection, each committed at once, as durable as the provider's."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        places = ", ".join("?" * 10)

        def store(number: int) -> None:
            key, memory, content, made, changed, *others = bare_values(rows, number, str(uuid.uuid4()))
            connection.execute(
                f"{INSERT} ({places})", (key, memory, content, made.isoformat(" "), changed.isoformat(" "), *others)
            )

        def read(number: int) -> Any:
            statement = f"{SELECT}, embedding FROM long_term_memory WHERE id = ?"
            *_, document, vector = connection.execute(statement, (id_of(number),)).fetchone()
            return orjson.loads(document), orjson.loads(vector)

        yield {"store": store, "read by id": read}


def as_text(vector: np.ndarray) -> str:
    return orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()


# --- where ------------------------------------------------------------------------------------------------------------


@contextmanager
def databases(dsn: str | None) -> Iterator[list[str]]:
    """Two DSNs of empty databases: the provider's, and the one for bare statements."""
    if dsn:
        names = ("memorizz_bench", "memorizz_bench_bare")
        with psycopg.connect(dsn, autocommit=True) as connection:
            for name in names:
                connection.execute(f"DROP DATABASE IF EXISTS {name}")
                connection.execute(f"CREATE DATABASE {name}")
        yield [f"{dsn.rpartition('/')[0]}/{name}" for name in names]
        return
    sys.path.insert(0, str(ROOT / "tests"))
    import servers

    with servers.private("postgres", settings={"shared_buffers": "512MB", "maintenance_work_mem": "512MB"}) as own:
        yield [own.create_database(), own.create_database()]


def on_postgresql(dsns: list[str], rows: Rows, queries: np.ndarray, stores: int) -> dict[str, Any]:
    with (
        PostgreSQLProvider(PostgreSQLConfig(url=dsns[0])) as provider,
        PostgreSQLProvider(PostgreSQLConfig(url=dsns[1])) as other,
    ):
        spent = load(provider, rows)
        load(other, rows)
        for dsn in dsns:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE long_term_memory")
        by_index = filtered_by_index(dsns[0], rows, queries)
        with bare_psycopg(dsns[1], rows, queries) as bare:
            return measured(provider, rows, queries, stores, bare, spent) | {"by_index": by_index}


def filtered_by_index(dsn: str, rows: Rows, queries: np.ndarray) -> dict[str, Any]:
    """The largest share, left to the index."""
    with (
        patch.object(postgresql, "compared", lambda _dimension: 0),
        PostgreSQLProvider(PostgreSQLConfig(url=dsn)) as provider,
    ):
        return filtered(provider, rows, queries, [LARGEST])


def on_sqlite(folder: Path, rows: Rows, queries: np.ndarray, stores: int) -> dict[str, Any]:
    paths = [folder / "one.db", folder / "bare.db"]
    with SQLiteProvider(SQLiteConfig(paths[0])) as provider:
        spent = load(provider, rows)
        with SQLiteProvider(SQLiteConfig(paths[1])) as other:
            load(other, rows)
        with bare_sqlite3(paths[1], rows) as bare:
            return measured(provider, rows, queries, stores, bare, spent)


def measured(
    provider: RecordProvider, rows: Rows, queries: np.ndarray, stores: int, bare: dict[str, Way], spent: float
) -> dict[str, Any]:
    """Filters first: the rows that are stored for speed belong to the same memories."""
    return {
        "stored_together_per_s": round(len(rows.vectors) / spent, 1),
        "filters": filtered(provider, rows, queries),
        "per_second": beside(provider, rows, queries, stores, bare),
    }


def show(name: str, found: dict[str, Any]) -> None:
    print(f"== {name}: {found['stored_together_per_s']:.0f} documents a second, {BATCH} at once")
    for way in ("filters", "by_index"):
        for share, one in found.get(way, {}).items():
            print(
                f"{share:>6} of the rows, {way}: {one['rows']:.1f} of {K} came (fewest {one['fewest']}), "
                f"recall {one['recall']:.3f}, {one['median_ms']:.2f} ms"
            )
    for what, speeds in found["per_second"].items():
        print(f"{what:>11}: " + ", ".join(f"{way} {speed}" for way, speed in speeds.items()))


def main() -> None:
    """Measure, print, and keep what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--stores", type=int, default=1000)
    parser.add_argument("--dsn")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = Rows(options.rows)
    queries = rows.draw(options.queries)
    results: dict[str, Any] = {
        "rows": options.rows, "queries": options.queries, "stores": options.stores, "dimension": DIMENSION, "k": K,
        "load_average": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        results["sqlite"] = on_sqlite(Path(folder), rows, queries, options.stores)
    show("sqlite", results["sqlite"])
    with databases(options.dsn) as dsns:
        results["postgres"] = on_postgresql(dsns, rows, queries, options.stores)
    show("postgres", results["postgres"])
    if options.write:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
