"""The doctor finds each kind of damage, names it, and does not call an empty store healthy."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memu.app import MemoryService
from memu.database import doctor
from memu.database.backup import backup_file
from memu.database.doctor import Finding, Report, examine
from memu.database.factory import build_database
from memu.database.sweeping import check_copies, check_leftovers
from memu.embedding.minilm import IDENTITY
from memu.errors import SchemaError
from memu.settings import DatabaseConfig
from memu.sources.blobs import BlobStore

from .embedders import HashingEmbedder


def flat(folder: Path) -> dict[str, str]:
    return {
        "provider": "sqlite",
        "sqlite_path": str(folder / "memu.db"),
        "vector_db_path": str(folder / "vectors.json"),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "bees.md"
    path.write_text("# Bees\n\nI keep bees in the garden behind the house.\n\nI sell honey in the market every week.\n")
    with MemoryService(
        user_id="alice", database_config=flat(tmp_path), blob_config={"resources_dir": tmp_path / "resources"}
    ) as memory:
        memory.sync.memorize(resource_url=path)
        memory.sync.memorize([{"id": "1", "name": "Alice", "content": "I moved to Lisbon in March.",
                               "created_at": "2024-05-01T10:00:00Z"}])  # fmt: skip
        edited = memory.sync.list_memory_items()["items"][0]
        memory.sync.update_memory_item(memory_id=edited["id"], memory_content="I keep bees on the roof.")
    return tmp_path


def damage(folder: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "memu.db")) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0
        connection.commit()


def look(folder: Path) -> Report:
    # Without the mirror, which would be brought up to date when it is opened.
    config = DatabaseConfig(metadata_store={"provider": "sqlite", "dsn": f"sqlite:///{folder / 'memu.db'}",
                                            "ddl_mode": "validate"})  # fmt: skip
    database = build_database(config=config)
    try:
        return examine(database, mirror=folder / "vectors.json", embedder=IDENTITY)
    finally:
        database.close()


def said(findings: list[Finding], level: str) -> str:
    return "; ".join(one.what for one in findings if one.level == level)


def test_a_sound_store_has_nothing_but_good_findings_and_its_counts(folder: Path) -> None:
    before = (folder / "memu.db").read_bytes(), (folder / "vectors.json").read_bytes()
    report = look(folder)
    assert {one.level for one in report.findings} == {"ok"}
    assert report.sound
    assert report.counts["memory_items"] == 3
    assert report.counts["resources"] == 2
    assert report.counts["item_history"] == 1
    assert "3 items of 1 owners from 2 resources" in said(report.findings, "ok")
    assert ((folder / "memu.db").read_bytes(), (folder / "vectors.json").read_bytes()) == before


DAMAGES: dict[str, tuple[list[str], str, str]] = {
    "link": (["DELETE FROM memory_categories"], "error", "rows of category_items name rows of memory_categories"),
    "resource": (["DELETE FROM resources WHERE modality = 'document'"], "error", "name resources that are gone"),
    "offset": (["UPDATE memory_items SET source_end = 99999"], "error", "points outside the text"),
    "words": (["UPDATE memory_items SET summary = 'I never moved.'"], "error", "does not say what its source says"),
    "text": (["UPDATE resource_texts SET text = replace(text, 'Lisbon', 'Berlin')"], "error", "is not as it was"),
    "no vector": (["UPDATE memory_items SET embedding = NULL"], "warning", "3 rows of memory_items have no vector"),
    "dimension": (["UPDATE memory_items SET embedding = '[1.0, 2.0]'"], "error", "a vector of 2 dimensions, the store"),
    "no json": (["UPDATE memory_items SET embedding = '[1.0, '"], "error", "not everything can be read"),
    "stale": (["UPDATE memory_categories SET stale = 1"], "note", "category summaries are behind (activities"),
    "older": (["DELETE FROM schema_migrations"], "error", "the schema is version 0, this release has 1"),
    "unknown": (["UPDATE memu_meta SET value = '{\"name\": \"x-1\", \"dimension\": 384, \"normalized\": true}' "
                 "WHERE name = 'embedder'"], "error", "come from x-1, the embedder here is all-MiniLM"),
    "moving": (["INSERT INTO staged_embeddings VALUES ('alice', 'default', 'memory_items', 'x', 1, '[1.0]')"],
               "note", "unfinished (1 vectors made)"),
    "seq": (["UPDATE scopes SET seq = seq + 1"], "note", "vectors.json is torn or behind"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_is_found_and_named(folder: Path, case: str) -> None:
    statements, level, words = DAMAGES[case]
    damage(folder, *statements)
    report = look(folder)
    assert words in said(report.findings, level)
    assert report.sound == (level != "error")
    assert all(one.fix for one in report.findings if one.level != "ok")


def test_much_damage_of_one_kind_is_counted_and_not_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SHOWN", 2)
    damage(folder, "UPDATE memory_items SET embedding = '[1.0, 2.0]'")
    report = look(folder)
    assert said(report.findings, "error").count("has a vector of 2 dimensions") == 2
    assert "and 1 more like these" in said(report.findings, "note")
    damage(folder, "UPDATE resource_texts SET messages = '[{}]'")
    assert "not everything can be read" in said(look(folder).findings, "error")


def test_a_store_of_a_newer_version_is_not_even_opened(folder: Path) -> None:
    damage(folder, "UPDATE schema_migrations SET version = 99")
    with pytest.raises(SchemaError, match="newer version of memu"):
        look(folder)


def test_damaged_pages_are_found(folder: Path) -> None:
    path = folder / "memu.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        size = int(connection.execute("PRAGMA page_size").fetchone()[0])
        root = int(connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'memory_items'").fetchone()[0])
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    report = look(folder)
    assert not report.sound
    assert "memu restore" in next(one.fix for one in report.findings if one.level == "error")


def test_an_empty_and_a_shrunken_store_are_not_called_healthy(folder: Path) -> None:
    backup_file(folder / "memu.db", folder / "backups")
    damage(folder, "DELETE FROM category_items", "DELETE FROM item_history", "DELETE FROM memory_items")
    warnings = said(look(folder).findings, "warning")
    assert "holds no memory item" in warnings
    assert "holds 3 items, the store 0" in warnings


def test_no_weights_is_a_warning(folder: Path) -> None:
    database = build_database(config=DatabaseConfig(**flat(folder)))
    assert "no model weights" in said(examine(database).findings, "warning")
    assert HashingEmbedder().identity != IDENTITY
    other = examine(database, embedder=HashingEmbedder().identity)
    assert "the embedder here is hashing-64" in said(other.findings, "error")
    database.close()


def sweeping(folder: Path, *, sweep: bool) -> list[Finding]:
    database = build_database(config=DatabaseConfig(**flat(folder)))
    try:
        blobs = BlobStore(folder / "resources")
        return [*check_copies(database.handle, blobs, sweep=sweep), *check_leftovers(database.handle, sweep=sweep)]
    finally:
        database.close()


def old(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("left behind")
    os.utime(path, (time.time() - 86400,) * 2)
    return path


def orphans(folder: Path) -> list[Path]:
    owner = next((folder / "resources").iterdir())
    return [
        old(owner / f"{'a' * 64}.md"),
        old(owner / f".{'b' * 64}.md.123.tmp"),
    ]


def test_copies_that_nothing_names_are_told_and_swept_on_demand(folder: Path) -> None:
    assert sweeping(folder, sweep=True) == []
    left = [*orphans(folder), old(folder / ".memu.db.99.tmp")]
    copies = sorted(path for path in (folder / "resources").rglob("*.md") if path not in left)
    assert len(copies) == 1
    told = sweeping(folder, sweep=False)
    assert "2 files in" in said(told, "note")
    assert "1 temporary files" in said(told, "note")
    assert all(path.exists() for path in left)
    swept = sweeping(folder, sweep=True)
    assert {one.level for one in swept} == {"ok"}
    assert not any(path.exists() for path in left)
    assert copies[0].read_text().startswith("# Bees")


def test_young_files_and_those_of_another_store_stay(folder: Path) -> None:
    left = orphans(folder)
    young = left[0]
    os.utime(young)
    told = sweeping(folder, sweep=True)
    assert young.exists()
    assert "1 files in" in said(told, "note")
    others = old(folder / "resources" / ("c" * 32) / f"{'d' * 64}.md")
    sweeping(folder, sweep=True)
    assert others.exists(), "a folder of no owner of this store may be another store's"


def test_a_copy_that_is_gone_is_told(folder: Path) -> None:
    next((folder / "resources").rglob("*.md")).unlink()
    assert "1 copies of files are gone" in said(sweeping(folder, sweep=False), "warning")


def test_nobodys_row_can_have_another_owners_copy_deleted(folder: Path) -> None:
    copy = next((folder / "resources").rglob("*.md"))
    options: Callable[[], MemoryService] = lambda: MemoryService(  # noqa: E731
        user_id="bob", database_config=flat(folder), blob_config={"resources_dir": folder / "resources"}
    )
    with options() as bob:
        mine = bob.sync.memorize("I repair clocks.")["resource"]["id"]
        bob.db.resources[mine].local_path = str(copy)
        bob.sync.delete_resource(mine)
        other = bob.sync.memorize("I paint walls.")["resource"]["id"]
        bob.db.resources[other].local_path = str(copy)
        bob.sync.clear_memory()
    assert copy.exists()
