"""The embedder against a second implementation of the model, alone and in batches, on texts of every kind."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import varied_texts
from hypothesis import given
from hypothesis import strategies as st

from memu.embedding import Embedder, EmbedderIdentity
from memu.embedding.minilm import TOKENS_PER_RUN, MiniLmEmbedder, _batches
from memu.embedding.network import Network
from memu.errors import InputError

TEXTS = varied_texts.ALL


@pytest.fixture(scope="module")
def expected(reference):
    return np.stack([reference.embed(text) for text in TEXTS])


@pytest.fixture(scope="module")
def together(int8):
    return int8.embed(TEXTS)


def cosines(a, b):
    return (a * b).sum(axis=-1)


def test_there_are_enough_texts():
    assert len(TEXTS) == len(set(TEXTS)) >= 50


def test_int8_agrees_with_the_reference(together, expected):
    assert cosines(together, expected).min() >= 0.99
    assert np.median(cosines(together, expected)) >= 0.998


def test_fp32_is_the_reference(fp32, expected):
    assert cosines(fp32.embed(TEXTS), expected).min() >= 0.99999


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_text_alone_has_the_vector_it_has_in_any_batch(precision, request, expected):
    embedder = request.getfixturevalue(precision)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    shuffled = list(range(len(TEXTS)))
    for seed in range(3):
        random.Random(seed).shuffle(shuffled)
        batch = embedder.embed([TEXTS[index] for index in shuffled])
        assert cosines(batch, alone[shuffled]).min() >= 0.9999


def test_order_of_the_input_is_kept(int8, together):
    backwards = int8.embed(TEXTS[::-1])[::-1]
    nearest = (backwards @ together.T).argmax(axis=1)
    assert nearest.tolist() == list(range(len(TEXTS)))


def test_rows_are_unit_float32_and_the_same_each_time(int8, together):
    assert together.dtype == np.float32
    assert together.shape == (len(TEXTS), 384)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(int8.embed(TEXTS), together)


def test_no_texts_give_no_rows(int8):
    vectors = int8.embed([])
    assert vectors.shape == (0, 384)
    assert vectors.dtype == np.float32


def test_it_is_an_embedder_and_says_which(int8, fp32):
    assert isinstance(int8, Embedder)
    assert int8.identity == fp32.identity == EmbedderIdentity("all-MiniLM-L6-v2", 384, True)
    assert int8.max_tokens == 256
    assert (int8.precision, fp32.precision) == ("int8", "fp32")


def test_meaning_is_kept(int8):
    question, dog, cat, nurse = int8.embed(
        ["What is my dog called?", "My dog is named Rex.", "My cat is named Tom.", "She works as a nurse."]
    )
    assert question @ dog > question @ cat > question @ nurse


def test_more_texts_than_a_block_in_the_order_given(int8):
    texts = [f"Item {number} costs {number * 7 % 100} euros." for number in range(300)]
    vectors = int8.embed(texts)
    for number in (0, 1, 255, 256, 299):
        assert cosines(int8.embed([texts[number]])[0], vectors[number]) >= 0.9999


@pytest.mark.parametrize("threads", [2, 3])
def test_more_processor_threads_give_the_same_vectors(threads, tensors, tokenizer, together):
    embedder = MiniLmEmbedder(tokenizer, Network(tensors, "int8", threads=threads))
    assert cosines(embedder.embed(TEXTS), together).min() >= 0.99999


def test_eight_callers_at_once_get_their_own_vectors(int8, together):
    parts = [list(range(start, len(TEXTS), 8)) for start in range(8)] * 2
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda part: int8.embed([TEXTS[index] for index in part]), parts))
    for part, vectors in zip(parts, results, strict=True):
        assert cosines(vectors, together[part]).min() >= 0.9999


def test_a_long_text_is_the_weighted_mean_of_its_windows(fp32, int8, reference):
    text = " ".join(varied_texts.SENTENCES * 3)
    ids = reference.tokenizer.encode(text, add_special_tokens=False).ids
    assert len(ids) > 3 * 254
    windows = [ids[start : start + 254] for start in range(0, len(ids) - 32, 222)]
    vectors = [len(window) * reference.vector([101, *window, 102]) for window in windows]
    mean = np.sum(vectors, axis=0) / np.linalg.norm(np.sum(vectors, axis=0))
    assert cosines(fp32.embed([text, "short"])[0], mean) >= 0.99999
    assert cosines(int8.embed([text, "short"])[0], mean) >= 0.99


def test_the_end_of_a_long_text_counts(int8):
    filler = "The weather was mild and nothing happened. " * 60
    plain, ending, question = int8.embed(
        [filler, filler + "The cello teacher lives in Ghent. " * 12, "Where does the cello teacher live?"]
    )
    assert ending @ question > plain @ question + 0.05


@pytest.mark.parametrize("text", ["", " ", "\n\t \u2003", "\u200b", "\x00", "\ufeff"])
def test_a_text_with_nothing_in_it_is_refused(int8, text):
    with pytest.raises(InputError, match=r"Text 1 .*nothing to embed"):
        int8.embed(["something", text])


def test_what_is_no_text_is_refused(int8):
    with pytest.raises(InputError, match="Text 0 is of type NoneType"):
        int8.embed([None])
    with pytest.raises(InputError, match="not one string"):
        int8.embed("one string")
    with pytest.raises(InputError, match="surrogate"):
        int8.embed(["broken \ud83d"])
    with pytest.raises(ValueError, match="empty"):
        int8.embed([""])


@given(st.lists(st.integers(3, 256), max_size=80))
def test_batches_hold_every_text_once_within_the_bound(lengths):
    batches = list(_batches(lengths))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) * max(lengths[index] for index in batch) <= TOKENS_PER_RUN
