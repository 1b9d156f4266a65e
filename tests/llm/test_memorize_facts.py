"""A model names what holds no longer: among what it was shown of this scope, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from llm.memorizing import data, instructions, item, items, obliging, service, texts
from llm.scripted import Reply, Scripted, Seen


def said(text: str, day: int = 1) -> list[dict[str, Any]]:
    return [{"name": "Maya", "content": text, "created_at": f"2024-05-{day:02}T18:00:00Z"}]


def test_a_newer_fact_takes_the_place_of_an_older_one(server: Scripted, tmp_path: Path) -> None:
    server.otherwise = obliging
    with service(server, tmp_path) as memory:
        first = memory.sync.memorize(said("I live in Lisbon."))["items"][0]
        assert "known" not in data(server.seen[0])
        assert "replaces" not in str(server.seen[0].json["response_format"])

        def moved(seen: Seen) -> Reply:
            (known,) = data(seen)["known"]
            assert known["text"] == "It was said: I live in Lisbon."
            assert 'The data "known"' in instructions(seen)
            assert "replaces" in str(seen.json["response_format"])
            return items(item("Maya lives in Porto.", 0, replaces=[known["id"], 7]))

        server.say(moved)
        result = memory.sync.memorize(said("I moved to Porto. Lisbon was too loud.", 2))
        assert [one["id"] for one in result["superseded"]] == [first["id"]]
        assert texts(memory.sync.list_memory_items()["items"]) == ["Maya lives in Porto."]
        whole = memory.sync.list_memory_items(include_superseded=True)["items"]
        assert len(whole) == 2
        history = memory.sync.history(result["items"][0]["id"])
        assert [one["id"] for one in history["superseded"]] == [first["id"]]
        memory.sync.undo(result["operation_id"])
        assert texts(memory.sync.list_memory_items()["items"]) == ["It was said: I live in Lisbon."]


def test_what_was_said_later_is_not_ended_by_what_was_said_before(server: Scripted) -> None:
    server.otherwise = obliging
    with service(server) as memory:
        memory.sync.memorize(said("I live in Porto now.", 9))
        server.say(items(item("Maya lives in Lisbon.", 0, replaces=[0])))
        assert memory.sync.memorize(said("I live in Lisbon now.", 2))["superseded"] == []


def test_only_the_own_scope_is_shown_and_few_are_replaced(server: Scripted) -> None:
    server.otherwise = obliging
    with service(server, user_id=None) as memory:
        memory.sync.memorize(said("I live in Lisbon, says Bob."), user={"user_id": "bob"})
        memory.sync.memorize(
            [one for n in range(6) for one in said(f"I live in Lisbon, house {n}.", n + 1)], user={"user_id": "maya"}
        )
        asked = len(server.seen)
        server.say(items(item("Nothing in Lisbon holds.", 0, replaces=list(range(30)))))
        result = memory.sync.memorize(said("Lisbon is over: forget all of it.", 20), user={"user_id": "maya"})
        assert len(data(server.seen[asked])["known"]) == 6
        assert "Bob" not in str(data(server.seen[asked]))
        assert len(result["superseded"]) == 3
        assert len(memory.sync.list_memory_items({"user_id": "bob"})["items"]) == 1


@pytest.mark.parametrize("gone", ["deleted", "forgotten"])
def test_what_is_gone_meanwhile_is_superseded_by_nobody(server: Scripted, tmp_path: Path, gone: str) -> None:
    server.otherwise = obliging
    with service(server, tmp_path) as memory, service(server, tmp_path, llm_config=None) as other:
        first = memory.sync.memorize(said("I live in Lisbon."))["items"][0]

        def meanwhile(_: Seen) -> Reply:
            if gone == "deleted":
                other.sync.delete_memory_item(memory_id=first["id"])
            else:
                other.sync.forget()
            return items(item("Maya lives in Porto.", 0, replaces=[0]))

        server.say(meanwhile)
        result = memory.sync.memorize(said("I moved from Lisbon to Porto.", 2))
        assert (result["status"], result["superseded"]) == ("created", [])
        assert texts(memory.sync.list_memory_items()["items"]) == ["It was said: I moved from Lisbon to Porto."]


@pytest.mark.parametrize("window", [6000, 500])
def test_one_call_ends_few_memories_whatever_the_model_says(server: Scripted, window: int) -> None:
    server.otherwise = obliging
    with service(server, memorize_config={"extract_window": window}) as memory:
        memory.sync.memorize([one for n in range(20) for one in said(f"House {n} in Lisbon is mine.", n + 1)])

        def hostile(seen: Seen) -> Reply:
            if "messages" not in data(seen):
                return obliging(seen)
            at = data(seen)["messages"][0]["id"]
            ends = [[3 * n, 3 * n + 1, 3 * n + 2] for n in range(7)]
            return items(*(item(f"No house {at}-{n} in Lisbon.", at, replaces=ids) for n, ids in enumerate(ends)))

        server.otherwise = hostile
        result = memory.sync.memorize([one for n in range(3) for one in said("Lisbon house: " + f"gone {n} " * 60, 28)])
        assert len(result["superseded"]) == 5
        assert any("more memories that hold no longer" in one for one in result["warnings"])
        assert len(result["items"]) >= 7
