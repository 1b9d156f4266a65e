"""What one `memorize` asks of a language model, for each example file: `python benchmarks/calls.py`.

An endpoint on this machine answers: with an item for each one that the rules find in the messages it is given, and with
a summary of the wanted length for each category. It counts a token for four characters of what it was sent and of its
answer, as models roughly do with English. With `--write` the figures are kept in benchmarks/results/calls.json.

The figures for memU 1.5.1 are calculated from its published pipeline, which sends 1 request to cut a conversation into
S segments, 1 for the caption of each, 2 for the items of each (one for each of its default memory types), and 1 for the
summary of each touched category: S is taken from the sessions of a conversation, the categories from our own run. The
text goes into all of these but the last: that alone is the least it sends, its own prompts not counted.
"""

import argparse
import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from endpoint import Endpoint, running, said

from memu import MemoryService

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "calls.json"
EXAMPLES = ("conversation.json", "assistant_chat.json", "handbook.md")
LENGTH = 400
"""The default length of a summary in characters."""


class Model(Endpoint):
    """Answers the two forms that `memorize` asks for."""

    items: Mapping[int, list[dict[str, Any]]] = {}
    """What the rules found in each message of the source, by its position."""

    def reply(self, asked: dict[str, Any]) -> dict[str, Any]:
        data = json.loads(asked["messages"][-1]["content"].split("\n")[1])
        extracting = asked["response_format"]["json_schema"]["name"] == "Memories"
        answer = json.dumps(self._items(data) if extracting else self._summaries(data), ensure_ascii=False)
        sent = sum(len(one["content"]) for one in asked["messages"])
        return {**said(answer), "usage": {"prompt_tokens": -(-sent // 4), "completion_tokens": -(-len(answer) // 4)}}

    def _items(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        items = [
            {**item, "message_ids": [one["id"]], "happened_at": None}
            for one in messages
            for item in self.items.get(one["id"], ())
        ]
        return {"caption": "What was said in these messages.", "items": items}

    def _summaries(self, categories: list[dict[str, Any]]) -> dict[str, Any]:
        return {"summaries": [{"category": one["category"], "summary": "x" * LENGTH} for one in categories]}


async def measure(url: str, name: str) -> dict[str, Any]:
    """The figures of one example."""
    source = ROOT / "examples" / name
    async with MemoryService(user_id="reader") as service:
        by_rules = await service.memorize(resource_url=source)
        messages = await service.get_resource_messages(by_rules["resource"]["id"])
    places = {one["id"]: position for position, one in enumerate(messages)}
    Model.items = {
        position: [
            {"text": one["summary"], "memory_type": one["memory_type"], "categories": one["categories"]}
            for one in by_rules["items"]
            if places[one["source"]["message_ids"][-1]] == position
        ]
        for position in places.values()
    }
    async with MemoryService(user_id="reader", llm_config={"base_url": url, "chat_model": "scripted"}) as service:
        result = await service.memorize(resource_url=source)
    used, touched = result["usage"], len({name for one in result["items"] for name in one["categories"]})
    characters = sum(len(one["text"]) for one in messages)
    segments = segments_of(messages)
    return {
        "messages": len(messages),
        "characters": characters,
        "items": len(result["items"]),
        "categories": touched,
        "calls": used["calls"],
        "input_tokens": used["input_tokens"],
        "output_tokens": used["output_tokens"],
        "calls_of_memu_1_5_1": 1 + 2 + touched if segments is None else 1 + segments + 2 * segments + touched,
        "least_input_tokens_of_memu_1_5_1": -(-characters // 4) * (3 if segments is None else 4),
    }


def segments_of(messages: list[dict[str, Any]]) -> int | None:
    """How many segments its pipeline makes; None for a document, which one request works over as a whole."""
    if messages[0]["speaker"] is None:
        return None
    return len({one["id"].partition(":")[0] for one in messages}) if ":" in messages[0]["id"] else 1


async def run(url: str) -> dict[str, Any]:
    """The figures of all examples."""
    return {name: await measure(url, name) for name in EXAMPLES}


def main() -> None:
    """Print the figures as a table, and keep them if that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the figures in benchmarks/results/calls.json")
    options = parser.parse_args()
    with running(Model) as url:
        figures = asyncio.run(run(url))
    names = list(next(iter(figures.values())))
    print(f"| example | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for name, told in figures.items():
        print(f"| {name} | {' | '.join(f'{told[key]:,}' for key in names)} |")
    if options.write:
        RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
