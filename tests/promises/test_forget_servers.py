"""P8: after a user is forgotten, no word of theirs is in a dump of the server's database, and nobody else lost any."""

from pathlib import Path

import pytest

from conformance.backends import SERVERS, ServerBackend
from memu.app.service import MemoryService
from memu.backends.schema import META, STAGED
from memu.testing import Rows
from promises.conversations import chat
from promises.test_forget import CANARY, fill, holders
from promises.worlds import fresh


def _fill_everywhere(service: MemoryService, folder: Path, word: str) -> None:
    """Words in every column that takes any, by the service and by the repositories."""
    fill(service, folder, word, rounds=2)
    service.sync.create_memory_item(
        memory_type="tool",
        memory_content=f"Owns the {word} boat.",
        memory_categories=[f"{word} boats"],
        metadata={word: {word: [word]}},
    )
    database = service.database
    source = database.resource_repo.create_resource(
        url=f"https://example.org/{word}", modality="text", local_path=f"/nowhere/{word}", caption=word, extra={word: 1}
    )
    item = database.memory_item_repo.create_item(
        memory_type="event", summary=f"Met {word}.", resource_id=source.id, speaker=word, extra={word: word}
    )
    category = database.get_or_create_category(name=f"{word}s", description=f"All about {word}.")
    database.link_item_category(item.id, category.id)
    database.update_category_summary(category.id, f"There is much about {word}.")
    gone = database.get_or_create_category(name=f"{word} gone")
    database.memory_category_repo.clear({"id": gone.id})


def _of(user: str, dump: dict[str, Rows]) -> dict[str, Rows]:
    return {name: [row for row in rows if row.get("user_id") == user] for name, rows in dump.items()}


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.name)
def test_forgetting_leaves_no_word_in_a_dump(kind: type[ServerBackend], tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    local = {"embedding_config": {"provider": "local"}}
    with fresh(kind, folder) as backend:
        assert isinstance(backend, ServerBackend)
        names = {"user_id": CANARY, "agent_id": f"{CANARY}'s"}
        with backend.service(user_id="theo", **local) as theo, backend.service(**names, **local) as memory:
            fill(theo, folder, "theo", rounds=1)
            _fill_everywhere(memory, folder, CANARY)
            before = backend.dump(theo.database)
            filled = {name for name, rows in _of(CANARY, before).items() if rows}
            assert filled == set(before) - {META, STAGED}, "a table in which there is nothing to forget"
            assert backend.server.dump(backend.dsn).count(CANARY.encode()) > 200
            assert holders(folder, CANARY)

            report = memory.sync.forget()

            told = backend.server.dump(backend.dsn)
            assert CANARY.lower().encode() not in told.lower()
            assert b"I am called theo the second." in told
            assert report["erased"] == {name: len(rows) for name, rows in _of(CANARY, before).items() if rows}
            assert report["files"] >= 1
            assert holders(folder, CANARY) == []
            after = backend.dump(theo.database)
            assert _of("theo", after) == _of("theo", before)
            assert after == {
                name: [row for row in rows if row.get("user_id") != CANARY] for name, rows in before.items()
            }
            assert memory.sync.retrieve(f"What is {CANARY}?")["items"] == []
            assert theo.sync.retrieve("What am I called?")["items"][0]["summary"] == "I am called theo the second."
            assert holders(folder, "theo garden"), "the copies of everybody else stay"

            memory.sync.memorize(chat("new", 3))
            assert len(memory.sync.retrieve("lemons at the market", top_k=50)["items"]) == 3
