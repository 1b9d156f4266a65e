"""The shipped examples and the labelled data are well-formed and agree with one another."""

import json
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
DATA = Path(__file__).parent / "data"
CATEGORIES = {
    "personal_info",
    "preferences",
    "relationships",
    "activities",
    "goals",
    "experiences",
    "knowledge",
    "opinions",
    "habits",
    "work_life",
}
MEMORY_TYPES = {"profile", "event", "knowledge", "behavior"}
SPLITS = ["dev", "heldout"]

Row = dict[str, Any]


def read_json(name: str) -> list[Row]:
    rows: list[Row] = json.loads((EXAMPLES / name).read_text(encoding="utf-8"))
    return rows


def read_lines(name: str) -> list[Row]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def collapse(text: str) -> str:
    return " ".join(text.split())


def said_in(source: str) -> str:
    """The text that a `from` value such as `conversation.json#D1:3` or `handbook.md#water` points at."""
    name, _, place = source.partition("#")
    if name.endswith(".json"):
        messages = {str(row.get("id", position)): row["content"] for position, row in enumerate(read_json(name))}
        return str(messages[place])
    sections = (EXAMPLES / name).read_text(encoding="utf-8").split("\n## ")
    return next(section for section in sections if section.partition("\n")[0].lower().replace(" ", "-") == place)


def spoken_at(row: Row) -> datetime:
    return datetime.fromisoformat(row["created_at"])


def section_of(row: Row) -> str:
    """The session, the day of the chat or the section of the handbook that a row comes from."""
    source: str = row["from"]
    return f"{source.partition('#')[0]} {row['at'][:10]}" if row["at"] else source


def test_conversation_is_well_formed() -> None:
    messages = read_json("conversation.json")
    times = [spoken_at(message) for message in messages]
    sessions = [message["id"].partition(":")[0] for message in messages]
    assert len(messages) >= 220
    assert len({message["id"] for message in messages}) == len(messages)
    assert {message["speaker"] for message in messages} == {"Maya", "Theo"}
    assert all(time.utcoffset() == timedelta(0) for time in times)
    assert all(earlier < later for earlier, later in pairwise(times))
    assert all(2 <= len(message["content"].split()) <= 70 for message in messages)
    gaps = [later - earlier > timedelta(hours=6) for earlier, later in pairwise(times)]
    assert gaps == [before != after for before, after in pairwise(sessions)]
    assert sum(gaps) + 1 == 10


def test_assistant_chat_is_well_formed() -> None:
    messages = read_json("assistant_chat.json")
    times = [spoken_at(message) for message in messages]
    assert len(messages) >= 40
    assert {message["role"] for message in messages} == {"user", "assistant"}
    assert all(earlier < later for earlier, later in pairwise(times))
    assert len({time.date() for time in times}) == 3


def test_handbook_holds_every_kind_of_markdown() -> None:
    text = (EXAMPLES / "handbook.md").read_text(encoding="utf-8")
    assert 1100 <= len(text.split()) <= 1400
    assert all(mark in text for mark in ("\n## ", "\n- ", "\n1. ", "\n|--", "```text\n", "](https://"))


@pytest.mark.parametrize("question", read_json("questions.json"), ids=lambda question: question["question"])
def test_question_has_an_answer(question: Row) -> None:
    if question["source"] == "handbook.md":
        assert question["expected_text"] in (EXAMPLES / "handbook.md").read_text(encoding="utf-8")
    else:
        assert question["expected"]
        assert all(said_in(f"{question['source']}#{message_id}") for message_id in question["expected"])


def test_questions_cover_every_file() -> None:
    questions = read_json("questions.json")
    assert len(questions) == 12
    assert {question["source"] for question in questions} == {"conversation.json", "assistant_chat.json", "handbook.md"}


@pytest.mark.parametrize("split", SPLITS)
def test_sentences_are_verbatim_and_labelled(split: str) -> None:
    rows = read_lines(f"sentences_{split}.jsonl")
    assert len(rows) >= 160
    for row in rows:
        assert collapse(row["text"]) in collapse(said_in(row["from"])), row
        assert (row["memory_type"] is None) == (not row["categories"]) == row["small_talk"], row
        assert row["memory_type"] in MEMORY_TYPES | {None}, row
        assert len(row["categories"]) == len(set(row["categories"])) <= 3, row
        assert set(row["categories"]) <= CATEGORIES, row


@pytest.mark.parametrize(("split", "dated", "undated"), [("dev", 30, 15), ("heldout", 60, 15)])
def test_dates_are_well_formed(split: str, dated: int, undated: int) -> None:
    rows = read_lines(f"dates_{split}.jsonl")
    assert sum(row["expected"] is not None for row in rows) == dated
    assert sum(row["expected"] is None for row in rows) >= undated
    for row in rows:
        assert datetime.fromisoformat(row["at"]).utcoffset() == timedelta(0), row
        assert row["from"] is None or row["text"] in said_in(row["from"]), row
        check_expectation(row)


def check_expectation(row: Row) -> None:
    expected = row["expected"]
    if expected is None:
        assert row["expression"] is None, row
        return
    assert row["expression"] in row["text"], row
    if isinstance(expected, str):
        assert date.fromisoformat(expected), row
    else:
        assert date.fromisoformat(expected["start"]) < date.fromisoformat(expected["end"]), row


@pytest.mark.parametrize("kind", ["sentences", "dates"])
def test_heldout_shares_no_section_with_dev(kind: str) -> None:
    dev, heldout = ({section_of(row) for row in read_lines(f"{kind}_{split}.jsonl") if row["from"]} for split in SPLITS)
    assert dev
    assert heldout
    assert not dev & heldout
