"""P9: random operations and questions have the same answers on every backend as on SQLite."""

import os
from pathlib import Path
from random import Random

import pytest

from congruence.pairs import OTHERS, paired
from congruence.questions import Questions
from congruence.steps import OPERATIONS, Steps
from memu.testing import Backend

PEOPLE = (
    {"user_id": "zoe", "agent_id": "helper"},
    {"user_id": "zoë", "agent_id": "helper"},
    {"user_id": "zoe", "agent_id": "Helper"},
)
STEPS, EVERY = 90, 10
RUNS = 30 if os.environ.get("MEMU_HYPOTHESIS") == "search" else 2


@pytest.mark.parametrize("seed", range(RUNS))
@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.name)
def test_random_operations_and_questions(kind: type[Backend], seed: int, tmp_path: Path) -> None:
    draw = Random(seed)
    with paired(kind, tmp_path) as pair:
        steps, questions = Steps(pair, draw, PEOPLE, tmp_path), Questions(pair, draw)
        for number in range(STEPS):
            steps.step()
            if number % EVERY == EVERY - 1:
                for person in PEOPLE:
                    questions.everything(person)
                questions.ask_all(draw.choice(PEOPLE))
    assert len(steps.done) > len(OPERATIONS) * 2 // 3, steps.done
    assert 0 < steps.refused < STEPS // 2
