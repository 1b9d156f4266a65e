"""Small talk: what is left out of a conversation's items, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memu.extract.reading import read_sentence
from memu.extract.smalltalk import is_empty, is_small_talk


def small(text: str, **options: bool) -> bool:
    return is_small_talk(read_sentence(text), **options)


@pytest.mark.parametrize(
    "text",
    [
        "Hi!", "Hey Anna!", "Good morning!", "How are you?", "Thanks a lot!",
        "Thank you so much for your help.",
        "Wow, that's amazing!", "That sounds great.", "Congrats on the new job!", "I'm so happy for you.",
        "Haha", "😂😂",
        "You're so kind.", "You've got this!", "Take care!",
        "See you on Monday!", "Talk soon.", "No worries.",
        "I totally agree.", "Me too!", "What did she say about the trip to Rome?", "Really?", "Of course.", "...", "",
        "Let me know how it goes.", "I hope you feel better soon.", "Sounds good, Theo!", "Have a great weekend!",
        "Sure! How can I help?", "I have some news.", "Here's what I found:", "Keep me posted.", "I love it!",
    ],
)  # fmt: skip
def test_small_talk(text: str) -> None:
    assert small(text)


@pytest.mark.parametrize(
    "text",
    [
        "I moved to Lisbon in May.", "My sister Ana is a nurse.", "We adopted a dog last week.",
        "I'm allergic to peanuts.",
        "Thanks! I start at the hospital on Monday.", "She turned 40 yesterday.", "I prefer tea to coffee.",
        "Callum thinks our flat is too small for a dog.",
        "He broke his wrist on the tram tracks.", "£640!",
        "Our first gig is on 27 April at the Harbour Arms.", "I'm learning Portuguese.", "Let's go to Porto in July.",
        "Did I tell you I got the job at Lund?", "I spent it in the sea at Clevedon, would you believe?",
        "I run every morning before work.", "My password hint is the name of my first cat.",
    ],
)  # fmt: skip
def test_worth_remembering(text: str) -> None:
    assert not small(text)


@pytest.mark.parametrize(
    "text",
    ["我住在上海。", "はい。", "أنا أعيش في القاهرة", "Ich wohne nicht mehr in Berlin.", "Je suis né à Lyon, et toi ?"],
)
def test_other_languages_are_not_small_talk_by_ignorance(text: str) -> None:
    assert not small(text)


def test_orders_count_only_with_an_assistant() -> None:
    text = "Keep your answers short."
    assert small(text)
    assert not small(text, with_assistant=True)


def test_an_answer_needs_less_of_its_own() -> None:
    assert small("Creaky stairs.")
    assert not small("Creaky stairs.", answers=True)
    assert small("Great.", answers=True)


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("---", True),
        ("", True),
        ("* * *", True),
        ("Put in:", True),
        ("The gate is green.", False),
        ("Wow!", False),
        ("中", False),
    ],
)
def test_documents_lose_only_empty_matter(text: str, empty: bool) -> None:
    assert is_empty(read_sentence(text)) is empty


@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    reading = read_sentence(text)
    assert is_small_talk(reading) in (True, False)
    assert is_empty(reading) in (True, False)
