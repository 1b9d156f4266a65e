"""Migrating, backing up, restoring and resetting."""

import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from memu import MemoryService
from memu.errors import SchemaError, SourceNotFound, StorageBusy, StorageCorrupt
from memu.storage.migrations import (
    DatabaseMigrator,
    backup_database,
    migrate_database,
    reset_database,
    restore_database,
)

FACT = "My sister Anna is a doctor in Porto."


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    """A database and its vectors.json, with one memory of alice."""
    found = (tmp_path / "memu.db", tmp_path / "vectors.json")
    remember(found, "alice", FACT)
    return found


def service(paths: tuple[Path, Path], user: str) -> MemoryService:
    config = {"provider": "sqlite", "sqlite_path": paths[0], "vector_db_path": paths[1]}
    return MemoryService(user_id=user, database_config=config)


def remember(paths: tuple[Path, Path], user: str, text: str) -> None:
    with service(paths, user) as one:
        one.sync.memorize(text)


def summaries(database: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT user_id, summary FROM memory_items ORDER BY created_at").fetchall()


def items(vectors: Path) -> dict[str, Any]:
    return json.loads(vectors.read_text())["items"]  # type: ignore[no-any-return]


def test_migrate_makes_a_store_and_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    migrate_database(tmp_path / "new" / "memu.db", tmp_path / "new" / "vectors.json")
    assert summaries(tmp_path / "new" / "memu.db") == []
    assert capfd.readouterr() == ("", "")


def test_migrate_without_a_mirror(tmp_path: Path) -> None:
    migrate_database(tmp_path / "memu.db", None)
    assert [path.name for path in tmp_path.iterdir()] == ["memu.db"]


def test_a_newer_store_is_refused(paths: tuple[Path, Path]) -> None:
    with closing(sqlite3.connect(paths[0])) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (99, 'from the future', '2030-01-01')")
        connection.commit()
    with pytest.raises(SchemaError, match="newer version"):
        migrate_database(*paths)


def test_backup_of_a_store_in_use(paths: tuple[Path, Path], tmp_path: Path) -> None:
    with service(paths, "bob") as bob:
        bob.sync.memorize("I keep bees behind the house.")
        mirror = bob.parts.database.handle.mirror
        assert mirror is not None
        mirror._not_before = math.inf  # as after a long write: the file is left for later
        bob.sync.memorize("I sell honey on Sundays.")
        assert len(items(paths[1])) == 2
        copy, vectors = backup_database(*paths, tmp_path / "kept")
    assert copy.parent == vectors.parent == tmp_path / "kept"
    assert [summary for _, summary in summaries(copy)] == [summary for _, summary in summaries(paths[0])]
    assert len(items(vectors)) == 3
    assert copy.stem.removeprefix("memu-") == vectors.stem.removeprefix("vectors-")


def test_backups_never_overwrite_each_other(paths: tuple[Path, Path], tmp_path: Path) -> None:
    made = [one for _ in range(3) for one in backup_database(*paths, tmp_path / "kept")]
    assert sorted(made) == sorted((tmp_path / "kept").iterdir())
    assert len(set(made)) == 6


def test_backup_brings_the_vectors_up_to_date(paths: tuple[Path, Path], tmp_path: Path) -> None:
    """Another handle, which keeps no mirror, wrote to the database."""
    config = {"metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{paths[0]}"}}
    with MemoryService(database_config=config) as one:
        one.sync.memorize("I sell honey on Sundays.", user={"user_id": "bob"})
    assert len(items(paths[1])) == 1
    _, vectors = backup_database(*paths, tmp_path / "kept")
    assert len(items(vectors)) == len(items(paths[1])) == 2


def test_backup_without_vectors(tmp_path: Path) -> None:
    migrate_database(tmp_path / "memu.db", None)
    [copy] = backup_database(tmp_path / "memu.db", None, tmp_path / "kept")
    assert summaries(copy) == []


def test_backup_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="there is no database"):
        backup_database(tmp_path / "memu.db", tmp_path / "vectors.json", tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


def test_restore_brings_both_back(paths: tuple[Path, Path], tmp_path: Path) -> None:
    before = summaries(paths[0]), items(paths[1])
    copy, _ = backup_database(*paths, tmp_path / "kept")
    remember(paths, "bob", "I keep bees behind the house.")
    kept = restore_database(copy, *paths)
    assert (summaries(paths[0]), items(paths[1])) == before
    assert kept is not None
    assert len(summaries(kept)) == 2
    with service(paths, "alice") as alice:
        assert alice.sync.retrieve("Who is a doctor?")["items"][0]["summary"] == FACT


def test_restore_makes_missing_vectors(paths: tuple[Path, Path], tmp_path: Path) -> None:
    before = items(paths[1])
    copy, vectors = backup_database(*paths, tmp_path / "kept")
    vectors.unlink()
    restore_database(copy, tmp_path / "elsewhere" / "memu.db", tmp_path / "elsewhere" / "vectors.json")
    assert items(tmp_path / "elsewhere" / "vectors.json") == before


def test_restore_refuses(paths: tuple[Path, Path], tmp_path: Path) -> None:
    before = summaries(paths[0])
    (tmp_path / "torn.db").write_bytes(paths[0].read_bytes()[:5000])
    with pytest.raises(SourceNotFound):
        restore_database(tmp_path / "none.db", *paths)
    with pytest.raises(StorageCorrupt):
        restore_database(tmp_path / "torn.db", *paths)
    copy, _ = backup_database(*paths, tmp_path / "kept")
    with service(paths, "alice"), pytest.raises(StorageBusy, match="close every service"):
        restore_database(copy, *paths)
    assert summaries(paths[0]) == before


def test_reset_deletes_everything(paths: tuple[Path, Path], tmp_path: Path) -> None:
    reset_database(*paths)
    assert summaries(paths[0]) == []
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert not any(b"doctor" in content for content in left.values())
    assert set(left) <= {"memu.db", ".vectors.json.lock"}
    remember(paths, "alice", FACT)
    assert summaries(paths[0]) == [("alice", FACT)]


def test_reset_refuses_a_store_in_use(paths: tuple[Path, Path]) -> None:
    with service(paths, "alice") as alice, pytest.raises(StorageBusy):
        reset_database(*paths)
    assert summaries(paths[0]) == [("alice", FACT)]
    assert alice is not None


def test_reset_takes_a_damaged_store_away(tmp_path: Path) -> None:
    (tmp_path / "memu.db").write_bytes(b"no database at all" * 100)
    (tmp_path / "vectors.json").write_bytes(b"{torn")
    reset_database(tmp_path / "memu.db", tmp_path / "vectors.json")
    assert summaries(tmp_path / "memu.db") == []


def test_the_class_is_the_functions_for_one_store(tmp_path: Path) -> None:
    migrator = DatabaseMigrator(tmp_path / "memu.db", tmp_path / "vectors.json")
    migrator.migrate_to_latest()
    remember((tmp_path / "memu.db", tmp_path / "vectors.json"), "alice", FACT)
    copy, _ = migrator.backup_database(tmp_path / "kept")
    migrator.reset_database()
    assert summaries(tmp_path / "memu.db") == []
    migrator.restore_database(copy)
    assert summaries(tmp_path / "memu.db") == [("alice", FACT)]


def test_forget_lists_the_copies(paths: tuple[Path, Path], tmp_path: Path) -> None:
    made = backup_database(*paths, tmp_path / "backups")
    with service(paths, "alice") as alice:
        assert alice.sync.forget()["backups"] == sorted(map(str, made))
