"""Kill a real process at every step of `memorize`, and look at what it left behind.

Run as a script. It loads the library once, then for each point forks a process that memorizes and is killed with
SIGKILL when it reaches the point: before or after an SQL statement, a commit, an fsync or a rename. After each kill it
checks the store through a bare driver connection, repeats the call in another process, and checks again.

Usage: crash_child.py FOLDER SCENARIO [FIRST STEP]; prints one JSON object.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from memu.app import MemoryService
from memu.app.wiring import embedder_for
from memu.settings import EmbeddingConfig

EARLIER = [
    {"id": "1", "name": "Maya", "content": "I moved to Lisbon in March 2024.", "created_at": "2024-04-01T10:00:00Z"},
    {"id": "2", "name": "Theo", "content": "My sister Ana works as a nurse.", "created_at": "2024-04-01T10:01:00Z"},
]
LATER = [
    {"id": "3", "name": "Maya", "content": "I adopted a dog called Biscuit.", "created_at": "2024-05-01T10:00:00Z"},
    {"id": "4", "name": "Theo", "content": "I started a new job at the harbour.", "created_at": "2024-05-01T10:01:00Z"},
]
SCENARIOS = {
    "created": LATER,
    "extended": [*EARLIER, *LATER],
    "replaced": [EARLIER[0], *LATER],
}


class Points:
    """Counts the points that are passed, and kills the process at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.kill_at = kill_at
        self.passed = 0
        self.active = False

    def __call__(self) -> None:
        if self.active:
            self.passed += 1
            if self.passed == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self()
            result = call(*args, **kwargs)
            self()
            return result

        return counted

    def watch(self) -> None:
        """Count statements, commits, fsyncs and renames from here on."""
        points = self

        class Cursor(sqlite3.Cursor):
            def execute(self, *args: Any) -> Any:
                return points.around(super().execute)(*args)

            def executemany(self, *args: Any) -> Any:
                return points.around(super().executemany)(*args)

        class Connection(sqlite3.Connection):
            def cursor(self, *args: Any) -> Any:
                return super().cursor(Cursor)

            def execute(self, *args: Any) -> Any:
                return points.around(super().execute)(*args)

            def commit(self) -> None:
                points.around(super().commit)()

        connect = sqlite3.connect

        def counted_connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            return connect(*args, **{**kwargs, "factory": Connection})

        sqlite3.connect = counted_connect  # type: ignore[assignment]
        sqlite3.dbapi2.connect = counted_connect  # type: ignore[assignment]
        os.fsync = self.around(os.fsync)
        os.replace = self.around(os.replace)
        os.rename = self.around(os.rename)


def forked(work: Callable[[int], None]) -> tuple[int, bytes]:
    """Run `work` in a process of its own with a pipe to write to; its exit status, and what it wrote."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read)
        try:
            work(write)
            os._exit(0)
        except BaseException as error:
            os.write(write, repr(error).encode())
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    return os.waitpid(process, 0)[1], said


def service(folder: Path) -> MemoryService:
    return MemoryService(
        user_id="maya",
        database_config={
            "provider": "sqlite",
            "sqlite_path": str(folder / "memu.db"),
            "vector_db_path": str(folder / "vectors.json"),
        },
        blob_config={"resources_dir": str(folder / "resources")},
    )


async def memorize(folder: Path, messages: list[dict[str, Any]], name: str) -> dict[str, Any]:
    path = folder / name
    path.write_text(json.dumps(messages))
    async with service(folder) as memory:
        return await memory.memorize(resource_url=path, modality="conversation")


def source_name(scenario: str) -> str:
    return "later.json" if scenario == "created" else "chat.json"


def dump(folder: Path) -> dict[str, list[Any]]:
    """The rows that matter, read by a bare connection; times and ids that a repeated call makes anew are left out."""
    with contextlib.closing(sqlite3.connect(folder / "memu.db")) as connection:
        checks = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        assert checks == ["ok"], checks
        assert not broken, broken
        return {
            "resources": connection.execute(
                "SELECT url, version, content_hash, superseded_by IS NULL FROM resources ORDER BY url, version"
            ).fetchall(),
            "texts": connection.execute("SELECT text FROM resource_texts ORDER BY text").fetchall(),
            "items": connection.execute(
                "SELECT summary, valid_to IS NULL, embedding IS NOT NULL FROM memory_items ORDER BY summary"
            ).fetchall(),
            "links": connection.execute(
                "SELECT i.summary, c.name FROM category_items l JOIN memory_items i ON i.id = l.item_id "
                "JOIN memory_categories c ON c.id = l.category_id ORDER BY 1, 2"
            ).fetchall(),
            "categories": connection.execute(
                "SELECT name, summary, stale FROM memory_categories ORDER BY name"
            ).fetchall(),
            "history": connection.execute("SELECT event FROM item_history").fetchall(),
        }


def check_files(folder: Path, *, exactly: bool) -> None:
    """Every copy that a resource names is there in full; after a complete call there is no other."""
    with contextlib.closing(sqlite3.connect(folder / "memu.db")) as connection:
        named = {row[0] for row in connection.execute("SELECT local_path FROM resources WHERE local_path <> ''")}
    for path in named:
        assert json.loads(Path(path).read_text()), path
    if exactly:
        vectors = json.loads((folder / "vectors.json").read_text())
        assert vectors["items"], "the mirror is empty"
        held = {str(path) for path in (folder / "resources").rglob("*") if path.is_file()}
        assert named <= held, (named, held)


def run_once(folder: Path, scenario: str, kill_at: int | None) -> tuple[int, bytes]:
    def work(pipe: int) -> None:
        points = Points(kill_at)
        points.watch()
        points.active = True
        result = asyncio.run(memorize(folder, SCENARIOS[scenario], source_name(scenario)))
        os.write(pipe, json.dumps({"points": points.passed, "status": result["status"]}).encode())

    return forked(work)


def prepared(folder: Path, template: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)
    return folder


def settled(left: dict[str, list[Any]], after: dict[str, list[Any]]) -> bool:
    """Whether all was committed: the rows are those of the complete call, but for summaries that are marked stale.

    They are refreshed by a step of their own after the commit, which the repeated call makes up for.
    """
    rest = all(left[name] == after[name] for name in after if name != "categories")
    pairs = zip(left["categories"], after["categories"], strict=False)
    return rest and len(left["categories"]) == len(after["categories"]) and all(a == b or a[2] == 1 for a, b in pairs)


@contextlib.contextmanager
def checking(point: int) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"killed at point {point}: {error}") from error


def sweep(base: Path, scenario: str, first: int, step: int) -> dict[str, Any]:
    template, folder = base / "template", base / "store"
    template.mkdir(parents=True)
    # The store's own paths are absolute, so the template is filled where the copies will stand.
    prepared(folder, template)
    status, said = forked(lambda pipe: (asyncio.run(memorize(folder, EARLIER, "chat.json")), None)[1])
    assert status == 0, said
    shutil.rmtree(template)
    shutil.copytree(folder, template)
    before = dump(folder)

    status, said = run_once(folder, scenario, None)
    assert status == 0, said
    report = json.loads(said)
    assert report["status"] == scenario, report
    after = dump(folder)
    assert after != before

    outcomes = {"before": 0, "after": 0}
    points = list(range(first, report["points"] + 1, step))
    for point in points:
        prepared(folder, template)
        with checking(point):
            status, said = run_once(folder, scenario, point)
            assert os.WIFSIGNALED(status), f"was not killed: {status} {said!r}"
            assert os.WTERMSIG(status) == signal.SIGKILL, f"was not killed: {status} {said!r}"
            left = dump(folder)
            assert left == before or settled(left, after), f"half-written: {left}"
            outcomes["before" if left == before else "after"] += 1
            check_files(folder, exactly=False)
            status, said = run_once(folder, scenario, None)
            assert status == 0, said
            again = json.loads(said)["status"]
            assert again == (scenario if left == before else "unchanged"), again
            assert dump(folder) == after
            check_files(folder, exactly=True)
    return {"scenario": scenario, "points": report["points"], "killed": len(points), **outcomes}


def main() -> None:
    folder, scenario, *rest = sys.argv[1:]
    first, step = (int(rest[0]), int(rest[1])) if rest else (1, 1)
    embedder_for(EmbeddingConfig()).embed(["warm up"])
    print(json.dumps(sweep(Path(folder), scenario, first, step)))


if __name__ == "__main__":
    main()
