"""Many writers on one file, in threads and in processes: nothing is lost, nothing is doubled, nobody waits for ever."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memu.app import MemoryService
from memu.database.registry import _open

from .conversations import chat

NO_VECTORS = {"provider": "none"}


def flat(folder: Path) -> dict[str, Any]:
    return {
        "provider": "sqlite",
        "sqlite_path": str(folder / "memu.db"),
        "vector_db_path": str(folder / "vectors.json"),
    }


def service(folder: Path, user: str, **options: Any) -> MemoryService:
    options.setdefault("embedding_config", NO_VECTORS)
    return MemoryService(
        user_id=user, database_config=flat(folder), blob_config={"resources_dir": folder / "resources"}, **options
    )


def rows(folder: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(folder / "memu.db")) as connection:
        return connection.execute(query).fetchall()


WRITER = """
import sys, json
from memu.app import MemoryService
folder, user, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
memory = MemoryService(user_id=user, embedding_config={"provider": "none"}, database_config={
    "provider": "sqlite", "sqlite_path": folder + "/memu.db", "vector_db_path": folder + "/vectors.json"}).sync
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    words = f"I planted tree number {number} in the old orchard."
    memory.memorize([{"id": str(number), "name": user, "content": words}])
memory.close()
"""


def test_two_processes_write_one_file(tmp_path: Path) -> None:
    count = 25
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), user, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for user in ("maya", "theo")
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    results = []
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        results.append((process.communicate(timeout=120), process.returncode))
    assert [code for _, code in results] == [0, 0], results
    assert rows(tmp_path, "SELECT user_id, count(*) FROM memory_items GROUP BY 1 ORDER BY 1") == [
        ("maya", count),
        ("theo", count),
    ]
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    mirror = json.loads((tmp_path / "vectors.json").read_text())
    assert mirror["generation"] == mirror["end"]


MOVER = """
import sys
from memu.app import MemoryService
folder, user, town, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
memory = MemoryService(user_id=user, embedding_config={"provider": "none"}, database_config={
    "provider": "sqlite", "sqlite_path": folder + "/memu.db", "vector_db_path": folder + "/vectors.json"}).sync
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    words = (f"I planted tree number {number} in {town}.", f"I live in {town}.", "I love green tea.")
    memory.memorize([{"name": "Maya", "content": one} for one in words])
memory.close()
"""


def test_two_processes_state_one_attribute(tmp_path: Path) -> None:
    """Whoever is second takes the place of the first: one holds at the end, and no count of equal words is lost."""
    count = 8
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MOVER, str(tmp_path), "maya", town, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for town in ("Berlin", "Lisbon")
    ]
    for child in started:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready"
    for child in started:
        child.communicate("go\n", timeout=120)
        assert child.returncode == 0
    with service(tmp_path, "maya") as memory:
        items = memory.sync.list_memory_items(include_superseded=True)["items"]
    homes = [item for item in items if item["fact"]]
    tea = [item for item in items if "tea" in item["summary"]]
    assert len(homes) == len(tea) == 2 * count
    assert tea[0]["extra"]["reinforcement_count"] == len(tea) - 1
    ended = {item["id"] for item in homes if item["valid_to"]}
    assert {item["fact"]["value"] for item in homes} == {"Berlin", "Lisbon"}
    assert {item["fact"]["value"] for item in homes if item["id"] not in ended} == {homes[-1]["fact"]["value"]}
    assert all(item["superseded_by"] for item in homes if item["id"] in ended)


def test_eight_threads_share_one_service(tmp_path: Path) -> None:
    with service(tmp_path, "maya") as memory, ThreadPoolExecutor(8) as threads:
        calls = [
            threads.submit(
                memory.sync.memorize,
                [{"id": f"{n}", "name": "maya", "content": f"I read book number {n} about boats."}],
            )
            for n in range(48)
        ]
        statuses = [call.result(timeout=120)["status"] for call in calls]
        assert statuses == ["created"] * 48
        assert len(memory.db.items) == 48
        found = memory.sync.retrieve("Which book about boats?", top_k=48)
        assert len(found["items"]) == 48


def test_the_same_content_from_eight_threads_is_kept_once(tmp_path: Path) -> None:
    messages = chat("maya", 6)
    with service(tmp_path, "maya") as memory, ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(memory.sync.memorize, messages) for _ in range(8)]
        statuses = sorted(call.result(timeout=120)["status"] for call in calls)
    assert statuses == ["created"] + ["unchanged"] * 7
    assert rows(tmp_path, "SELECT count(*) FROM resources") == [(1,)]
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT summary) FROM memory_items") == [(6, 6)]


def test_two_users_share_database_and_mirror(tmp_path: Path) -> None:
    maya, theo = service(tmp_path, "maya", embedding_config=None), service(tmp_path, "theo", embedding_config=None)
    for number in range(3):
        maya.sync.memorize(f"I keep {number + 3} bees in the garden behind the house.")
        theo.sync.memorize(f"I repair {number + 3} clocks in the workshop every week.")
    maya.close()
    theo.close()
    mirror = json.loads((tmp_path / "vectors.json").read_text())
    owners = {entry["user_id"] for entry in mirror["items"].values()}
    assert owners == {"maya", "theo"}
    assert len(mirror["items"]) == 6
    with service(tmp_path, "maya", embedding_config=None) as again:
        assert all("bees" in item.summary for item in again.db.items.values())
        assert all(item.embedding for item in again.db.items.values())


def test_a_plain_copy_is_complete_after_memorize(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    with service(tmp_path, "maya") as memory:
        for number in range(5):
            memory.sync.memorize(f"I have walked {number + 10} miles along the coast this week.")
            shutil.copy(tmp_path / "memu.db", copies / f"{number}.db")
    for number in range(5):
        with contextlib.closing(sqlite3.connect(copies / f"{number}.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT count(*) FROM memory_items").fetchone() == (number + 1,)


def test_a_reader_that_holds_the_log_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memu.backends.sqlite.SETTLE_SECONDS", 0.2)
    with service(tmp_path, "maya") as memory:
        memory.sync.memorize("I keep bees in the garden behind the house.")
        with contextlib.closing(sqlite3.connect(tmp_path / "memu.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM memory_items").fetchone()
            result = memory.sync.memorize("I sold the last of the honey to the baker.")
            assert any("another process is reading" in warning for warning in result["warnings"])
            reader.execute("COMMIT")
        assert memory.sync.memorize("I bought a second hive in the spring.")["warnings"] == []


def test_a_thousand_services_on_one_file_share_everything(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with service(tmp_path, "user-0") as first:
        first.sync.memorize("I keep bees in the garden behind the house.")
        before, threads = descriptors(), threading.active_count()
        services = [service(tmp_path, f"user-{number}") for number in range(1, 1000)]
        assert descriptors() == before
        assert threading.active_count() == threads
        stores = {id(one.db.handle) for one in services}
        assert stores == {id(first.db.handle)}
        services[-1].sync.memorize("I repair clocks in the workshop.")
        assert len(services[-1].db.items) == 1
        for one in services:
            one.close()
        assert len(first.db.items) == 1, "closing others must not close the store of this one"
    assert not [key for key in _open if str(tmp_path) in str(key)]


def test_the_event_loop_is_never_held(tmp_path: Path) -> None:
    """While memorize and retrieve run, a ticker on the same loop goes on ticking."""

    async def main() -> tuple[int, float]:
        ticks, longest, last = 0, 0.0, time.perf_counter()
        done = asyncio.Event()

        async def ticker() -> None:
            nonlocal ticks, longest, last
            while not done.is_set():
                await asyncio.sleep(0)
                now = time.perf_counter()
                ticks, longest, last = ticks + 1, max(longest, now - last), now

        loop = asyncio.get_running_loop()
        blocked: list[str] = []
        loop.set_debug(True)
        loop.slow_callback_duration = 1.0
        async with service(tmp_path, "maya", embedding_config=None) as memory:
            watch = asyncio.create_task(ticker())
            await memory.memorize(chat("maya", 60))
            await asyncio.gather(*(memory.retrieve("Who bought lemons?") for _ in range(10)))
            done.set()
            await watch
        assert not blocked
        return ticks, longest

    ticks, _ = asyncio.run(main())
    assert ticks > 100
