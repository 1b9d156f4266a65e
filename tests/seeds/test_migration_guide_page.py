"""The blocks of the migration guide."""

import logging
import subprocess
import sys
import uuid
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llm.scripted import Scripted
from memu.app import MemoryService

from .harness import check_mirror, close, owners, rows, run, run_script, source, stored, tables

DATABASE, VECTORS = "data/memu.db", "data/vectors.json"
FACT = "My sister Anna is a doctor in Porto."


def remembers(service: MemoryService, user: str, agent: str) -> None:
    """Let a service that a block made memorize something, close it, and look into the file."""
    service.sync.memorize(FACT)
    service.close()
    kept = stored(DATABASE, user, agent)
    assert (kept.summaries, kept.captions) == ([FACT], [FACT])


def test_migration_guide_01_new_project(folder: Path) -> None:
    remembers(run("migration_guide_01")["service"], "your_user_id", "your_agent_id")
    check_mirror(DATABASE, VECTORS)


def test_migration_guide_02_old_code(folder: Path) -> None:
    service = run("migration_guide_02")["service"]
    made = service.sync.memorize(FACT)["items"][0]
    assert (made["user_id"], made["agent_id"]) == ("default", "default")
    service.close()
    assert list(folder.iterdir()) == []


def test_migration_guide_03_initialize(folder: Path) -> None:
    run("migration_guide_03")
    first = tables(DATABASE)
    assert first >= {"resources", "memory_items", "categories", "category_items"}
    run("migration_guide_03")
    assert tables(DATABASE) == first
    assert rows(DATABASE, "PRAGMA integrity_check") == [("ok",)]


def test_migration_guide_04_add_persistence(folder: Path) -> None:
    service = run("migration_guide_04")["service"]
    assert service.llm_profiles["default"].chat_model == "gpt-4o-mini"
    service.close()
    assert owners(DATABASE) == set()
    remembers(run("migration_guide_04", keyless=True)["service"], "user123", "assistant_v1")
    check_mirror(DATABASE, VECTORS)


def test_migration_guide_04_memorizes_with_the_key(folder: Path, model: Scripted) -> None:
    service = run("migration_guide_04")["service"]
    assert service.sync.memorize("I keep bees.")["extraction"] == {"model": 1, "rules": 0}
    service.close()
    assert stored(DATABASE, "user123", "assistant_v1").summaries == ["It was said: I keep bees."]
    assert len(model.seen) == 2


def test_migration_guide_05_multi_user(folder: Path) -> None:
    place = run("migration_guide_05")
    place["bob_service"].sync.memorize("I keep bees behind the house.")
    remembers(place["alice_service"], "alice", "default_agent")
    close(place)
    assert owners(DATABASE) == {("alice", "default_agent"), ("bob", "default_agent")}
    check_mirror(DATABASE, VECTORS)


def test_migration_guide_06_test_script(folder: Path) -> None:
    (folder / "test_data.txt").write_text("The query service answers test queries.\n\nThe backup runs at night.\n")
    assert run_script("migration_guide_06", folder) == "Created 2 items\nRetrieved 2 items\n"
    kept = stored(DATABASE, "test_user", "test_agent")
    assert kept.summaries == ["The query service answers test queries.", "The backup runs at night."]
    assert len(kept.captions) == 1


def test_migration_guide_07_personal_assistant(folder: Path) -> None:
    remembers(run("migration_guide_07")["service"], "john_doe", "personal_assistant")


def test_migration_guide_08_memory_manager(folder: Path) -> None:
    place = run("migration_guide_08", request=SimpleNamespace(user=SimpleNamespace(id="u-17")))
    manager = place["manager"]
    assert manager.get_service("u-17") is place["service"]
    other = manager.get_service("u-18")
    other.sync.memorize("I keep bees behind the house.")
    remembers(place["service"], "u-17", "default")
    close(place)
    assert owners(DATABASE) == {("u-17", "default"), ("u-18", "default")}


def test_migration_guide_09_agents_of_one_user(folder: Path) -> None:
    place = run("migration_guide_09")
    place["coding_agent"].sync.memorize("I always write tests before the code.")
    assert place["research_agent"].sync.list_memory_items()["items"] == []
    remembers(place["general_agent"], "alice", "general_assistant")
    close(place)
    assert owners(DATABASE) == {("alice", "general_assistant"), ("alice", "coding_assistant")}


def test_migration_guide_10_copy_from_memory(folder: Path) -> None:
    assert run_script("migration_guide_10", folder) == "Migration completed!\n"
    assert owners(DATABASE) == {("migrated_user", "migrated_agent")}
    copied = "SELECT url, modality, local_path, caption, embedding FROM resources ORDER BY created_at, id"
    assert rows(DATABASE, copied) == [
        ("notes.md", "document", "notes.md", "About notes", "[0.6,0.8]"),
        ("diary.md", "document", "diary.md", "About diary", "[0.8,-0.6]"),
        ("bare.md", "document", "bare.md", None, None),
    ]
    categories = "SELECT name, description, embedding FROM categories"
    assert rows(DATABASE, categories) == [("bees", "All about bees", "[0.28,0.96]")]
    check_mirror(DATABASE, VECTORS)


def test_migration_guide_11_wal_by_hand(folder: Path) -> None:
    (folder / "data").mkdir()
    run("migration_guide_11")
    remembers(MemoryService(database_config={"provider": "sqlite"}, user_id="alice"), "alice", "default")
    assert rows(DATABASE, "PRAGMA journal_mode") == [("wal",)]


class Recording(dict[str, Any]):
    """A namespace that keeps every value a name was given."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.given: list[tuple[str, Any]] = []

    def __setitem__(self, name: str, value: Any) -> None:
        self.given.append((name, value))
        super().__setitem__(name, value)


def test_migration_guide_12_user_ids(folder: Path) -> None:
    user = SimpleNamespace(id=42, email="alice.o'neil+memu@example.org", name="Zoë Ångström")
    place = Recording({"uuid": uuid, "user": user})
    exec(source("migration_guide_12"), {}, place)
    ids = [value for name, value in place.given if name == "user_id"]
    assert len(set(ids)) == 5
    for one in ids:
        with MemoryService(user_id=one, database_config={"provider": "sqlite"}) as service:
            service.sync.create_memory_item(memory_type="profile", memory_content=f"I am {one}.", memory_categories=[])
    assert rows(DATABASE, "SELECT user_id, summary FROM memory_items ORDER BY created_at") == [
        (one, f"I am {one}.") for one in ids
    ]


def test_migration_guide_13_agent_ids(folder: Path) -> None:
    place = Recording()
    exec(source("migration_guide_13"), {}, place)
    ids = [value for name, value in place.given if name == "agent_id"]
    assert len(set(ids)) == 5
    for one in ids:
        with MemoryService(user_id="alice", agent_id=one, database_config={"provider": "sqlite"}) as service:
            service.sync.create_memory_item(memory_type="profile", memory_content=f"For {one}.", memory_categories=[])
    assert owners(DATABASE) == {("alice", one) for one in ids}


def test_migration_guide_14_regular_backups(folder: Path) -> None:
    with MemoryService(user_id="alice", database_config={"provider": "sqlite"}) as service:
        service.sync.memorize(FACT)
        run("migration_guide_14", datetime=datetime)
        run("migration_guide_14", datetime=datetime)
    copies = sorted(Path("data/backups").glob("*/memu-*.db"))
    assert len({copy.parent for copy in copies}) == 2
    for copy in copies:
        assert stored(copy, "alice", "default").summaries == [FACT]
        check_mirror(copy, next(copy.parent.glob("vectors-*.json")))


def test_migration_guide_15_error_handling(folder: Path) -> None:
    given = {"user_id": "alice", "agent_id": "helper", "logger": logging.getLogger("app")}
    remembers(run("migration_guide_15", **given)["service"], "alice", "helper")


def test_migration_guide_15_falls_back(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "data").write_text("a file where the folder should be")
    service = run("migration_guide_15", user_id="alice", agent_id="helper", logger=logging.getLogger("app"))["service"]
    assert "Failed to initialize service: the folder" in caplog.text
    assert service.sync.memorize(FACT)["items"][0]["user_id"] == "alice"
    service.close()
    assert [path.name for path in folder.iterdir()] == ["data"]


USE = f"""
from memu.app.service import MemoryService
from memu.app.settings import DatabaseConfig


def test_it(test_service):
    made = test_service.sync.memorize({FACT!r})
    assert made["items"][0]["user_id"].startswith("test_user_")
    assert len(test_service.store.items) == 1


def test_it_again(test_service):
    assert len(test_service.store.items) == 0
"""


def test_migration_guide_16_fixture(folder: Path) -> None:
    (folder / "test_fixture.py").write_text(source("migration_guide_16") + USE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_fixture.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "2 passed" in done.stdout, done.stdout
    [(user, agent)] = owners(DATABASE)
    assert (user.removeprefix("test_user_"), stored(DATABASE, user, agent).summaries) == (
        agent.removeprefix("test_agent_"), [FACT],
    )  # fmt: skip
