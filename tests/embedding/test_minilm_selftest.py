"""The choice of precision at load: int8 where it is right, fp32 with a warning where it is not, else an error."""

import logging
from io import BytesIO

import numpy as np
import pytest

from memu.embedding import network, selftest
from memu.embedding.minilm import MiniLmEmbedder
from memu.embedding.network import Network
from memu.embedding.parameters import int8_parameters
from memu.errors import MemuError, ModelError


def saturated(tensors):
    """The int8 parameters as a processor that loses the high part of its sums would use them."""
    return {
        name: np.clip(array, -40, 40).astype(np.int8) if array.dtype == np.int8 else array
        for name, array in int8_parameters(tensors).items()
    }


def test_the_stored_vectors_are_those_of_the_reference(reference):
    stored = np.load(BytesIO(network.asset(selftest.REFERENCE)))
    expected = np.stack([reference.embed(text) for text in selftest.TEXTS])
    assert (stored * expected).sum(axis=1).min() >= 0.99999


def test_a_sound_machine_runs_int8_and_says_so(tensors, tokenizer, caplog):
    with caplog.at_level(logging.INFO, "memu.embedding"):
        loaded = selftest.load_network(tensors, tokenizer, threads=1)
    assert loaded.precision == "int8"
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert selftest.worst_cosine(loaded, tokenizer) >= 0.99


def test_wrong_int8_products_fall_back_to_fp32_with_a_warning(tensors, tokenizer, reference, monkeypatch, caplog):
    monkeypatch.setattr(network, "int8_parameters", saturated)
    with caplog.at_level(logging.WARNING, "memu.embedding"):
        loaded = selftest.load_network(tensors, tokenizer, threads=1)
    assert loaded.precision == "fp32"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "fp32" in record.message
    assert "int8 self-test gave a cosine of" in record.message
    text = "She works as a nurse."
    assert MiniLmEmbedder(tokenizer, loaded).embed([text])[0] @ reference.embed(text) >= 0.99999


def test_a_graph_that_cannot_be_opened_falls_back_too(tensors, tokenizer, monkeypatch, caplog):
    shipped = network.asset
    monkeypatch.setattr(network, "asset", lambda name: b"\x00" if "int8" in name else shipped(name))
    assert selftest.load_network(tensors, tokenizer, threads=1).precision == "fp32"
    assert "cannot run the int8 graph" in caplog.text


def test_a_machine_that_can_run_neither_is_an_error(tensors, tokenizer, monkeypatch):
    monkeypatch.setattr(network, "asset", lambda name: b"\x00")
    with pytest.raises(ModelError, match="cannot run the fp32 graph"):
        selftest.load_network(tensors, tokenizer, threads=1)
    monkeypatch.undo()
    monkeypatch.setattr(selftest, "REQUIRED", {"int8": 1.1, "fp32": 1.1})
    with pytest.raises(ModelError, match=r"fp32 self-test .* at least 1.1 is required"):
        selftest.load_network(tensors, tokenizer, threads=1)


class _Failing:
    def run(self, *_):
        raise ValueError("out of luck")


class _NotFinite:
    def run(self, *_):
        return [np.full((1, 384), np.nan, np.float32)]


@pytest.mark.parametrize(("session", "message"), [(_Failing(), "out of luck"), (_NotFinite(), "not finite")])
def test_a_run_that_fails_is_an_error_of_ours(session, message, tensors, tokenizer, monkeypatch):
    broken = Network(tensors, "int8", threads=1)
    monkeypatch.setattr(broken, "_session", session)
    with pytest.raises(ModelError, match=message) as caught:
        MiniLmEmbedder(tokenizer, broken).embed(["a text"])
    assert isinstance(caught.value, MemuError)
