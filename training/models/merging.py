"""Turns a finished model's graph into a part of a larger graph."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import compose, helper, inliner, numpy_helper, version_converter

from training.errors import TrainingError
from training.models.tabular.graph import Part


class MergeError(TrainingError):
    """Graphs cannot be put together."""

    reason = "cannot_merge"


@dataclass(frozen=True, slots=True)
class Taken:
    """A model's graph as a part.

    Attributes
    ----------
    part : Part
        Reads `source` and writes `result`; every other name begins with its prefix.
    row_shape : tuple of int
        Shape of one input row.
    n_genres : int
        Number of outputs.
    is_of_tracks : bool
        Whether it makes one row of all of its input's.
    """

    part: Part
    row_shape: tuple[int, ...]
    n_genres: int
    is_of_tracks: bool


def opset_of(graph: bytes) -> int:
    """Return the version of ONNX that a graph is written in."""
    model = onnx.load_from_string(graph)
    return max(int(entry.version) for entry in model.opset_import if entry.domain in {"", "ai.onnx"})


def take_graph(graph: bytes, *, prefix: str, source: str, result: str, opset: int) -> Taken:
    """Take a graph of one input and one output apart.

    Parameters
    ----------
    graph : bytes
        A model: rows of shape (n, ...) in, probabilities (n, n_genres) out, both float32.
    prefix : str
        Put before every name, so that two models' names never meet.
    source, result : str
        What it is to read and to write.
    opset : int
        Version of ONNX that its nodes are brought to, not below its own.

    Raises
    ------
    MergeError
        The graph has other inputs or outputs than one of each.
    """
    model = inliner.inline_local_functions(onnx.load_from_string(graph))
    if opset_of(graph) != opset:
        model = version_converter.convert_version(model, opset)
    if (len(model.graph.input), len(model.graph.output)) != (1, 1):
        raise MergeError(
            f"only graphs of one input and one output can be put together, inputs={len(model.graph.input)} "
            f"outputs={len(model.graph.output)}"
        )
    given, told = (
        [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (model.graph.input[0], model.graph.output[0])
    )
    named = compose.add_prefix(model, prefix).graph
    nodes = [
        helper.make_node("Identity", [source], [named.input[0].name]),
        *named.node,
        helper.make_node("Identity", [named.output[0].name], [result]),
    ]
    constants = {value.name: numpy_helper.to_array(value) for value in named.initializer}
    return Taken(Part(nodes, constants), tuple(given[1:]), told[-1], told[0] == 1)
