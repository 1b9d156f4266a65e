"""Summaries and captions: within the length, without repetition, new before old."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memu.extract.base import CategoryView, ExtractedItem
from memu.extract.summaries import CAPTION_LENGTH, ExtractiveSummarizer, choose_caption

VIEW = CategoryView("home", "Where people live")


def choose(texts: list[str], length: int, vectors: np.ndarray | None = None, view: CategoryView = VIEW) -> list[int]:
    return ExtractiveSummarizer().choose(view, texts, vectors, target_length=length)


def item(text: str, speaker: str | None = None) -> ExtractedItem:
    return ExtractedItem(text, "event", ("0",), 0, len(text), speaker=speaker)


def test_nothing_gives_nothing() -> None:
    assert choose([], 100) == []
    assert choose_caption([]) is None


@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=20), st.integers(1, 300))
def test_positions_are_ordered_distinct_and_fit(texts: list[str], length: int) -> None:
    chosen = choose(texts, length)
    assert chosen
    assert chosen == sorted(set(chosen))
    total = sum(len(texts[position]) + 1 for position in chosen) - 1
    assert total <= length or chosen == [min(range(len(texts)), key=lambda n: len(texts[n]))]


def test_the_newer_of_two_equal_facts_is_chosen() -> None:
    texts = ["Ana: I live in Porto near the river.", "Ana: I have two cats.", "Ana: I live in Porto near the river."]
    assert choose(texts, 80) == [1, 2]


def test_new_facts_come_before_old_ones() -> None:
    texts = [
        f"Ana: I moved to {city} with my brother." for city in ("Porto", "Lagos", "Faro", "Braga", "Evora", "Sines")
    ]
    chosen = choose(texts, 45)
    assert chosen == [5]


def test_vectors_tell_what_says_the_same_in_other_words() -> None:
    texts = ["Ana: I reside in Porto.", "Ana: My home is in Porto.", "Ana: I ride horses."]
    vectors = np.array([[1, 0], [0.99, 0.141], [0.1, 0.995]], dtype=np.float32)
    assert choose(texts, 200, vectors) == [1, 2]


def test_the_category_draws_what_is_near_to_it() -> None:
    texts = ["I ride a horse.", "I rent a house."]
    vectors = np.eye(2, dtype=np.float32)
    near_first = CategoryView("riding", "", vectors[0])
    assert choose(texts, 16, vectors, near_first) == [0]
    assert choose(texts, 16, vectors) == [1]


def test_the_shortest_is_chosen_when_none_fits() -> None:
    assert choose(["a long text that does not fit", "shorter, but too long"], 5) == [1]


def test_captions_name_the_speakers_and_stay_short() -> None:
    items = [
        item(f"I painted the {thing} of our house in Porto blue.", "Ana") for thing in ("door", "wall", "gate", "roof")
    ]
    caption = choose_caption(items)
    assert caption is not None
    assert caption.startswith("Ana: I painted the")
    assert len(caption) <= CAPTION_LENGTH


def test_the_caption_of_a_document_begins_with_its_beginning() -> None:
    texts = ["This is the handbook of the garden.", "Dogs are welcome.", "The gate is green.", "Bees are kept."]
    caption = choose_caption([item(text) for text in texts])
    assert caption is not None
    assert caption.startswith(texts[0])


def test_a_caption_of_one_long_sentence_is_cut() -> None:
    caption = choose_caption([item("word " * 200)])
    assert caption is not None
    assert len(caption) <= CAPTION_LENGTH
    assert caption.endswith("…")
