"""`SimpleVectorDB`: vectors in a JSON file, one pair's at a time."""

import json
import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from memu import MemoryService
from memu.errors import InputError, ScopeError, StorageCorrupt, VectorError
from memu.storage import SimpleVectorDB
from memu.storage import vector_db as module

ALICE = ("alice", "helper")
BOB = ("bob", "helper")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "vectors.json"


def test_the_documented_shape(path: Path) -> None:
    db = SimpleVectorDB(path)
    db.upsert("items", "one", [0.6, 0.8], *ALICE, text="Bees.")
    db.upsert("resources", "two", np.array([1.0, 0.0]), *BOB)  # type: ignore[arg-type]
    db.close()
    assert json.loads(path.read_text()) == {
        "resources": {"two": {"user_id": "bob", "agent_id": "helper", "vector": [1.0, 0.0], "text": None}},
        "items": {"one": {"user_id": "alice", "agent_id": "helper", "vector": [0.6, 0.8], "text": "Bees."}},
        "categories": {},
    }


def test_a_file_of_older_code_is_read(path: Path) -> None:
    path.parent.mkdir()
    entry = {"user_id": "alice", "agent_id": "helper", "vector": [0.6, 0.8]}
    path.write_text(json.dumps({"items": {"one": entry}}, indent=2))
    db = SimpleVectorDB(path)
    assert db.get("items", "one", *ALICE) == [0.6, 0.8]
    assert db.get_text("items", "one", *ALICE) is None


def test_query_is_exact_and_limited_to_the_pair(path: Path) -> None:
    generator = np.random.default_rng(7)
    vectors = generator.normal(size=(60, 16))
    db = SimpleVectorDB(path)
    for number, vector in enumerate(vectors):
        db.upsert("items", f"{number:02}", vector.tolist(), *(ALICE if number % 3 else BOB))
    query = generator.normal(size=16)
    cosines = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    best = sorted((f"{number:02}" for number in range(60) if number % 3), key=lambda one: -cosines[int(one)])
    found = db.query("items", query.tolist(), *ALICE, top_k=7)
    assert [one for one, _ in found] == best[:7]
    assert [score for _, score in found] == pytest.approx([cosines[int(one)] for one in best[:7]])
    assert len(db.query("items", query.tolist(), *ALICE)) == 5
    assert db.query("items", query.tolist(), "carol", "helper") == db.query("resources", [1.0], *ALICE) == []


def test_another_pair_reads_and_changes_nothing(path: Path) -> None:
    db = SimpleVectorDB(path)
    db.upsert("items", "one", [0.6, 0.8], *ALICE, text="Bees.")
    assert db.get("items", "one", *BOB) is db.get_text("items", "one", *BOB) is None
    assert db.list_all("items", *BOB) == []
    db.delete("items", "one", *BOB)
    with pytest.raises(ScopeError):
        db.upsert("items", "one", [1.0, 0.0], *BOB)
    assert db.list_all("items", *ALICE, include_text=True) == [("one", [0.6, 0.8], "Bees.")]


def test_delete(path: Path) -> None:
    db = SimpleVectorDB(path)
    db.upsert("items", "one", [0.6, 0.8], *ALICE)
    db.delete("items", "one", *ALICE)
    db.delete("items", "one", *ALICE)
    db.close()
    assert json.loads(path.read_text())["items"] == {}


def test_the_file_is_not_written_for_every_vector(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 1_000_000)
    db = SimpleVectorDB(path)
    db.upsert("items", "0", [1.0, 0.5], *ALICE)
    first = path.read_bytes()
    for number in range(1, 500):
        db.upsert("items", str(number), [1.0, float(number)], *ALICE)
    assert path.read_bytes() == first
    assert len(db.list_all("items", *ALICE)) == 500
    db.close()
    assert len(json.loads(path.read_text())["items"]) == 500


def test_a_program_that_closes_nothing_loses_nothing(path: Path) -> None:
    program = f"""
from memu.storage import SimpleVectorDB, vector_db
vector_db.PATIENCE = 1_000_000
db = SimpleVectorDB({str(path)!r})
for number in range(50):
    db.upsert("items", str(number), [1.0, float(number)], "alice", "helper")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert len(json.loads(path.read_text())["items"]) == 50


def write_some(path: str, user: str) -> None:
    db = SimpleVectorDB(path)
    for number in range(100):
        db.upsert("items", f"{user}-{number}", [1.0, float(number)], user, "helper")
    db.close()


def test_two_processes_keep_each_others_vectors(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_some, args=(str(path), user)) for user in ("alice", "bob")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(json.loads(path.read_text())["items"]) == 200


def test_two_handles_see_each_other(path: Path) -> None:
    one, two = SimpleVectorDB(path), SimpleVectorDB(path)
    one.upsert("items", "a", [1.0], *ALICE)
    one.close()
    assert two.get("items", "a", *ALICE) == [1.0]
    two.delete("items", "a", *ALICE)
    two.close()
    assert one.get("items", "a", *ALICE) is None


def test_a_damaged_file_is_never_overwritten(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"items": {"one": {"user_id"')
    db = SimpleVectorDB(path)
    with pytest.raises(StorageCorrupt, match="damaged"):
        db.query("items", [1.0], *ALICE)
    with pytest.raises(StorageCorrupt):
        db.upsert("items", "one", [1.0], *ALICE)
    assert path.read_text() == '{"items": {"one": {"user_id"'


def test_the_mirror_of_a_database_can_be_read_only(tmp_path: Path) -> None:
    config = {"provider": "sqlite", "sqlite_path": tmp_path / "memu.db", "vector_db_path": tmp_path / "vectors.json"}
    with MemoryService(user_id="alice", agent_id="helper", database_config=config) as service:
        service.sync.memorize("My sister Anna is a doctor in Porto.")
        [made] = service.store.items.values()
    db = SimpleVectorDB(tmp_path / "vectors.json")
    assert made.embedding is not None
    assert db.query("items", made.embedding, *ALICE)[0] == (made.id, pytest.approx(1.0))
    assert db.get_text("items", made.id, *ALICE) == made.summary
    with pytest.raises(InputError, match="mirror of a database"):
        db.upsert("items", "one", [1.0], *ALICE)
    with pytest.raises(InputError, match="mirror of a database"):
        db.delete("items", made.id, *ALICE)


@pytest.mark.parametrize("vector", [[], [0.0, 0.0], [float("inf"), 1.0], None, "1, 2", [True]])
def test_bad_vectors_are_refused(path: Path, vector: object) -> None:
    db = SimpleVectorDB(path)
    with pytest.raises(VectorError):
        db.upsert("items", "one", vector, *ALICE)  # type: ignore[arg-type]
    assert not path.exists()


def test_other_dimensions_and_names_are_refused(path: Path) -> None:
    db = SimpleVectorDB(path)
    db.upsert("items", "one", [1.0, 2.0], *ALICE)
    with pytest.raises(VectorError, match="3 dimensions"):
        db.query("items", [1.0, 2.0, 3.0], *ALICE)
    for name in ("", "generation", None):
        with pytest.raises(InputError):
            db.upsert(name, "one", [1.0], *ALICE)  # type: ignore[arg-type]
    with pytest.raises(ScopeError):
        db.get("items", "one", "alice", None)  # type: ignore[arg-type]


def test_threads_share_a_handle(path: Path) -> None:
    db = SimpleVectorDB(path)

    def work(user: str) -> int:
        for number in range(100):
            db.upsert("items", f"{user}-{number}", [1.0, float(number)], user, "helper")
            assert len(db.list_all("items", user, "helper")) == number + 1
        return len(db.query("items", [1.0, 1.0], user, "helper", top_k=200))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, ["a", "b", "c", "d"])) == [100] * 4
    db.close()
    assert len(json.loads(path.read_text())["items"]) == 400
