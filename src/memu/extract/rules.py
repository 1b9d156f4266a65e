"""Turns a source into memory items by rules: sentences, small talk, memory types, dates; no model.

The rules know English. In a source in another language every sentence with words in it becomes an item, verbatim, of
the type that the rules give by default; filing and search work by the vectors then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from memu.extract.base import ExtractedItem, Extraction
from memu.extract.dates import resolve_date
from memu.extract.patterns import lazy, words
from memu.extract.reading import Reading, is_foreign, names_in, read_sentence
from memu.extract.sentences import LONGEST, split_sentences
from memu.extract.smalltalk import ENOUGH, is_empty, is_formula, weight
from memu.extract.summaries import choose_caption
from memu.extract.types import Voice, memory_type
from memu.models import MEMORY_TYPES
from memu.sources.base import Message, Source

ANSWER_NOTE = "not verbatim: the question that these words answer stands before them"
"""The note of an item that holds a question and its answer."""

SAMPLE = 20_000
"""Characters by which the language of a source is known."""

_ASSISTANTS = words("assistant system tool function developer ai bot chatbot")
_FRAGMENT_WORDS = 6
_FENCED = lazy(r"\s*(?:```|~~~)")
_LAST_LINE_FENCE = lazy(r"[ \t>]*(?:```|~~~)[^\n]*\n[ \t>]*\Z")
_ASKS_FOR = lazy(r"\b(?:where|when|who|whose|which|what|how\s+(?:many|much|long|old|often|far))\b")
_ASIDE = lazy(r"(?:what|how)\s+about|what['’]?s\s+(?:up|new)")
_OF_ONESELF = lazy(r"\b(?:i|i['’]m|my|me|mine)\b")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a message: where it stands in the source's text, and its reading (None for code)."""

    start: int
    end: int
    reading: Reading | None
    question: Message | None = None


class RuleExtractor:
    """An `Extractor` without a language model."""

    def extract(self, source: Source, *, first: int = 0, memory_types: Sequence[str] = ()) -> Extraction:
        """One item per sentence worth remembering, in the order of the text; see `Extractor`.

        Messages before `first` give no items; the last of them may hold the question that a new message answers.
        `memory_types` limits the types that are given. Never raises on content.
        """
        reader = _SourceReader(source, tuple(kind for kind in memory_types if kind in MEMORY_TYPES))
        items = [item for position in range(max(0, first), len(source.messages)) for item in reader.items(position)]
        return Extraction(items=items, caption=choose_caption(items))


@dataclass(frozen=True)
class _SourceReader:
    """One source while it is read."""

    source: Source
    allowed: tuple[str, ...]

    @cached_property
    def _foreign(self) -> bool:
        return is_foreign(self.source.text[:SAMPLE])

    @cached_property
    def _names(self) -> frozenset[str]:
        """Names of people, places and things; those who speak are left out, because they are called by name."""
        speakers = {part for message in self.source.messages for part in (message.speaker or "").split()}
        return frozenset(names_in(self.source.text) - speakers)

    @cached_property
    def _to_assistant(self) -> bool:
        return any(_is_assistant(message) for message in self.source.messages)

    def items(self, position: int) -> Iterator[ExtractedItem]:
        """The items of one message."""
        message = self.source.messages[position]
        for sentence in self._kept(position, message):
            yield self._item(sentence, message)

    def _kept(self, position: int, message: Message) -> list[Sentence]:
        sentences = self._sentences(message)
        if message.speaker is None:
            return [sentence for sentence in sentences if sentence.reading is None or not is_empty(sentence.reading)]
        asked = self._question_before(position)
        kept: list[Sentence] = []
        before: Sentence | None = None
        for sentence in sentences:
            if self._worth(sentence, message, asked if not kept else None):
                if kept and before is kept[-1] and _is_fragment(sentence.reading):
                    kept[-1] = replace(kept[-1], end=sentence.end)
                    before = kept[-1]
                    continue
                answers = asked and not kept and _is_fragment(sentence.reading)
                kept.append(replace(sentence, question=asked) if answers else sentence)
                before = kept[-1]
            else:
                before = sentence
        return kept

    def _sentences(self, message: Message) -> list[Sentence]:
        text = self.source.content(message)
        if message.speaker is None and _is_code_block(self.source.text, message.start):
            return [Sentence(message.start, message.end, None)]
        sentences = []
        for span in split_sentences(text):
            words_of = text[span.start : span.end]
            code = _FENCED().match(words_of) or len(words_of) > LONGEST
            reading = None if code else read_sentence(words_of, names=self._names, foreign=self._foreign)
            sentences.append(Sentence(message.start + span.start, message.start + span.end, reading))
        return sentences
