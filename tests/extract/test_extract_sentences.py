"""Splitting into sentences: offsets, abbreviations, quotes, emoji, lists, tables, code, other scripts."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memu.extract.sentences import LONGEST, split_sentences


def pieces(text: str) -> list[str]:
    return [text[span.start : span.end] for span in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t ", []),
        ("I moved. It was fine!", ["I moved.", "It was fine!"]),
        ("Dr. Smith met Mrs. Lee. They talked.", ["Dr. Smith met Mrs. Lee.", "They talked."]),
        ("He likes food, e.g. soup and i.e. broth. Good.", ["He likes food, e.g. soup and i.e. broth.", "Good."]),
        ("She moved to the U.S. in 2019. It is big.", ["She moved to the U.S. in 2019.", "It is big."]),
        ("I live in the U.S. It is big.", ["I live in the U.S.", "It is big."]),
        ("Come at 5 p.m. today. At 6 p.m. We left.", ["Come at 5 p.m. today.", "At 6 p.m.", "We left."]),
        ("It costs 3.50 now. Or No. 5?", ["It costs 3.50 now.", "Or No. 5?"]),
        ("I said no. Then I left.", ["I said no.", "Then I left."]),
        ("Meet me on Jan. 5. Then we go.", ["Meet me on Jan. 5.", "Then we go."]),
        ("J. K. Rowling wrote it. Vitamin C. It helps.", ["J. K. Rowling wrote it.", "Vitamin C.", "It helps."]),
        ("See https://a.example/b.html?x=1. Fine.", ["See https://a.example/b.html?x=1.", "Fine."]),
        ("I'm 30. 5 years ago I was 25.", ["I'm 30.", "5 years ago I was 25."]),
        ("Well... I don't know… maybe.", ["Well...", "I don't know… maybe."]),
        ('She said "Stop. Go home." and left.', ['She said "Stop. Go home." and left.']),
        ("“I see. OK.” Then we ate.", ["“I see. OK.”", "Then we ate."]),
        ("I met him (Dr. X said so. Really.) and left. Yes.", ["I met him (Dr. X said so. Really.) and left.", "Yes."]),
        ("Yahoo! is a firm. Really?! Yes.", ["Yahoo! is a firm.", "Really?!", "Yes."]),
        ("Love it 😍 We went home 🎉🎉 and slept.", ["Love it 😍", "We went home 🎉🎉 and slept."]),
        ("Great!! 👍🏽 Next one :) I like it", ["Great!! 👍🏽", "Next one :)", "I like it"]),
        ("hey! how are you? i moved. it was fine", ["hey!", "how are you?", "i moved.", "it was fine"]),
        ("私は東京に住んでいます。犬が好きです！", ["私は東京に住んでいます。", "犬が好きです！"]),
        ("「はい。」と言った。", ["「はい。」と言った。"]),
        ("مرحبا؟ كيف حالك؟", ["مرحبا؟", "كيف حالك؟"]),
        ("मैं यहाँ हूँ। ठीक है।", ["मैं यहाँ हूँ।", "ठीक है।"]),
        ("- Buy milk. It is fresh.\n- Eggs\n1. One\n2) Two", ["Buy milk.", "It is fresh.", "Eggs", "One", "Two"]),
        ("> A quote\n> goes on. Here.", ["A quote\n> goes on.", "Here."]),
        ("# A title. With a dot\nText.", ["# A title. With a dot", "Text."]),
        ("| a. B | c |\n|---|---|\n| 1. A | 2. B |", ["| a. B | c |", "|---|---|", "| 1. A | 2. B |"]),
        ("Look:\n```py\nx = 1. Y\n\nz = 2\n```\nDone. Ok.", ["Look:", "```py\nx = 1. Y\n\nz = 2\n```", "Done.", "Ok."]),
        ("```\nnever closed. Still code", ["```\nnever closed. Still code"]),
        ("One line\nAnother line", ["One line", "Another line"]),
        (
            "This line is long enough to have been wrapped by an editor\nand goes on. Yes.",
            ["This line is long enough to have been wrapped by an editor\nand goes on.", "Yes."],
        ),
    ],
)
def test_pieces(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@example(">\r>")
@example("A) ")
@given(st.lists(st.sampled_from(["word", "And", *" .!?…\n\r\t\"'“”()。😀-*>|#`1:,\u2028"]), max_size=200).map("".join))
def test_offsets_are_exact_in_order_and_lose_nothing(text: str) -> None:
    """Letters are in whole words here, since a single one may be a list mark ("A) …"), which is left out."""
    spans = split_sentences(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert all(text[span.start : span.end].strip() == text[span.start : span.end] != "" for span in spans)
    covered = "".join(text[span.start : span.end] for span in spans)
    assert [c for c in covered if c.isalpha()] == [c for c in text if c.isalpha()]


@given(st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    assert "".join(pieces(text)).split() or not text.strip() or not any(c.isalnum() for c in text)


def test_what_nobody_reads_in_one_go_is_cut_at_a_space() -> None:
    text = "word " * 1000
    assert max(map(len, pieces(text))) <= LONGEST
    assert "".join(pieces(text)).replace(" ", "") == "word" * 1000
    assert max(map(len, pieces("x" * 5000))) <= LONGEST


@pytest.mark.parametrize(
    "unit", [".", "(", '"', "a. ", "😀", "! ", "1. ", "> ", " ", "#", "`", "\n", "- ", "“a", "e.g. "]
)
def test_pathological_lines_take_linear_work(unit: str) -> None:
    text = (unit * 100_000)[:100_000]
    assert all(text[span.start : span.end] for span in split_sentences(text))


def test_a_megabyte_is_split() -> None:
    text = "I moved to Lisbon in May. " * 40_000
    assert len(split_sentences(text)) == 40_000
