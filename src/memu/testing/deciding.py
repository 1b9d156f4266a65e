"""An extractor's own decisions on a backend: which items exclude each other, and which say the same again."""

from dataclasses import replace
from typing import Any

from memu.app.service import MemoryService
from memu.extract.base import Extraction
from memu.extract.rules import RuleExtractor
from memu.sources.base import Source
from memu.testing.backend import ALICE, BOB, Backend, Suite, ids
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
    """What is carried out of them, and what comes of it when the older item goes."""

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

    def test_what_says_the_same_in_other_words_holds_by_the_older_one(self, service: MemoryService) -> None:
        memory, decides = service.sync, decide(service)
        first = tell(memory, "I love rye bread.", "01-05")["items"][0]
        before = state(memory.parts.database)
        decides["repeats"] = (first["id"],)
        again = tell(memory, "Rye bread is what I love.", "02-05")
        assert again["items"] == again["superseded"] == []
        assert ids(again["reinforced"]) == [first["id"]]
        assert again["reinforced"][0]["extra"]["reinforcement_count"] == 1
        assert holding(memory) == holding(memory, as_of="2024-03-01") == ["I love rye bread."]
        whole = memory.list_memory_items(ALICE, include_superseded=True)["items"]
        assert [one["extra"].get("repeats") for one in whole] == [None, first["id"]]
        undone = memory.undo(again["operation_id"], user=ALICE)
        assert state(memory.parts.database) == before
        memory.undo(undone["operation_id"], user=ALICE)
        memory.delete_memory_item(memory_id=first["id"], user=ALICE)
        assert holding(memory) == ["Rye bread is what I love."]

    def test_what_it_repeats_must_hold_and_be_of_the_same_owner(self, service: MemoryService) -> None:
        memory, decides = service.sync, decide(service)
        theirs = tell(memory, "I love rye bread.", "01-05", user=BOB)["items"][0]
        later = tell(memory, "I love rye bread.", "09-05")["items"][0]
        for named in (theirs["id"], later["id"], "nobody"):
            decides["repeats"] = (named,)
            result = tell(memory, f"Rye bread is what I love, {named}.", "02-05")
            assert (len(result["items"]), result["reinforced"]) == (1, [])
        for user, one in ((BOB, theirs), (ALICE, later)):
            assert "reinforcement_count" not in memory.get_memory_item(one["id"], user=user)["extra"]

    def test_what_a_new_version_leaves_out_holds_where_else_it_was_said(
        self, backend: Backend, service: MemoryService
    ) -> None:
        memory, decides = service.sync, decide(service)
        path = backend.folder / "notes.txt"
        path.write_text("I live in Berlin.\n\nI love rye bread.", encoding="utf-8")
        first = memory.memorize(resource_url=path, modality="text", user=ALICE)
        bread = next(one["id"] for one in first["items"] if "bread" in one["summary"])
        decides["repeats"] = (bread,)
        tell(memory, "Rye bread is what I love.")
        decides.clear()
        path.write_text("I live in Berlin.\n\nI bought a boat.", encoding="utf-8")
        result = memory.memorize(resource_url=path, modality="text", user=ALICE)
        assert result["status"] == "replaced"
        assert holding(memory) == ["I bought a boat.", "I live in Berlin.", "Rye bread is what I love."]
