"""Recall on LoCoMo's questions through the shipped pipeline: `python benchmarks/locomo_service.py PATH/TO/locomo.json`.

Each conversation is memorized as one user's, in one call, and each question is asked with `retrieve`. What counts is
whether the messages that the found items point at hold the evidence: items that point at the same message count once.
The turn-level figures of `locomo.py` beside it leave out extraction; the difference is what extraction costs or brings.
`--write` keeps the figures in `results/locomo_service.json` beside this program.
"""

import argparse
import asyncio
import json
import re
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from locomo import ADVERSARIAL, CUTS

from memu import MemoryService

RESULTS = Path(__file__).parent / "results" / "locomo_service.json"


def messages(conversation: dict[str, Any]) -> list[dict[str, Any]]:
    """All turns of all sessions in order, with the times of their sessions."""
    numbers = sorted(int(name[8:]) for name in conversation if re.fullmatch(r"session_\d+", name))
    found = []
    for number in numbers:
        at = datetime.strptime(conversation[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for turn in conversation[f"session_{number}"]:
            caption = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
            content = turn["text"] + caption
            found.append({"id": turn["dia_id"], "name": turn["speaker"], "content": content, "created_at": at})
    return found


async def measure(samples: list[dict[str, Any]], top_k: int) -> dict[str, Any]:
    results: list[tuple[int, set[str], list[str], float]] = []
    items = turns = 0
    for sample in samples:
        async with MemoryService(user_id=sample["sample_id"]) as memory:
            given = messages(sample["conversation"])
            made = await memory.memorize(given)
            items, turns = items + len(made["items"]), turns + len(given)
            known = {message["id"] for message in given}
            for qa in sample["qa"]:
                evidence = {part for one in qa["evidence"] for part in re.split(r"[;\s]+", one)} & known
                if not evidence:
                    continue
                started = time.perf_counter()
                answer = await memory.retrieve(qa["question"], top_k=top_k)
                spent = (time.perf_counter() - started) * 1000
                found = [one for item in answer["items"] for one in item["source"]["message_ids"]]
                results.append((qa["category"], evidence, list(dict.fromkeys(found)), spent))
    figures: dict[str, Any] = {"turns": turns, "items": items, "questions": len(results)}
    figures["retrieve_median_ms"] = round(statistics.median(one[3] for one in results), 1)
    figures["all"] = recall([one[:3] for one in results])
    figures["categories 1-4"] = recall([one[:3] for one in results if one[0] != ADVERSARIAL])
    return figures


def recall(results: list[tuple[int, set[str], list[str]]]) -> dict[str, float]:
    """The mean share of the evidence within each cut, and how often any is among the first ten; percent."""
    figures = {
        f"R@{cut}": statistics.mean(len(evidence & set(found[:cut])) / len(evidence) for _, evidence, found in results)
        for cut in CUTS
    }
    figures["hit@10"] = statistics.mean(bool(evidence & set(found[:10])) for _, evidence, found in results)
    return {name: round(100 * figure, 1) for name, figure in figures.items()}


def report(figures: dict[str, Any]) -> None:
    print(f"{figures['turns']} turns, {figures['items']} items, {figures['questions']} questions")
    for label in ("all", "categories 1-4"):
        print(f"{label:16} " + "  ".join(f"{name} {figure:.1f}" for name, figure in figures[label].items()))
    print(f"retrieve: median {figures['retrieve_median_ms']:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--top-k", type=int, default=40)
    parser.add_argument(
        "--write", action="store_true", help=f"keep the figures in {RESULTS.parent.name}/{RESULTS.name}"
    )
    options = parser.parse_args()
    figures = asyncio.run(measure(json.loads(options.path.read_text(encoding="utf-8")), options.top_k))
    report(figures)
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
