"""`vectors.json`: the documented shape, always the database's present state, rebuilt when it is not."""

import json
import re
import time
from pathlib import Path

import pytest

from memu.database import mirror as mirror_module

from .test_concurrency import service

DOCUMENTED = {"user_id", "agent_id", "vector"}


def read(folder: Path) -> dict[str, dict[str, dict[str, object]]]:
    return json.loads((folder / "vectors.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    with service(tmp_path, "maya", embedding_config=None) as memory:
        memory.sync.memorize("I keep bees in the garden behind the house.")
        memory.sync.memorize("I repair clocks in the workshop every week.")
    return tmp_path


def test_the_file_has_the_documented_shape_and_the_stored_vectors(filled: Path) -> None:
    held = read(filled)
    with service(filled, "maya", embedding_config=None) as memory:
        assert set(held["items"]) == set(memory.db.items)
        assert set(held["categories"]) == set(memory.db.categories)
        for item in memory.db.items.values():
            entry = held["items"][item.id]
            assert set(entry) >= DOCUMENTED
            assert entry["user_id"] == "maya"
            assert entry["vector"] == item.embedding
            assert entry["text"] == item.summary


@pytest.mark.parametrize("damage", ["torn", "stale", "missing", "garbage", "foreign"])
def test_a_damaged_file_is_rebuilt_when_the_store_is_opened(filled: Path, damage: str) -> None:
    path = filled / "vectors.json"
    good = read(filled)
    if damage == "torn":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "stale":
        old = path.read_bytes()
        with service(filled, "maya", embedding_config=None) as memory:
            memory.sync.memorize("I sold the last of the honey to the baker.")
        good = read(filled)
        path.write_bytes(old)
    elif damage == "missing":
        path.unlink()
    elif damage == "garbage":
        path.write_bytes(b"\x00\xff not json")
    else:
        path.write_text(re.sub(r"[0-9a-f]{64}", "0" * 64, path.read_text()))
    with service(filled, "maya", embedding_config=None) as memory:
        assert read(filled) == good
        assert all(item.embedding for item in memory.db.items.values())


def test_a_file_with_no_generation_never_overwrites_the_database(filled: Path) -> None:
    """An old-shape file beside a database that has vectors is not imported: the column is the truth."""
    held = read(filled)
    for entry in held["items"].values():
        entry["vector"] = [1.0] * 384
    (filled / "vectors.json").write_text(
        json.dumps({name: held[name] for name in ("resources", "items", "categories")})
    )
    with service(filled, "maya", embedding_config=None) as memory:
        assert all(item.embedding != [1.0] * 384 for item in memory.db.items.values())


def test_the_file_is_not_written_for_every_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = []
    write = mirror_module.Mirror._write

    def slow(self: mirror_module.Mirror, records: object) -> None:
        writes.append(time.monotonic())
        write(self, records)  # type: ignore[arg-type]
        self._not_before = time.monotonic() + 3600  # as after a write of three minutes

    monkeypatch.setattr(mirror_module.Mirror, "_write", slow)
    with service(tmp_path, "maya", embedding_config=None) as memory:
        for number in range(20):
            memory.sync.create_memory_item(memory_type="event", memory_content=f"I caught {number + 2} fish.")
        assert len(writes) == 1
    assert len(writes) == 2, "and once more at close"
    assert len(read(tmp_path)["items"]) == 20


def test_a_large_file_waits_for_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "LARGE", 1000)
    monkeypatch.setattr(mirror_module, "PATIENCE", 0)
    with service(tmp_path, "maya", embedding_config=None) as memory:
        memory.sync.memorize("I keep bees in the garden behind the house.")
        first = (tmp_path / "vectors.json").read_bytes()
        memory.sync.memorize("I repair clocks in the workshop every week.")
        assert (tmp_path / "vectors.json").read_bytes() == first
    assert len(read(tmp_path)["items"]) == 2


def test_leftovers_of_a_killed_writer_are_removed(filled: Path) -> None:
    leftover = filled / ".vectors.json.4242.tmp"
    leftover.write_text('{"generation":"half')
    with service(filled, "maya", embedding_config=None):
        assert not leftover.exists()


def test_the_nested_form_keeps_no_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from memu.app import MemoryService

    monkeypatch.chdir(tmp_path)
    with MemoryService(database_config={"metadata_store": {"provider": "sqlite"}}) as memory:
        memory.sync.memorize("I keep bees in the garden behind the house.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["memu.db"]


def test_in_memory_writes_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from memu.app import MemoryService

    (tmp_path / "notes.md").write_text("I keep bees in the garden behind the house.")
    monkeypatch.chdir(tmp_path)
    with MemoryService() as memory:
        memory.sync.memorize(resource_url="notes.md")
        assert len(memory.db.items) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["notes.md"]
