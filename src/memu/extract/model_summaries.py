"""What a language model is asked about the categories that new items are filed in, and what is made of its answer."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema, create_model

from memu.llm.base import Message
from memu.llm.prompts import build, encode
from memu.memorize_settings import MemorizeConfig, prompt_text
from memu.utils.references import keep_references, strip_references

TASK = """\
You keep summaries of what is remembered of a person, a project or a document: one for each category. The data \
"categories" has for each its number ("id"), its name ("category"), the present "summary" if there is one, and the \
"memories" that it is to take in, oldest first. Write each summary anew, so that somebody who reads nothing else knows \
what matters. Keep what still holds of the present one; where memories contradict it or each other, the later one \
holds. Say only what is there, keep names and numbers exactly, and use its language. Write plain text or short \
Markdown, no headline.

Give a summary for each category, named by its number, of about so many characters at most: """

CITE = """\
After each sentence put the references of the memories that it rests on, such as [ref:1a2b3c4d], exactly as they stand \
behind the memories and in the present summary. They do not count as characters. Write no other references."""

OVER = 1.5
"""By how much a summary may be longer than asked for before it is cut."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a summary is made of: the category, its present summary, and the memories to take in.

    `known` are the references that may stand in the summary, with the ids of the items that they lead to.
    """

    category: str
    summary: str | None
    memories: Sequence[str]
    known: Mapping[str, str] = field(default_factory=dict)


class SummaryAnswer(BaseModel):
    """One summary of an answer."""

    category: int | str
    summary: str


class SummariesAnswer(BaseModel):
    """All summaries."""

    summaries: list[SummaryAnswer]


def answer_form(names: Sequence[str]) -> type[SummariesAnswer]:
    """The form of an answer about some categories."""
    numbered = Annotated[int | str, WithJsonSchema({"type": "integer", "enum": list(range(len(names)))})]
    one: Any = create_model("Summary", __base__=SummaryAnswer, category=(numbered, ...))
    return create_model("Summaries", __base__=SummariesAnswer, summaries=(list[one], ...))


def summaries_prompt(settings: MemorizeConfig, materials: Sequence[Material]) -> tuple[Message, ...]:
    """What is asked about some categories; the instructions are of the library's words and the operator's only.

    A category may be one that a user named, so the instructions call it by its number.
    """
    lengths = {number: settings.length_of(one.category) for number, one in enumerate(materials)}
    parts = [TASK + encode(lengths), *([CITE] if settings.enable_item_references else [])]
    for number, one in enumerate(materials):
        own = settings.category(one.category)
        if told := prompt_text((own and own.summary_prompt) or settings.default_category_summary_prompt):
            name = own.name if own else f"the category {number}"
            parts.append(f"For the category {number}:\n{_filled(told, name, lengths[number])}")
    room = settings.extract_window // max(1, len(materials))
    return build("\n\n".join(parts), {"categories": [_told(*one, room) for one in enumerate(materials)]})


def read_summaries(settings: MemorizeConfig, materials: Sequence[Material], answer: SummariesAnswer) -> dict[str, str]:
    """The summaries that can be used, by category; others than those asked for are left out."""
    asked = {one.category: one for one in materials}
    read: dict[str, str] = {}
    for one in answer.summaries:
        material = asked.get(_named(one.category, list(asked)) or "")
        text = _cleaned(one.summary)
        if material is not None and material.category not in read and text:
            text = _shortened(text, settings.length_of(material.category))
            kept = keep_references(text, material.known) if settings.enable_item_references else text
            read |= {material.category: kept} if kept else {}
    return read


def _named(category: int | str, names: Sequence[str]) -> str | None:
    """The category of a number, or of a name, which some models give instead."""
    told = str(category).strip()
    by_number = {str(number): name for number, name in enumerate(names)}
    return by_number.get(told) or {name.casefold(): name for name in names}.get(told.casefold())


def _told(number: int, one: Material, room: int) -> dict[str, Any]:
    """A category's part of the data; the newest memories that there is room for."""
    chosen: list[str] = []
    for text in reversed(one.memories):
        room -= len(text)
        if room < 0 and chosen:
            break
        chosen.append(text)
    told = {"id": number, "category": one.category, "summary": one.summary, "memories": chosen[::-1]}
    return {name: value for name, value in told.items() if value is not None}


def _filled(told: str, name: str, length: int) -> str:
    """An operator's prompt whose places for data say where the data are; nothing else in it has a meaning."""
    places = {
        "{category}": name,
        "{original_content}": 'the present "summary"',
        "{new_memory_items_text}": 'the "memories"',
        "{target_length}": str(length),
    }
    for place, value in places.items():
        told = told.replace(place, value)
    return told


def _cleaned(text: str) -> str:
    """A text without what no reader sees; its lines stay."""
    lines = ("".join(one for one in line if unicodedata.category(one)[0] != "C") for line in text.splitlines())
    return "\n".join(line.rstrip() for line in lines).strip()


def _shortened(text: str, length: int) -> str:
    """A summary that is much longer than asked for, up to the end of a sentence or line."""
    most = int(length * OVER) + len(text) - len(strip_references(text))
    if len(text) <= most:
        return text
    end = max(text.rfind(mark, 0, most) for mark in (". ", ".\n", "\n", "! ", "? "))
    return text[: end + 1].rstrip() if end > most // 3 else f"{text[: most - 1].rstrip()}…"
