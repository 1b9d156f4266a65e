"""What of a source goes into one request to a language model: some of its messages, and what was said before them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memu.sources.base import Source

BEFORE = 2000
"""Characters of what was said before a window that are shown with it."""

_BREAK_WITHIN = 200  # how far before a window's end a space is looked for, where one message fills more than a window


@dataclass(frozen=True, slots=True)
class Piece:
    """A message of a window, or the part of a long one: its position in the source, and where its words stand."""

    position: int
    start: int
    end: int

    @property
    def length(self) -> int:
        """How many characters it has."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Known:
    """Something that is remembered already, and that a new message may end or say again."""

    id: str
    text: str
    said_at: datetime | None = None
    happened_at: datetime | None = None
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Some messages of a source, in order; `before` are the last ones before them, which are context only.

    `known` is what is remembered already and is most like them.
    """

    pieces: tuple[Piece, ...]
    before: tuple[Piece, ...]
    known: tuple[Known, ...] = ()

    @property
    def positions(self) -> frozenset[int]:
        """The positions of its messages."""
        return frozenset(piece.position for piece in self.pieces)


def halves(source: Source, window: Window) -> list[Window]:
    """A window as two; as it is, when it holds one piece."""
    middle = len(window.pieces) // 2
    parts = (part for part in (window.pieces[:middle], window.pieces[middle:]) if part)
    return [replace(_window(source, part), known=window.known) for part in parts]


def cut_windows(source: Source, positions: Sequence[int], size: int) -> list[Window]:
    """Windows of at most `size` characters over the messages at some positions."""
    windows: list[Window] = []
    waiting: list[Piece] = []
    room = size
    for piece in _pieces(source, positions, size):
        if waiting and piece.length > room:
            windows.append(_window(source, waiting))
            waiting, room = [], size
        waiting.append(piece)
        room -= piece.length
    return [*windows, _window(source, waiting)] if waiting else windows


def _pieces(source: Source, positions: Sequence[int], size: int) -> Iterator[Piece]:
    for position in positions:
        message = source.messages[position]
        start = message.start
        while message.end - start > size:
            cut = source.text.rfind(" ", start + size - _BREAK_WITHIN, start + size) + 1 or start + size
            yield Piece(position, start, cut)
            start = cut
        yield Piece(position, start, message.end)


def _window(source: Source, pieces: Sequence[Piece]) -> Window:
    before: list[Piece] = []
    first, room = pieces[0], BEFORE
    if first.start > source.messages[first.position].start:
        start = max(source.messages[first.position].start, first.start - room)
        return Window(tuple(pieces), (Piece(first.position, start, first.start),))
    for position in range(first.position - 1, -1, -1):
        message = source.messages[position]
        before.append(Piece(position, max(message.start, message.end - room), message.end))
        room -= before[-1].length
        if room <= 0:
            break
    return Window(tuple(pieces), tuple(reversed(before)))
