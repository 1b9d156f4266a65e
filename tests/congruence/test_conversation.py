"""P9: with the real embedder, a real conversation is found alike on every backend."""

import json
from pathlib import Path

import pytest

from congruence.pairs import OTHERS, Side, paired
from memu.testing import ALICE, Backend

EXAMPLES = Path(__file__).parents[2] / "examples"
TOP = 20


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.name)
def test_a_conversation_is_found_alike(kind: type[Backend], tmp_path: Path) -> None:
    told = json.loads((EXAMPLES / "questions.json").read_text(encoding="utf-8"))
    questions = [one["question"] for one in told][:10]  # some are about other files: what is found is alike, too
    assert len(questions) == 10
    with paired(kind, tmp_path, embedding_config={"provider": "local"}) as pair:
        path = str(EXAMPLES / "conversation.json")
        pair.call("memorize", resource_url=path, modality="conversation", user=dict(ALICE))
        for question in questions:
            for tier in ("items", "categories", "resources"):

                def search(side: Side, count: int, tier: str = tier, asked: str = question) -> list[tuple[str, float]]:
                    answer = side.memory.retrieve(asked, dict(ALICE), top_k=count)
                    assert answer["signals"]["dense"]
                    return [(one["id"], one["score"]) for one in answer[tier]]

                pair.rank(TOP, search)
            pair.ask(lambda side, question=question: side.memory.context(question, dict(ALICE)))
