"""Moving a store to another embedder: online, resumable, all at once, and never two kinds of vectors side by side."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memu.app import MemoryService
from memu.backends.schema import ITEMS, META, RESOURCES, SEARCHED, STAGED
from memu.database import reembed as module
from memu.database.core import Database
from memu.database.factory import build_database
from memu.database.reembed import reembed
from memu.database.search import nearest
from memu.database.vectors import Recorded
from memu.embedding import load_embedder
from memu.errors import ConflictError, EmbedderMismatch, ModelError
from memu.extract.base import index_text
from memu.scope import Scope
from memu.settings import DatabaseConfig

from .embedders import HashingEmbedder

ALICE = Scope.of({"user_id": "alice"})
FACTS = [
    "I keep bees in the garden behind the house.",
    "I repair clocks in the workshop every week.",
    "My sister Ana works as a nurse in Porto.",
    "I moved to Lisbon in March 2024.",
    "I play chess with my neighbour Otto on Sundays.",
]


def config(folder: Path) -> dict[str, Any]:
    return {"provider": "sqlite", "sqlite_path": str(folder / "memu.db")}


def service(folder: Path, user: str = "alice", **options: Any) -> MemoryService:
    blobs = {"resources_dir": folder / "resources"}
    return MemoryService(user_id=user, database_config=config(folder), blob_config=blobs, **options)


@contextlib.contextmanager
def operator(folder: Path) -> Iterator[Database]:
    database = build_database(config=DatabaseConfig(**config(folder)))
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with service(tmp_path) as memory:
        memory.sync.memorize([{"id": str(n), "name": "Alice", "content": fact} for n, fact in enumerate(FACTS)])
    with service(tmp_path, "bob") as memory:
        memory.sync.memorize("# Harbour\n\nThe harbour office opens at nine.\n", modality="document")
    return tmp_path


def vectors(folder: Path, table: str = ITEMS) -> dict[str, list[float] | None]:
    with contextlib.closing(sqlite3.connect(folder / "memu.db")) as connection:
        rows = connection.execute(f"SELECT id, embedding FROM {table}").fetchall()
    return {name: value and json.loads(value) for name, value in rows}


def staged(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / "memu.db")) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {STAGED}").fetchone()[0])


def test_every_vector_and_the_name_change_at_once(folder: Path) -> None:
    embedder = HashingEmbedder()
    told: list[tuple[int, int]] = []
    with operator(folder) as database:
        done = reembed(database.handle, embedder, progress=lambda *step: told.append(step))
        assert done.before == Recorded("all-MiniLM-L6-v2", 384, normalized=True)
        assert done.after == database.handle.embedder() == Recorded("hashing-64", 64, normalized=True)
        assert done.made == sum(len(vectors(folder, table)) for table in SEARCHED)
        assert told[-1] == (done.made, done.made)
        for table in SEARCHED:
            assert all(len(value or []) == 64 for value in vectors(folder, table).values())
        for item in database.items.values():
            expected = embedder.vector(index_text(item.summary, item.speaker, item.extra.get("heading")))
            assert item.embedding == pytest.approx(expected.tolist())
    assert staged(folder) == 0


def test_a_service_with_the_old_embedder_is_refused_in_every_call_that_needs_it(folder: Path) -> None:
    with service(folder) as old, operator(folder) as database:
        assert old.sync.retrieve("Who keeps bees?")["signals"]["dense"]
        reembed(database.handle, HashingEmbedder())
        with pytest.raises(EmbedderMismatch, match="hashing-64"):
            old.sync.memorize("I bought a boat.")
        with pytest.raises(EmbedderMismatch, match="hashing-64"):
            old.sync.retrieve("Who keeps bees?")
        assert len(old.sync.list_memory_items()["items"]) == len(FACTS)
        with pytest.raises(EmbedderMismatch, match="memu reembed"):
            service(folder)


def test_another_model_of_the_same_dimension_is_refused_too(folder: Path) -> None:
    with service(folder) as old, operator(folder) as database:
        reembed(database.handle, HashingEmbedder(384))
        with pytest.raises(EmbedderMismatch, match="hashing-384"):
            old.sync.retrieve("Who keeps bees?")


def test_resident_indexes_of_this_and_of_another_process_are_loaded_anew(folder: Path) -> None:
    other = f"""
import sys
from tests.database.test_reembed import ALICE, HashingEmbedder, nearest, operator
from pathlib import Path
with operator(Path({str(folder)!r})) as database:
    def best(vector):
        return nearest(database.handle, ALICE, vector, 1)[0][0]
    from memu.embedding import load_embedder
    print(best(load_embedder().embed(["Alice: {FACTS[0]}"])[0]), flush=True)
    sys.stdin.readline()
    print(best(HashingEmbedder().vector("Alice: {FACTS[0]}")), flush=True)
"""
    with (
        subprocess.Popen(
            [sys.executable, "-c", other], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child,
        operator(folder) as database,
    ):
        assert child.stdin
        assert child.stdout
        bees = next(one.id for one in database.items.values() if one.summary == FACTS[0])
        assert child.stdout.readline().strip() == bees
        load = load_embedder()
        assert load
        assert nearest(database.handle, ALICE, load.embed([f"Alice: {FACTS[0]}"])[0].tolist(), 1)[0][0] == bees
        embedder = HashingEmbedder()
        reembed(database.handle, embedder)
        found = nearest(database.handle, ALICE, embedder.vector(f"Alice: {FACTS[0]}").tolist(), 1)
        assert found[0] == (bees, pytest.approx(1.0, abs=1e-5))
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline().strip() == bees


def test_there_and_back_gives_the_same_vectors(folder: Path) -> None:
    before = {table: vectors(folder, table) for table in SEARCHED}
    minilm = load_embedder()
    assert minilm
    with operator(folder) as database:
        reembed(database.handle, HashingEmbedder())
        reembed(database.handle, minilm)
    for table, rows in before.items():
        after = vectors(folder, table)
        for name, value in rows.items():
            assert float(np.dot(value or [0], after[name] or [0])) >= 0.999
    with service(folder) as memory:
        assert memory.sync.retrieve("Who looks after insects?", top_k=1)["items"][0]["summary"] == FACTS[0]


CHILD = """
import os, signal, sys
from pathlib import Path
from memu.database import reembed as module
from tests.database.test_reembed import HashingEmbedder, operator
module.PAGE = 3
def hook(call):
    if call == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
with operator(Path(sys.argv[1])) as database:
    module.reembed(database.handle, HashingEmbedder(hook=hook))
"""


def test_a_killed_run_goes_on_where_it_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    before = vectors(folder)
    child = subprocess.run([sys.executable, "-c", CHILD, str(folder), "5"], check=False)
    assert child.returncode == -signal.SIGKILL
    held = staged(folder)
    assert held >= 8
    assert vectors(folder) == before
    with service(folder) as memory:
        assert memory.sync.retrieve("Who keeps bees?")["items"][0]["summary"] == FACTS[0]
        assert memory.sync.memorize("I bought a boat called Petrel.")["status"] == "created"
    embedder = HashingEmbedder()
    with operator(folder) as database:
        done = reembed(database.handle, embedder)
        # What the memorized sentence touched (categories it was filed in) is made anew.
        assert done.resumed >= held - 3
        assert done.made == embedder.texts
        assert done.made < done.resumed + 20
        assert all(len(value or []) == 64 for value in vectors(folder).values())
    assert staged(folder) == 0


def test_killed_between_any_two_batches_it_is_never_half_moved(folder: Path) -> None:
    for call in (1, 2, 7):
        assert subprocess.run([sys.executable, "-c", CHILD, str(folder), str(call)], check=False).returncode < 0
        dimensions = {len(value or []) for table in SEARCHED for value in vectors(folder, table).values()}
        assert dimensions == {384}
    with operator(folder) as database:
        assert database.handle.embedder() == Recorded("all-MiniLM-L6-v2", 384, normalized=True)


def test_another_goal_throws_away_what_was_made_for_the_first(folder: Path) -> None:
    assert subprocess.run([sys.executable, "-c", CHILD, str(folder), "5"], check=False).returncode < 0
    assert staged(folder)
    with operator(folder) as database:
        done = reembed(database.handle, HashingEmbedder(32))
        assert done.resumed == 0
    assert {len(value or []) for value in vectors(folder).values()} == {32}


def test_two_runs_with_different_goals_do_not_mix(folder: Path) -> None:
    with operator(folder) as database:

        def hook(call: int) -> None:
            if call == 2:
                reembed(database.handle, HashingEmbedder(32))

        with pytest.raises(ConflictError, match="another process"):
            reembed(database.handle, HashingEmbedder(hook=hook))
        assert database.handle.embedder() == Recorded("hashing-32", 32, normalized=True)
    assert {len(value or []) for value in vectors(folder).values()} == {32}
    assert staged(folder) == 0


def test_writers_go_on_meanwhile_and_nothing_of_theirs_is_missed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    monkeypatch.setattr(module, "LAST", 0)
    with service(folder) as memory, operator(folder) as database:
        chosen = memory.sync.list_memory_items()["items"]

        def hook(call: int) -> None:
            if call in (2, 4, 6, 8, 10, 12):
                memory.sync.memorize(f"My friend number {call} collects stamps.")
            if call == 3:
                memory.sync.update_memory_item(memory_id=chosen[0]["id"], memory_content="I keep goats.")
            if call == 5:
                memory.sync.delete_memory_item(memory_id=chosen[1]["id"])
            if call == 7:
                memory.sync.forget()
                memory.sync.memorize("I was forgotten once.")

        embedder = HashingEmbedder(hook=hook)
        reembed(database.handle, embedder)
        items = list(database.items.values())
        assert {one.summary for one in items} >= {
            "I was forgotten once.", "My friend number 12 collects stamps.", "The harbour office opens at nine."
        }  # fmt: skip
        for one in items:
            expected = embedder.vector(index_text(one.summary, one.speaker, one.extra.get("heading")))
            assert one.embedding == pytest.approx(expected.tolist())
        for table in SEARCHED:
            assert {len(value or []) for value in vectors(folder, table).values()} == {64}
    assert staged(folder) == 0


def test_what_was_deleted_meanwhile_leaves_no_vector(folder: Path) -> None:
    with service(folder) as memory, operator(folder) as database:

        def hook(call: int) -> None:
            if call == 1:
                memory.sync.forget()
            if call == 2:
                assert staged(folder) == 0
                raise ModelError("stop here")

        with pytest.raises(ModelError):
            reembed(database.handle, HashingEmbedder(hook=hook))


def test_writers_that_are_faster_than_the_move_do_not_keep_it_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAST", 0)
    monkeypatch.setattr(module, "PASSES", 3)
    with service(folder) as memory, operator(folder) as database:
        embedder = HashingEmbedder()
        stage = module._Move._stage

        def busy(move: Any, *args: Any) -> None:
            stage(move, *args)
            memory.sync.create_memory_item(memory_type="event", memory_content=f"Step {embedder.calls} was taken.")

        monkeypatch.setattr(module._Move, "_stage", busy)
        reembed(database.handle, embedder)
        assert {len(value or []) for value in vectors(folder).values()} == {64}


def test_rows_without_a_vector_get_one_and_the_others_keep_theirs(folder: Path) -> None:
    before = vectors(folder)
    with service(folder, embedding_config={"provider": "none"}) as memory:
        memory.sync.memorize("I bought a boat called Petrel.")
        assert None in vectors(folder).values()
    minilm = load_embedder()
    assert minilm
    with operator(folder) as database, service(folder) as memory:
        assert "Petrel" in memory.sync.retrieve("Petrel")["items"][0]["summary"]
        done = reembed(database.handle, minilm)
        assert done.before == done.after
        assert done.made == 2  # the item and its resource's caption
        after = vectors(folder)
        assert {name: after[name] for name in before} == before
        assert None not in after.values()
        assert None not in vectors(folder, RESOURCES).values()
        boat = next(one for one in database.items.values() if one.id not in before)
        expected = minilm.embed([index_text(boat.summary, boat.speaker)])[0]
        assert float(np.dot(expected, boat.embedding or [0])) >= 0.999
        assert memory.sync.retrieve(boat.summary, top_k=1)["items"][0]["id"] == boat.id
        assert reembed(database.handle, minilm).made == 0
        assert reembed(database.handle, minilm, everything=True).made > len(before)


def test_a_store_that_was_always_lexical_is_moved_and_then_searched_by_meaning(tmp_path: Path) -> None:
    with service(tmp_path, embedding_config={"provider": "none"}) as memory:
        memory.sync.memorize([{"id": str(n), "content": fact} for n, fact in enumerate(FACTS)])
    minilm = load_embedder()
    assert minilm
    with operator(tmp_path) as database:
        assert database.handle.embedder() is None
        reembed(database.handle, minilm)
    with service(tmp_path) as memory:
        found = memory.sync.retrieve("Who looks after insects?", top_k=1)
        assert found["signals"]["dense"]
        assert found["items"][0]["summary"] == FACTS[0]


def test_vectors_of_an_unnamed_model_are_replaced(tmp_path: Path) -> None:
    with operator(tmp_path) as database:
        mine = database.bound(ALICE)
        mine.create_item(memory_type="profile", summary="I keep bees.", embedding=[1.0, 2.0])
        mine.create_resource(url="a", modality="text", embedding=[3.0, 4.0])
        mine.create_item(memory_type="profile", summary="\u200b\u2060", embedding=[1.0, 1.0])
        done = reembed(database.handle, HashingEmbedder(2))
        assert done.before == Recorded("unknown/2", 2)
        bees, blank = sorted(mine.items.values(), key=lambda one: one.summary)
        assert bees.embedding == pytest.approx(HashingEmbedder(2).vector("I keep bees.").tolist())
        # Neither holds words to make a vector of, and the old model's may not stay.
        assert blank.embedding is None
        assert next(iter(mine.resources.values())).embedding is None
        with database.handle.reader(None) as reader:
            assert reader.count(META, [module.Condition("name", "eq", module.GOAL)]) == 0
