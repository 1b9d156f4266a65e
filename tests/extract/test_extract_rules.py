"""The extractor as a whole: conversations, documents, answers, context, other languages, bad input."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memu.extract.base import ExtractedItem, Extraction, Fact
from memu.extract.rules import ANSWER_NOTE, RuleExtractor
from memu.sources.base import Message, Source
from memu.sources.conversations import load_conversation_text
from memu.sources.documents import from_text
from memu.sources.messages import from_messages

EXAMPLES = Path(__file__).parents[2] / "examples"


def talk(*lines: str, at: str = "2024-05-08T10:00:00+00:00") -> Source:
    """A conversation out of "Ana: words" lines."""
    pairs = (line.split(": ", 1) for line in lines)
    return from_messages([{"speaker": who, "content": words, "created_at": at} for who, words in pairs])


def extract(source: Source, **options: object) -> list[ExtractedItem]:
    return RuleExtractor().extract(source, **options).items  # type: ignore[arg-type]


def summaries(source: Source, **options: object) -> list[str]:
    return [item.summary for item in extract(source, **options)]


def test_one_item_per_sentence_with_all_that_is_known_of_it() -> None:
    source = talk("Ana: Hi Bo! I moved to Lisbon yesterday. I love the trams there.", "Bo: Wow, great!")
    first, second = extract(source)
    assert first == ExtractedItem(
        summary="I moved to Lisbon yesterday.",
        memory_type="event",
        message_ids=("0",),
        start=source.text.index("I moved"),
        end=source.text.index(" I love"),
        speaker="Ana",
        said_at=datetime(2024, 5, 8, 10, tzinfo=UTC),
        happened_at=datetime(2024, 5, 7, tzinfo=UTC),
        around="Hi Bo!",
        fact=Fact("Ana", "lives in", "Lisbon"),
    )
    assert second.summary == "I love the trams there."
    assert second.happened_at is None
    assert second.memory_type == "profile"


@pytest.mark.parametrize("name", ["conversation.json", "assistant_chat.json", "handbook.md"])
def test_items_of_the_examples_are_verbatim_or_say_why_not(name: str) -> None:
    text = (EXAMPLES / name).read_text("utf-8")
    source = load_conversation_text(text) if name.endswith("json") else from_text(text, markdown=True)
    extraction = RuleExtractor().extract(source)
    known = {message.id for message in source.messages}
    assert len(extraction.items) > 40
    for item in extraction.items:
        verbatim = source.text[item.start : item.end]
        assert item.summary == verbatim if item.note is None else item.summary.endswith(verbatim)
        assert set(item.message_ids) <= known
    starts = [item.start for item in extraction.items]
    assert starts == sorted(starts)
    assert sum(item.note is not None for item in extraction.items) < len(extraction.items) / 10
    assert extraction.caption


def test_an_answer_carries_its_question() -> None:
    source = talk("Bo: How are you? Did you move?", "Ana: Yes, in Lisbon.")
    (item,) = extract(source)
    assert item.summary == "Did you move? Yes, in Lisbon."
    assert item.note == ANSWER_NOTE
    assert item.message_ids == ("0", "1")
    assert item.speaker == "Ana"
    assert source.text[item.start : item.end] == "Yes, in Lisbon."


def test_a_short_answer_to_a_question_for_a_fact_is_kept() -> None:
    assert summaries(talk("Bo: When is she due?", "Ana: Beginning of October.")) == [
        "When is she due? Beginning of October."
    ]
    (item,) = extract(talk("Bo: When is she due?", "Ana: Beginning of October."))
    assert item.happened_at == datetime(2024, 10, 1, tzinfo=UTC)


def test_a_mere_yes_is_kept_where_the_question_says_it_all() -> None:
    assert summaries(talk("Bo: Are you allergic to peanuts?", "Ana: Yes, I am.")) == [
        "Are you allergic to peanuts? Yes, I am."
    ]
    assert summaries(talk("Bo: Are you okay?", "Ana: Yes.")) == []
    assert summaries(talk("Bo: Shall I sketch a table for the bookings?", "Ana: Yes please.")) == []


def test_a_full_sentence_needs_no_question() -> None:
    assert summaries(talk("Bo: Where do you live?", "Ana: I live in Porto.")) == ["I live in Porto."]


def test_nobody_answers_himself() -> None:
    assert summaries(talk("Ana: Where is it?", "Ana: In Porto, near Ana's shop.")) == ["In Porto, near Ana's shop."]


def test_a_fragment_joins_the_sentence_before_it() -> None:
    source = talk("Ana: I came off my bike last Thursday. Tram tracks, in the rain. I'm fine.")
    (item,) = extract(source)
    assert item.summary == "I came off my bike last Thursday. Tram tracks, in the rain."
    assert item.note is None
    assert source.text[item.start : item.end] == item.summary


def test_earlier_messages_are_context_only() -> None:
    source = talk("Ana: I moved to Lisbon.", "Bo: Where exactly?", "Ana: Near Alfama.", "Ana: I have two cats.")
    assert summaries(source, first=2) == ["Where exactly? Near Alfama.", "I have two cats."]
    assert summaries(source, first=3) == ["I have two cats."]
    assert summaries(source, first=4) == []
    assert RuleExtractor().extract(source, first=4) == Extraction(items=[], caption=None)


def test_an_assistant_is_believed_where_it_states_something() -> None:
    source = from_messages(
        [
            {"role": "user", "content": "Please always answer in French."},
            {"role": "assistant", "content": "Sure! How can I help?"},
            {"role": "assistant", "content": "SQLite allows one writer at a time."},
        ]
    )
    told, stated = extract(source)
    assert (told.summary, told.memory_type) == ("Please always answer in French.", "profile")
    assert (stated.summary, stated.memory_type) == ("SQLite allows one writer at a time.", "knowledge")


def test_documents_keep_all_but_empty_matter() -> None:
    text = (
        "# Garden\n\nWow! Dogs are welcome. Why not?\n\n---\n\n"
        "| Plot | Fee |\n|---|---|\n| Full. Big | 48 |\n\n```py\nx = 1. Y\n\ny = 2\n```\n"
    )
    items = extract(from_text(text, markdown=True))
    assert [item.summary for item in items] == [
        "Wow!", "Dogs are welcome.", "Why not?", "Full. Big | 48", "x = 1. Y\n\ny = 2"
    ]  # fmt: skip
    assert [item.heading for item in items] == ["Garden", "Garden", "Garden", "Garden > Plot | Fee", "Garden"]
    assert {item.speaker for item in items} == {None}
    assert {item.memory_type for item in items} == {"knowledge"}


def test_a_text_that_says_i_is_a_persons() -> None:
    (item,) = extract(from_text("I moved to Lisbon.", markdown=False, modality="text"))
    assert item.memory_type == "event"


def test_code_in_a_message_stays_whole() -> None:
    code = "```sql\nSELECT 1;\n\nSELECT 2. A\n```"
    assert summaries(talk(f"Ana: I use this on Monday.\n{code}\nIt costs 5 euros.")) == [
        "I use this on Monday.", code, "It costs 5 euros."
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "我住在上海。我有两只猫。",
        "Ich wohne in Berlin. Danke. Wir haben zwei Katzen und einen Hund.",
        "أعيش في القاهرة. شكرا لك.",
        "Vivo en Madrid con mi hermana. Gracias. El perro es de ella.",
    ],
)
def test_other_languages_lose_nothing(text: str) -> None:
    items = extract(talk(f"Ana: {text}"))
    assert "".join(item.summary for item in items).replace(" ", "") == text.replace(" ", "")
    assert all(item.note is None for item in items)


def test_only_allowed_types_are_given() -> None:
    source = talk("Ana: I moved to Lisbon yesterday. I run every day.")
    assert {item.memory_type for item in extract(source, memory_types=("knowledge",))} == {"knowledge"}
    assert {item.memory_type for item in extract(source, memory_types=("profile", "behavior"))} == {
        "profile",
        "behavior",
    }


def test_names_known_from_elsewhere_in_the_text_count_at_the_beginning() -> None:
    assert summaries(talk("Ana: We meet in Lisbon this year.", "Bo: Lisbon is off.")) == [
        "We meet in Lisbon this year.", "Lisbon is off."
    ]  # fmt: skip
    assert summaries(talk("Bo: Lisbon is off.")) == []


@given(st.lists(st.tuples(st.sampled_from(["Ana", "Bo", "assistant"]), st.text(max_size=80)), max_size=6))
def test_any_conversation_is_survived(lines: list[tuple[str, str]]) -> None:
    text, messages = "", []
    for number, (speaker, words) in enumerate(lines):
        messages.append(Message(str(number), len(text), len(text) + len(words), speaker=speaker, role=speaker))
        text += words + "\n"
    source = Source(url=None, modality="conversation", text=text, messages=tuple(messages))
    for item in RuleExtractor().extract(source).items:
        assert item.note or item.summary == text[item.start : item.end]


@given(st.text(max_size=300))
def test_any_document_is_survived(text: str) -> None:
    source = Source(None, "document", text, (Message("0", 0, len(text)),))
    assert "".join(item.summary for item in RuleExtractor().extract(source).items).strip() or not any(
        c.isalnum() for c in text
    ) or ":" in text  # fmt: skip


@pytest.mark.parametrize(
    "unit", ["last ", "I know ", "a? ", ", A ", "You. ", "'s ", "so, ", "Ana's ", "to ", "https://", "!"]
)
def test_a_pathological_line_of_a_hundred_thousand_characters(unit: str) -> None:
    RuleExtractor().extract(talk("Ana: " + (unit * 100_000)[:100_000]))


def test_a_megabyte_in_one_message() -> None:
    source = talk("Ana: " + "I moved to Lisbon in May, and my cat came with me. " * 4_000)
    assert len(extract(source)) == 4_000


def test_extraction_is_repeatable() -> None:
    source = load_conversation_text(json.dumps([{"speaker": "Ana", "content": "I moved to Lisbon."}]))
    assert RuleExtractor().extract(source) == RuleExtractor().extract(source)
