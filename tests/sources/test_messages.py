"""Messages become a transcript; each message's words have an exact place in it."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memu.errors import SourceInvalid
from memu.sources.base import Source
from memu.sources.messages import from_messages


def contents(source: Source) -> list[str]:
    return [source.content(message) for message in source.messages]


def only(**fields: Any) -> Any:
    source = from_messages([{"content": "hi", **fields}])
    return source.messages[0]


def test_a_transcript_with_exact_places() -> None:
    source = from_messages(
        [
            {"role": "user", "name": "Alice", "content": "I moved to Oslo."},
            {"role": "assistant", "content": " How is\nit? "},
        ]
    )
    assert source.text == "Alice: I moved to Oslo.\nassistant:  How is\nit? "
    assert contents(source) == ["I moved to Oslo.", " How is\nit? "]
    assert [(message.id, message.speaker, message.role) for message in source.messages] == [
        ("0", "Alice", "user"),
        ("1", "assistant", "assistant"),
    ]
    assert (source.url, source.modality, source.data, source.origin) == (None, "conversation", None, None)


class TestSpeaker:
    @pytest.mark.parametrize(
        ("fields", "speaker"),
        [
            ({"name": "Ann", "speaker": "Bob", "role": "user"}, "Ann"),
            ({"speaker": "Bob", "role": "user"}, "Bob"),
            ({"role": "assistant"}, "assistant"),
            ({}, "user"),
            ({"name": None, "role": "tool"}, "tool"),
            ({"name": "  ", "speaker": "", "role": "system"}, "system"),
            ({"name": " Ann\n Lee "}, "Ann Lee"),
        ],
    )
    def test_the_first_name_that_says_something(self, fields: dict[str, Any], speaker: str) -> None:
        assert only(**fields).speaker == speaker

    def test_the_role_is_kept_beside_it(self) -> None:
        assert only(name="Ann", role="assistant").role == "assistant"
        assert only(name="Ann").role is None


class TestWords:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("hi", "hi"),
            ({"text": "hi"}, "hi"),
            ([{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}, "c"], "a\nb\nc"),
            (
                [{"type": "image_url", "image_url": {"url": "http://x/secret"}}, {"type": "text", "text": "see"}],
                "[image]\nsee",
            ),
            ([{"type": "input_audio", "input_audio": {}}], "[audio]"),
            ([{"type": "tool_use", "name": "x"}], "[tool_use]"),
            ([{"type": "A strange\nkind"}], "[attachment]"),
            ([{"text": "untyped"}], "untyped"),
        ],
    )
    def test_the_forms_of_content(self, content: Any, words: str) -> None:
        source = from_messages([{"content": content}])
        assert contents(source) == [words]

    def test_text_serves_where_there_is_no_content(self) -> None:
        assert contents(from_messages([{"text": "hi"}])) == ["hi"]
        assert contents(from_messages([{"content": None, "text": {"text": "hi"}}])) == ["hi"]
        assert contents(from_messages([{"content": "yes", "text": "no"}])) == ["yes"]

    def test_messages_without_words_are_left_out_and_shift_no_id(self) -> None:
        source = from_messages(
            [
                {"content": ""},
                {"content": "b"},
                {"content": None},
                {"role": "tool"},
                {"content": " \n"},
                {"content": "f"},
            ]
        )
        assert [(message.id, source.content(message)) for message in source.messages] == [("1", "b"), ("5", "f")]
        assert source.text == "user: b\nuser: f"


class TestTime:
    @pytest.mark.parametrize(
        "value",
        [
            "2024-05-08T13:56:00+02:00",
            "2024-05-08T11:56:00Z",
            "2024-05-08 11:56",
            " 2024-05-08T11:56:00.000 ",
            datetime(2024, 5, 8, 11, 56),
            datetime(2024, 5, 8, 13, 56, tzinfo=timezone(timedelta(hours=2))),
            1715169360,
            1715169360.0,
        ],
    )
    def test_every_form_is_kept_as_utc(self, value: Any) -> None:
        at = only(created_at=value).at
        assert at == datetime(2024, 5, 8, 11, 56, tzinfo=UTC)
        assert at.tzinfo is UTC

    def test_timestamp_serves_where_there_is_no_created_at(self) -> None:
        assert only(timestamp="2024-05-08").at == datetime(2024, 5, 8, tzinfo=UTC)
        assert only(created_at=None, timestamp=0).at == datetime(1970, 1, 1, tzinfo=UTC)
        assert only(created_at="2024-05-08", timestamp="2020-01-01").at.year == 2024
        assert only(created_at="").at is None

    def test_the_given_order_stays(self) -> None:
        source = from_messages(
            [{"content": "late", "timestamp": "2024-05-08"}, {"content": "early", "timestamp": "2020-01-01"}]
        )
        assert contents(source) == ["late", "early"]

    @pytest.mark.parametrize(
        "value",
        [
            *("yesterday", "2024-13-01", "1:56 pm on 8 May, 2023", "0001-01-01T00:00:00+14:00"),
            *(1715169360000, -1e18, float("nan"), float("inf"), True, [2024], date(2024, 5, 8)),
        ],
    )
    def test_anything_else_is_an_error_that_names_it(self, value: Any) -> None:
        with pytest.raises(SourceInvalid, match=r"message 1 has the timestamp .*: expected an ISO time"):
            from_messages([{"content": "a"}, {"content": "b", "timestamp": value}])


class TestIds:
    def test_the_first_that_is_given_else_the_position(self) -> None:
        source = from_messages(
            [
                {"content": "a", "id": "x", "dia_id": "D1:1"},
                {"content": "b", "dia_id": "D1:2"},
                {"content": "c"},
                {"content": "d", "id": 17},
                {"content": "e", "id": None},
                {"content": "f", "id": ""},
            ]
        )
        assert [message.id for message in source.messages] == ["x", "D1:2", "2", "17", "4", "5"]

    @pytest.mark.parametrize("second", [{"id": "x"}, {"dia_id": "x"}])
    def test_an_id_used_twice(self, second: dict[str, Any]) -> None:
        with pytest.raises(SourceInvalid, match="message 2 has the id 'x' of message 0"):
            from_messages([{"content": "a", "id": "x"}, {"content": "b"}, {"content": "c", **second}])

    def test_an_id_that_is_another_ones_position(self) -> None:
        with pytest.raises(SourceInvalid, match="message 1 has the id '1' of message 0"):
            from_messages([{"content": "a", "id": 1}, {"content": "b"}])


class TestFaults:
    @pytest.mark.parametrize("messages", [None, "hello", b"hello", {"content": "a"}, 7, iter([]), {"a"}])
    def test_not_a_list(self, messages: Any) -> None:
        with pytest.raises(SourceInvalid, match="expected a list of messages"):
            from_messages(messages)

    @pytest.mark.parametrize("wrong", [None, "hello", 7, ["a"], ("role", "user")])
    def test_not_a_message(self, wrong: Any) -> None:
        with pytest.raises(SourceInvalid, match=r"message 1 is of type \w+: expected a mapping"):
            from_messages([{"content": "a"}, wrong])

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"content": 7}, "has content of type int: expected a string"),
            ({"content": True}, "has content of type bool"),
            ({"content": {"html": "x"}}, "has content of type dict"),
            ({"content": {"text": 7}}, "has content of type dict"),
            ({"content": None, "text": ["a"]}, "has text of type list"),
            ({"content": [7]}, "has a wrong part 0 in its content"),
            ({"content": ["a", {"type": 7}]}, "has a wrong part 1 in its content"),
            ({"content": [{"type": "text", "text": None}]}, "has a text part 0 without text"),
            ({"content": [{"type": "text"}]}, "has a text part 0 without text"),
            ({"name": 7}, "has name of type int: expected a string"),
            ({"role": ["user"]}, "has role of type list"),
            ({"id": 1.5}, "has id of type float: expected a string or an integer"),
            ({"id": True}, "has id of type bool"),
            ({"dia_id": ["a"]}, "has dia_id of type list"),
        ],
    )
    def test_a_field_of_the_wrong_type(self, fields: dict[str, Any], told: str) -> None:
        with pytest.raises(SourceInvalid, match=f"message 1 {told}") as raised:
            from_messages([{"content": "a"}, {"content": "b", **fields}])
        assert isinstance(raised.value, ValueError)

    @pytest.mark.parametrize("key", ["content", "name", "role", "id", "dia_id"])
    @pytest.mark.parametrize(("mark", "what"), [("\x00", "NUL"), ("\ud800", "surrogate")])
    def test_what_no_database_stores(self, key: str, mark: str, what: str) -> None:
        with pytest.raises(SourceInvalid, match=rf"the {key} of message 1 holds a .*{what}.* at character 2"):
            from_messages([{"content": "a"}, {"content": "b", key: f"ab{mark}c"}])

    @pytest.mark.parametrize("key", ["name", "speaker", "role"])
    def test_a_name_that_no_store_holds(self, key: str) -> None:
        assert from_messages([{key: "😀" * 255, "content": "a"}]).messages[0].speaker == "😀" * 255
        with pytest.raises(SourceInvalid, match=f"message 0 has a {key} of 256 characters"):
            from_messages([{key: "x" * 256, "content": "a"}])

    @pytest.mark.parametrize("messages", [[], [{"content": ""}], [{"role": "user"}, {"content": " "}], ()])
    def test_no_words_at_all(self, messages: Any) -> None:
        with pytest.raises(SourceInvalid, match=f"none of the {len(messages)} messages has text"):
            from_messages(messages)


SPOKEN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"content": SPOKEN},
        optional={
            "name": SPOKEN | st.none(),
            "role": st.sampled_from(["user", "assistant"]),
            "created_at": st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
            "extra": st.integers(),
        },
    ),
    max_size=12,
)


class TestAnyMessages:
    @given(MESSAGES)
    def test_the_words_are_where_the_offsets_say(self, messages: list[dict[str, Any]]) -> None:
        spoken = [(str(place), each["content"]) for place, each in enumerate(messages) if each["content"].strip()]
        if not spoken:
            with pytest.raises(SourceInvalid):
                from_messages(messages)
            return
        source = from_messages(messages)
        assert [(message.id, source.text[message.start : message.end]) for message in source.messages] == spoken
        assert source.text == "\n".join(f"{message.speaker}: {source.content(message)}" for message in source.messages)

    @given(MESSAGES, MESSAGES)
    def test_a_prefix_has_the_prefix_of_the_hashes(
        self, first: list[dict[str, Any]], more: list[dict[str, Any]]
    ) -> None:
        first = [{"content": "begin"}, *first]
        prefix, whole = from_messages(first), from_messages(first + more)
        assert whole.hashes[: len(prefix.hashes)] == prefix.hashes
        assert len(set(whole.hashes)) == len(whole.messages)

    @given(MESSAGES, st.integers(0, 12))
    def test_another_word_changes_the_hashes_from_there_on(self, messages: list[dict[str, Any]], place: int) -> None:
        messages = [{**each, "content": f"w{each['content']}"} for each in [{"content": ""}, *messages]]
        place %= len(messages)
        before = from_messages(messages)
        changed = [dict(each) for each in messages]
        changed[place]["content"] += " other"
        after = from_messages(changed)
        same = [one == other for one, other in zip(before.hashes, after.hashes, strict=True)]
        assert same == [True] * place + [False] * (len(messages) - place)
