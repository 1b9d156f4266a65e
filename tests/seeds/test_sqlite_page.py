"""The blocks of the SQLite document."""

import json
import subprocess
from pathlib import Path

import pytest

from llm.scripted import Scripted
from memu.app import MemoryService

from .harness import close, owners, rows, run, run_main, run_script, source, stored, tables

FACT = "I moved to Lisbon in March and I teach chemistry there."
DOCUMENTED = {"resources", "memory_items", "memory_categories", "category_items"}


def test_sqlite_01_default_and_custom_path(folder: Path) -> None:
    close(run("sqlite_01"))
    for database in ("memu.db", "path/to/your/memory.db"):
        assert tables(database) >= DOCUMENTED
        assert owners(database) == set()


def test_sqlite_01_memorizes_without_the_key(folder: Path) -> None:
    place = run("sqlite_01", keyless=True)
    place["service"].sync.memorize(FACT, user={"user_id": "alice"})
    close(place)
    assert stored("path/to/your/memory.db", "alice", "default").summaries == [FACT]
    assert owners("path/to/your/memory.db") == {("alice", "default")}
    assert owners("memu.db") == set()


def test_sqlite_01_memorizes_with_the_key(folder: Path, model: Scripted) -> None:
    place = run("sqlite_01")
    told = place["service"].sync.memorize(FACT, user={"user_id": "alice"})
    assert told["extraction"] == {"model": 1, "rules": 0}
    close(place)
    assert stored("path/to/your/memory.db", "alice", "default").summaries == [f"It was said: {FACT}"]
    assert {one.headers["authorization"] for one in model.seen} == {"Bearer your-api-key"}
    assert [one.path for one in model.seen] == ["/v1/chat/completions"] * 2


@pytest.mark.parametrize("block", ["sqlite_02", "sqlite_03"])
def test_sqlite_02_and_03_memorize_with_the_key(folder: Path, model: Scripted, block: str) -> None:
    place = run(block)
    place["service"].sync.memorize(FACT, user={"user_id": "alice"})
    found = place["service"].sync.retrieve("Where do I live?", {"user_id": "alice"})
    assert [one["summary"] for one in found["items"]] == [f"It was said: {FACT}"]
    assert found["signals"]["dense"] is True
    close(place)
    assert len(model.seen) == 2


def test_sqlite_02_in_memory(folder: Path) -> None:
    close(run("sqlite_02"))
    place = run("sqlite_02", keyless=True)
    place["service"].sync.memorize(FACT, user={"user_id": "alice"})
    assert place["service"].sync.retrieve("Where do I live?", {"user_id": "alice"})["items"][0]["summary"] == FACT
    close(place)
    assert list(folder.iterdir()) == []


def test_sqlite_03_exact_search(folder: Path) -> None:
    close(run("sqlite_03"))
    place = run("sqlite_03", keyless=True)
    place["service"].sync.memorize(FACT, user={"user_id": "alice"})
    assert place["service"].sync.retrieve("Where do I live?", {"user_id": "alice"})["signals"]["dense"] is True
    close(place)
    assert stored("memu.db", "alice", "default").summaries == [FACT]


def test_sqlite_04_plain_copy_while_open(folder: Path) -> None:
    with MemoryService(database_config={"metadata_store": {"provider": "sqlite"}}) as service:
        service.sync.memorize(FACT, user={"user_id": "alice"})
        run("sqlite_04")
    assert stored("memu_backup.db", "alice", "default").summaries == [FACT]
    assert rows("memu_backup.db", "PRAGMA integrity_check") == [("ok",)]


CONVERSATION = [
    {"id": "m1", "role": "user", "name": "Alice", "content": "I prefer tea to coffee, and I love green tea most."},
    {"id": "m2", "role": "assistant", "content": "Noted!"},
    {"id": "m3", "role": "user", "name": "Alice", "content": "My favourite food is grilled sardines."},
]


def test_sqlite_06_full_workflow(folder: Path) -> None:
    (folder / "conversation.json").write_text(json.dumps(CONVERSATION))
    assert "your-api-key" not in source("sqlite_06", keyless=True)
    printed = run_script("sqlite_06", folder, keyless=True).splitlines()
    assert printed[0] == "Created 10 categories"
    assert any("tea" in line for line in printed[1:]), printed
    kept = stored("my_memories.db", "alice", "default")
    assert len(kept.summaries) == 2
    assert len(kept.captions) == 1
    assert owners("my_memories.db") == {("alice", "default")}
    assert rows("my_memories.db", "SELECT message_ids, speaker FROM memory_items ORDER BY created_at") == [
        ('["m1"]', "Alice"), ('["m3"]', "Alice"),
    ]  # fmt: skip
    assert rows("my_memories.db", "SELECT count(*) FROM memory_categories") == [(10,)]


def test_sqlite_06_full_workflow_with_the_key(
    folder: Path, model: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "conversation.json").write_text(json.dumps(CONVERSATION))
    run_main("sqlite_06")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "Created 10 categories"
    assert any("tea" in line for line in printed[1:]), printed
    assert len(stored("my_memories.db", "alice", "default").summaries) == 3
    assert len(model.seen) == 2


def test_sqlite_shell_block(folder: Path) -> None:
    """`chmod 755` on the folder of the data, with its name filled in; a store in it then opens."""
    (folder / "data").mkdir(mode=0o500)
    subprocess.run(["chmod", "755", "data"], check=True)
    MemoryService(database_config={"provider": "sqlite"}).close()
    assert tables("data/memu.db") >= DOCUMENTED
