"""What one `retrieve` asks of a language model, by settings: `python benchmarks/calls_retrieve.py`.

The questions of `examples/questions.json` are asked of the memory of their sources, each after two messages of
conversation, at an endpoint on this machine that answers each form with the same words. It counts no tokens, so that
the client estimates them, one for four characters of what was sent and of the answer.
"""

import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from endpoint import Endpoint, running, said

from memu import MemoryService

EXAMPLES = Path(__file__).parents[1] / "examples"
TALK = [
    {"role": "user", "content": "I was just looking through my old messages."},
    {"role": "assistant", "content": "Ask me anything about them."},
]
ANSWERS = {
    "Route": {"needs_memory": True, "query": "What is remembered of it, said in words of its own?"},
    "Rewritten": {"query": "What is remembered of it, said in words of its own?"},
    "Judgement": {"sufficient": True, "next_query": ""},
    "Choice": {"categories": ["c1"], "items": ["i1", "i2", "i3", "i4", "i5"], "resources": ["r1"]},
}
SETTINGS: dict[str, dict[str, Any]] = {
    'method "rag" (the default)': {},
    "rewrite_query": {"rewrite_query": True},
    "route_intention (with or without rewrite_query)": {"route_intention": True},
    "sufficiency_check": {"sufficiency_check": True},
    'method "llm"': {"method": "llm"},
    "route_intention, sufficiency_check": {"route_intention": True, "sufficiency_check": True},
    'route_intention, sufficiency_check, method "llm"': {
        "route_intention": True,
        "sufficiency_check": True,
        "method": "llm",
    },
}


class Model(Endpoint):
    """Answers each form that is asked for."""

    def reply(self, asked: dict[str, Any]) -> dict[str, Any]:
        return said(json.dumps(ANSWERS[asked["response_format"]["json_schema"]["name"]]))


async def measure(url: str, folder: Path) -> dict[str, tuple[float, float]]:
    """For each setting the mean of calls and of tokens of one question."""
    questions = json.loads((EXAMPLES / "questions.json").read_text(encoding="utf-8"))
    common: dict[str, Any] = {
        "user_id": "reader",
        "database_config": {"metadata_store": {"dsn": f"sqlite:///{folder / 'memu.db'}"}},
        "blob_config": {"resources_dir": folder / "copies"},
    }
    async with MemoryService(**common) as service:
        for name in sorted({one["source"] for one in questions}):
            await service.memorize(resource_url=EXAMPLES / name)
    told = {}
    for name, settings in SETTINGS.items():
        llm = {"base_url": url, "chat_model": "scripted"}
        async with MemoryService(llm_config=llm, retrieve_config=settings, **common) as service:
            signals = [(await service.retrieve([*TALK, one["question"]]))["signals"] for one in questions]
        used = [(one.get("model_calls", 0), one.get("model_tokens", 0)) for one in signals]
        told[name] = (statistics.mean(calls for calls, _ in used), statistics.mean(tokens for _, tokens in used))
    return told


def main() -> None:
    """Print the figures as a table."""
    with running(Model) as url, tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(url, Path(folder)))
    print("| settings | calls | tokens |\n|---|---|---|")
    for name, (calls, tokens) in figures.items():
        print(f"| {name} | {calls:.1f} | {tokens:,.0f} |")


if __name__ == "__main__":
    main()
