"""The network of all-MiniLM-L6-v2 on onnxruntime: batches of token ids in, unit vectors out."""

import os
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from memu.embedding.parameters import Array, embedding_tables, fp32_parameters, int8_parameters
from memu.embedding.tokens import TokenIds
from memu.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Precision = Literal["int8", "fp32"]


class Network:
    """One open graph with its weights; may be used by several threads at once.

    Args:
        tensors: the tensors of `model.safetensors`.
        precision: which of the two graphs to run.
        threads: processor threads of one run.

    Raises:
        ModelError: onnxruntime cannot run the graph here.
    """

    def __init__(self, tensors: Mapping[str, Array], precision: Precision, threads: int) -> None:
        self.precision = precision
        # The word table stays outside the graph, which would keep a second copy of its 47 MB.
        self._words, self._positions = embedding_tables(tensors)
        self._parameters = int8_parameters(tensors) if precision == "int8" else fp32_parameters(tensors)
        try:
            self._session = _open(asset(f"minilm-{precision}.onnx"), self._parameters, threads)
        except Exception as error:  # onnxruntime's errors share no narrower base
            raise ModelError(f"onnxruntime cannot run the {precision} graph: {error}") from error

    def vectors(self, sequences: Sequence[TokenIds]) -> NDArray[np.float32]:
        """Run one batch, padded to its longest sequence: shape (len(sequences), 384), unit rows.

        Raises:
            ModelError: onnxruntime failed, or the result is not finite.
        """
        longest = max(map(len, sequences))
        ids = np.zeros((len(sequences), longest), np.int32)
        mask = np.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        inputs = {"embeddings": self._words[ids] + self._positions[:longest], "mask": mask}
        try:
            (vectors,) = self._session.run(["vectors"], inputs)
        except Exception as error:
            raise ModelError(f"onnxruntime failed on {ids.shape[0]} x {longest} tokens: {error}") from error
        if not np.isfinite(vectors).all():
            raise ModelError(f"The {self.precision} network gave numbers that are not finite; please report this.")
        return np.asarray(vectors, np.float32)


def asset(name: str) -> bytes:
    """The content of a file shipped in `memu/embedding/assets`."""
    return resources.files("memu.embedding").joinpath("assets", name).read_bytes()


def _open(graph: bytes, parameters: Mapping[str, Array], threads: int) -> "InferenceSession":
    """Open `graph` with its external weights taken from memory; `parameters` must outlive the session."""
    # Its own switch, below, comes too late in newer versions (1.31): their threads have an id of this machine written,
    # and look for Microsoft's collector, unless this was set before the import.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The further levels would fuse addition and normalisation again (see scripts/build_graph.py).
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.enable_mem_pattern = False  # patterns are kept per shape, and every batch has another
    options.log_severity_level = 3
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in parameters.values()]
    options.add_external_initializers(list(parameters), values)
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
