"""Answers about a window that are not quite of the form: what can be used of them is used."""

import json
from typing import Any

import pytest

from llm.memorizing import TALK, item, service, texts
from llm.scripted import Scripted, chat
from memu.extract.model_answers import ItemAnswer, ItemsAnswer
from memu.llm.schema import read


def test_one_bad_item_takes_no_other_with_it(server: Scripted) -> None:
    some = [item("Maya moved to Lisbon.", 0), {"memory_type": "event"}, "Bees.", item("Theo has a sister.", 1)]
    server.say(chat(json.dumps({"caption": None, "items": some})))
    with service(server) as memory:
        result = memory.sync.memorize(TALK)
    assert texts(result["items"]) == ["Maya moved to Lisbon.", "Theo has a sister."]
    told = [one for one in result["warnings"] if "item that is none" in one]
    assert ["item 2: text" in told[0], "item 3" in told[1], len(told)] == [True, True, 2]


@pytest.mark.parametrize(
    "field",
    [
        {"happened_at": 2024},
        {"happened_at": ["2024"]},
        {"memory_type": None},
        {"message_ids": 0},
        {"message_ids": "0"},
        {"message_ids": "0, 1"},
        {"message_ids": [0.0, None, {}, True]},
        {"categories": None},
        {"categories": "personal_info"},
        {"categories": [1, None]},
        {"replaces": None},
        {"replaces": 3},
        {"repeats": None},
        {"repeats": [3.0, "x", {}]},
        {"user_id": "bob"},
    ],
    ids=str,
)
def test_values_of_another_kind_are_taken_as_they_are_meant(server: Scripted, field: dict[str, Any]) -> None:
    server.say(chat(json.dumps({"caption": 7, "items": [{**item("Maya moved to Lisbon.", 0), **field}]})))
    with service(server) as memory:
        result = memory.sync.memorize(TALK)
    assert texts(result["items"]) == ["Maya moved to Lisbon."]
    assert not any("none" in one for one in result["warnings"])
    assert result["extraction"] == {"model": 1, "rules": 0}


def test_a_list_alone_is_that_of_the_items(server: Scripted) -> None:
    server.say(chat(f"Here: {json.dumps([item('Maya moved to Lisbon.', 0)])} Done."))
    with service(server) as memory:
        assert texts(memory.sync.memorize(TALK)["items"]) == ["Maya moved to Lisbon."]


@pytest.mark.parametrize("text", ["[]", "[1]", '{"items": 3}', '{"items": ["a"]}', '{"items": [{"text": "a", "x": []'])
def test_what_has_no_items_is_asked_for_again(text: str) -> None:
    parsed, faults = read(ItemsAnswer, text)
    assert parsed is None
    assert faults


def test_a_model_cannot_say_what_was_refused() -> None:
    parsed, _ = read(ItemsAnswer, '{"items": [{"text": "a"}], "refused": ["x"]}')
    assert parsed == ItemsAnswer(items=[ItemAnswer(text="a")])
    assert "refused" not in str(ItemsAnswer.model_json_schema())
