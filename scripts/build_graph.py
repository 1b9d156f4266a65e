"""Write the ONNX graphs of all-MiniLM-L6-v2, without weights, and the vectors of the load-time self-test.

    python scripts/build_graph.py            # writes src/memu/embedding/assets/

The graphs name their weights as external data; `memu.embedding.network` hands them in at load, so no file of weights
is ever written. Inputs: `embeddings` (batch, tokens, 384), the sum of word and position rows, and `mask` (batch,
tokens), 1 for a token and 0 for padding. Output: `vectors` (batch, 384), mean over the tokens, length 1.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from memu.embedding import selftest
from memu.embedding.network import Network
from memu.embedding.parameters import GELU_FLOOR, HEADS, LAYERS, WIDTH
from memu.embedding.tokens import WindowedTokenizer
from memu.embedding.weights import INSTALL, find_weights

CONTRIB = "com.microsoft"  # onnxruntime's own operators
HIDDEN = 4 * WIDTH
EPSILON = 1e-12
SHAPES = {"query": (WIDTH, WIDTH), "key": (WIDTH, WIDTH), "value": (WIDTH, WIDTH)} | {
    "out": (WIDTH, WIDTH),
    "up": (WIDTH, HIDDEN),
    "down": (HIDDEN, WIDTH),
}


class Graph:
    """Collects nodes, constants and the declarations of external weights."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.weights: dict[str, TensorProto] = {}

    def node(self, operator: str, *inputs: str, output: str = "", domain: str = "", **attributes: Any) -> str:
        """Append an operator with one output and return that output's name."""
        output = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def constant(self, name: str, value: ArrayLike, kind: type[np.generic] = np.float32) -> str:
        """Store a small array in the graph itself."""
        self.constants[name] = numpy_helper.from_array(np.array(value, kind), name)
        return name

    def weight(self, name: str, *shape: int, kind: int = TensorProto.FLOAT) -> str:
        """Declare an array that the caller hands in when it opens the graph."""
        tensor = TensorProto(name=name, data_type=kind, dims=shape, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="weights")
        self.weights[name] = tensor
        return name

    def model(self) -> ModelProto:
        """The finished graph."""
        graph = helper.make_graph(
            self.nodes,
            "all-MiniLM-L6-v2",
            [
                helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", "tokens", WIDTH]),
                helper.make_tensor_value_info("mask", TensorProto.INT32, ["batch", "tokens"]),
            ],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", WIDTH])],
            [*self.constants.values(), *self.weights.values()],
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="memu")


class Matrices:
    """The linear layers in fp32, without their bias."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def apply(self, rows: str, layer: int, *names: str) -> list[str]:
        """Multiply `rows` (n, in) by the matrix of each of the layer's linears `names`."""
        return [self.multiply(rows, f"{layer}.{name}", SHAPES[name]) for name in names]

    def multiply(self, rows: str, linear: str, shape: tuple[int, int]) -> str:
        """One product: (n, in) by (in, out)."""
        return self.graph.node("MatMul", rows, self.graph.weight(f"{linear}.weight", *shape))


class QuantisedMatrices(Matrices):
    """The linear layers in int8: tokens are quantised with a scale each, products are exact integers."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        graph.constant("one", 1)
        graph.constant("smallest", 1e-12)
        graph.constant("flat", [-1], np.int64)
        graph.constant("gelu_floor", GELU_FLOOR)
        for middle, steps in ((0, 255), (128, 127)):
            graph.constant(f"middle_{middle}", middle, np.uint8)
            graph.constant(f"middles_{middle}", [middle], np.uint8)
            graph.constant(f"step_{middle}", 1 / steps)

    def apply(self, rows: str, layer: int, *names: str) -> list[str]:
        """As in fp32; the linears of one call share the quantised rows."""
        node = self.graph.node
        if names == ("down",):
            rows = node("Add", rows, "gelu_floor")
            peak, middle = node("ReduceMax", rows, axes=[-1]), 0
        else:
            if names != ("out",):
                rows = node("Mul", rows, self.graph.weight("damping", WIDTH))
            lowest = node("Neg", node("ReduceMin", rows, axes=[-1]))
            peak, middle = node("Max", node("ReduceMax", rows, axes=[-1]), lowest, "smallest"), 128
        scale = node("Mul", peak, f"step_{middle}")
        scales = node("Reshape", scale, "flat")
        middles = node("Expand", f"middles_{middle}", node("Shape", scales))
        integers = node("QuantizeLinear", rows, scales, middles, axis=0)
        return [self._product(integers, scale, f"middle_{middle}", f"{layer}.{name}", SHAPES[name]) for name in names]

    def _product(self, integers: str, scale: str, middle: str, linear: str, shape: tuple[int, int]) -> str:
        weight = self.graph.weight(f"{linear}.weight", *shape, kind=TensorProto.INT8)
        columns = self.graph.weight(f"{linear}.scale", shape[1])
        # The operator takes one scale for all rows: 1 here, and each row's own is applied to the result.
        product = self.graph.node("MatMulIntegerToFloat", integers, weight, "one", columns, middle, domain=CONTRIB)
        return self.graph.node("Mul", product, scale)


def build(quantised: bool) -> ModelProto:
    """The graph of the network, in int8 or fp32.

    Rows (batch * tokens, width) flow between the layers; only attention sees texts. `Add` and `LayerNormalization`
    stand apart because onnxruntime's fused operator is some eight times slower on processors, and three matrices for
    query, key and value are faster than one whose result has to be split.
    """
    graph = Graph()
    node, weight = graph.node, graph.weight
    linear = QuantisedMatrices(graph) if quantised else Matrices(graph)
    graph.constant("rows", [-1, WIDTH], np.int64)
    graph.constant("second", [1], np.int64)

    def norm(rows: str, name: str) -> str:
        gain, bias = weight(f"{name}.gain", WIDTH), weight(f"{name}.bias", WIDTH)
        return node("LayerNormalization", rows, gain, bias, axis=-1, epsilon=EPSILON)

    def residual(rows: str, stream: str, name: str) -> str:
        return node("Add", node("Add", rows, weight(f"{name}.bias", WIDTH)), stream)

    texts = node("Shape", "embeddings")
    stream = norm(node("Reshape", "embeddings", "rows"), "embedding_norm")
    for layer in range(LAYERS):
        query, key, value = linear.apply(stream, layer, "query", "key", "value")
        query = node("Add", query, weight(f"{layer}.query.bias", WIDTH))
        by_text = [node("Reshape", rows, texts) for rows in (query, key, value)]
        context = node("MultiHeadAttention", *by_text, "", "mask", domain=CONTRIB, num_heads=HEADS)
        (attended,) = linear.apply(node("Reshape", context, "rows"), layer, "out")
        stream = norm(residual(attended, stream, f"{layer}.out"), f"{layer}.attention_norm")
        (hidden,) = linear.apply(stream, layer, "up")
        hidden = node("FastGelu", hidden, weight(f"{layer}.up.bias", HIDDEN), domain=CONTRIB)
        (output,) = linear.apply(hidden, layer, "down")
        stream = norm(residual(output, stream, f"{layer}.down"), f"{layer}.output_norm")
    weights = node("Unsqueeze", node("Cast", "mask", to=TensorProto.FLOAT), "second")
    total = node("Reshape", node("MatMul", weights, node("Reshape", stream, texts)), "rows")
    node("LpNormalization", total, output="vectors", axis=-1, p=2)
    return graph.model()


def write(folder: Path) -> None:
    """Write both graphs into `folder`, then the vectors of the self-test as the fp32 graph computes them there."""
    for precision in ("int8", "fp32"):
        model = build(precision == "int8")
        (folder / f"minilm-{precision}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    files = find_weights()
    if files is None:
        raise SystemExit(f"The self-test needs the model's weights: {INSTALL}")
    tokenizer = WindowedTokenizer(files.read_tokenizer())
    network = Network(files.read_tensors(), "fp32", threads=1)
    vectors = network.vectors([tokenizer.windows(text)[0] for text in selftest.TEXTS])
    np.save(folder / selftest.REFERENCE, vectors)


if __name__ == "__main__":
    write(Path(__file__).parents[1] / "src/memu/embedding/assets")
