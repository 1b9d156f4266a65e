"""What is said around the items of a message: the rest of its words, and the question that it answers."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import groupby

from memu.extract.base import ExtractedItem
from memu.extract.sentences import LONGEST, split_sentences
from memu.sources.base import Source


def add_surroundings(source: Source, items: Sequence[ExtractedItem]) -> None:
    """Give the first item of each message the words around its items, so that they are found by them, too.

    Those are the sentences of the message that no item holds, and the last question of the message before it when
    somebody else wrote that: "Which one?" says what "The blue one." is about.

    Args:
        source: what the items were extracted from.
        items: in the order of the text; their `around` is set.
    """
    starts = [message.start for message in source.messages]
    for position, group in groupby(items, key=lambda item: bisect_right(starts, item.start) - 1):
        theirs = list(group)
        parts = [_question_before(source, position), *_rest(source, position, theirs)]
        around = " ".join(part for part in parts if part not in theirs[0].summary)
        theirs[0].around = around if _holds_word(around) else None


def _rest(source: Source, position: int, items: Sequence[ExtractedItem]) -> list[str]:
    """The words of a message before, between and after its items."""
    message = source.messages[position]
    edges = [message.start, *(edge for item in items for edge in (item.start, item.end)), message.end]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [text for start, end in gaps if start < end and _holds_word(text := source.text[start:end].strip())]


def _question_before(source: Source, position: int) -> str:
    """The last question of the message before, when somebody else wrote it; "" when there is none."""
    message, before = source.messages[position], source.messages[position - 1]
    if not position or before.speaker in (None, message.speaker):
        return ""
    content = source.content(before)
    spans = split_sentences(content) if "?" in content else []
    texts = (content[span.start : span.end] for span in reversed(spans))
    return next((text for text in texts if "?" in text and len(text) <= LONGEST), "")


def _holds_word(text: str) -> bool:
    return re.search(r"\w", text) is not None
