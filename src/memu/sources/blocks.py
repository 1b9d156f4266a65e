"""Text that is put together block by block out of a file that is no plain text, each under the path of its headings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from memu.errors import SourceError, SourceInvalid
from memu.sources.base import Message, Source
from memu.sources.text import storable, trimmed

LONGEST_TITLE = 200
BETWEEN = "\n\n"


@dataclass(slots=True)
class Blocks:
    """The blocks of a document so far; its text is what they say, one after the other.

    Args:
        name: what the document is called in messages.
        longest: how many characters it may have.
    """

    name: str
    longest: int
    parts: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    titles: list[tuple[int, str]] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    length: int = 0

    def heading(self, level: int, words: str) -> None:
        """What follows stands under this heading, until one of its level or above."""
        title = " ".join(storable(words).split())[:LONGEST_TITLE].rstrip()
        self.titles = [entry for entry in self.titles if entry[0] < level]
        if title:
            self.titles.append((level, title))
            self.headings.append(title)
            self._count(len(title))

    def add(self, words: str, *under: str) -> None:
        """A block of words, under the headings so far and any of its own; blank ones are left out."""
        self.add_spans(words, [(0, len(words))], *under)

    def add_spans(self, text: str, spans: Sequence[tuple[int, int]], *under: str) -> None:
        """Several blocks that are parts of one text, which is kept as it stands."""
        text = storable(text)
        kept = [(start, end) for start, end in (trimmed(text, *span) for span in spans) if start < end]
        if not kept:
            return
        text = text[: kept[-1][1]]
        self._count(len(text) + len(BETWEEN))
        offset = self.messages[-1].end + len(BETWEEN) if self.messages else 0
        path = " > ".join([*(title for _, title in self.titles), *under]) or None
        for start, end in kept:
            self.messages.append(Message(str(len(self.messages)), offset + start, offset + end, heading=path))
        self.parts.append(text)

    def source(self, nothing: str) -> Source:
        """The document.

        Args:
            nothing: what is to be said when it has no words.

        Raises:
            SourceInvalid: it has none.
        """
        if not self.messages:
            for title in self.headings:
                self.titles = []
                self.add(title)
        if not self.messages:
            raise SourceInvalid(nothing)
        return Source(url=None, modality="document", text=BETWEEN.join(self.parts), messages=tuple(self.messages))

    def _count(self, more: int) -> None:
        self.length += more
        if self.length > self.longest:
            raise SourceError(
                f"{self.name} has more than {self.longest:,} characters of text: split it, or raise max_characters."
            )
