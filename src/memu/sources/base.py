"""What was given to `memorize`, read: a verbatim text and the messages that it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, or one block (paragraph, list item, table row, …) of a document.

    `start` and `end` are character offsets into the source's text, so `source.text[start:end]` is the message's
    content, verbatim. A block has no speaker; its `heading` is the path of headings it stands under ("Setup > Linux").
    """

    id: str
    start: int
    end: int
    speaker: str | None = None
    role: str | None = None
    at: datetime | None = None
    heading: str | None = None


@dataclass(frozen=True)
class Source:
    """A conversation or a document, ready to be compared, extracted from and kept.

    Attributes:
        url: where it came from; the absolute path of a file; for text and messages given directly, None.
        modality: "conversation", "document" or "text".
        text: the verbatim text; messages are slices of it, in order and without overlap.
        messages: at least one.
        origin: the local file it was read from, if any.
        data: the bytes that were read, when a copy of them is to be kept.
        suffix: file name ending for that copy, with its dot.
        caption: one or two sentences about it, where whoever read it wrote them.
        extra: what is to be kept with the resource.
    """

    url: str | None
    modality: str
    text: str
    messages: tuple[Message, ...]
    origin: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    suffix: str = ""
    caption: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def content(self, message: Message) -> str:
        """The words of one message."""
        return self.text[message.start : message.end]

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """A rolling hash for each message: equal at position i when all messages up to i are equal (see `hashing`)."""
        from memu.sources.hashing import rolling_hashes

        return rolling_hashes(self.message_hashes)

    @cached_property
    def message_hashes(self) -> tuple[str, ...]:
        """A hash of each message alone: speaker, time and normalised text."""
        from memu.sources.hashing import message_hash

        return tuple(message_hash(one.speaker, one.at, self.content(one), one.heading) for one in self.messages)


@dataclass(frozen=True)
class Media:
    """A picture, a recording or a video, which a language model has to look at or listen to before there is a text.

    Attributes:
        url: the absolute path, or the URL, that it came from.
        name: the same as messages show it, without what may be secret in a URL.
        modality: "image", "audio" or "video".
        data: its bytes.
        suffix: its file name's ending, with its dot.
        origin: the local file, if it is one.
    """

    url: str
    name: str
    modality: str
    data: bytes = field(repr=False)
    suffix: str = ""
    origin: Path | None = None


Messages = Sequence[Message]
