"""Stores to transfer between, with all that a store can hold; run as a script, a transfer that is killed half-way.

Usage: transfers.py SRC DST N; the process is killed at its N-th statement that inserts into the target.
"""

import io
import os
import random
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from pydantic import BaseModel
from pymongo import monitoring
from tests.mongodb.stores import listener

from memu.backends import mongo_lease
from memu.backends.schema import CATEGORIES, HISTORY, ITEMS, LINKS, RESOURCES, TEXTS
from memu.database import portable
from memu.database.core import Database
from memu.database.factory import build_database
from memu.database.portable import export_memory, import_file
from memu.database.rows import item_defaults
from memu.database.vectors import Recorded
from memu.scope import Scope
from memu.settings import DatabaseConfig
from memu.sources.hashing import digest

OWNERS = (Scope.of({"user_id": "alice"}), Scope.of({"user_id": "Ålice", "agent_id": "bot"}))
MODEL = Recorded("test-8", 8, normalized=False)
BATCH = 7
"""Rows in one transaction, so that a small store takes many."""


def open_store(place: str, user_model: type[BaseModel] | None = None) -> Database:
    """The store of a DSN; of the name of an export, one in memory that holds it."""
    if "://" in place:
        config = DatabaseConfig(metadata_store={"dsn": place, "ddl_mode": "create"})
        return build_database(config=config, user_model=user_model)
    database = build_database(config=DatabaseConfig(), user_model=user_model)
    if place:
        import_file(database, Path(place))
    return database


def time_of(number: int) -> datetime:
    return datetime(2024, 2, 29, 23, 59, 58, 999_001, UTC) + timedelta(days=number, microseconds=number)


def contents(seed: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """Rows of every table: versions, superseded items, items without a source, odd letters, vectors of 64 bits."""
    chance = random.Random(seed)

    def vector(number: int) -> list[float] | None:
        return [chance.gauss(0, 1) for _ in range(MODEL.dimension)] if number % 5 else None

    def times(number: int) -> dict[str, Any]:
        return {"created_at": time_of(number), "updated_at": time_of(number + 1)}

    resources = [
        {
            "id": f"r{number:02}", "url": f"note://{number // 2} ✓", "url_hash": digest(f"note://{number // 2} ✓"),
            "version": 1 + number % 2, "modality": "document", "local_path": f"/data/{number}.txt", "caption": None,
            "embedding": vector(number), "content_hash": digest(str(number)),
            "superseded_by": f"r{number + 1:02}" if number % 2 == 0 else None,
            "metadata": {"b": [1, 2.5, None], "a": {"é": True}}, "extra": {}, **times(number),
        }
        for number in range(10)
    ]  # fmt: skip
    words = "I keep 🐝 bees.\r\nAnd trailing blanks  "
    message = {"id": "1", "start": 0, "end": len(words), "hash": digest(words), "speaker": "Ana"}
    texts = [{"id": one["id"], "text": words, "messages": [message]} for one in resources]
    items = [
        {
            **item_defaults(), "id": f"i{number:02}", "resource_id": None if number % 7 == 0 else f"r{number % 10:02}",
            "memory_type": "profile", "summary": f"I keep {number} bees 🐝", "embedding": vector(number),
            "speaker": "Ana", "said_at": time_of(number), "happened_at": None if number % 2 else time_of(-9000),
            "message_ids": ["1"], "source_start": 0, "source_end": 9, "content_hash": digest(str(number)),
            "valid_from": time_of(0), "valid_to": time_of(number) if number % 3 == 0 else None,
            "superseded_by": f"i{number + 1:02}" if number % 3 == 0 else None,
            "metadata": {"year": 2024 + number, "share": 0.1}, "extra": {"origin": "x"}, **times(number),
        }
        for number in range(40)
    ]  # fmt: skip
    categories = [
        {
            "id": f"c{number}", "name": name, "description": "", "embedding": vector(number),
            "summary": "Bees.\n- many" if number else None, "stale": bool(number % 2),
            "extra": {"sentences": ["i01"]} if number else {}, **times(number),
        }
        for number, name in enumerate(("home", "Home", "home ", "work", "häuser"))
    ]  # fmt: skip
    links = [
        {"id": f"l{item['id']}{category['id']}", "item_id": item["id"], "category_id": category["id"], **times(3)}
        for item in items for category in categories[: 1 + int(item["id"][1:]) % 3]
    ]  # fmt: skip
    history = [
        {"id": f"h{number:02}", "item_id": f"i{number:02}", "event": "update", "created_at": time_of(number),
         "before": {"summary": "I had none", "metadata": {"z": 1, "a": 2}}}
        for number in range(12)
    ]  # fmt: skip
    return [(RESOURCES, resources), (TEXTS, texts), (ITEMS, items), (CATEGORIES, categories), (LINKS, links),
            (HISTORY, history)]  # fmt: skip


def fill(database: Database, owners: Sequence[Scope] = OWNERS) -> None:
    """Give each owner rows of its own, under the same ids."""
    for seed, scope in enumerate(owners):
        with database.handle.writer(scope, MODEL) as writer:
            for table, rows in contents(seed):
                writer.put(table, rows)


def exported(database: Database) -> bytes:
    file = io.BytesIO()
    export_memory(database, file)
    return file.getvalue()


class Inserts:
    """Counts inserts, and kills this process when it is about to make the n-th one."""

    def __init__(self, last: int) -> None:
        self.left = last

    def about(self, command: str) -> None:
        """Look at a command or statement that will be sent."""
        self.left -= command.casefold().startswith("insert")
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, place: str) -> Database:
        """Open the store of a DSN; on MongoDB what is made at the opening counts as well."""
        if place.startswith("mongodb"):
            monitoring.register(listener(lambda told: self.about(told.removeprefix("before "))))
            return open_store(place)
        database = open_store(place)
        sa.event.listen(database.handle.records.engine, "before_cursor_execute", lambda *given: self.about(given[2]))
        return database


def single(vector: Any) -> list[float] | None:
    return None if vector is None else np.asarray(vector, dtype=np.float32).tolist()


if __name__ == "__main__":
    portable.PAGE = BATCH
    mongo_lease.LEASE = 0.2  # seconds that others wait for this process when it is dead
    source, target = open_store(sys.argv[1]), Inserts(int(sys.argv[3])).watch(sys.argv[2])
    source.transfer(target)
    sys.exit("the transfer was over before it was killed")
