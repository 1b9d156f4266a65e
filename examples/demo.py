"""Memorize the three files beside this program, ask questions about them, and show which memories are found.

The memory stays in `.memu-demo/`, so a second run finds everything already remembered and adds nothing. The program
fails when an expected memory is not among the first three. Questions that `questions.json` calls hard, each with its
reason, come last; they are asked and shown like the others, and not counted.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from memu.app import MemoryService
from memu.app.sync import SyncService

EXAMPLES = Path(__file__).parent
FOLDER = EXAMPLES.parent / ".memu-demo"
FILES = ("conversation.json", "assistant_chat.json", "handbook.md")
SHOWN = 3
SEARCHED = 50
"""How far down the demo looks for a memory that is not among those shown, to say where it is."""

Row = Mapping[str, Any]
console = Console(highlight=False)


class Sources:
    """What was memorized: the file that each resource is, and its messages, verbatim."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.messages: dict[str, dict[str, Row]] = {}

    def add(self, name: str, resource: Row, messages: Sequence[Row]) -> None:
        """Keep a file's messages by their ids."""
        self.names[resource["id"]] = name
        self.messages[resource["id"]] = {message["id"]: message for message in messages}

    def words(self, item: Row) -> str:
        """The messages that a memory came from, verbatim."""
        source = item["source"]
        return "\n".join(self.messages[source["resource_id"]][one]["text"] for one in source["message_ids"])

    def place(self, item: Row) -> str:
        """Where those words stand."""
        source = item["source"]
        return f"{self.names[source['resource_id']]}, {', '.join(source['message_ids'])}"

    def answers(self, item: Row, question: Row) -> bool:
        """Whether a memory is an expected one: it comes from a named message, or holds the named phrase."""
        if self.names[item["source"]["resource_id"]] != question["source"]:
            return False
        if "expected" in question:
            return bool(set(question["expected"]) & set(item["source"]["message_ids"]))
        return question["expected_text"] in f"{item['summary']}\n{' '.join(self.words(item).split())}"


def main() -> int:
    """Run the demo; the number of questions whose expected memory was not found."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    with MemoryService(
        user_id="demo",
        database_config={"provider": "sqlite", "sqlite_path": FOLDER / "memory.db"},
        blob_config={"resources_dir": FOLDER / "resources"},
    ) as service:
        memory = service.sync
        sources = memorize(memory)
        questions = json.loads((EXAMPLES / "questions.json").read_text(encoding="utf-8"))
        questions.sort(key=lambda question: "hard" in question)
        results = [ask(memory, sources, number, question) for number, question in enumerate(questions, 1)]
    counted = [found for found, question in zip(results, questions, strict=True) if "hard" not in question]
    missed = counted.count(False)
    style = "bold red" if missed else "bold green"
    console.print()
    found = f"{len(counted) - missed} of {len(counted)} questions: an expected memory (✓) is among the first {SHOWN}."
    line(f"{found} {len(results) - len(counted)} hard ones are shown beside them.", style)
    line(f"The memory stays in {FOLDER.name}/ until you delete it; run the demo again, and nothing is added.", "dim")
    return missed


def memorize(memory: SyncService) -> Sources:
    """Memorize the files, and say what that made."""
    sources = Sources()
    before = len(memory.list_memory_items()["items"])
    messages = 0
    line("Memorizing for the user “demo”; no key, no server, no network", "bold")
    started = time.perf_counter()
    for name in FILES:
        result = memory.memorize(resource_url=EXAMPLES / name)
        verbatim = memory.get_resource_messages(result["resource"]["id"])
        sources.add(name, result["resource"], verbatim)
        messages += len(verbatim)
        unit = "messages" if name.endswith(".json") else "passages"
        line(f"{name}: {len(verbatim)} {unit}, {len(result['items'])} new items ({result['status']})", indent=3)
    seconds = time.perf_counter() - started
    after = len(memory.list_memory_items()["items"])
    if after == before:
        line(f"Nothing was added in {seconds:.1f} s: all {messages} messages are known, as {after} items.")
    else:
        line(f"{after - before} items from {messages} messages in {seconds:.1f} s, with the loading of the model.")
    return sources


def ask(memory: SyncService, sources: Sources, number: int, question: Row) -> bool:
    """Ask one question and show the first memories; whether an expected one is among them."""
    found = memory.retrieve(question["question"], top_k=SEARCHED)["items"]
    console.print()
    line(f"{number}. {question['question']}", "bold")
    for item in found[:SHOWN]:
        show(item, sources, expected=sources.answers(item, question))
    ranks = [rank for rank, item in enumerate(found, 1) if sources.answers(item, question)]
    if ranks and ranks[0] <= SHOWN:
        return True
    where = f"is number {ranks[0]}" if ranks else f"is not among the first {SEARCHED}"
    if "hard" in question:
        line(f"HARD, not counted: the expected memory {where}; {question['hard']}.", "yellow", indent=3)
    else:
        line(f"MISSED: the expected memory {where}.", "bold red", indent=3)
    return False


def show(item: Row, sources: Sources, *, expected: bool) -> None:
    """One memory: score, categories and date; the memory itself; and the words it came from, where they say more."""
    facts = [f"{item['score']:.3f}", ", ".join(item["categories"]) or "no category", date_of(item), item["speaker"]]
    line(f"{'✓' if expected else ' '} {' · '.join(filter(None, facts))}", "green" if expected else "cyan", indent=3)
    line(item["summary"], indent=5)
    words, origin = sources.words(item), f"from {sources.place(item)}"
    same = item["summary"].split() == words.split()
    line(f"{origin}, word for word" if same else f"{origin}: “{words}”", "dim", indent=5)


def date_of(item: Row) -> str:
    """When it happened, or else when it was said."""
    for field, verb in (("happened_at", "happened"), ("said_at", "said")):
        moment: datetime | None = item[field]
        if moment is not None:
            return f"{verb} {moment.day} {moment:%b %Y}"
    return "no date"


def line(text: str, style: str = "", *, indent: int = 0) -> None:
    """Print text at an indentation, which the lines keep that a narrow terminal makes of it."""
    for part in Text(text, style).wrap(console, max(20, console.width - indent)):
        part.rstrip()
        console.print(Text(" " * indent) + part, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
