"""The shipped graphs are what the script builds, carry no weights, and fit the parameters."""

import runpy
from pathlib import Path

import numpy as np
import onnx
import pytest

from memu.embedding.network import asset
from memu.embedding.parameters import fp32_parameters, int8_parameters

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_graph.py"
PREPARE = {"int8": int8_parameters, "fp32": fp32_parameters}


@pytest.fixture(scope="module", params=["int8", "fp32"])
def precision(request):
    return request.param


@pytest.fixture(scope="module")
def shipped(precision):
    return onnx.load_from_string(asset(f"minilm-{precision}.onnx"))


def external(model):
    return {
        tensor.name: tensor for tensor in model.graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL
    }


def test_the_script_builds_the_shipped_graph(precision, shipped):
    build = runpy.run_path(str(SCRIPT))["build"]
    assert build(precision == "int8") == shipped


def test_the_graph_is_small_and_holds_no_weights(precision, shipped):
    assert len(asset(f"minilm-{precision}.onnx")) < 40_000
    inside = [tensor for tensor in shipped.graph.initializer if tensor.name not in external(shipped)]
    assert sum(onnx.numpy_helper.to_array(tensor).size for tensor in inside) < 20


def test_the_parameters_are_those_the_graph_declares(precision, shipped, tensors):
    parameters = PREPARE[precision](tensors)
    declared = external(shipped)
    assert set(parameters) == set(declared)
    for name, array in parameters.items():
        assert tuple(declared[name].dims) == array.shape, name
        assert onnx.helper.tensor_dtype_to_np_dtype(declared[name].data_type) == array.dtype, name


def test_quantised_matrices_are_near_the_originals(tensors):
    exact, quantised = fp32_parameters(tensors), int8_parameters(tensors)
    damping = quantised["damping"]
    for name, weight in exact.items():
        if not name.endswith(".weight"):
            continue
        restored = quantised[name] * quantised[name.replace("weight", "scale")]
        if name.split(".")[1] in {"query", "key", "value", "up"}:
            restored = restored * damping[:, None]
        steps = quantised[name.replace("weight", "scale")] * np.ones_like(weight)
        assert (np.abs(restored - weight) <= steps * 0.501).all(), name
        assert np.abs(quantised[name]).max() == 127
