"""One source again and again: the same stays, the new comes, what is gone is superseded, and nothing doubles."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memu import MemoryService

NO_VECTORS = {"provider": "none"}


def says(number: int, content: str) -> dict[str, Any]:
    return {"id": f"m{number}", "name": "Maya", "content": content, "created_at": f"2024-05-0{number}T10:00:00Z"}


DOG, CITY, JOB, FOOD = (
    says(1, "My dog is called Rex."),
    says(2, "I moved to Lisbon in March."),
    says(3, "I work as a nurse at the harbour clinic."),
    says(4, "I am allergic to peanuts."),
)
OTHER = says(5, "My sister Ana plays the cello in an orchestra.")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Any]:
    database = {"provider": "sqlite", "sqlite_path": str(tmp_path / "memu.db")}
    with MemoryService(
        user_id="maya",
        database_config=database,
        blob_config={"resources_dir": tmp_path / "resources"},
        embedding_config=NO_VECTORS,
    ) as service:
        yield service.sync


def put(path: Path, *messages: dict[str, Any]) -> Path:
    path.write_text(json.dumps(messages))
    return path


def summaries(memory: Any) -> list[str]:
    return sorted(item["summary"] for item in memory.list_memory_items()["items"])


def words(*messages: dict[str, Any]) -> list[str]:
    return sorted(message["content"] for message in messages)


def check_sources(memory: Any) -> None:
    """Every item points at its own words, and at the message that said them."""
    for item in memory.list_memory_items()["items"]:
        source = item["source"]
        text = memory.get_resource_text(source["resource_id"])
        assert text[source["start"] : source["end"]] == item["summary"]
        messages = {one["id"]: one["text"] for one in memory.get_resource_messages(source["resource_id"])}
        assert item["summary"] in messages[source["message_ids"][0]]


def test_a_deleted_successor_does_not_bury_the_former_content(memory: Any, tmp_path: Path) -> None:
    path = put(tmp_path / "chat.json", DOG, CITY)
    memory.memorize(resource_url=path)
    put(path, DOG, JOB)
    second = memory.memorize(resource_url=path)
    assert second["status"] == "replaced"
    memory.delete_resource(second["resource"]["id"])
    put(path, DOG, CITY)
    assert memory.memorize(resource_url=path)["status"] == "new_version"
    assert summaries(memory) == words(DOG, CITY)


def test_an_edit_is_compared_with_every_version_that_holds(memory: Any, tmp_path: Path) -> None:
    path = put(tmp_path / "chat.json", DOG, CITY)
    memory.memorize(resource_url=path)
    put(path, OTHER)
    assert memory.memorize(resource_url=path)["status"] == "new_version"
    put(path, DOG, CITY)
    assert memory.memorize(resource_url=path)["status"] == "unchanged"
    put(path, DOG, JOB)
    assert memory.memorize(resource_url=path)["status"] == "replaced"
    assert summaries(memory) == words(DOG, JOB, OTHER)
    check_sources(memory)


def test_a_conversation_given_as_messages_goes_on_in_a_file(memory: Any, tmp_path: Path) -> None:
    first = memory.memorize([DOG, CITY])
    path = put(tmp_path / "chat.json", DOG, CITY)
    assert memory.memorize(resource_url=path)["status"] == "unchanged"
    put(path, DOG, CITY, JOB)
    grown = memory.memorize(resource_url=path)
    assert grown["status"] == "extended"
    assert grown["resource"]["id"] == first["resource"]["id"]
    assert grown["resource"]["url"] == str(path)
    put(path, DOG, CITY, JOB, FOOD)
    assert memory.memorize(resource_url=path)["status"] == "extended"
    assert summaries(memory) == words(DOG, CITY, JOB, FOOD)
    check_sources(memory)


def test_white_space_that_changed_in_the_known_part_moves_no_source(memory: Any, tmp_path: Path) -> None:
    loose = {**CITY, "content": "I  moved   to Lisbon  in March."}
    path = put(tmp_path / "chat.json", loose, DOG)
    memory.memorize(resource_url=path)
    put(path, CITY, DOG, JOB)
    assert memory.memorize(resource_url=path)["status"] == "extended"
    check_sources(memory)
    assert len(summaries(memory)) == 3


def test_a_message_without_words_in_front_shifts_no_ids(memory: Any) -> None:
    bare = [{"name": "Maya", "content": one["content"]} for one in (DOG, CITY, JOB)]
    memory.memorize(bare[:2])
    assert memory.memorize([{"name": "Maya", "content": "  "}, *bare])["status"] == "extended"
    check_sources(memory)


def test_a_changed_heading_is_a_change(memory: Any, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# Spring\n\nThe garden opens at nine.\n\nThe gate is green.\n")
    memory.memorize(resource_url=path)
    path.write_text("# Autumn\n\nThe garden opens at nine.\n\nThe gate is green.\n")
    assert memory.memorize(resource_url=path)["status"] != "unchanged"
    texts = [memory.get_resource_text(one["id"]) for one in memory.list_resources()["resources"]]
    assert any("# Autumn" in text for text in texts)


def test_summaries_follow_a_replaced_source(tmp_path: Path) -> None:
    path = put(tmp_path / "chat.json", CITY, DOG, FOOD)
    with MemoryService(user_id="maya") as service:
        memory: Any = service.sync
        memory.memorize(resource_url=path)
        put(path, says(2, "I moved to Porto in April."), DOG)
        assert memory.memorize(resource_url=path)["status"] == "replaced"
        categories = memory.list_memory_categories()["categories"]
        text = "\n".join(one["summary"] or "" for one in categories)
        assert "Lisbon" not in text
        assert "peanuts" not in text
        assert "Rex" in text
        assert not any(one["stale"] for one in categories)
        live = {item["id"] for item in memory.list_memory_items()["items"]}
        for category in service.db.categories.values():
            assert set(category.extra.get("sentences", ())) <= live


def test_a_deleted_memory_does_not_come_back_with_the_next_version(memory: Any, tmp_path: Path) -> None:
    path = put(tmp_path / "chat.json", DOG, CITY)
    memory.memorize(resource_url=path)
    rex = next(item for item in memory.list_memory_items()["items"] if "Rex" in item["summary"])
    memory.delete_memory_item(memory_id=rex["id"])
    put(path, DOG, JOB)
    assert memory.memorize(resource_url=path)["status"] == "replaced"
    assert summaries(memory) == words(JOB)


def test_the_copy_of_an_extended_file_goes_with_the_next_one(memory: Any, tmp_path: Path) -> None:
    path = put(tmp_path / "chat.json", DOG)
    first = Path(memory.memorize(resource_url=path)["resource"]["local_path"])
    put(path, DOG, CITY)
    second = Path(memory.memorize(resource_url=path)["resource"]["local_path"])
    assert second.exists()
    assert not first.exists()


def test_metadata_that_is_not_kept_is_said(memory: Any) -> None:
    memory.memorize([DOG, CITY], metadata={"project": "one"})
    assert memory.memorize([DOG, CITY], metadata={"project": "one"})["warnings"] == []
    warnings = memory.memorize([DOG, CITY], metadata={"project": "two"})["warnings"]
    assert any("metadata" in warning for warning in warnings)
    memory.memorize([DOG, CITY, JOB], metadata={"project": "two"})
    found = memory.list_memory_items({"metadata.project": "two"})["items"]
    assert [item["summary"] for item in found] == [JOB["content"]]
