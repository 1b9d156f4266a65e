"""How right the extraction rules are on the labelled texts in tests/data, and how fast.

Run `python benchmarks/extraction.py` (add `--only dev` while working on a rule, `--write` to keep the figures in
benchmarks/results/extraction.json). tests/data/README.md says what the labels mean and what counts as right.
"""

import argparse
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from memu.embedding import load_embedder
from memu.extract.base import CategoryView, ExtractedItem
from memu.extract.categories import RuleCategorizer
from memu.extract.dates import resolve_date
from memu.extract.rules import RuleExtractor
from memu.extract.sentences import split_sentences
from memu.settings import DEFAULT_CATEGORIES, MemorizeConfig
from memu.sources.base import Source
from memu.sources.conversations import load_conversation_text
from memu.sources.documents import from_text

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "extraction.json"
SPLITS = ("dev", "heldout")
TARGETS = {"dates right": 0.95, "small talk F1": 0.9, "first category accepted": 0.8, "memory type right": 0.8}


@dataclass(frozen=True)
class Extracted:
    """An example file, its items, and the categories of each."""

    source: Source
    items: list[ExtractedItem]
    categories: list[tuple[str, ...]]


def labels(name: str) -> list[dict[str, Any]]:
    """The lines of one labelled file."""
    return [json.loads(line) for line in (ROOT / "tests" / "data" / f"{name}.jsonl").read_text("utf-8").splitlines()]


def examples() -> dict[str, Source]:
    """The example files, by name, as `memorize` would read them."""
    folder = ROOT / "examples"
    chats = ("conversation.json", "assistant_chat.json")
    sources = {name: load_conversation_text((folder / name).read_text("utf-8")) for name in chats}
    return {**sources, "handbook.md": from_text((folder / "handbook.md").read_text("utf-8"), markdown=True)}


def extract_all() -> dict[str, Extracted]:
    """Extract and file every example with the default settings."""
    embedder = load_embedder()
    named = [f"{name}: {description}" for name, description in DEFAULT_CATEGORIES]
    vectors: Any = embedder.embed(named) if embedder else [None] * len(named)
    views = [CategoryView(*pair, vector) for pair, vector in zip(DEFAULT_CATEGORIES, vectors, strict=True)]
    categorizer = RuleCategorizer(threshold=MemorizeConfig().category_assign_threshold)
    extracted = {}
    for name, source in examples().items():
        items = RuleExtractor().extract(source).items
        embedded = embedder.embed([item.index_text for item in items]) if embedder else None
        extracted[name] = Extracted(source, items, categorizer.assign(items, embedded, views))
    return extracted


def place(source: Source, label: dict[str, Any]) -> tuple[int, int]:
    """Where a labelled sentence stands in its source; runs of white space are equal."""
    pattern = re.compile(r"\s+".join(map(re.escape, label["text"].split())))
    fragment = label["from"].partition("#")[2]
    for message in source.messages:
        if label["speaker"] is None or message.id == fragment:
            found = pattern.search(source.text, message.start, message.end)
            if found:
                return found.span()
    raise ValueError(f"{label['from']} does not hold {label['text']!r}")


def predictions(
    extracted: dict[str, Extracted], rows: Sequence[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], ExtractedItem | None, tuple[str, ...]]]:
    """For each label, the item that covers its sentence and the item's categories, or None and nothing."""
    for row in rows:
        example = extracted[row["from"].partition("#")[0]]
        start, end = place(example.source, row)
        covering = (n for n, item in enumerate(example.items) if item.start <= start and end <= item.end)
        found = next(covering, None)
        yield row, *((None, ()) if found is None else (example.items[found], example.categories[found]))


def measure_sentences(extracted: dict[str, Extracted], split: str) -> dict[str, tuple[float, int]]:
    """Small talk, memory types and categories: each figure with the number of sentences it is of."""
    seen = list(predictions(extracted, labels(f"sentences_{split}")))
    dropped = [row for row, item, _ in seen if item is None]
    small = [row for row, _, _ in seen if row["small_talk"]]
    hits = sum(row["small_talk"] for row in dropped)
    precision, recall = hits / max(1, len(dropped)), hits / max(1, len(small))
    kept = [(row, item, found) for row, item, found in seen if item is not None and not row["small_talk"]]
    assigned = [name in row["categories"] for row, _, found in kept for name in found]
    first = [bool(found) and found[0] in row["categories"] for row, _, found in kept]
    size = len(kept)
    return {
        "small talk precision": (precision, len(dropped)),
        "small talk recall": (recall, len(small)),
        "small talk F1": (2 * precision * recall / max(1e-9, precision + recall), len(seen)),
        "memory type right": (sum(item.memory_type == row["memory_type"] for row, item, _ in kept) / size, size),
        "first category accepted": (sum(first) / size, size),
        "any assigned category accepted": (sum(assigned) / max(1, len(assigned)), len(assigned)),
        "without a category": (sum(not found for _, _, found in kept) / size, size),
    }


def measure_dates(split: str) -> dict[str, tuple[float, int]]:
    """Dates: right is the same day or range, or nothing where there is no date."""
    rows = labels(f"dates_{split}")
    right = [(row["expected"] is not None, _resolved(row) == _expected(row)) for row in rows]
    dated = [ok for has_date, ok in right if has_date]
    undated = [ok for has_date, ok in right if not has_date]
    return {
        "dates right": (sum(ok for _, ok in right) / len(right), len(right)),
        "dates resolved": (sum(dated) / len(dated), len(dated)),
        "left alone": (sum(undated) / len(undated), len(undated)),
    }


def _expected(row: dict[str, Any]) -> tuple[str, str] | None:
    expected = row["expected"]
    if isinstance(expected, dict):
        return expected["start"], expected["end"]
    return (expected, expected) if expected else None


def _resolved(row: dict[str, Any]) -> tuple[str, str] | None:
    when = resolve_date(row["text"], datetime.fromisoformat(row["at"]) if row["at"] else None)
    if when is None:
        return None
    return when.start.date().isoformat(), (when.end - timedelta(days=1)).date().isoformat()


def measure_speed(seconds: float = 3.0) -> dict[str, float]:
    """Sentences a second of processor time: of extraction, and of extraction with filing without vectors."""
    sources = list(examples().values())
    sentences = sum(len(split_sentences(source.content(each))) for source in sources for each in source.messages)
    views = [CategoryView(*pair) for pair in DEFAULT_CATEGORIES]
    extractor, categorizer = RuleExtractor(), RuleCategorizer()

    def run(*, filing: bool) -> float:
        rounds, began = 0, time.process_time()
        while time.process_time() - began < seconds:
            for source in sources:
                items = extractor.extract(source).items
                if filing:
                    categorizer.assign(items, None, views)
            rounds += 1
        return rounds * sentences / (time.process_time() - began)

    run(filing=True)
    return {"extraction": run(filing=False), "extraction and filing": run(filing=True)}


def report(extracted: dict[str, Extracted], splits: Sequence[str]) -> dict[str, Any]:
    """All figures, as they are written."""
    items = [item for example in extracted.values() for item in example.items]
    figures = {split: {**measure_sentences(extracted, split), **measure_dates(split)} for split in splits}
    return {
        "figures": {
            split: {name: {"value": round(value, 4), "of": size} for name, (value, size) in values.items()}
            for split, values in figures.items()
        },
        "items": len(items),
        "items that are not verbatim": sum(item.note is not None for item in items),
        "sentences per second": {name: round(rate) for name, rate in measure_speed().items()},
    }


def show(result: dict[str, Any]) -> None:
    """Print the figures as a table."""
    print(f"{'':34}" + "".join(f"{split:>18}" for split in result["figures"]) + f"{'target':>9}")
    for name in next(iter(result["figures"].values())):
        cells = (values[name] for values in result["figures"].values())
        row = "".join(f"{cell['value']:>11.3f} of {cell['of']:>3}" for cell in cells)
        print(f"{name:34}{row}{TARGETS.get(name, ''):>9}")
    print(f"items: {result['items']}, of which not verbatim: {result['items that are not verbatim']}")
    for name, rate in result["sentences per second"].items():
        print(f"{name}: {rate} sentences a second")


def main() -> None:
    """Measure, print, and with --write keep the figures."""
    parser = argparse.ArgumentParser(description="Measure the extraction rules on the labelled texts.")
    parser.add_argument("--only", choices=SPLITS, help="measure one of the two halves")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/extraction.json")
    options = parser.parse_args()
    result = report(extract_all(), [options.only] if options.only else SPLITS)
    show(result)
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
