"""Files beside and under a store: opening, restoring and locking them says what is wrong and loses nothing."""

import contextlib
import fcntl
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memu import MemoryService
from memu.database import mirror as mirror_module
from memu.errors import InputError, StorageBusy, StorageReadOnly, StorageUnavailable, VectorError
from memu.storage.migrations import backup_database, restore_database

BEES = "I keep bees in the garden behind the house."
NO_VECTORS = {"provider": "none"}


def service(folder: Path, user: str = "maya", **options: Any) -> MemoryService:
    options.setdefault("database_config", {"provider": "sqlite", "sqlite_path": str(folder / "memu.db")})
    return MemoryService(
        user_id=user, embedding_config=NO_VECTORS, blob_config={"resources_dir": folder / "resources"}, **options
    )


def test_a_reader_opens_a_store_that_another_process_is_writing(tmp_path: Path) -> None:
    with service(tmp_path) as memory:
        memory.sync.memorize(BEES)
    with contextlib.closing(sqlite3.connect(tmp_path / "memu.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with service(tmp_path) as memory:
            assert len(memory.sync.retrieve("bees")["items"]) == 1
        writer.execute("ROLLBACK")


def test_validate_makes_no_file(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path / 'none' / 'memu.db'}"
    with pytest.raises(StorageUnavailable):
        service(
            tmp_path, database_config={"metadata_store": {"provider": "sqlite", "dsn": dsn, "ddl_mode": "validate"}}
        )
    assert list(tmp_path.iterdir()) == []


HOLDER = """
import sys
from memu import MemoryService
memory = MemoryService(user_id="maya", embedding_config={"provider": "none"},
                       database_config={"provider": "sqlite", "sqlite_path": sys.argv[1]}).sync
memory.list_memory_items()
print("open", flush=True)
sys.stdin.readline()
memory.memorize("I repair clocks in the workshop.")
memory.close()
"""


def test_restore_refuses_while_another_process_has_the_store_open(tmp_path: Path) -> None:
    database, vectors = str(tmp_path / "memu.db"), str(tmp_path / "vectors.json")
    with service(tmp_path) as memory:
        memory.sync.memorize(BEES)
    copy = backup_database(database, vectors, str(tmp_path / "kept"))[0]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(StorageBusy, match="close every service"):
        restore_database(copy, database, vectors)
    holder.communicate("go\n", timeout=60)
    assert holder.returncode == 0
    with service(tmp_path) as memory:
        assert len(memory.db.items) == 2, "what the other process wrote is there"
    restore_database(copy, database, vectors)
    with service(tmp_path) as memory:
        assert len(memory.db.items) == 1


def test_a_held_mirror_lock_is_a_busy_store_not_a_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "LOCK_SECONDS", 0.1)
    path = tmp_path / "vectors.json"
    with mirror_module.lock_of(path).open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StorageBusy), mirror_module.locked(path):
            pytest.fail("the lock was held by another")
    with mirror_module.locked(path):
        assert mirror_module.lock_of(path).exists()


def test_a_mirror_in_a_place_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageReadOnly), mirror_module.locked(tmp_path / "file" / "vectors.json"):
        pytest.fail("there is no such folder")


@pytest.mark.parametrize(
    ("name", "value"),
    [("happened_at", "junk-4711"), ("summary", None), ("extra", None), ("embedding", "x"), ("metadata", 5)],
)
def test_a_live_record_refuses_junk_without_repeating_it(name: str, value: Any) -> None:
    with MemoryService(embedding_config=NO_VECTORS) as memory:
        item = memory.db.create_item(memory_type="event", summary=BEES)
        before = getattr(item, name)
        with pytest.raises(InputError) as caught:
            setattr(item, name, value)
        assert "4711" not in str(caught.value)
        assert getattr(item, name) == before
        assert getattr(memory.db.items[item.id], name) == before


def test_searching_by_vector_refuses_what_cannot_be_meant() -> None:
    with MemoryService(embedding_config=NO_VECTORS) as memory:
        memory.db.create_item(memory_type="event", summary=BEES, embedding=[1.0, 2.0])
        for top_k in (0, None, True, "5"):
            with pytest.raises(InputError, match="top_k"):
                memory.db.memory_item_repo.vector_search_items([1.0, 2.0], top_k)  # type: ignore[arg-type]
        with pytest.raises(VectorError):
            memory.db.memory_item_repo.vector_search_items([1e300, 1.0], 5)
