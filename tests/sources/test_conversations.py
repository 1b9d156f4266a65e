"""The text of a conversation file, in each of its written forms."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memu.errors import SourceInvalid
from memu.sources.base import Source
from memu.sources.conversations import load_conversation_text, sniff_conversation

MESSAGES = [{"role": "user", "content": "I moved to Oslo."}, {"name": "Ann", "content": "Oh!\nWhen?", "id": "x"}]


def told(source: Source) -> list[tuple[str, str | None, str]]:
    return [(message.id, message.speaker, source.content(message)) for message in source.messages]


TOLD = [("0", "user", "I moved to Oslo."), ("x", "Ann", "Oh!\nWhen?")]


class TestJson:
    @pytest.mark.parametrize(
        "value", [MESSAGES, {"messages": MESSAGES}, {"content": MESSAGES}, {"content": MESSAGES, "title": "t"}]
    )
    @pytest.mark.parametrize("indent", [None, 2])
    def test_a_list_or_its_wrappers(self, value: Any, indent: int | None) -> None:
        assert told(load_conversation_text(f"\n {json.dumps(value, indent=indent)}\n")) == TOLD

    def test_one_message_per_line(self) -> None:
        text = "\n\n".join(json.dumps(message) for message in MESSAGES)
        assert told(load_conversation_text(text + "\n")) == TOLD
        assert told(load_conversation_text(text.replace("\n", "\r\n"))) == TOLD

    def test_one_message_alone(self) -> None:
        assert told(load_conversation_text(json.dumps(MESSAGES[0]))) == TOLD[:1]
        parts = {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}
        assert told(load_conversation_text(json.dumps(parts))) == [("0", "assistant", "hi")]

    def test_the_text_is_the_transcript(self) -> None:
        assert load_conversation_text(json.dumps(MESSAGES)).text == "user: I moved to Oslo.\nAnn: Oh!\nWhen?"

    @pytest.mark.parametrize(
        ("text", "line", "column"),
        [
            ('[{"content": "a"},\n {"content" "b"}]', 2, 13),
            ("[", 1, 2),
            ('{"messages": [}', 1, 15),
            ('[{"content": "a"}] trailing', 1, 20),
            ('{"content": "a"}\n{"content": "b"\n', 2, 16),
            ('{"content": "a"}\n\n{"content": }\n', 3, 13),
            ("[{'content': 'a'}]", 1, 3),
            ('[{"content": "a\nb"}]', 1, 16),
        ],
    )
    def test_malformed_json_is_named_with_its_place(self, text: str, line: int, column: int) -> None:
        with pytest.raises(SourceInvalid, match=f"malformed JSON at line {line}, column {column}: "):
            load_conversation_text(text)

    @pytest.mark.parametrize("text", ["{}", '{"a": 1}', '{"messages": 7}', '{"messages": {"content": "a"}}'])
    def test_json_of_another_shape(self, text: str) -> None:
        with pytest.raises(SourceInvalid, match="holds no messages"):
            load_conversation_text(text)

    def test_a_list_of_other_things(self) -> None:
        with pytest.raises(SourceInvalid, match="message 0 is of type str"):
            load_conversation_text('["a", "b"]')
        with pytest.raises(SourceInvalid, match="none of the 0 messages"):
            load_conversation_text("[]")

    @pytest.mark.parametrize("text", ["[" * 200_000, '{"content": "a"}\n' + "[" * 200_000])
    def test_json_that_is_nested_too_deeply(self, text: str) -> None:
        with pytest.raises(SourceInvalid, match="nested too deeply"):
            load_conversation_text(text)

    def test_a_number_that_is_too_long(self) -> None:
        with pytest.raises(SourceInvalid, match="number too long"):
            load_conversation_text('[{"content": "a", "id": ' + "9" * 5000 + "}]")

    def test_a_lone_surrogate_written_as_an_escape(self) -> None:
        with pytest.raises(SourceInvalid, match="the content of message 0 holds a lone surrogate at character 0"):
            load_conversation_text('[{"content": "\\ud800"}]')


class TestLines:
    def test_a_name_begins_a_message_and_other_lines_go_on(self) -> None:
        text = "Alice: I moved to Oslo.\nIt rains: a lot\n\nBob Lee: When?\r\n  On which day?\nAlice:\nMonday.\n\n"
        source = load_conversation_text(text)
        assert source.text == text
        assert told(source) == [
            ("0", "Alice", "I moved to Oslo."),
            ("1", "It rains", "a lot"),
            ("2", "Bob Lee", "When?\r\n  On which day?"),
            ("3", "Alice", "Monday."),
        ]

    def test_times_in_brackets(self) -> None:
        source = load_conversation_text("[2024-05-08 13:56] Alice: hi\n[10:33, 8/5/24] Bob: hello\n[later] she came\n")
        assert told(source) == [("0", "Alice", "hi"), ("1", "Bob", "hello\n[later] she came")]
        assert [message.at for message in source.messages] == [datetime(2024, 5, 8, 13, 56, tzinfo=UTC), None]

    def test_what_stands_before_the_first_name(self) -> None:
        assert told(load_conversation_text("A call in May\nAlice: hi")) == [
            ("0", "user", "A call in May"),
            ("1", "Alice", "hi"),
        ]

    def test_without_names_every_line_is_a_message(self) -> None:
        source = load_conversation_text("I moved to Oslo.\n\n  When was it? \nsee https://example.com: 12:30\n")
        assert told(source) == [
            ("0", "user", "I moved to Oslo."),
            ("1", "user", "When was it?"),
            ("2", "user", "see https://example.com: 12:30"),
        ]

    @pytest.mark.parametrize(
        ("line", "speaker"),
        [
            ("Alice:", "Alice"),
            ("  user: hi", "user"),
            ("Speaker 2: hi", "Speaker 2"),
            ("O'Neil-Smith, Jr: hi", None),
            ("Zoë Müller: hi", "Zoë Müller"),
            ("小明：你好", "小明"),
            ("https://example.com is down", None),
            ("12:30 we met", None),
            ("12: we met", None),
            ("I want to say one thing: hi", None),
            (f"{'x' * 41}: hi", None),
        ],
    )
    def test_what_is_a_name(self, line: str, speaker: str | None) -> None:
        source = load_conversation_text(f"Ann: hello\n{line}\nmore")
        assert (source.messages[-1].speaker == speaker) if speaker else (len(source.messages) == 1)

    def test_a_name_without_words_is_left_out_and_shifts_no_id(self) -> None:
        assert told(load_conversation_text("Ann:\nBob: hi")) == [("1", "Bob", "hi")]

    @pytest.mark.parametrize("text", ["", " \n\t", "Ann:\nBob: \n"])
    def test_no_words_at_all(self, text: str) -> None:
        with pytest.raises(SourceInvalid, match="no words"):
            load_conversation_text(text)

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00[{")))
    def test_any_text_keeps_its_words_in_their_places(self, text: str) -> None:
        try:
            source = load_conversation_text(text)
        except SourceInvalid:
            return
        assert source.text == text
        ends = [0, *(message.end for message in source.messages)]
        assert all(end <= message.start < message.end for end, message in zip(ends, source.messages, strict=False))
        assert all(source.content(message) == source.content(message).strip() for message in source.messages)

    @pytest.mark.parametrize("text", ["Ann: a\x00b", "Ann: a\ud800b"])
    def test_what_no_database_stores(self, text: str) -> None:
        with pytest.raises(SourceInvalid, match="at character 6"):
            load_conversation_text(text)


class TestSniffing:
    @pytest.mark.parametrize("value", [MESSAGES, {"messages": MESSAGES}, {"content": MESSAGES}])
    def test_messages_are_a_conversation(self, value: Any) -> None:
        source = sniff_conversation(json.dumps(value))
        assert source is not None
        assert told(source) == TOLD

    @pytest.mark.parametrize(
        "value", [{"a": 1}, [1, 2], ["a"], [], [{"a": 1}], "text", None, {"title": "t", "text": "x"}]
    )
    def test_other_json_is_not(self, value: Any) -> None:
        assert sniff_conversation(json.dumps(value)) is None

    def test_malformed_json_is_named(self) -> None:
        with pytest.raises(SourceInvalid, match="malformed JSON at line 1, column 18"):
            sniff_conversation('[{"content": "a"}')

    def test_a_wrong_message_among_messages_is_named(self) -> None:
        with pytest.raises(SourceInvalid, match="message 1 has content of type int"):
            sniff_conversation('[{"content": "a"}, {"content": 7}]')
