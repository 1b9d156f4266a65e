"""P9: the same calls give the same answers on every backend, to the order and the score."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.backends import InMemoryBackend, SQLiteBackend
from memu.app.sync import SyncService
from memu.scope import Scope
from memu.testing import ALICE
from memu.testing.speech import FACTS, talk

EXAMPLES = Path(__file__).parents[2] / "examples"
QUESTIONS = (
    "Where do I live?",
    "Who is Clara?",
    "What should I not eat?",
    "Which sport do I do on Sunday?",
    "Where do I work, and what did I learn?",
)
FILTERS: tuple[dict[str, Any], ...] = ({}, {"memory_type": "event"}, {"speaker": "Ben"}, {"metadata.part__gte": 2})


def _filled(memory: SyncService) -> None:
    memory.memorize(talk(FACTS[:7]), metadata={"part": 1})
    memory.memorize(talk(FACTS[7:], "Ben"), metadata={"part": 2})
    memory.memorize(resource_url=EXAMPLES / "assistant_chat.json", modality="conversation", metadata={"part": 3})
    made = memory.create_memory_item(memory_type="skill", memory_content="Can sail.", memory_categories=["sea"])
    memory.update_memory_item(memory_id=made["memory_item"]["id"], memory_content="Can sail and row.")


def _answers(memory: SyncService) -> list[Any]:
    """All that is found for every question and filter; equal scores stand in the order of their words.

    Backends order equal scores by id, and the ids of two stores are different.
    """
    told: list[Any] = []
    for question in QUESTIONS:
        for where in FILTERS:
            answer = memory.retrieve(question, where, top_k=500)
            told.append(answer["signals"])
            for tier, name in (("items", "summary"), ("categories", "name"), ("resources", "caption")):
                scores = [one["score"] for one in answer[tier]]
                assert scores == sorted(scores, reverse=True)
                shown = [(-one["score"], one[name], one.get("categories"), one.get("extra")) for one in answer[tier]]
                told.append(sorted(shown, key=repr))
    return told


@pytest.mark.parametrize("provider", ["none", "local"])
def test_rankings_agree_between_backends(provider: str, tmp_path: Path) -> None:
    told = []
    for kind in (SQLiteBackend, InMemoryBackend):
        (tmp_path / kind.name).mkdir()
        with kind(tmp_path / kind.name).service(embedding_config={"provider": provider}) as service:
            _filled(service.sync)
            told.append(_answers(service.sync))
    assert told[0] == told[1]
    assert len({json.dumps(one) for one in told[0]}) > len(QUESTIONS)


def test_rankings_are_the_same_in_a_rebuilt_index(tmp_path: Path) -> None:
    """Searching an index that grew change by change and one that was loaded at once is the same."""
    backend = SQLiteBackend(tmp_path)
    with backend.service() as service:
        service.sync.retrieve("warm up")
        _filled(service.sync)
        grown = _answers(service.sync)
    with backend.service() as service:
        loaded = _answers(service.sync)
    assert json.dumps(grown) == json.dumps(loaded)


def test_items_without_a_place_in_their_resource_have_no_neighbours(tmp_path: Path) -> None:
    """Which of them stood side by side would be up to their ids, which are random."""
    with SQLiteBackend(tmp_path).service() as service:
        alice = service.database.bound(Scope.of(ALICE))
        source = alice.create_resource(url="https://example.org", modality="document")
        for fact in FACTS[:6]:
            alice.create_item(memory_type="knowledge", summary=fact, resource_id=source.id)
        found = service.sync.retrieve("peanuts", ALICE, top_k=10)["items"]
    assert [one["summary"] for one in found if one["score"]] == ["I am allergic to peanuts and avoid them everywhere."]
    assert len(found) == 6
