"""Memory types: the forms that speak for each, and the types that are allowed."""

import pytest

from memu.extract.reading import read_sentence
from memu.extract.types import Voice, is_coming, is_past, memory_type


@pytest.mark.parametrize(
    ("text", "voice", "dated", "expected"),
    [
        ("I'm a nurse from Porto.", "person", False, "profile"),
        ("My favourite colour is green.", "person", False, "profile"),
        ("I've been building boats for ten years.", "person", False, "profile"),
        ("I grew up in Dundee.", "person", False, "profile"),
        ("And keep your answers short.", "person", False, "profile"),
        ("We went to Rome.", "person", False, "event"),
        ("He's even met my parents.", "person", False, "event"),
        ("I'm flying to Oslo on Friday.", "person", True, "event"),
        ("Let's go in July.", "person", True, "event"),
        ("I run every morning.", "person", False, "behavior"),
        ("We have choir on Tuesdays.", "person", False, "behavior"),
        ("I usually skip breakfast.", "person", False, "behavior"),
        ("The capital of Portugal is Lisbon.", "person", False, "knowledge"),
        ("SQLite locks the whole file.", "assistant", False, "knowledge"),
        ("Dogs are welcome on a lead.", "document", False, "knowledge"),
        ("**Odile Farrant**, chair", "document", False, "profile"),
        ("Bea gives a lesson at every work morning.", "document", False, "behavior"),
        ("The flood destroyed the shed.", "document", True, "event"),
    ],
)
def test_types(text: str, voice: Voice, dated: bool, expected: str) -> None:
    assert memory_type(read_sentence(text), voice=voice, dated=dated) == expected


@pytest.mark.parametrize(
    ("voice", "dated", "expected"),
    [
        ("person", False, "profile"),
        ("person", True, "event"),
        ("document", True, "knowledge"),
        ("assistant", False, "knowledge"),
    ],
)
def test_other_languages_have_default_types(voice: Voice, dated: bool, expected: str) -> None:
    assert memory_type(read_sentence("我住在上海。"), voice=voice, dated=dated) == expected


def test_only_allowed_types_are_given() -> None:
    reading = read_sentence("We went to Rome.")
    assert memory_type(reading, voice="person", allowed=("profile", "knowledge")) == "profile"
    assert memory_type(reading, voice="person", allowed=("skill", "tool")) == "skill"


def test_tenses() -> None:
    assert is_past("I have sold it")
    assert is_past("We cycled home")
    assert not is_past("I live here")
    assert is_coming("We'll see")
    assert is_coming("I want to learn it")
    assert not is_coming("I sold it")
