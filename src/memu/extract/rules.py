"""Turns a source into memory items by rules: sentences, small talk, memory types, dates; no model.

The rules know English. In a source in another language every sentence with words in it becomes an item, verbatim, of
the type that the rules give by default; filing and search work by the vectors then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from memu.extract.attributes import add_facts
from memu.extract.base import ExtractedItem, Extraction
from memu.extract.dates import resolve_date
from memu.extract.patterns import lazy, start, words
from memu.extract.reading import Reading, is_foreign, names_in, read_sentence
from memu.extract.sentences import LONGEST, Span, split_sentences
from memu.extract.smalltalk import is_empty, is_small_talk
from memu.extract.summaries import choose_caption
from memu.extract.surroundings import add_surroundings
from memu.extract.types import Voice, memory_type
from memu.models import MEMORY_TYPES
from memu.sources.base import Message, Source

ANSWER_NOTE = "not verbatim: the question that these words answer stands before them"
"""The note of an item that holds a question and its answer."""

SAMPLE = 20_000
"""Characters by which the language of a source is known."""

_ASSISTANTS = words("assistant system tool function developer ai bot chatbot")
_FRAGMENT_WORDS = 6
_ANSWER_WORDS = 12
_QUESTION_WITHIN = 2  # the last sentences of a message, among which a question is that is still to be answered
_FENCED = lazy(r"\s*(?:```|~~~)")
_FENCE_ABOVE = lazy(r"(?:^|\n)[ \t>]*(?:```|~~~)[^\n`]*\n[ \t>]*\Z")
_ASKS_FOR = lazy(r"\b(?:where|when|who|whose|which|what|how\s+(?:many|much|long|old|often|far))\b")
_ASKS_WHETHER = start(
    r"(?:do|did|are|were|have|had|can|could|will|would)\s+you", r"(?:is|are|was|were|has|have|did|does)\s+your"
)
_YES_OR_NO = lazy(
    r"\s*(?:yes|yeah|yep|yup|no|nope|never|indeed|correct|exactly|of\s+course|not\s+(?:yet|anymore|any\s+more|really))\b"
    r"(?:,?\s*(?:i|we|they|he|she|it)\s+(?:do|did|am|was|were|have|can|could|will|would|is|are|has)(?:n['’]t|\s+not)?)?[\s.!]*"
)
_ASIDE = lazy(r"(?:what|how)\s+about|what['’]?s\s+(?:up|new)")
_OF_ONESELF = lazy(r"\b(?:i|i['’]m|my|me|mine)\b")


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of a message: where it stands in the source's text, and its reading (None for code).

    `question` is the one that a fragment answers.
    """

    start: int
    end: int
    reading: Reading | None
    question: "_Question | None" = None


@dataclass(frozen=True, slots=True)
class _Question:
    """The last question of a message.

    It may ask for a fact (where, when, who, what, how many), or state one that a mere yes or no decides.
    """

    message: Message
    text: str
    asks_for_fact: bool
    states_fact: bool


class RuleExtractor:
    """An `Extractor` without a language model."""

    def extract(
        self,
        source: Source,
        *,
        first: int = 0,
        memory_types: Sequence[str] = (),
        positions: Sequence[int] | None = None,
    ) -> Extraction:
        """One item per sentence worth remembering, in the order of the text; see `Extractor`.

        Messages before `first` give no items; the last of them may hold the question that a new message answers.
        With `positions` only the messages at these give any. `memory_types` limits the types that are given. Never
        raises on content.
        """
        reader = _SourceReader(source, tuple(kind for kind in memory_types if kind in MEMORY_TYPES))
        wanted = range(max(0, first), len(source.messages)) if positions is None else positions
        items = [item for position in wanted for item in reader.items(position)]
        add_surroundings(source, items)
        if not reader.foreign:
            add_facts(source, items)
        return Extraction(items=items, caption=choose_caption(items))


@dataclass(frozen=True)
class _SourceReader:
    """One source while it is read."""

    source: Source
    allowed: tuple[str, ...]

    @cached_property
    def foreign(self) -> bool:
        return is_foreign(self.source.text[:SAMPLE])

    @cached_property
    def _names(self) -> frozenset[str]:
        """Names of people, places and things; those who speak are left out, because they are called by name."""
        speakers = {part for message in self.source.messages for part in (message.speaker or "").split()}
        return frozenset(names_in(self.source.text) - speakers)

    @cached_property
    def _with_assistant(self) -> bool:
        return any(_is_assistant(message) for message in self.source.messages)

    def items(self, position: int) -> Iterator[ExtractedItem]:
        """The items of one message."""
        message = self.source.messages[position]
        for sentence in self._kept(position, message):
            yield self._item(sentence, message)

    def _kept(self, position: int, message: Message) -> list[_Sentence]:
        """The sentences of a message that are worth an item; a fragment joins the one before it."""
        kept: list[_Sentence] = []
        last = -1
        asked = self._question_before(position) if message.speaker else None
        for index, sentence in enumerate(self._sentences(message)):
            if not self._worth(sentence.reading, message, None if kept else asked):
                continue
            answers = asked is not None and not kept and _is_fragment(sentence.reading, _ANSWER_WORDS)
            fragment = message.speaker is not None and _is_fragment(sentence.reading, _FRAGMENT_WORDS)
            if fragment and kept and kept[-1].reading and last == index - 1:
                kept[-1] = replace(kept[-1], end=sentence.end)
            else:
                kept.append(replace(sentence, question=asked if answers else None))
            last = index
        if not kept and asked and asked.states_fact and _YES_OR_NO().fullmatch(self.source.content(message)):
            return [replace(self._sentence(message.start, message.end), question=asked)]
        return kept

    def _worth(self, reading: Reading | None, message: Message, asked: _Question | None) -> bool:
        if reading is None:
            return True
        if message.speaker is None:
            return not is_empty(reading)
        return not is_small_talk(
            reading, with_assistant=self._with_assistant, answers=asked is not None and asked.asks_for_fact
        )

    def _sentences(self, message: Message) -> list[_Sentence]:
        if message.speaker is None and _is_code_block(self.source.text, message.start):
            return [_Sentence(message.start, message.end, None)]
        if message.speaker is None and _is_table_row(message):
            return [self._sentence(message.start, message.end)]
        return [self._sentence(message.start + span.start, message.start + span.end) for span in self._spans(message)]

    def _spans(self, message: Message) -> list[Span]:
        return split_sentences(self.source.content(message))

    def _sentence(self, start: int, end: int) -> _Sentence:
        text = self.source.text[start:end]
        if end - start > LONGEST or _FENCED().match(text):
            return _Sentence(start, end, None)
        return _Sentence(start, end, read_sentence(text, names=self._names, foreign=self.foreign))

    def _question_before(self, position: int) -> _Question | None:
        """The question with which the message before ends, when somebody else wrote it."""
        if position == 0:
            return None
        message, before = self.source.messages[position], self.source.messages[position - 1]
        if before.speaker in (None, message.speaker):
            return None
        content = self.source.content(before)
        last = (content[span.start : span.end] for span in reversed(self._spans(before)[-_QUESTION_WITHIN:]))
        text = next((words_of for words_of in last if "?" in words_of and len(words_of) <= LONGEST), None)
        if text is None or not (reading := read_sentence(text, names=self._names)).question:
            return None
        asks = bool(_ASKS_FOR().match(reading.core)) and not _ASIDE().match(reading.core)
        states = bool(_ASKS_WHETHER().match(reading.core)) and len(reading.content) + reading.names > 1
        return _Question(before, text, asks_for_fact=asks, states_fact=states)

    def _item(self, sentence: _Sentence, message: Message) -> ExtractedItem:
        text, asked = self.source.text[sentence.start : sentence.end], sentence.question
        summary = f"{asked.text} {text}" if asked else text
        reading = sentence.reading
        if asked and reading and not (reading.content or reading.figures):
            reading = read_sentence(summary, foreign=self.foreign)
        when = resolve_date(summary, message.at) if reading else None
        return ExtractedItem(
            summary=summary,
            memory_type=self._type(reading, message, dated=when is not None),
            message_ids=(asked.message.id, message.id) if asked else (message.id,),
            start=sentence.start,
            end=sentence.end,
            speaker=message.speaker,
            said_at=message.at,
            happened_at=when.start if when else None,
            heading=message.heading,
            note=ANSWER_NOTE if asked else None,
        )

    def _type(self, reading: Reading | None, message: Message, *, dated: bool) -> str:
        if reading is None:
            return "knowledge" if not self.allowed or "knowledge" in self.allowed else self.allowed[0]
        voice = _voice(reading, message)
        project = self._with_assistant and voice == "person"
        return memory_type(reading, voice=voice, dated=dated, project=project, allowed=self.allowed)


def _is_assistant(message: Message) -> bool:
    return (message.role or message.speaker or "").casefold() in _ASSISTANTS


def _voice(reading: Reading, message: Message) -> Voice:
    """Who speaks; a text without a speaker that says "I" is a person's."""
    if message.speaker is None:
        return "person" if _OF_ONESELF().search(reading.text) else "document"
    return "assistant" if _is_assistant(message) else "person"


def _is_fragment(reading: Reading | None, most: int) -> bool:
    """Whether words make sense only with those before them: at most so many, without a subject or a verb."""
    return reading is not None and not reading.foreign and not reading.finite and len(reading.tokens) <= most


def _is_code_block(text: str, start: int) -> bool:
    """Whether a block of a document stands in a fence, which is not part of it."""
    return bool(_FENCE_ABOVE().search(text, max(0, start - 200), start))


def _is_table_row(message: Message) -> bool:
    """Whether a block of a document stands under the header of a table, which is the last part of its heading."""
    return " | " in (message.heading or "").rpartition(" > ")[2]
