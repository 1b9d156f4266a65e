"""P8: after a user is forgotten, no word of theirs is found in any file of the store."""

import contextlib
import json
import sqlite3
from pathlib import Path

from memu.app import MemoryService

from .conversations import chat
from .test_concurrency import flat, service

CANARY = "Zyxquorfle"


def holders(folder: Path, word: str) -> list[str]:
    """The files that hold a word, in any of the encodings that a database or a copy may use."""
    needles = [word.encode("utf-8"), word.lower().encode(), word.encode("utf-16-le")]
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    )


def fill(memory: MemoryService, folder: Path, word: str, rounds: int) -> None:
    """Every way in which words get into the store, and every way in which they are moved about in it."""
    for number in range(rounds):
        memory.sync.memorize(chat(f"{word}-{number}", 30, topic=f"{word} harbour"))
    path = folder.parent / f"{word}.md"
    path.write_text(f"# {word}\n\nThe {word} garden opens at nine.\n\nThe {word} gate is green.\n")
    memory.sync.memorize(resource_url=path, metadata={"project": word})
    path.write_text(f"# {word}\n\nThe {word} garden opens at ten.\n\nThe {word} gate is green.\n")
    assert memory.sync.memorize(resource_url=path, metadata={"project": word})["status"] == "replaced"
    made = memory.sync.create_memory_item(memory_type="profile", memory_content=f"I am called {word}.")["memory_item"]
    memory.sync.update_memory_item(memory_id=made["id"], memory_content=f"I am called {word} the second.")
    gone = memory.sync.create_memory_item(memory_type="event", memory_content=f"{word} left.")["memory_item"]
    memory.sync.delete_memory_item(memory_id=gone["id"])
    memory.sync.retrieve(f"What is {word}?")


def test_forgetting_leaves_no_word_in_any_file(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    other = service(folder, "theo", embedding_config=None)
    other.sync.memorize(chat("theo", 10, topic="orchard"))
    memory = service(folder, CANARY, embedding_config=None)
    fill(memory, folder, CANARY, rounds=6)
    assert "memu.db" in holders(folder, CANARY)
    assert "vectors.json" in holders(folder, CANARY)
    assert any(name.startswith("resources/") for name in holders(folder, CANARY))

    report = memory.sync.forget()

    assert report["erased"]["memory_items"] > 150
    assert report["files"] >= 1
    assert holders(folder, CANARY) == [], "right after the call, with the services still open"
    assert memory.sync.retrieve(f"What is {CANARY}?")["items"] == []
    assert memory.sync.list_memory_items()["items"] == []
    memory.close()
    other.close()
    assert holders(folder, CANARY) == [], "and after they were closed"
    with contextlib.closing(sqlite3.connect(folder / "memu.db")) as connection:
        assert CANARY not in "\n".join(connection.iterdump())
        assert connection.execute("SELECT count(*) FROM memory_items WHERE user_id = 'theo'").fetchone()[0] >= 10


def test_forgetting_spares_everybody_else(tmp_path: Path) -> None:
    with service(tmp_path, "maya") as maya, service(tmp_path, "theo") as theo:
        maya.sync.memorize(chat("maya", 12))
        theo.sync.memorize(chat("theo", 12))
        kept = theo.sync.list_memory_items()
        maya.sync.forget()
        assert theo.sync.list_memory_items() == kept
        assert [item["speaker"] for item in theo.sync.retrieve("lemons", top_k=3)["items"]] == ["theo"] * 3


def test_a_forgotten_user_can_begin_again_in_another_process_s_sight(tmp_path: Path) -> None:
    """A service that had the user's index resident sees the new life, not the old one, though counters start anew."""
    with service(tmp_path, "maya") as here:
        here.sync.memorize(chat("old", 12))
        assert here.sync.retrieve("lemons", top_k=20)["items"]
        other = MemoryService(
            user_id="maya",
            embedding_config={"provider": "none"},
            database_config={"metadata_store": {"provider": "sqlite", "dsn": f"sqlite:///{tmp_path / 'memu.db'}"}},
            blob_config={"resources_dir": tmp_path / "resources"},
        )
        assert other.db.handle is not here.db.handle, "another store, as another process would have"
        with other:
            other.sync.forget()
            for number in range(3):
                other.sync.memorize(f"I plant {number + 4} pear trees by the river.")
        found = here.sync.retrieve("lemons and pear trees", top_k=20)["items"]
        assert len(found) == 3
        assert all("pear" in item["summary"] for item in found)


def test_backups_are_listed_not_searched(tmp_path: Path) -> None:
    from memu.storage.migrations import backup_database

    with service(tmp_path, "maya") as memory:
        memory.sync.memorize("I keep bees in the garden behind the house.")
        backup_database(flat(tmp_path)["sqlite_path"], flat(tmp_path)["vector_db_path"], str(tmp_path / "backups"))
        report = memory.sync.forget()
    copy, mirror = report["backups"]
    assert json.loads(Path(mirror).read_text())["generation"]
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM memory_items").fetchone() == (1,)


def test_deleting_a_resource_takes_its_words_out_of_summaries(tmp_path: Path) -> None:
    with service(tmp_path, "maya", embedding_config=None) as memory:
        memory.sync.memorize(chat("maya", 4))
        path = tmp_path / "notes.md"
        path.write_text(f"I love the {CANARY} cheese from the market.\n\nMy favourite food is {CANARY} soup.\n")
        kept = memory.sync.memorize(resource_url=path)
        memory.sync.delete_resource(str(path))
        categories = memory.sync.list_memory_categories()["categories"]
        assert CANARY not in json.dumps(categories, default=str)
        assert not Path(kept["resource"]["local_path"]).exists()
        assert path.exists(), "the user's own file is never touched"
