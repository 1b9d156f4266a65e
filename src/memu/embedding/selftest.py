"""Which precision this machine can run: int8 when its vectors agree with stored fp32 ones, else fp32.

Integer products that overflow inside the processor (older ones add pairs of 16-bit products) give wrong vectors and no
error, so the vectors of a few fixed texts are compared each time the model is loaded.
"""

import logging
from collections.abc import Mapping
from io import BytesIO

import numpy as np

from memu.embedding.network import Network, Precision, asset
from memu.embedding.parameters import Array
from memu.embedding.tokens import WindowedTokenizer
from memu.errors import ModelError

log = logging.getLogger("memu.embedding")

TEXTS = (
    "Hi!",
    "!!!",
    "😀🦊",
    "She moved to Lisbon last spring.",
    "I am allergic to peanuts, but I do eat almonds and walnuts.",
    "SELECT name FROM users WHERE id = 42;",
    "On 3 May 2021 the team met for two hours and agreed to move the release to the end of the month.",
    "日本語の文章です。",
)
REFERENCE = "minilm-selftest.npy"
# The least cosine between a text's vector and its stored fp32 vector.
REQUIRED: Mapping[Precision, float] = {"int8": 0.99, "fp32": 0.9999}


def load_network(tensors: Mapping[str, Array], tokenizer: WindowedTokenizer, threads: int) -> Network:
    """The fastest network that passes the self-test here; a fall back to fp32 is logged as a warning.

    Raises:
        ModelError: not even fp32 passes.
    """
    try:
        return _tested(tensors, tokenizer, "int8", threads)
    except ModelError as error:
        log.warning("Embedding runs in fp32, at less than half the speed of int8: %s", error)
    return _tested(tensors, tokenizer, "fp32", threads)


def worst_cosine(network: Network, tokenizer: WindowedTokenizer) -> float:
    """The least cosine between the network's vectors of `TEXTS` and the stored ones."""
    vectors = network.vectors([tokenizer.windows(text)[0] for text in TEXTS])
    return float((vectors * np.load(BytesIO(asset(REFERENCE)))).sum(axis=1).min())


def _tested(tensors: Mapping[str, Array], tokenizer: WindowedTokenizer, precision: Precision, threads: int) -> Network:
    network = Network(tensors, precision, threads)
    cosine = worst_cosine(network, tokenizer)
    if cosine < REQUIRED[precision]:
        raise ModelError(
            f"The {precision} self-test gave a cosine of {cosine:.4f} to the stored vectors, "
            f"at least {REQUIRED[precision]} is required. This processor or onnxruntime does not compute it rightly."
        )
    log.info("Embedding runs in %s: worst cosine of the self-test %.4f.", precision, cosine)
    return network
