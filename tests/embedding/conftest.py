"""The real weights, loaded once for all tests of the embedder."""

import pytest
from numpy_bert import NumpyBert

from memu.embedding import find_weights
from memu.embedding.minilm import MiniLmEmbedder
from memu.embedding.network import Network
from memu.embedding.tokens import WindowedTokenizer
from memu.embedding.weights import INSTALL, WeightFiles


@pytest.fixture(scope="session")
def files() -> WeightFiles:
    found = find_weights()
    if found is None:
        pytest.fail(f"these tests run the real model, whose weights are not installed: {INSTALL}")
    return found


@pytest.fixture(scope="session")
def tensors(files):
    return files.read_tensors()


@pytest.fixture(scope="session")
def tokenizer(files):
    return WindowedTokenizer(files.read_tokenizer())


@pytest.fixture(scope="session")
def reference(files, tensors):
    return NumpyBert(tensors, files.tokenizer)


@pytest.fixture(scope="session")
def int8(tensors, tokenizer):
    """The int8 embedder, whatever the self-test says of this machine."""
    return MiniLmEmbedder(tokenizer, Network(tensors, "int8", threads=1))


@pytest.fixture(scope="session")
def fp32(tensors, tokenizer):
    return MiniLmEmbedder(tokenizer, Network(tensors, "fp32", threads=1))
