"""An extractor's own decisions on a backend: which items exclude each other, and which say the same again."""

from dataclasses import replace
from typing import Any

from memu.app.service import MemoryService
from memu.extract.base import Extraction
from memu.extract.rules import RuleExtractor
from memu.sources.base import Source
from memu.testing.backend import ALICE, BOB, Suite, ids
from memu.testing.changing import holding, state, tell


def decide(service: MemoryService) -> dict[str, tuple[str, ...]]:
    """Let an extractor decide what its items supersede and repeat, as what is put into the result says."""
    decides: dict[str, tuple[str, ...]] = {}

    class Deciding(RuleExtractor):
        def extract(self, source: Source, **options: Any) -> Extraction:
            found = super().extract(source, **options)
            for item in found.items:
                item.supersedes, item.repeats = decides.get("supersedes", ()), decides.get("repeats", ())
            return found

    service._parts = replace(service.parts, extractor=Deciding())
    return decides


class DecisionTests(Suite):
    """What is carried out of them."""

    def test_a_decision_about_what_was_said_later_is_history_at_once(self, service: MemoryService) -> None:
        memory, decides = service.sync, decide(service)
        later = tell(memory, "My sister Clara is a doctor.", "03-05")["items"][0]
        decides["supersedes"] = (later["id"],)
        result = tell(memory, "My sister Clara is a nurse.", "01-05")
        (older,) = result["superseded"]
        assert ids(result["items"]) == [older["id"]]
        assert (older["valid_to"], older["superseded_by"]) == (later["valid_from"], later["id"])
        assert holding(memory) == ["My sister Clara is a doctor."]
        assert holding(memory, as_of="2024-02-01") == ["My sister Clara is a nurse."]
        memory.delete_memory_item(memory_id=later["id"], user=ALICE)
        assert holding(memory) == ["My sister Clara is a nurse."]

    def test_what_says_the_same_in_other_words_counts_the_older_one(self, service: MemoryService) -> None:
        memory, decides = service.sync, decide(service)
        first = tell(memory, "I love rye bread.", "01-05")["items"][0]
        before = state(memory.parts.database)
        decides["repeats"] = (first["id"],)
        again = tell(memory, "Rye bread is what I love. I love rye bread so much.", "02-05")
        assert again["superseded"] == []
        assert [one["extra"]["repeats"] for one in again["items"]] == [first["id"]] * 2
        assert ids(again["reinforced"]) == [first["id"]]
        assert again["reinforced"][0]["extra"]["reinforcement_count"] == 1  # it was one message
        last = tell(memory, "Rye bread, I love it.", "03-05")
        assert memory.get_memory_item(first["id"], user=ALICE)["extra"]["reinforcement_count"] == 2
        memory.undo(last["operation_id"], user=ALICE)
        memory.undo(again["operation_id"], user=ALICE)
        assert state(memory.parts.database) == before

    def test_what_it_repeats_must_hold_and_be_of_the_same_owner(self, service: MemoryService) -> None:
        memory, decides = service.sync, decide(service)
        theirs = tell(memory, "I love rye bread.", "01-05", user=BOB)["items"][0]
        later = tell(memory, "I love rye bread.", "09-05")["items"][0]
        ended = tell(memory, "I live in Berlin.", "01-06")["items"][0]
        tell(memory, "I live in Rome.", "01-07")
        for named in (theirs["id"], later["id"], ended["id"], "nobody"):
            decides["repeats"] = (named,)
            result = tell(memory, f"Rye bread is what I love, {named}.", "02-05")
            assert result["reinforced"] == []
            assert "repeats" not in result["items"][0]["extra"]
        for user, one in ((BOB, theirs), (ALICE, later), (ALICE, ended)):
            assert "reinforcement_count" not in memory.get_memory_item(one["id"], user=user)["extra"]
