"""The words around the items of a message."""

from memu.extract.base import ExtractedItem
from memu.extract.surroundings import add_surroundings
from memu.sources.base import Message, Source


def around(*said: tuple[str, str, list[str]]) -> list[str | None]:
    """What is around the items, for each message given as speaker, words and the sentences that are items."""
    text, messages, items = "", [], []
    for number, (speaker, words, kept) in enumerate(said):
        start = len(text)
        text += words + "\n"
        messages.append(Message(str(number), start, start + len(words), speaker=speaker or None))
        for sentence in kept:
            at = text.index(sentence, start)
            items.append(ExtractedItem(sentence, "event", (str(number),), at, at + len(sentence)))
    add_surroundings(Source(None, "conversation", text, tuple(messages)), items)
    return [item.around for item in items]


def test_the_rest_of_a_message_goes_to_its_first_item() -> None:
    said = ("Anna", "Oh, wow! I sold the boat. Really. I bought a bike. Bye!", ["I sold the boat.", "I bought a bike."])
    assert around(said) == ["Oh, wow! Really. Bye!", None]


def test_the_question_of_somebody_else_goes_to_the_answer() -> None:
    answer = ("Anna", "The blue one.", ["The blue one."])
    assert around(("Bob", "Nice. Which bike is yours? Tell me.", []), answer) == ["Which bike is yours?"]
    assert around(("Anna", "Which bike is yours?", []), answer) == [None]
    assert around(("Bob", "A bike.", []), answer) == [None]


def test_marks_without_words_are_nothing() -> None:
    assert around(("", "- Compost! …", ["Compost"])) == [None]
