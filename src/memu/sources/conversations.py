"""The text of a conversation file, in any of its written forms, becomes a conversation."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from memu.errors import SourceInvalid
from memu.sources.base import Message, Source
from memu.sources.messages import from_messages, parse_time
from memu.sources.text import check_text, lines, trimmed

_SHAPES = (
    'a JSON list of messages, {"messages": [...]}, {"content": [...]}, one JSON message per line, '
    'or lines like "Name: words"'
)
_TIMED = r"\[(?P<time>[^\]\[{}\"\r\n]{1,40})\][ \t]*"
_NAME = r"(?P<name>[^\W\d_][\w.'’()&@/ -]{0,39}?)[ \t]*(?::(?=\s|\Z)|：)"
_SPEAKER = re.compile(rf"[ \t]*(?:{_TIMED})?{_NAME}")
_TIMED_SPEAKER = re.compile(rf"\s*{_TIMED}{_NAME}")
_MOST_NAME_WORDS = 4


def load_conversation_text(text: str) -> Source:
    """Read the text of a conversation file.

    JSON: a list of messages (see `from_messages`), `{"messages": [...]}`, `{"content": [...]}`, or one message per
    line; the source's text is their transcript. Otherwise lines: "Alice: hi" or "[2024-05-08 13:56] Alice: hi" begins
    a message and other lines continue it; where no line names a speaker, every line is a message of "user". The
    source's text is then the file's, unchanged.

    Raises:
        SourceInvalid: malformed JSON (with line and column), JSON of another shape, a wrong message, or no words.
    """
    check_text(text, "the conversation")
    if not _is_json(text):
        return _from_lines(text)
    value = _parse(text)
    found = _message_list(value)
    if found is None and isinstance(value, Mapping) and {"content", "text"} & value.keys():
        found = [value]
    if found is None:
        raise SourceInvalid(f"the JSON is a {type(value).__name__} that holds no messages: expected {_SHAPES}.")
    return from_messages(found)


def sniff_conversation(text: str) -> Source | None:
    """Read JSON as a conversation when it is a list of things with words, else None: it is another document.

    Raises:
        SourceInvalid: malformed JSON (with line and column), or a wrong message among messages.
    """
    check_text(text, "the file")
    found = _message_list(_parse(text)) if text.strip() else None
    if not found or not all(isinstance(each, Mapping) and {"content", "text"} & each.keys() for each in found):
        return None
    return from_messages(found)


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in ("[", "{") and not _TIMED_SPEAKER.match(text)


def _message_list(value: Any) -> Sequence[Any] | None:
    if isinstance(value, list):
        return value
    if not isinstance(value, Mapping):
        return None
    if isinstance(value.get("messages"), list):
        return list(value["messages"])
    # A message whose content is a list of parts looks like the wrapper, but says who speaks.
    if isinstance(value.get("content"), list) and not {"role", "speaker", "name"} & value.keys():
        return list(value["content"])
    return None


def _parse(text: str) -> Any:
    """The JSON value of `text`; a list of objects when there is one object on each line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as fault:
        error = _malformed(fault, 0)
        more_follows = fault.msg == "Extra data"
    except (RecursionError, ValueError) as fault:
        error = SourceInvalid(f"the JSON cannot be read ({_reason(fault)}): expected {_SHAPES}.")
        more_follows = False
    first = next(text[start:end] for start, end in lines(text) if text[start:end].strip())
    if not more_follows or not _is_object(first):
        raise error
    return [
        _parse_line(text[start:end], row) for row, (start, end) in enumerate(lines(text)) if text[start:end].strip()
    ]


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _parse_line(line: str, row: int) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as fault:
        raise _malformed(fault, row) from None
    except (RecursionError, ValueError) as fault:
        raise SourceInvalid(f"the JSON of line {row + 1} cannot be read ({_reason(fault)}).") from None


def _malformed(fault: json.JSONDecodeError, row: int) -> SourceInvalid:
    return SourceInvalid(
        f"malformed JSON at line {fault.lineno + row}, column {fault.colno}: {fault.msg}. Expected {_SHAPES}."
    )


def _reason(fault: Exception) -> str:
    return "nested too deeply" if isinstance(fault, RecursionError) else "a number too long"


def _from_lines(text: str) -> Source:
    spans = [span for span in lines(text) if text[slice(*span)].strip()]
    heads = [_head(text, *span) for span in spans]
    spoken = any(head is not None for head in heads)
    messages: list[tuple[str, datetime | None, int, int]] = []
    for (start, end), head in zip(spans, heads, strict=True):
        if head is not None:
            messages.append((*head, end))
        elif messages and spoken:
            messages[-1] = (*messages[-1][:3], end)
        else:
            messages.append(("user", None, start, end))
    kept = tuple(_line_message(text, position, *message) for position, message in enumerate(messages))
    kept = tuple(message for message in kept if message.start < message.end)
    if not kept:
        raise SourceInvalid(f"the conversation has no words in it: expected {_SHAPES}.")
    return Source(url=None, modality="conversation", text=text, messages=kept)


def _line_message(text: str, position: int, speaker: str, at: datetime | None, start: int, end: int) -> Message:
    return Message(str(position), *trimmed(text, start, end), speaker=speaker, at=at)


def _head(text: str, start: int, end: int) -> tuple[str, datetime | None, int] | None:
    """Speaker, time, and where the words begin, when this line begins a message."""
    match = _SPEAKER.match(text, start, end)
    if match is None or len(match["name"].split()) > _MOST_NAME_WORDS:
        return None
    try:
        at = parse_time(match["time"]) if match["time"] else None
    except (ValueError, OverflowError):
        at = None
    return " ".join(match["name"].split()), at, match.end()
