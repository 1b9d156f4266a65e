"""What a language model is asked about the messages of a window, and what is made of its answer.

All memory types are asked for at once. Every item has to name the messages that it comes from; nothing else of an
answer says where it belongs, so it can point at nothing but what was given.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema, create_model
from pydantic.json_schema import SkipJsonSchema

from memu.extract.base import ExtractedItem
from memu.extract.model_answers import ItemAnswer, ItemsAnswer, Numbers, OneNumber
from memu.extract.reading import read_sentence
from memu.extract.summaries import CAPTION_LENGTH
from memu.extract.types import memory_type
from memu.extract.windows import Known, Piece, Window
from memu.llm.base import Message
from memu.llm.prompts import build, encode
from memu.memorize_settings import MemorizeConfig, prompt_text
from memu.sources.base import Source
from memu.sources.hashing import normalized

NOTE = "not verbatim: the words are a language model's"
"""The note of an item that a model wrote."""

LONGEST_ITEM = 1000
"""Characters that an item has at most."""

LONGEST_KNOWN = 300
"""Characters of a remembered item that a model is shown."""

MOST_ITEMS = 500
"""How many items of one window are kept."""

TYPES = {
    "profile": "lasting facts about a person: who they are, have, know, like, want, and how they stand to others",
    "event": "what happened to somebody or is going to, with when and where as far as that is said",
    "knowledge": "facts, explanations and instructions about the world or a project that somebody may need again",
    "behavior": "habits and routines: what somebody does again and again, and how they go about things",
    "skill": "how to do something well, learned by doing it, with the steps that work",
    "tool": "how a tool was used, with what outcome, and when to use it again",
}
"""What each memory type is, where the operator does not say it in other words."""

TASK = """\
You keep the long-term memory of an assistant. Read the messages of the {modality} in the data "messages" and write \
down everything in them that may be worth knowing in weeks or months. The data "before" is what stood before them: use \
it to understand them, but write nothing down that only it says.

Each item of your answer has:
- text: one fact in one or two plain sentences that can be understood alone. Name people and things, and no "he", \
"she", "it" or "there". Write who said or did it. Say only what is said; keep names, numbers, places and quantities \
exactly. Use the language of the messages.
- memory_type: one of the types below.
- message_ids: the ids of the messages that it comes from.
{filing}- happened_at: when it happened or is going to, as YYYY-MM-DD, worked out from the time of the message; null \
where that is not said.

Leave out greetings, thanks and small talk. Write nothing down twice. Keep apart what can be remembered apart. \
caption: what the whole of it is about, in one sentence of at most {caption} characters."""

FILING = "- categories: the names of the categories below that it belongs in, best first; mostly one, at most three.\n"

KNOWN = """\
The data "known" has what is remembered already. Each item has two fields more:
- repeats: the id there of the one that says all that the item says already, in whatever words; null where the item \
adds anything, such as a number, a time, a place or a name.
- replaces: the ids there of what cannot be true at the same time as the item, since both say the same thing \
differently of the same person or thing, such as a home, a job or a favourite, whichever of them was said first; empty \
for almost all items, and where both can be true.
Write down what is known already all the same, with its repeats."""

MOST_REPLACED = 3
"""How many memories one item can replace: a hostile message is not to end many."""

MOST_REPLACED_AT_ONCE = 5
"""How many memories all items of one call can replace."""

REFUSED_TOLD = 5
"""How many items that are none are told one by one."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
"""A word; of scripts without spaces, a character."""
_DATE = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d))?")
_YEARS = range(1000, 9999)  # what every database can keep, in every time zone


@dataclass(slots=True)
class Read:
    """What an answer gave: items, a caption, and what of it could not be used; or why there is none."""

    items: list[ExtractedItem] = field(default_factory=list)
    caption: str | None = None
    warnings: list[str] = field(default_factory=list)
    failed: str | None = None


@dataclass(frozen=True)
class ModelReader:
    """Asks for the items of a source by the settings, and reads the answers."""

    settings: MemorizeConfig

    @cached_property
    def types(self) -> dict[str, str]:
        """The memory types, and what each is."""
        told = {name: prompt_text(prompt) for name, prompt in self.settings.memory_type_prompts.items()}
        return {name: _filled(told.get(name) or TYPES[name]) for name in self.settings.memory_types}

    def schema(self, window: Window) -> type[ItemsAnswer]:
        """The form of an answer, with the types and categories of the settings."""
        return self._form_beside_known if window.known else self._form

    @cached_property
    def _form(self) -> type[ItemsAnswer]:
        return self._make_form({name: _field(SkipJsonSchema[list[int | str]]) for name in ("repeats", "replaces")})

    @cached_property
    def _form_beside_known(self) -> type[ItemsAnswer]:
        return self._make_form({"repeats": _field(OneNumber), "replaces": _field(Numbers)})

    def _make_form(self, further: dict[str, Any]) -> type[ItemsAnswer]:
        names = [one.name for one in self.settings.memory_categories]
        fields: dict[str, Any] = {
            "memory_type": (Annotated[str, WithJsonSchema(_one_of(list(self.types)))], ...),
            "message_ids": (Numbers, ...),
            **further,
        }
        if names:
            listed = {"type": "array", "items": _one_of(names)}
            fields["categories"] = (Annotated[list[str], WithJsonSchema(listed)], Field(default_factory=list))
        item = create_model("Item", __base__=ItemAnswer, **fields)
        return create_model("Memories", __base__=ItemsAnswer, items=(list[item], ...))  # type: ignore[valid-type]

    def instructions(self, modality: str, *, known: bool = False) -> str:
        """What to do; of the library's words and the operator's only."""
        categories = {one.name: one.description for one in self.settings.memory_categories}
        task = TASK.format(modality=modality, caption=CAPTION_LENGTH, filing=FILING if categories else "")
        parts = [task, f"The memory types: {encode(self.types)}"]
        if categories:
            parts.append(f"The categories: {encode(categories)}")
        if told := prompt_text(self.settings.multimodal_preprocess_prompts.get(modality)):
            parts.append(_filled(told))
        return "\n\n".join([*parts, KNOWN] if known else parts)

    def prompt(self, source: Source, window: Window) -> tuple[Message, ...]:
        """What is asked about a window."""
        data: dict[str, Any] = {"messages": [{"id": one.position, **_told(source, one)} for one in window.pieces]}
        if window.before:
            data["before"] = [_told(source, one) for one in window.before]
        if window.known:
            data["known"] = [_remembered(number, one) for number, one in enumerate(window.known)]
        return build(self.instructions(source.modality, known=bool(window.known)), data)

    def read(self, source: Source, window: Window, answer: ItemsAnswer) -> Read:
        """The items of an answer, each at its place in the text; what points at nothing is left out, and said."""
        read = Read(caption=_cleaned(answer.caption, CAPTION_LENGTH) or None)
        unplaced = unknown = 0
        known: set[str] = set()
        for one in answer.items[:MOST_ITEMS]:
            text = _cleaned(one.text, LONGEST_ITEM)
            positions = _positions(one.message_ids, window)
            unknown += len(set(map(str, one.message_ids))) - len(positions)
            unplaced += bool(text) and not positions
            if text and positions and (key := normalized(text).casefold()) not in known:
                known.add(key)
                read.items.append(self._item(source, window, one, text, positions))
        read.items.sort(key=lambda item: (item.start, item.end))
        _add_words(source, read.items)
        over = answer.items[MOST_ITEMS:]
        read.warnings = [*_faults(unknown, unplaced, len(over)), *_refused(answer.refused)]
        read.warnings += limit_replaced(read.items)
        return read

    def _item(
        self, source: Source, window: Window, one: ItemAnswer, text: str, positions: Sequence[int]
    ) -> ExtractedItem:
        messages = [source.messages[position] for position in positions]
        pieces = [piece for piece in window.pieces if piece.position in positions]
        when = _date(one.happened_at)
        replaced = _shown(one.replaces, window)[:MOST_REPLACED]
        repeated = [] if replaced else _shown(one.repeats, window)[:1]
        return ExtractedItem(
            summary=text,
            memory_type=self._type(one.memory_type, text, dated=when is not None),
            message_ids=tuple(message.id for message in messages),
            start=pieces[0].start,
            end=pieces[-1].end,
            speaker=_common(message.speaker for message in messages),
            said_at=max((message.at for message in messages if message.at), default=None),
            happened_at=when,
            heading=_common(message.heading for message in messages),
            categories=self._categories(one.categories),
            note=NOTE,
            supersedes=tuple(known.id for known in replaced),
            repeats=tuple(known.id for known in repeated if _adds_nothing(text, when, known)),
        )

    def _type(self, named: str, text: str, *, dated: bool) -> str:
        """The type that is named, else the one that the rules give."""
        known = {name.casefold(): name for name in self.types}
        if found := known.get(named.strip().casefold()):
            return found
        return memory_type(read_sentence(text), voice="person", dated=dated, allowed=self.settings.memory_types)

    def _categories(self, named: Sequence[str]) -> tuple[str, ...] | None:
        """The configured ones among those named; None, which leaves the filing to the rules, when there is none."""
        known = {one.name.casefold(): one.name for one in self.settings.memory_categories}
        return tuple(dict.fromkeys(known[key] for one in named if (key := one.strip().casefold()) in known)) or None


def _field(kind: Any) -> tuple[Any, Any]:
    return kind, Field(default_factory=list)


def _one_of(names: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(names)}


def _filled(told: str) -> str:
    """An operator's prompt whose places for data say where the data are; nothing else in it has a meaning."""
    return told.replace("{resource}", 'the data "messages"').replace("{categories_str}", "the categories")


def _told(source: Source, piece: Piece) -> Mapping[str, Any]:
    """A message as the model sees it. Its id there is its position, which is shorter than its own and says nothing."""
    message = source.messages[piece.position]
    told = {
        "speaker": message.speaker,
        "at": message.at.isoformat(timespec="minutes") if message.at else None,
        "heading": message.heading,
        "text": source.text[piece.start : piece.end],
    }
    return {name: value for name, value in told.items() if value is not None}


def _add_words(source: Source, items: Sequence[ExtractedItem]) -> None:
    """Give the first item of each place the words that were said there, so that it is found by them, too."""
    for start, group in groupby(items, key=lambda item: item.start):
        first = next(group)
        first.around = source.text[start : min(first.end, start + LONGEST_ITEM)]


def _remembered(number: int, one: Known) -> dict[str, Any]:
    told = {
        "id": number,
        "speaker": one.speaker,
        "at": one.said_at.isoformat(timespec="minutes") if one.said_at else None,
        "text": one.text[:LONGEST_KNOWN],
    }
    return {name: value for name, value in told.items() if value is not None}


def _shown(named: Iterable[int | str], window: Window) -> list[Known]:
    """What is named of that which was shown as known."""
    return [window.known[number] for number in sorted(_numbers(named)) if number < len(window.known)]


def _adds_nothing(text: str, happened_at: datetime | None, known: Known) -> bool:
    """Whether an item can be what is known already; in doubt it is not, since what is said often ranks before others.

    Most of its words have to be there, and all of its numbers, and it has to be of the same day: a hostile message does
    not raise what it does not speak of, and what happens again is not what happened.
    """
    words, there = (set(_WORD.findall(one.casefold())) for one in (text, f"{known.speaker} {known.text}"))
    same_day = happened_at is None or happened_at == known.happened_at
    fresh = words - there
    return same_day and 2 * len(fresh) <= len(words) and not any(character.isdigit() for character in "".join(fresh))


def _positions(named: Iterable[int | str], window: Window) -> list[int]:
    """The messages of the window among those named."""
    return sorted(_numbers(named) & window.positions)


def _numbers(named: Iterable[int | str]) -> set[int]:
    texts = (str(one).strip().lstrip("#") for one in named)
    return {int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 10}


def _cleaned(text: str, longest: int) -> str:
    """A text on one line, without what no reader sees, and no longer than it may be."""
    seen = "".join(" " if unicodedata.category(one)[0] in "CZ" and one != "\u200d" else one for one in text)
    line = " ".join(seen.split())
    if not any(unicodedata.category(one)[0] in "LN" for one in line):
        return ""
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def _date(text: str | None) -> datetime | None:
    """A day, or the first of a month; None where that is not what the text says."""
    found = _DATE.match(text or "")
    if found is None:
        return None
    year, month, day = (int(part or 1) for part in found.groups())
    try:
        return datetime(year, month, day, tzinfo=UTC) if year in _YEARS else None
    except ValueError:
        return None


def _common(values: Iterable[str | None]) -> str | None:
    """The value that all have."""
    known = set(values)
    return known.pop() if len(known) == 1 else None


def _faults(unknown: int, unplaced: int, over: int) -> Iterator[str]:
    if unknown > 0:
        yield f"the model named {unknown} messages that it was not given: they were left out."
    if unplaced:
        yield f"{unplaced} items of the model came from no message that it was given: they were left out."
    if over > 0:
        yield f"the model gave more than {MOST_ITEMS} items for one window: {over} were left out."


def _refused(faults: Sequence[str]) -> Iterator[str]:
    for fault in faults[:REFUSED_TOLD]:
        yield f"the model gave an item that is none and was left out ({fault[:200]})."
    if (more := len(faults) - REFUSED_TOLD) > 0:
        yield f"the model gave {more} more items that are none: they were left out."


def limit_replaced(items: Iterable[ExtractedItem]) -> list[str]:
    """Let the items replace no more memories than one call may; what there is to say where they named more."""
    kept: set[str] = set()
    over: set[str] = set()
    for item in items:
        room = MOST_REPLACED_AT_ONCE - len(kept)
        fresh = [one for one in item.supersedes if one not in kept]
        kept |= set(fresh[:room])
        over |= set(fresh[room:])
        item.supersedes = tuple(one for one in item.supersedes if one in kept)
    if not over:
        return []
    return [
        f"the model named {len(over)} more memories that hold no longer than the {MOST_REPLACED_AT_ONCE} that one call "
        "may end: they still hold. Read the source for what misled it, or end them with update_memory_item."
    ]
