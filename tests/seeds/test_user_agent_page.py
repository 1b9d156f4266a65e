"""The blocks of the document about users and agents."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from llm.scripted import Scripted
from memu.app import MemoryService
from memu.errors import ScopeError
from memu.memory import InMemoryStore, PersistentStore
from memu.storage import SimpleVectorDB, SQLiteDB
from memu.storage.migrations import reset_database

from .harness import check_mirror, close, owners, rows, run, run_script, source, stored, tables

DATABASE, VECTORS = "data/memu.db", "data/vectors.json"
ALICE, BOB = "My sister Anna is a doctor in Porto.", "I keep bees behind the house."


def test_user_agent_01_two_users_on_one_file(folder: Path) -> None:
    place = run("user_agent_01")
    alice, bob = place["service_alice"], place["service_bob"]
    alice.sync.memorize(ALICE)
    bob.sync.memorize(BOB)
    assert [one["summary"] for one in alice.sync.retrieve("Who keeps bees?")["items"]] == [ALICE]
    assert [one["summary"] for one in bob.sync.retrieve("Who is a doctor?")["items"]] == [BOB]
    with pytest.raises(ScopeError):
        alice.sync.retrieve("Who keeps bees?", {"user_id": "bob"})
    close(place)
    assert stored(DATABASE, "alice", "assistant_v1").summaries == [ALICE]
    assert stored(DATABASE, "bob", "assistant_v1").captions == [BOB]
    assert owners(DATABASE) == {("alice", "assistant_v1"), ("bob", "assistant_v1")}
    check_mirror(DATABASE, VECTORS)
    with closing(place := run("user_agent_01")["service_alice"]):
        assert [one.summary for one in place.store.items.values()] == [ALICE]
    close(place)


def test_user_agent_02_two_agents_of_one_user(folder: Path) -> None:
    place = run("user_agent_02")
    place["service_general"].sync.memorize(ALICE)
    place["service_coding"].sync.memorize("I always write tests before the code.")
    assert place["service_coding"].sync.list_memory_items()["items"][0]["agent_id"] == "coding_assistant"
    assert [one["summary"] for one in place["service_general"].sync.list_memory_items()["items"]] == [ALICE]
    close(place)
    assert owners(DATABASE) == {("charlie", "general_assistant"), ("charlie", "coding_assistant")}
    assert stored(DATABASE, "charlie", "general_assistant").summaries == [ALICE]


def test_user_agent_03_basic_usage(folder: Path) -> None:
    (folder / "path" / "to").mkdir(parents=True)
    told = "Maya: I moved to Leeds four years ago.\nTheo: Nice.\nMaya: I am training for a half marathon in May.\n"
    (folder / "path/to/conversation.txt").write_text(told)
    assert run_script("user_agent_03", folder) == "Retrieved 2 memory items\n"
    kept = stored(DATABASE, "user123", "assistant_v1")
    assert kept.summaries == ["I moved to Leeds four years ago.", "I am training for a half marathon in May."]
    assert len(kept.captions) == 1
    assert rows(DATABASE, "SELECT text FROM resource_texts") == [(told,)]
    # The program closed nothing, and its end wrote the mirror all the same.
    check_mirror(DATABASE, VECTORS)


def test_user_agent_04_migrate_backup_reset(folder: Path) -> None:
    run("user_agent_04")
    assert tables(DATABASE) >= {"resources", "memory_items", "memory_categories", "categories", "category_items"}
    with MemoryService(user_id="alice", database_config={"provider": "sqlite"}) as service:
        service.sync.memorize(ALICE)
        run("user_agent_04")
    copies = sorted(Path("data/backups").glob("memu-*.db"))
    assert [stored(copy, "alice", "default").summaries for copy in copies if owners(copy)] == [[ALICE]]
    check_mirror(copies[-1], next(Path("data/backups").glob("vectors-*.json")))
    reset_database()
    assert owners(DATABASE) == set()
    assert not Path(VECTORS).exists()
    assert tables(DATABASE) >= {"resources", "memory_items"}


def test_user_agent_05_no_persistence(folder: Path) -> None:
    place = run("user_agent_05")
    made = place["service"].sync.memorize(ALICE)
    assert (made["items"][0]["user_id"], made["items"][0]["agent_id"]) == ("temp_user", "temp_agent")
    close(place)
    assert list(folder.iterdir()) == []


def test_user_agent_06_settings(folder: Path) -> None:
    place = run("user_agent_06")
    assert place["config"].metadata_store.provider == "inmemory"
    first = source("user_agent_06").partition("# In-Memory")[0]
    exec(first, place)
    assert place["config"].metadata_store.dsn == "sqlite:///data/memu.db"
    assert place["config"].mirror_path == Path("data/vectors.json")


def test_user_agent_07_complete_configuration_with_the_key(folder: Path, model: Scripted) -> None:
    place = run("user_agent_07")
    assert "YOUR_API_KEY" not in f"{place['service'].llm_profiles} {place['service'].describe()}"
    told = place["service"].sync.memorize(ALICE)
    assert told["extraction"] == {"model": 1, "rules": 0}
    close(place)
    assert stored(DATABASE, "user123", "assistant_v1").summaries == [f"It was said: {ALICE}"]
    assert [one.json["model"] for one in model.seen] == ["gpt-4o-mini"] * 2
    check_mirror(DATABASE, VECTORS)


def test_user_agent_07_complete_configuration_without_the_key(folder: Path) -> None:
    (folder / "note.md").write_text(ALICE)
    place = run("user_agent_07", keyless=True)
    place["service"].sync.memorize(resource_url="note.md")
    close(place)
    assert stored(DATABASE, "user123", "assistant_v1").summaries == [ALICE]
    [(copy,)] = rows(DATABASE, "SELECT local_path FROM resources")
    assert Path(copy).is_relative_to(folder / "data" / "resources")
    assert Path(copy).read_text() == ALICE
    check_mirror(DATABASE, VECTORS)


def test_user_agent_08_legacy_code(folder: Path) -> None:
    place = run("user_agent_08")
    service = place["service"]
    assert (service.user_id, service.agent_id) == ("default", "default")
    made = service.sync.memorize(ALICE)["items"][0]
    assert (made["user_id"], made["agent_id"]) == ("default", "default")
    close(place)
    assert list(folder.iterdir()) == []


def test_user_agent_09_explicit_ids(folder: Path) -> None:
    place = run("user_agent_09")
    made = place["service"].sync.memorize(ALICE)["items"][0]
    assert (made["user_id"], made["agent_id"]) == ("user123", "assistant_v1")
    close(place)


LINKED = """SELECT items.summary, categories.name FROM category_items AS links
    JOIN memory_items AS items ON items.id = links.item_id AND items.user_id = links.user_id
    JOIN categories ON categories.id = links.category_id AND categories.user_id = links.user_id
    WHERE links.user_id = 'alice' AND links.agent_id = 'helper'"""


def test_user_agent_10_store_methods(folder: Path) -> None:
    db, vector_db = SQLiteDB("data/memu.db"), SimpleVectorDB("data/vectors.json")
    place = run("user_agent_10", store=InMemoryStore(), db=db, vector_db=vector_db, PersistentStore=PersistentStore)
    assert place["item"].embedding == [0.6, 0.8]
    store = place["store"]
    assert isinstance(store, PersistentStore)
    assert len(store.items) == 0, "the block's items went to the store in RAM"
    # "Methods use the store's user_id and agent_id automatically"
    resource = store.create_resource(url="notes.md", modality="document", local_path="notes.md")
    item = store.create_item(
        resource_id=resource.id, memory_type="profile", summary="Keeps bees.", embedding=[0.6, 0.8]
    )
    category = store.get_or_create_category(name="bees", description="All about bees", embedding=[1.0, 0.0])
    store.link_item_category(item.id, category.id)
    store.update_resource_embedding(resource.id, [0.8, -0.6])
    store.update_category_summary(category.id, "Bees, mostly.")
    assert vector_db.query("items", [0.6, 0.8], "alice", "helper") == [(item.id, pytest.approx(1.0))]
    close(store, db, vector_db)
    assert owners(DATABASE) == {("alice", "helper")}
    assert rows(DATABASE, LINKED) == [("Keeps bees.", "bees")]
    assert rows(DATABASE, "SELECT embedding FROM memory_items") == [("[0.6,0.8]",)]
    assert rows(DATABASE, "SELECT embedding FROM resources") == [("[0.8,-0.6]",)]
    assert rows(DATABASE, "SELECT summary FROM categories") == [("Bees, mostly.",)]
    check_mirror(DATABASE, VECTORS)


def test_user_agent_10_owners_in_memory() -> None:
    store = InMemoryStore()
    place = run("user_agent_10", store=store, db=None, vector_db=None, PersistentStore=lambda **_: None)
    made = [place[name] for name in ("resource", "item", "category")] + list(store.relations)
    assert [(one.user_id, one.agent_id) for one in made] == [("alice", "helper")] * 4
    store.close()


def test_user_agent_11_wal_by_hand(folder: Path) -> None:
    with MemoryService(user_id="alice", database_config={"provider": "sqlite"}) as service:
        service.sync.memorize(ALICE)
        run("user_agent_11")
        service.sync.memorize(BOB)
    assert rows(DATABASE, "PRAGMA journal_mode") == [("wal",)]
    assert stored(DATABASE, "alice", "default").summaries == [ALICE, BOB]


def test_user_agent_shell_block(folder: Path) -> None:
    """`python examples/user_agent_example.py`."""
    (folder / "examples").symlink_to(Path(__file__).parents[2] / "examples")
    command = [sys.executable, "examples/user_agent_example.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything is as expected" in done.stdout.lower()
    assert [path.name for path in folder.iterdir()] == ["examples"], "it cleans up behind itself"
