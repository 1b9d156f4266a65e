"""The weights of all-MiniLM-L6-v2 as its two graphs take them: named arrays, all fp32 or with int8 matrices.

What a layer adds beside a softmax can be moved without changing the result: a key's bias shifts all scores of a query
alike and drops out; a value's bias passes through the weighted mean unchanged and joins the next layer's bias.

The int8 matrices have one scale per output column, and the graph makes one scale per token, so a text's vector does
not depend on its neighbours in the batch. Two steps keep that accurate. A few channels carry values ten times as large
as the rest and would take the whole range of a token: the graph divides them by `OUTLIER_CHANNELS` before rounding
(`damping`), and their rows of the matrix are multiplied by it. And no activation lies below -`GELU_FLOOR`: the graph
lifts them by it to use the whole unsigned range, and the next bias takes the lift back.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAYERS = 6
HEADS = 12
WIDTH = 384
POSITIONS = 512
GELU_FLOOR = 0.1701
# The largest activations over varied texts are in these channels, in every layer; powers of two divide exactly.
OUTLIER_CHANNELS = {99: 8, 63: 4, 157: 4, 223: 4, 232: 2, 267: 2, 303: 2, 338: 2}

_LINEARS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "up": "intermediate.dense",
    "down": "output.dense",
}
_NORMS = {"attention_norm": "attention.output.LayerNorm", "output_norm": "output.LayerNorm"}
_READ_THE_NORM = ("query", "key", "value", "up")

Array = NDArray[Any]


def embedding_tables(tensors: Mapping[str, Array]) -> tuple[Array, Array]:
    """The word table (vocabulary, 384) and the position table (512, 384), the one token type added to the latter."""
    types = tensors["embeddings.token_type_embeddings.weight"]
    return (
        tensors["embeddings.word_embeddings.weight"],
        tensors["embeddings.position_embeddings.weight"] + types[0],
    )


def fp32_parameters(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The initialisers of the fp32 graph, by name, from the tensors of `model.safetensors`; matrices are (in, out)."""
    arrays = _norm("embedding_norm", tensors, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        source = f"encoder.layer.{layer}"
        for name, module in _LINEARS.items():
            arrays[f"{layer}.{name}.weight"] = np.ascontiguousarray(tensors[f"{source}.{module}.weight"].T)
            arrays[f"{layer}.{name}.bias"] = tensors[f"{source}.{module}.bias"]
        for name, module in _NORMS.items():
            arrays |= _norm(f"{layer}.{name}", tensors, f"{source}.{module}")
        del arrays[f"{layer}.key.bias"]
        moved = arrays.pop(f"{layer}.value.bias") @ arrays[f"{layer}.out.weight"]
        arrays[f"{layer}.out.bias"] = arrays[f"{layer}.out.bias"] + moved
    return arrays


def int8_parameters(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The initialisers of the int8 graph: as `fp32_parameters`, each matrix as int8 with a `scale` per column."""
    arrays = fp32_parameters(tensors)
    outliers = np.ones(WIDTH, np.float32)
    outliers[list(OUTLIER_CHANNELS)] = list(OUTLIER_CHANNELS.values())
    for layer in range(LAYERS):
        for name in _LINEARS:
            linear = f"{layer}.{name}"
            weight = arrays[f"{linear}.weight"]
            quantised, scale = _quantise(weight * outliers[:, None] if name in _READ_THE_NORM else weight)
            arrays[f"{linear}.weight"], arrays[f"{linear}.scale"] = quantised, scale
        lift = GELU_FLOOR * scale * quantised.sum(axis=0, dtype=np.float32)  # of "down", the last of the linears
        arrays[f"{layer}.down.bias"] = arrays[f"{layer}.down.bias"] - lift
    return arrays | {"damping": 1 / outliers}


def _norm(name: str, tensors: Mapping[str, Array], module: str) -> dict[str, Array]:
    return {f"{name}.gain": tensors[f"{module}.weight"], f"{name}.bias": tensors[f"{module}.bias"]}


def _quantise(weight: Array) -> tuple[Array, Array]:
    """Symmetric int8 per output column: `weight` is about `quantised * scale`."""
    scale = (np.abs(weight).max(axis=0) / 127).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale
