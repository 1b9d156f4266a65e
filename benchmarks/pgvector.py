"""Vector search on PostgreSQL beside the best SQL that a hand would write, for owners of different shares of the rows.

Usage: python benchmarks/pgvector.py [--rows 100000] [--queries 60] [--dsn postgresql://…] [--write]

Owners hold 1/1000, 1/50, 1/5 and all of the rows, whose vectors stand in clusters as those of texts do. For each query
memu and every hand-written statement are asked in random order, each over a connection of its own, so that a busy
machine is busy for all. The best hand-written one is the fastest of those that always bring k rows, with a recall of at
least 0.99. Without --dsn a server of the tests' own is started. `--write` keeps the figures in
benchmarks/results/pgvector.json.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psycopg

from memu.backends.schema import ITEMS, SEARCHED
from memu.database.core import Database
from memu.database.factory import build_database
from memu.database.rows import item_defaults
from memu.database.vectors import Recorded, claim
from memu.models import utc_now
from memu.scope import Scope
from memu.settings import DatabaseConfig

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "pgvector.json"
DIMENSION, CLUSTERS, SPREAD, K, WANTED = 384, 400, 0.7, 10, 0.99
SHARES = {"1/1000": 1000, "1/50": 50, "1/5": 5}

Search = Callable[[np.ndarray], list[str]]


class Rows:
    """Unit vectors in clusters, with the owner of each; row n has the id `{n:08}`."""

    def __init__(self, count: int) -> None:
        random = np.random.default_rng(20240531)
        self.centres = random.standard_normal((CLUSTERS, DIMENSION)).astype(np.float32)
        self.random = random
        self.vectors = self.draw(count)
        self.owners = np.array(["others"] * count, dtype=object)
        places = random.permutation(count)
        for share, part in SHARES.items():
            chosen, places = places[: count // part], places[count // part :]
            self.owners[chosen] = share

    def draw(self, count: int) -> np.ndarray:
        """New vectors of the same kind: a cluster's centre, and noise of SPREAD times its length."""
        kinds = self.random.integers(0, CLUSTERS, count)
        noise = self.random.standard_normal((count, DIMENSION)).astype(np.float32)
        vectors = self.centres[kinds] + np.float32(SPREAD) * noise
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def exact(self, query: np.ndarray, owner: str | None) -> set[str]:
        """The true answer."""
        mine = np.arange(len(self.vectors)) if owner is None else np.flatnonzero(self.owners == owner)
        best = mine[np.argsort(-(self.vectors[mine] @ query), kind="stable")[:K]]
        return {f"{place:08}" for place in best}


def load(database: Database, rows: Rows, *, one_owner: bool) -> float:
    """Put the rows in by the store's own writer, then make the index, as a move to another embedder does; seconds."""
    store, started, now = database.handle, time.perf_counter(), utc_now()
    owners = {"all"} if one_owner else set(rows.owners)
    for owner in sorted(owners):
        mine = range(len(rows.vectors)) if one_owner else np.flatnonzero(rows.owners == owner).tolist()
        for start in range(0, len(mine), 2000):
            with store.writer(Scope.of({"user_id": owner})) as writer:
                writer.put(ITEMS, [item_row(place, rows.vectors[place], now) for place in mine[start : start + 2000]])
    with store.records.transaction() as transaction:
        claim(transaction, Recorded("benchmark", DIMENSION, normalized=True))
        for table in SEARCHED:
            transaction.fix_dimension(table, DIMENSION)
    return time.perf_counter() - started


def item_row(place: int, vector: np.ndarray, now: Any) -> dict[str, Any]:
    own = {"id": f"{place:08}", "memory_type": "event", "summary": f"row {place}", "embedding": vector}
    return {**item_defaults(), **own, "created_at": now, "updated_at": now}


EXACT = """
WITH mine AS MATERIALIZED (
  SELECT id, embedding <=> %(vector)s::vector AS distance FROM memory_items
  WHERE user_id = %(owner)s AND agent_id = 'default' AND valid_to IS NULL
) SELECT id FROM mine ORDER BY distance LIMIT 10"""
BY_INDEX = """
SELECT id FROM memory_items WHERE user_id = %(owner)s AND agent_id = 'default' AND valid_to IS NULL
AND vector_dims(embedding) = 384
ORDER BY embedding::vector(384) <=> %(vector)s::vector(384) LIMIT 10"""


@contextmanager
def hand_written(dsn: str, owner: str) -> Iterator[dict[str, Search]]:
    """Prepared statements over psycopg, each on a connection with settings of its own."""
    connections = []

    def search(statement: str, **settings: Any) -> Search:
        connection = psycopg.connect(dsn, autocommit=True)
        connections.append(connection)
        for name, value in settings.items():
            connection.execute(f"SET hnsw.{name} = '{value}'")

        def run(vector: np.ndarray) -> list[str]:
            values = {"owner": owner, "vector": orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()}
            return [row[0] for row in connection.execute(statement, values, prepare=True)]

        return run

    found = {"one by one": search(EXACT)}
    for ef in (40, 100, 200, 400):
        found[f"index, ef_search {ef}, strict"] = search(BY_INDEX, ef_search=ef, iterative_scan="strict_order")
        found[f"index, ef_search {ef}, relaxed"] = search(BY_INDEX, ef_search=ef, iterative_scan="relaxed_order")
    try:
        yield found
    finally:
        for connection in connections:
            connection.close()


def measure(database: Database, dsn: str, rows: Rows, owner: str, queries: np.ndarray) -> dict[str, Any]:
    """One owner: every way of searching is asked each query in turn."""
    truth = [rows.exact(query, None if owner == "all" else owner) for query in queries]
    repository = database.bound(Scope.of({"user_id": owner})).memory_item_repo
    with hand_written(dsn, owner) as ways:
        ways["memu"] = lambda query: [key for key, _ in repository.vector_search_items(query, K)]
        for query in queries[:10]:  # so that plans are made and pages read
            for search in ways.values():
                search(query)
        times: dict[str, list[float]] = {name: [] for name in ways}
        hits: dict[str, list[int]] = {name: [] for name in ways}
        short = dict.fromkeys(ways, 0)
        shuffled = np.random.default_rng(1)
        for query, wanted in zip(queries, truth, strict=True):
            # In another order each time: who comes first finds the pages that a query needs out of the caches.
            for name in shuffled.permutation(list(ways)).tolist():
                search = ways[name]
                started = time.perf_counter()
                found = search(query)
                times[name].append((time.perf_counter() - started) * 1000)
                hits[name].append(len(wanted & set(found)))
                short[name] += len(found) < K
    table = {
        name: {
            "median_ms": round(statistics.median(times[name]), 3),
            "recall": round(sum(hits[name]) / (K * len(queries)), 4),
            "short_answers": short[name],
        }
        for name in ways
    }
    good = [name for name in table if name != "memu" and table[name]["recall"] >= WANTED and not short[name]]
    best = min(good, key=lambda name: table[name]["median_ms"])
    pairs = [own / other for own, other in zip(times["memu"], times[best], strict=True)]
    ratio = round(statistics.median(pairs), 2)
    return {"memu": table["memu"], "best": best, **table[best], "ratio": ratio, "all": table}


@contextmanager
def server(dsn: str | None) -> Iterator[tuple[str, str]]:
    """Two DSNs of empty databases."""
    if dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for name in ("memu_bench_many", "memu_bench_one"):
                connection.execute(f"DROP DATABASE IF EXISTS {name}")
                connection.execute(f"CREATE DATABASE {name}")
        yield tuple(f"{dsn.rpartition('/')[0]}/{name}" for name in ("memu_bench_many", "memu_bench_one"))
        return
    sys.path.insert(0, str(ROOT / "tests"))
    import servers

    settings = {"shared_buffers": "1GB", "maintenance_work_mem": "1GB"}
    with servers.private("postgres", settings=settings) as own:
        yield own.create_database(), own.create_database()


def main() -> None:
    """Measure, print, and keep what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--dsn")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = Rows(options.rows)
    queries = rows.draw(options.queries)
    results: dict[str, Any] = {"rows": options.rows, "queries": options.queries, "dimension": DIMENSION}
    with server(options.dsn) as (many, one):
        for dsn, owners in ((many, list(SHARES)), (one, ["all"])):
            database = build_database(config=DatabaseConfig(metadata_store={"dsn": dsn}))
            print(f"{options.rows} rows in {load(database, rows, one_owner=owners == ['all']):.0f} s")
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE memory_items")
            for owner in owners:
                found = measure(database, dsn, rows, owner, queries)
                results["1/1" if owner == "all" else owner] = found
                own = found["memu"]
                print(
                    f"{owner:>7}: memu {own['median_ms']:.2f} ms, recall {own['recall']:.3f}; {found['best']} "
                    f"{found['median_ms']:.2f} ms, recall {found['recall']:.3f}; ratio {found['ratio']:.2f}"
                )
            database.close()
    if options.write:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
