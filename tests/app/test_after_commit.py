"""What fails after the commit is a warning: the memories are kept, and a repeated call finds them."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memu import MemoryService
from memu.database.unit import ScopedWriter
from memu.errors import StorageError, StorageReadOnly

TASTES = (
    "My favourite colour is green.",
    "I never drink coffee after noon.",
    "Opera bores me to tears.",
    "The best holidays are spent on a boat.",
    "Marzipan should be forbidden by law.",
    "Give me rain over sunshine any day.",
)
BEES = "I keep bees in the garden behind the house."


def service(folder: Path, **options: Any) -> MemoryService:
    options.setdefault("embedding_config", {"provider": "none"})
    return MemoryService(
        user_id="maya",
        database_config={"provider": "sqlite", "sqlite_path": str(folder / "memu.db")},
        blob_config={"resources_dir": folder / "resources"},
        **options,
    )


@pytest.mark.parametrize(
    "broken",
    ["memu.database.mirror.Mirror.wrote", "memu.app.write.sweep_scope", "memu.app.memorize.refresh_stale"],
)
def test_a_failure_after_the_commit_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise StorageReadOnly("the disk says no.")

    with service(tmp_path) as memory:
        with monkeypatch.context() as patched:
            patched.setattr(broken, fail)
            result = memory.sync.memorize(BEES)
        assert result["status"] == "created"
        assert any("the disk says no" in warning for warning in result["warnings"])
        assert memory.sync.memorize(BEES)["status"] == "unchanged"


def test_a_stale_summary_is_mended_by_the_next_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise StorageError("killed before the refresh.")

    with service(tmp_path) as memory:
        kept = memory.sync.create_memory_item(
            memory_type="profile", memory_content="My dog is called Rex.", memory_categories=["relationships"]
        )["memory_item"]
        with monkeypatch.context() as patched:
            patched.setattr("memu.app.crud.refresh", fail)
            with pytest.raises(StorageError):
                memory.sync.delete_memory_item(memory_id=kept["id"])
        assert memory.sync.list_memory_categories()["categories"][0]["stale"]
        memory.sync.memorize(BEES)
        categories = memory.sync.list_memory_categories()["categories"]
        assert not any(one["stale"] for one in categories)
        assert not any("Rex" in (one["summary"] or "") for one in categories)


def test_summaries_lose_nothing_to_concurrent_writers(tmp_path: Path) -> None:
    with service(tmp_path) as memory, ThreadPoolExecutor(8) as threads:
        calls = [
            threads.submit(
                memory.sync.create_memory_item,
                memory_type="profile",
                memory_content=content,
                memory_categories=["preferences"],
            )
            for content in TASTES
        ]
        for call in calls:
            call.result(timeout=60)
        memory.sync.memorize(BEES)
        category = memory.db.memory_category_repo.by_name("preferences")
        assert category is not None
        assert not category.stale
        text = category.summary or ""
        assert [content for content in TASTES if content not in text] == []


def _after_the_first(delete: Any, fail: Any) -> Any:
    calls = iter(range(100))
    return lambda *args: delete(*args) if next(calls) == 0 else fail()


def test_clear_and_update_are_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the middle of either leaves everything as it was."""
    with service(tmp_path) as memory:
        memory.sync.memorize([{"name": "Maya", "content": BEES}])
        item = memory.sync.list_memory_items()["items"][0]

        def fail(*_args: object) -> None:
            raise sqlite3.OperationalError("in the middle")

        def dump() -> list[str]:
            with sqlite3.connect(tmp_path / "memu.db") as connection:
                return list(connection.iterdump())

        before = dump()
        with monkeypatch.context() as patched:
            patched.setattr(ScopedWriter, "delete", _after_the_first(ScopedWriter.delete, fail))
            with pytest.raises(sqlite3.OperationalError):
                memory.sync.clear_memory()
        assert dump() == before
        with monkeypatch.context() as patched:
            patched.setattr("memu.database.items.file_under", fail)
            with pytest.raises(sqlite3.OperationalError):
                memory.sync.update_memory_item(
                    memory_id=item["id"], memory_content="I keep geese.", memory_categories=["geese"]
                )
        assert dump() == before


def test_two_stores_with_one_resources_folder_leave_each_other_alone(tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text(BEES)

    def opened(name: str) -> MemoryService:
        return MemoryService(
            user_id="maya",
            embedding_config={"provider": "none"},
            database_config={"metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{tmp_path / name}"}},
            blob_config={"resources_dir": tmp_path / "resources"},
        )

    with opened("one.db") as one, opened("two.db") as two:
        kept = Path(one.sync.memorize(resource_url=notes)["resource"]["local_path"])
        other = Path(two.sync.memorize(resource_url=notes)["resource"]["local_path"])
        assert kept != other
        two.sync.forget()
        assert kept.exists()
        assert not other.exists()
    assert threading.active_count() < 50
