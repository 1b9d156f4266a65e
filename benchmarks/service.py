"""What the service costs: import, memorize beside the embedder's own rate, retrieve, on one SQLite file.

Usage: python benchmarks/service.py [--messages 2000] [--write]

The rates stand side by side from one run, so that they hold on any machine; `--write` keeps them in
benchmarks/results/service.json.
"""

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "service.json"
EXAMPLES = Path(__file__).parent.parent / "examples"


def milliseconds(call: Callable[[], Any], repeat: int = 1) -> list[float]:
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return times


def import_times() -> dict[str, float]:
    """Whole processes: Python alone, and Python that imports memu; the median of seven each, in milliseconds."""
    bare = statistics.median(milliseconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True), 7))
    full = statistics.median(milliseconds(lambda: subprocess.run([sys.executable, "-c", "import memu"], check=True), 7))
    return {"python_ms": round(bare, 1), "import_memu_ms": round(full - bare, 1)}


def conversation(count: int) -> list[dict[str, Any]]:
    """The shipped conversation again and again, each time by other people, so that no message is known already."""
    messages = json.loads((EXAMPLES / "conversation.json").read_text())
    made: list[dict[str, Any]] = []
    for number in range(count):
        message = messages[number % len(messages)]
        turn = number // len(messages)
        made.append({**message, "id": f"{turn}-{message['id']}", "speaker": f"{message['speaker']} {turn}"})
    return made


async def measure(folder: Path, count: int) -> dict[str, Any]:
    from memu import MemoryService

    async with MemoryService(
        user_id="bench",
        database_config={"provider": "sqlite", "sqlite_path": str(folder / "memu.db")},
        blob_config={"resources_dir": str(folder / "resources")},
    ) as memory:
        await memory.embed(["load the model"])
        started = time.perf_counter()
        result = await memory.memorize(conversation(count))
        memorized = time.perf_counter() - started
        texts = [f"{item['speaker']}: {item['summary']}" for item in result["items"]]
        started = time.perf_counter()
        await memory.embed(texts)
        embedded = time.perf_counter() - started
        started = time.perf_counter()
        again = await memory.memorize(conversation(count))
        repeated = time.perf_counter() - started
        assert again["status"] == "unchanged"
        questions = [one["question"] for one in json.loads((EXAMPLES / "questions.json").read_text())]
        await memory.retrieve(questions[0])
        latencies = []
        for question in questions * 5:
            started = time.perf_counter()
            await memory.retrieve(question)
            latencies.append((time.perf_counter() - started) * 1000)
    latencies.sort()
    return {
        "messages": count,
        "items": len(texts),
        "memorize_s": round(memorized, 2),
        "memorize_items_per_s": round(len(texts) / memorized),
        "embedder_alone_items_per_s": round(len(texts) / embedded),
        "memorize_again_ms": round(repeated * 1000, 1),
        "retrieve_p50_ms": round(statistics.median(latencies), 1),
        "retrieve_p95_ms": round(latencies[int(len(latencies) * 0.95)], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = {**import_times(), **asyncio.run(measure(Path(folder), options.messages))}
    figures["python"] = platform.python_version()
    for name, value in figures.items():
        print(f"{name:28} {value}")
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
