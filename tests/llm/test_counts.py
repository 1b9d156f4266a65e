"""How many requests a `memorize` takes: as the page and the kept figures say."""

import json
from pathlib import Path

import pytest

from llm.memorizing import obliging, service
from llm.scripted import Scripted

ROOT = Path(__file__).parents[2]
FIGURES = json.loads((ROOT / "benchmarks" / "results" / "calls.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FIGURES)
def test_an_example_takes_as_many_requests_as_the_figures_say(server: Scripted, name: str) -> None:
    server.otherwise = obliging
    with service(server) as memory:
        result = memory.sync.memorize(resource_url=ROOT / "examples" / name)
    assert result["usage"]["calls"] == len(server.seen) == FIGURES[name]["calls"]
    assert result["warnings"] == []


def test_the_page_has_the_figures() -> None:
    page = (ROOT / "docs" / "llm.md").read_text(encoding="utf-8")
    for name, told in FIGURES.items():
        numbers = (
            "messages",
            "calls",
            "input_tokens",
            "output_tokens",
            "calls_of_memu_1_5_1",
            "least_input_tokens_of_memu_1_5_1",
        )
        assert f"| `{name}` | {' | '.join(f'{told[key]:,}' for key in numbers)} |" in page
