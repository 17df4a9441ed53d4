"""Turns nodes and constants into one ONNX graph: raw rows in, probabilities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, TREES_OPSET = 13, 2
"""Of ONNX, and of its domain of trees. Old enough for every onnxruntime that is still in use."""

IR_VERSION = 8
INPUT, OUTPUT = "features", "probabilities"
TREES_DOMAIN = "ai.onnx.ml"


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a graph.

    Attributes
    ----------
    nodes : sequence of NodeProto
        In the order of computing.
    constants : Mapping of str to ndarray
        What they read besides other nodes' results.
    """

    nodes: Sequence[onnx.NodeProto]
    constants: Mapping[str, NDArray[np.generic]]


def write_graph(
    parts: Sequence[Part],
    *,
    input_shape: Sequence[str | int],
    output_shape: Sequence[str | int],
    opset: int = OPSET,
) -> bytes:
    """Put parts together; the same parts always give the same bytes.

    Parameters
    ----------
    parts : sequence of Part
        In the order of computing. The first reads `INPUT`, the last writes `OUTPUT`.
    input_shape, output_shape : sequence of str or int
        Names or numbers of rows, columns and so on.
    opset : int, optional
        Version of ONNX that the nodes are written in.
    """
    nodes = [node for part in parts for node in part.nodes]
    versions = [helper.make_opsetid("", opset)]
    if TREES_DOMAIN in {node.domain for node in nodes}:
        versions.append(helper.make_opsetid(TREES_DOMAIN, TREES_OPSET))
    graph = helper.make_graph(
        nodes,
        "genres",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, list(input_shape))],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, list(output_shape))],
        [
            numpy_helper.from_array(np.asarray(value, order="C"), name)
            for part in parts
            for name, value in part.constants.items()
        ],
    )
    whole = helper.make_model(
        graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="genrestream"
    )
    onnx.checker.check_model(whole, full_check=True)
    written: bytes = whole.SerializeToString()
    return written


def softmax_part(scores: str) -> Part:
    """Turn float64 scores into the graph's float32 probabilities."""
    return Part(
        [
            helper.make_node("Softmax", [scores], ["shares"], axis=1),
            helper.make_node("Cast", ["shares"], [OUTPUT], to=TensorProto.FLOAT),
        ],
        {},
    )


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Turn scores into probabilities, shape (n, n_genres), as `softmax_part` does."""
    risen = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(risen / risen.sum(axis=1, keepdims=True), dtype=np.float32)
