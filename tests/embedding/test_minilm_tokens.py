"""Windows of token ids: every token of a text is in one, whatever its length."""

from itertools import pairwise

import pytest
import varied_texts
from hypothesis import given
from hypothesis import strategies as st


def joined(windows):
    """The tokens of all windows, those shared with the window before left out."""
    return [int(token) for number, window in enumerate(windows) for token in window[1 + (32 if number else 0) : -1]]


def plain(reference, text):
    return reference.tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("words", [1, 253, 254, 255, 285, 286, 476, 477, 700])
def test_windows_hold_every_token_once_but_for_the_overlap(tokenizer, reference, words):
    text = " ".join(["alpha", "beta", "gamma", "delta"][number % 4] for number in range(words))
    windows = tokenizer.windows(text)
    assert joined(windows) == plain(reference, text)
    assert len(windows) == (1 if len(plain(reference, text)) <= 254 else -(-(len(plain(reference, text)) - 32) // 222))
    for window in windows:
        assert (window[0], window[-1]) == (101, 102)
        assert len(window) <= 256
    for before, after in pairwise(windows):
        assert before[-33:-1].tolist() == after[1:33].tolist()


def test_a_short_text_is_tokenised_as_the_model_expects(tokenizer, reference):
    for text in varied_texts.SENTENCES + varied_texts.OTHER_SCRIPTS + varied_texts.EMOJI + varied_texts.CODE:
        (window,) = tokenizer.windows(text)
        assert window.tolist() == reference.tokenizer.encode(text).ids


def test_a_text_of_many_pieces_is_tokenised_as_a_whole(tokenizer, reference):
    text = "\n".join(varied_texts.ALL * 12)
    assert len(text) > 3 * 16384
    assert joined(tokenizer.windows(text)) == plain(reference, text)


@given(st.text(st.sampled_from("aé漢\u0301 \n\t.😀"), max_size=400))
def test_cutting_into_pieces_changes_no_token(tokenizer, reference, text):
    padded = "w" * 16000 + " " + text
    assert joined(tokenizer.windows(padded)) == plain(reference, padded)


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\x00\x01"])
def test_a_text_without_tokens_has_no_window(tokenizer, text):
    assert tokenizer.windows(text) == []
