"""Inserts per second: items in batches through memu's store, beside a bare driver on the same server and tables.

Usage: python benchmarks/inserts.py [--rows 10000] [--batch 500] [--servers postgres,mariadb,mysql] [--write]

Each way writes the same rows, with vectors of 384 dimensions, in transactions of one batch: memu's scoped writer;
executemany of the bare driver; on PostgreSQL also COPY. All into tables that memu made, so with all their keys and
indexes (on PostgreSQL: without and with the HNSW index). Ways take turns batch by batch. `--write` keeps the figures in
benchmarks/results/inserts.json.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from memu.backends.schema import ITEMS
from memu.database.core import Database
from memu.database.factory import build_database
from memu.database.rows import item_defaults
from memu.database.vectors import Recorded
from memu.models import utc_now
from memu.scope import Scope
from memu.settings import DatabaseConfig

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "inserts.json"
DIMENSION = 384
EMBEDDER = Recorded("benchmark", DIMENSION, normalized=True)

Row = dict[str, Any]
Way = Callable[[Sequence[Row]], None]


def rows_of(way: str, count: int) -> list[Row]:
    """Items as `memorize` writes them; every way has ids and vectors of its own: HNSW takes equal ones at no cost."""
    vectors = np.random.default_rng(list(way.encode())).standard_normal((count, DIMENSION)).astype(np.float32)
    now = utc_now()
    own = {"memory_type": "event", "speaker": "Maya", "created_at": now, "updated_at": now}
    return [
        {
            **item_defaults(),
            **own,
            "id": f"{way}-{place}",
            "summary": f"We went to the sea, time {place}.",
            "embedding": v,
        }
        for place, v in enumerate(vectors)
    ]


def bare_row(row: Row) -> Row:
    """The same row as a bare driver takes it: JSON and vectors are text."""
    packed = {name: json.dumps(row[name]) for name in ("message_ids", "metadata", "extra", "fact")}
    vector = orjson.dumps(row["embedding"], option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return {**row, **packed, "embedding": vector, "user_id": "bare", "agent_id": "default", "seq": 1}


def through_memu(database: Database) -> Way:
    def write(rows: Sequence[Row]) -> None:
        with database.handle.writer(Scope.of({"user_id": "memu"}), EMBEDDER) as writer:
            writer.put(ITEMS, rows)

    return write


def executemany(connection: Any) -> Way:
    def write(rows: Sequence[Row]) -> None:
        bare = [bare_row(row) for row in rows]
        names = list(bare[0])
        values = ", ".join(f"%({name})s" for name in names)
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {ITEMS} ({', '.join(names)}) VALUES ({values})", bare)
        connection.commit()

    return write


def copy(connection: Any) -> Way:
    def write(rows: Sequence[Row]) -> None:
        bare = [bare_row(row) for row in rows]
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {ITEMS} ({', '.join(bare[0])}) FROM STDIN") as out,
        ):
            for row in bare:
                out.write_row(tuple(row.values()))
        connection.commit()

    return write


def in_transactions(connection: Any) -> None:
    """A property of psycopg's connections, a method of PyMySQL's."""
    if callable(connection.autocommit):
        connection.autocommit(False)
    else:
        connection.autocommit = False


def measure(ways: dict[str, Way], count: int, batch: int) -> dict[str, int]:
    """Rows per second of each way; they take turns, so that all meet the same growing table."""
    rows = {name: rows_of(name, count) for name in ways}
    spent = dict.fromkeys(ways, 0.0)
    for start in range(0, count, batch):
        for name, write in ways.items():
            started = time.perf_counter()
            write(rows[name][start : start + batch])
            spent[name] += time.perf_counter() - started
    return {name: round(count / spent[name]) for name in ways}


def on_server(server: Any, count: int, batch: int) -> dict[str, dict[str, int]]:
    """The figures of one server."""
    found = {}
    indexed = (False, True) if server.name == "postgres" else (True,)
    for with_index in indexed:
        dsn = server.create_database()
        database = build_database(config=DatabaseConfig(metadata_store={"dsn": dsn}))
        through_memu(database)(rows_of("first", 1))  # the store's first vector makes the index
        if not with_index:
            with database.handle.records.transaction() as transaction:
                transaction.fix_dimension(ITEMS, None)
        connections = [server.bare(dsn) for _ in range(2)]
        for connection in connections:
            in_transactions(connection)
        ways = {"memu": through_memu(database), "executemany": executemany(connections[0])}
        if server.name == "postgres":
            ways["copy"] = copy(connections[1])
        name = server.name if len(indexed) == 1 else f"{server.name}, {'with' if with_index else 'without'} HNSW"
        found[name] = measure(ways, count, batch)
        print(name, found[name])
        for connection in connections:
            connection.close()
        database.close()
        server.drop_database(dsn)
    return found


def main() -> None:
    """Measure, print, and keep what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--servers", default="postgres,mariadb,mysql")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    import servers

    results: dict[str, Any] = {"rows": options.rows, "batch": options.batch, "dimension": DIMENSION}
    for name in options.servers.split(","):
        with servers.private(name) as server:
            results |= on_server(server, options.rows, options.batch)
    if options.write:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
