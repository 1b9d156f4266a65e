"""Messages, as chat programs write them, become a transcript in which each message's words have an exact place."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memu.errors import SourceInvalid
from memu.sources.base import Message, Source
from memu.sources.text import check_text

_EXAMPLE = '[{"role": "user", "content": "I moved to Oslo."}]'
LONGEST_NAME = 255
"""The most characters of a speaker's name, as stores keep it."""
_PART_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def from_messages(messages: Sequence[Mapping[str, Any]]) -> Source:
    """Make a conversation out of messages.

    A message is a mapping. Speaker: `name`, else `speaker`, else `role`, else "user". Words: `content` (a string,
    `{"text": …}`, or a list of parts as chat programs write it; a part that is no text is named, "[image]"), else
    `text`. Time: `created_at`, else `timestamp` (ISO string, datetime, or epoch seconds; UTC where it names no zone).
    Id: `id`, else `dia_id`, else the 0-based position. Further keys are ignored.

    The text is one "Speaker: words" line per message, the words exactly as given. Messages without words are left out;
    the others keep their positions as ids.

    Example:
        >>> source = from_messages([{"role": "user", "content": "I moved to Oslo."}])
        >>> source.text, source.content(source.messages[0])
        ('user: I moved to Oslo.', 'I moved to Oslo.')

    Raises:
        SourceInvalid: not a list, a field of the wrong type, an id used twice, a NUL or a lone surrogate (each with
            the message's position), or no message with words.
    """
    if isinstance(messages, str | bytes | bytearray) or not isinstance(messages, Sequence):
        raise SourceInvalid(f"messages is of type {_kind(messages)}: expected a list of messages, {_EXAMPLE}.")
    kept: list[Message] = []
    told: list[str] = []
    seen: dict[str, int] = {}
    offset = 0
    for position, given in enumerate(messages):
        message = _Fields(given, position)
        speaker, identity, words = message.speaker(), message.id(), message.words()
        if (first := seen.setdefault(identity, position)) != position:
            raise message.fault(f"has the id {identity!r} of message {first}", "an id of its own, or none")
        start = offset + len(speaker) + 2
        entry = Message(identity, start, start + len(words), speaker, message.name("role"), message.time())
        if words.strip():
            kept.append(entry)
            told.append(f"{speaker}: {words}")
            offset = entry.end + 1
    if not kept:
        raise SourceInvalid(f"none of the {len(messages)} messages has text: expected at least one, {_EXAMPLE}.")
    return Source(url=None, modality="conversation", text="\n".join(told), messages=tuple(kept))


def parse_time(value: str) -> datetime:
    """An ISO time as an aware UTC datetime; one that names no zone is UTC.

    Raises:
        ValueError: not an ISO time.
        OverflowError: outside the years 1 to 9999.
    """
    return _utc(datetime.fromisoformat(value.strip()))


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


class _Fields:
    """The fields of one given message, checked; every fault names the message's position."""

    def __init__(self, given: Any, position: int) -> None:
        self.position = position
        if not isinstance(given, Mapping):
            raise self.fault(f"is of type {_kind(given)}", f"a mapping, {_EXAMPLE}")
        self.given = given

    def fault(self, wrong: str, expected: str) -> SourceInvalid:
        return SourceInvalid(f"message {self.position} {wrong}: expected {expected}.")

    def speaker(self) -> str:
        names = (self.name(key) for key in ("name", "speaker", "role"))
        return next((name for name in names if name), "user")

    def name(self, key: str) -> str | None:
        """A field that names somebody, on one line; None when it is missing or blank."""
        value = self.given.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.fault(f"has {key} of type {_kind(value)}", "a string")
        name = " ".join(self.storable(value, key).split())
        if len(name) > LONGEST_NAME:
            raise self.fault(f"has a {key} of {len(name)} characters", f"at most {LONGEST_NAME}")
        return name or None

    def id(self) -> str:
        for key in ("id", "dia_id"):
            value = self.given.get(key)
            if value is None or value == "":
                continue
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise self.fault(f"has {key} of type {_kind(value)}", "a string or an integer")
            return self.storable(str(value), key)
        return str(self.position)

    def words(self) -> str:
        key = "text" if self.given.get("content") is None else "content"
        return self.storable(self._spoken(self.given.get(key), key), key)

    def time(self) -> datetime | None:
        for key in ("created_at", "timestamp"):
            value = self.given.get(key)
            if value is not None and value != "":
                return self._time(value, key)
        return None

    def storable(self, text: str, key: str) -> str:
        return check_text(text, f"the {key} of message {self.position}")

    def _spoken(self, value: Any, key: str) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, Mapping) and isinstance(value.get("text"), str):
            return str(value["text"])
        if key == "content" and isinstance(value, list | tuple):
            return "\n".join(self._part(part, place) for place, part in enumerate(value))
        shapes = 'a string, {"text": …} or a list of parts' if key == "content" else 'a string or {"text": …}'
        raise self.fault(f"has {key} of type {_kind(value)}", shapes)

    def _part(self, part: Any, place: int) -> str:
        if isinstance(part, str):
            return part
        kind = part.get("type", "text") if isinstance(part, Mapping) else None
        if not isinstance(kind, str):
            raise self.fault(f"has a wrong part {place} in its content", '{"type": "text", "text": …}')
        if isinstance(part.get("text"), str):
            return str(part["text"])
        if kind.endswith("text"):
            raise self.fault(f"has a text part {place} without text", 'a string under "text"')
        name = kind.removeprefix("input_").removesuffix("_url")
        return f"[{name}]" if _PART_NAME.fullmatch(name) else "[attachment]"

    def _time(self, value: Any, key: str) -> datetime:
        try:
            if isinstance(value, datetime):
                return _utc(value)
            if isinstance(value, str):
                return parse_time(value)
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            pass
        shown = f"{value!r:.60}" if isinstance(value, str | int | float) else f"of type {_kind(value)}"
        raise self.fault(
            f"has the {key} {shown}", 'an ISO time ("2024-05-08T13:56:00+02:00"), a datetime, or epoch seconds'
        )


def _kind(value: object) -> str:
    return type(value).__name__
