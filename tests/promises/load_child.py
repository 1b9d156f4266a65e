"""Processes that write and read one database on a server at once, and tell what of it was acknowledged.

Run as a script. It loads the library once and forks the processes, each of which has a service and threads of its own.
Users are shared by all of them. Every writer keeps a ledger of what it was told is done; the readers look at what must
hold at any time.

Usage: load_child.py, with a JSON object of a `Load`'s fields on standard input; prints one JSON object.
"""

import json
import logging
import multiprocessing
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from memu.app import MemoryService
from memu.backends.base import equals
from memu.backends.repeat import repeated
from memu.backends.schema import CATEGORIES, ITEMS
from memu.database.core import Database
from memu.scope import Scope

SHARED = "ledger"
"""A category of every user's into which everybody files, and whose `extra` counts how often."""
SENTENCES = 40
"""Different sentences of a user, each of which every process memorizes several times."""


@dataclass
class Load:
    """What is to be done."""

    dsn: str
    resources: str
    seconds: float
    users: list[str]
    processes: int = 4
    writers: int = 8
    readers: int = 8


@dataclass
class Ledger:
    """What one thread was told is done."""

    kept: dict[str, str] = field(default_factory=dict)
    """The last words of each item that was made and not deleted."""
    gone: list[str] = field(default_factory=list)
    updates: Counter[str] = field(default_factory=Counter)
    """For each item that lives how often its words were changed."""
    increments: Counter[str] = field(default_factory=Counter)
    """For each user how often the shared item's and category's counters went up."""
    seen: Counter[str] = field(default_factory=Counter)
    """For each user the highest count that a reader saw."""
    sentences: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


class Repeats(logging.Handler):
    """Counts the calls that were repeated after a deadlock."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += " is repeated: " in record.msg


@repeated
def reinforce(database: Database, item_id: str) -> int:
    """Count once more on the shared item and on its category, both in one transaction."""
    assert database.scope is not None
    with database.handle.writer(database.scope) as writer:
        item = writer.get(ITEMS, equals(id=item_id))
        category = writer.get(CATEGORIES, equals(name=SHARED))
        assert item is not None
        assert category is not None
        count = int(item["extra"]["count"]) + 1
        writer.update(ITEMS, {"extra": {**item["extra"], "count": count}}, equals(id=item_id))
        counted = {**category["extra"], "count": int(category["extra"].get("count", 0)) + 1}
        writer.update(CATEGORIES, {"extra": counted}, equals(id=category["id"]))
    return count


def sentence(user: str, number: int) -> str:
    return f"I planted tree number {number} of {user} in the old orchard."


class Process:
    """The threads of one process."""

    def __init__(self, load: Load, number: int, shared: dict[str, str]) -> None:
        self.load = load
        self.number = number
        self.shared = shared
        self.service = MemoryService(
            database_config={"metadata_store": {"dsn": load.dsn, "pool": {"pool_size": 16}}},
            embedding_config={"provider": "none"},
            blob_config={"resources_dir": load.resources},
        )
        self.databases = {user: self.service.db.bound(Scope.of({"user_id": user})) for user in load.users}
        self.deadline = 0.0
        self.owners: dict[str, str] = {}
        """Whose each item is that this process made."""

    def run(self) -> list[Ledger]:
        """Work until the time is over; the ledger of each thread."""
        self.deadline = time.monotonic() + self.load.seconds
        works = [self.write] * self.load.writers + [self.read] * self.load.readers
        ledgers = [Ledger() for _ in works]
        threads = [
            threading.Thread(target=self.repeat, args=(work, place, ledger))
            for place, (work, ledger) in enumerate(zip(works, ledgers, strict=True))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.service.close()
        return ledgers

    def repeat(self, work: Callable[[str, int, int, Ledger], str], place: int, ledger: Ledger) -> None:
        turn = 0
        while time.monotonic() < self.deadline:
            user = self.load.users[(place + turn // 8) % len(self.load.users)]
            try:
                ledger.calls[work(user, place, turn, ledger)] += 1
            except Exception:
                ledger.errors.append(traceback.format_exc(limit=-4))
            turn += 1

    def write(self, user: str, place: int, turn: int, ledger: Ledger) -> str:
        database = self.databases[user]
        items = database.memory_item_repo
        mine = [key for key in ledger.kept if self.owners[key] == user]
        step = (turn + place) % 8
        if step in (0, 1) or not mine:
            words = f"Process {self.number}, thread {place}, turn {turn}: a fact of {user}."
            item = items.create_item(memory_type="event", summary=words)
            self.owners[item.id] = user
            ledger.kept[item.id] = words
            return "create"
        if step == 2:
            words = f"{self.number}/{place}/{turn}: {user} files this in the ledger."
            made = self.service.sync.create_memory_item(
                memory_type="event", memory_content=words, memory_categories=[SHARED], user={"user_id": user}
            )["memory_item"]
            self.owners[made["id"]] = user
            ledger.kept[made["id"]] = words
            return "create and refresh the summary"
        if step == 3:
            text = sentence(user, (turn // 8 + place) % SENTENCES)
            result = self.service.sync.memorize([{"id": "1", "name": user, "content": text}], user={"user_id": user})
            assert result["status"] in ("created", "unchanged"), result["status"]
            ledger.sentences.add(f"{user}: {text}")
            return "memorize"
        if step == 4:
            key = mine[turn % len(mine)]
            words = f"{ledger.kept[key].partition(' (')[0]} (changed in turn {turn})"
            items.update_item(item_id=key, summary=words)
            ledger.kept[key] = words
            ledger.updates[key] += 1
            return "update"
        if step == 5:
            key = mine[turn % len(mine)]
            items.delete_item(key)
            del ledger.kept[key]
            del ledger.updates[key]
            ledger.gone.append(key)
            return "delete"
        reinforce(database, self.shared[user])
        ledger.increments[user] += 1
        return "reinforce"

    def read(self, user: str, place: int, turn: int, ledger: Ledger) -> str:
        step = turn % 4
        if step == 0:
            found = self.service.sync.retrieve(sentence(user, (turn + place) % SENTENCES), where={"user_id": user})
            assert all(user in one["summary"] for one in found["items"]), "another user's memory"
            return "retrieve"
        if step == 1:
            page = self.service.sync.list_memory_items({"user_id": user}, limit=20)
            assert page["items"], "the shared item was made before all"
            return "list"
        if step == 2:
            item = self.databases[user].memory_item_repo.get(self.shared[user])
            assert item is not None
            count = int(item.extra["count"])
            assert count >= ledger.seen[user], f"the count went back from {ledger.seen[user]} to {count}"
            ledger.seen[user] = count
            return "get"
        assert self.service.sync.list_memory_categories({"user_id": user})["categories"]
        return "list categories"


def work(load: Load, number: int, shared: dict[str, str], start: Any, answers: Any) -> None:
    """One process: its part of the load, and what came of it."""
    repeats = Repeats()
    logger = logging.getLogger("memu.backends")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(repeats)
    logger.propagate = False
    process = Process(load, number, shared)
    start.wait(120)
    ledgers = process.run()
    total = Ledger()
    for ledger in ledgers:
        total.kept.update(ledger.kept)
        total.gone += ledger.gone
        total.updates.update(ledger.updates)
        total.increments.update(ledger.increments)
        total.sentences |= ledger.sentences
        total.calls.update(ledger.calls)
        total.errors += ledger.errors
    answers.put(
        {**vars(total), "sentences": sorted(total.sentences), "repeats": repeats.count, "owners": process.owners}
    )


def prepare(load: Load) -> dict[str, str]:
    """The shared item and category of each user; the ids of the items."""
    with MemoryService(
        database_config={"metadata_store": {"dsn": load.dsn}},
        embedding_config={"provider": "none"},
        blob_config={"resources_dir": load.resources},
    ) as service:
        shared = {}
        for user in load.users:
            database = service.db.bound(Scope.of({"user_id": user}))
            database.memory_category_repo.get_or_create_category(name=SHARED)
            item = database.memory_item_repo.create_item(
                memory_type="event", summary=f"What {user} shares.", extra={"count": 0}
            )
            shared[user] = item.id
    return shared


def together(load: Load, work: Callable[..., None], patience: float) -> tuple[dict[str, str], list[Any]]:
    """What the users share, and what each of the processes says that do the work at the same time."""
    fork = multiprocessing.get_context("fork")
    start, answers, handed = fork.Barrier(load.processes), fork.Queue(), fork.Queue()
    # The first child prepares, so that this process, which forks, never opens a store.
    first = fork.Process(target=lambda: handed.put(prepare(load)))
    first.start()
    shared = handed.get(timeout=120)
    first.join()
    processes = [
        fork.Process(target=work, args=(load, number, shared, start, answers)) for number in range(load.processes)
    ]
    for process in processes:
        process.start()
    told = [answers.get(timeout=patience) for _ in processes]
    for process in processes:
        process.join()
    return shared, told


def main() -> None:
    load = Load(**json.load(sys.stdin))
    shared, told = together(load, work, load.seconds + 240)
    print(json.dumps({"shared": shared, "processes": told}))


if __name__ == "__main__":
    main()
