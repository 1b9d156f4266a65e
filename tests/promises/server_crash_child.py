"""Kill a real process in the midst of a `memorize` on a server, and look at what it left behind.

Run as a script. It loads the library once; for each point a forked process memorizes for a user of its own and is
killed with SIGKILL when it reaches the point: before or after an SQL statement, or before a commit. The caller looks at
the rows.

Usage: server_crash_child.py DSN FOLDER SCENARIO; prints a list of points, each with the user and the statement.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from crash_child import EARLIER, SCENARIOS, Points, forked

from memu.app import MemoryService

EVENTS = ("before_cursor_execute", "after_cursor_execute", "commit")


class Told(Points):
    """Counts the points, and says what each of them is."""

    def __init__(self, kill_at: int | None) -> None:
        super().__init__(kill_at)
        self.names: list[str] = []

    def on(self, name: str, statement: str) -> None:
        self.names.append(f"{name}: {statement[:60]}")
        self()


def memorize(dsn: str, folder: Path, user: str, messages: list[dict[str, Any]], kill_at: int | None = None) -> Told:
    """Memorize a conversation; the process may not live to see its end."""
    told = Told(kill_at)
    with MemoryService(
        user_id=user,
        database_config={"metadata_store": {"dsn": dsn}},
        embedding_config={"provider": "none"},
        blob_config={"resources_dir": folder / "resources"},
    ) as service:
        engine: Any = service.db.handle.records.engine
        for name in EVENTS:

            def passed(_connection: Any, _cursor: Any = None, statement: str = "", *_: Any, name: str = name) -> None:
                told.on(name, statement)

            sa.event.listen(engine, name, passed)
        told.active = True
        service.sync.memorize(messages)
    return told


def done(dsn: str, folder: Path, user: str, messages: list[dict[str, Any]], kill_at: int | None = None) -> list[str]:
    """Memorize in a process of its own; the points that it passed, none when it was killed."""
    status, said = forked(
        lambda pipe: (os.write(pipe, json.dumps(memorize(dsn, folder, user, messages, kill_at).names).encode()), None)[
            1
        ]
    )
    if kill_at is None:
        assert status == 0, said
        names: list[str] = json.loads(said)
        return names
    assert os.WIFSIGNALED(status), f"was not killed: {status} {said!r}"
    assert os.WTERMSIG(status) == signal.SIGKILL, f"was not killed: {status} {said!r}"
    return []


def points(names: list[str]) -> list[int]:
    """Every so many points, and those around the commit of the write."""
    step = int(os.environ.get("MEMU_CRASH_STEP", "5"))
    chosen = set(range(1, len(names) + 1, max(1, len(names) // 6) if step > 1 else 1))
    written = next(place for place, name in enumerate(names, 1) if "INSERT INTO memory_items" in name)
    commit = next(place for place, name in enumerate(names, 1) if place > written and name.startswith("commit"))
    return sorted(chosen | {written, commit - 1, commit, commit + 1})


def main() -> None:
    dsn, base, scenario = sys.argv[1], Path(sys.argv[2]), sys.argv[3]

    def before(user: str) -> None:
        if scenario != "created":
            done(dsn, base, user, EARLIER)

    done(dsn, base, "first", EARLIER)  # who comes first makes the tables
    before("whole")
    names = done(dsn, base, "whole", SCENARIOS[scenario])
    told = []
    for point in points(names):
        user = f"killed-{point}"
        before(user)
        done(dsn, base, user, SCENARIOS[scenario], point)
        told.append([user, names[point - 1]])
    print(json.dumps(told))


if __name__ == "__main__":
    main()
