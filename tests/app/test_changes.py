"""An extractor that decides by itself what is superseded: in the same transaction, within the scope, or not at all."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from memu import MemoryService
from memu.database.facts import settle
from memu.errors import NotFoundError
from memu.extract.base import Extraction
from memu.extract.rules import RuleExtractor
from memu.sources.base import Source


class Deciding(RuleExtractor):
    """The rules, and decisions that a language model might make."""

    def __init__(self) -> None:
        self.supersedes: tuple[str, ...] = ()

    def extract(self, source: Source, *, first: int = 0, memory_types: Sequence[str] = ()) -> Extraction:
        found = super().extract(source, first=first, memory_types=memory_types)
        for item in found.items:
            item.supersedes = self.supersedes
        return found


@pytest.fixture
def memory() -> Iterator[MemoryService]:
    with MemoryService(embedding_config={"provider": "none"}) as service:
        yield service


@pytest.fixture
def extractor(memory: MemoryService) -> Deciding:
    deciding = Deciding()
    memory._parts = replace(memory.parts, extractor=deciding)
    return deciding


def test_a_decision_supersedes_what_it_names(memory: MemoryService, extractor: Deciding) -> None:
    old = memory.sync.memorize("My sister Clara works as a nurse.")["items"][0]
    extractor.supersedes = (old["id"],)
    result = memory.sync.memorize("My sister Clara became a doctor.")
    assert [one["superseded_by"] for one in result["superseded"]] == [result["items"][0]["id"]]
    assert [one["summary"] for one in memory.sync.list_memory_items()["items"]] == ["My sister Clara became a doctor."]
    memory.sync.undo(result["operation_id"])
    assert [one["id"] for one in memory.sync.list_memory_items()["items"]] == [old["id"]]


def test_a_decision_about_somebody_elses_item_is_refused_whole(memory: MemoryService, extractor: Deciding) -> None:
    theirs = memory.sync.memorize("I love rye bread.", user={"user_id": "bob"})["items"][0]
    for named in (theirs["id"], "nobody"):
        extractor.supersedes = (named,)
        with pytest.raises(NotFoundError, match="superseded"):
            memory.sync.memorize("I hate rye bread.")
    assert memory.sync.list_memory_items()["items"] == memory.sync.list_resources()["resources"] == []
    assert memory.sync.get_memory_item(theirs["id"], user={"user_id": "bob"})["valid_to"] is None


def test_statements_of_one_message_and_fuller_values_exclude_nothing() -> None:
    day = [datetime(2024, 1, number, tzinfo=UTC) for number in range(1, 5)]
    common = {"valid_from": None, "resource_id": "r"}
    said = [
        {
            **common,
            "id": str(place),
            "said_at": at,
            "created_at": at,
            "message_ids": [message],
            "fact": {"value": value},
        }
        for place, (at, message, value) in enumerate(
            [(day[0], "1", "Anna"), (day[1], "2", "Anna Meyer"), (day[2], "3", "Anna Klein"), (day[2], "3", "Ann Lee")]
        )
    ]
    assert settle(said) == {"0": (day[2], "3"), "1": (day[2], "2")}
    assert settle(reversed(said)) == settle(said)
