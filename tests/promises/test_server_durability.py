"""What a server confirmed outlives its end; a client's end, or a full disk, leaves all of a `memorize` or nothing."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import servers
from memu.app import MemoryService
from memu.errors import StorageFull
from servers import Server, Unavailable

from . import on_servers as on
from .crash_child import EARLIER, SCENARIOS

CHILD = Path(__file__).with_name("server_crash_child.py")
DISK_MB, FILE_MB = 256, {"postgres": 24, "mariadb": 24, "mysql": 48}
ROOM = 2 << 20
"""Bytes that are left of a full disk. It is so little that the server's own journal, which has room set aside, is not
what meets the end: then the server itself gives up, and there is nobody to say why.
"""
EVERY = os.environ.get("MEMU_CRASH_STEP") == "1"


@pytest.fixture(params=servers.NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("scenario", ["created", "extended"])
def test_a_client_killed_at_any_step_leaves_all_or_nothing(name: str, scenario: str, tmp_path: Path) -> None:
    server = servers.get(name)
    dsn = server.create_database()
    run = subprocess.run(
        [sys.executable, str(CHILD), dsn, str(tmp_path), scenario],
        capture_output=True,
        text=True,
        timeout=3500 if EVERY else 280,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    killed = json.loads(run.stdout.splitlines()[-1])
    with on.service(dsn, tmp_path, "before") as memory:
        if scenario == "extended":
            memory.sync.memorize(EARLIER)
    before, after = on.held(server, dsn, "before"), on.held(server, dsn, "whole")
    assert before != after
    outcomes = {"before": 0, "after": 0}
    for user, point in killed:
        left = on.held(server, dsn, user)
        assert left == before or on.settled(left, after), f"half-written by a kill at {point}: {left}"
        outcomes["before" if left == before else "after"] += 1
        with on.service(dsn, tmp_path, user) as memory:
            status = memory.sync.memorize(SCENARIOS[scenario])["status"]
        assert status == (scenario if left == before else "unchanged"), point
        assert on.held(server, dsn, user) == after, point
    print(f"{name}, {scenario}: killed at {len(killed)} points, {outcomes}")
    assert all(outcomes.values())
    server.drop_database(dsn)


def test_a_server_killed_right_after_a_call_has_all_of_it(name: str, tmp_path: Path) -> None:
    with servers.private(name, durable=True) as server:
        dsn = server.create_database()
        with on.service(dsn, tmp_path) as memory:
            for number in range(3):
                result = memory.sync.memorize(f"I have walked {number + 10} miles along the coast this week.")
                assert result["status"] == "created"
                server.kill()
                server.start()
                held = on.held(server, dsn, "maya")
                assert len(held["items"]) == len(held["texts"]) == number + 1
                assert memory.sync.retrieve(f"{number + 10} miles along the coast")["items"]


# --- a full disk ------------------------------------------------------------------------------------------------------


CASES = [("postgres", "disk"), ("postgres", "files"), ("mariadb", "files"), ("mysql", "disk"), ("mysql", "files")]
"""What is full: the disk, or each file that may not grow; MariaDB ends itself now and then when its disk is full."""


@pytest.fixture(params=CASES, ids="-".join)
def small(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Path | None]]:
    """A server on a small disk, and where to put a file that fills it; or one whose files may not grow, and None.

    Skips where no disk can be mounted.
    """
    name, full = request.param
    if full == "files":
        with servers.private(name, file_limit_mb=FILE_MB[name]) as server:
            yield server, None
        return
    try:
        # A journal that is written later would look for its room when there is none.
        with servers.private(name, disk_mb=DISK_MB, settings=on.KEEPS[name]) as server:
            yield server, server.data_folder() / "ballast"
    except Unavailable as error:
        pytest.skip(str(error))


def test_a_full_disk_keeps_nothing_of_the_call_and_is_said(small: tuple[Server, Path | None], tmp_path: Path) -> None:
    server, ballast = small
    dsn = server.create_database()
    with on.service(dsn, tmp_path) as memory:
        if server.name == "postgres":
            server.run("SELECT pg_switch_wal()")
        memory.sync.memorize(talk(0))
        if ballast is not None:
            fill_disk(ballast)
        else:
            for number in range(FILE_MB[server.name] * 3 // 2):
                keep(memory, -1 - number, 500_000)
        first = fill(lambda number: keep(memory, number))
        before = held(memory)
        if server.name == "postgres" and ballast is None:
            full_of(server, first)
            return  # long texts have a file of their own there, and it alone is full
        calls: list[int] = []

        def call(number: int) -> None:
            memory.sync.memorize(talk(number + 1))
            calls.append(number)

        full = fill(call)
        for error in (first, full):
            full_of(server, error)
        length = len(talk(0))
        assert held(memory) == (before[0] + len(calls), before[1] + length * len(calls)), "half-written"
        if ballast is not None:
            ballast.unlink()
            assert memory.sync.memorize(talk(len(calls) + 1))["status"] == "created"
            assert held(memory) == (before[0] + len(calls) + 1, before[1] + length * (len(calls) + 1))
            assert len(on.rows(server, dsn, "SELECT id FROM resource_texts")) == before[0] + len(calls) + 1


def fill_disk(ballast: Path) -> None:
    """Leave a little room on a disk, bit by bit: the server takes some of it at the same time."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while (left := shutil.disk_usage(ballast.parent).free - ROOM) > 0:
            file.write(bytes(min(left, 1 << 20)))


def full_of(server: Server, error: StorageFull) -> None:
    """The error names the server, and no password."""
    assert f"{server.host}:{server.port}" in str(error)
    assert servers.PASSWORD not in on.told(error)


def fill(call: Callable[[int], object]) -> StorageFull:
    """Repeat a call until the disk is full."""
    try:
        for number in range(10_000):
            call(number)
    except StorageFull as error:
        return error
    raise AssertionError("the disk never gets full")


def keep(memory: MemoryService, seed: int, length: int = 6000) -> None:
    """Keep an item; by default one that is as long as a row may be without a place of its own."""
    words = random.Random(seed).randbytes(length // 2).hex()
    memory.db.memory_item_repo.create_item(memory_type="event", summary=words)


def talk(number: int) -> list[dict[str, Any]]:
    """A conversation that nobody had before."""
    chance = random.Random(number)
    said = [f"I wrote down word{chance.getrandbits(64):x} and forgot it." for _ in range(12)]
    return [{"id": f"{place}", "name": "Maya", "content": one} for place, one in enumerate(said)]


def held(memory: MemoryService) -> tuple[int, int]:
    """How many resources and items there are, by the connections that are open: a full server may take no new ones."""
    return len(memory.db.resources), len(memory.db.items)
