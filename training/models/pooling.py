"""Turns a track's windows into one row, mean and spread of each feature, in a table and in a graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from training.models.merging import Taken, opset_of, take_graph
from training.models.tabular.graph import INPUT, OUTPUT, Part, write_graph
from training.models.tabular.scaling import LOG_FLOOR, log_columns, take_logs
from training.windows import LabelledWindows


def pool_tracks(windows: LabelledWindows, *, feature_names: Sequence[str]) -> LabelledWindows:
    """Make one row of each track: how its windows sound on average, and how much they differ.

    Parameters
    ----------
    windows : LabelledWindows
        Rows of shape (width,); each track has at least one.
    feature_names : sequence of str
        Say which columns are variances, whose logarithms are pooled; empty where columns have no names.

    Returns
    -------
    LabelledWindows
        Rows of shape (2 * width,), sorted by track: means, then standard deviations (of the windows
        themselves, 0 for a single one). A track weighs what its windows weigh on average.
    """
    width = windows.inputs.shape[1]
    curved = take_logs(windows.inputs, is_log=log_columns(feature_names, width=width))
    names, first, place = np.unique(windows.tracks, return_index=True, return_inverse=True)
    counts = np.bincount(place, minlength=len(names)).astype(np.float64)
    means = _sums(curved, place=place, n=len(names)) / counts[:, None]
    squares = _sums((curved - means[place]) ** 2, place=place, n=len(names)) / counts[:, None]
    return LabelledWindows(
        np.hstack([means, np.sqrt(squares)]).astype(np.float32),
        windows.genres[first],
        names,
        (np.bincount(place, weights=windows.weights, minlength=len(names)) / counts).astype(np.float32),
    )


def track_graph(graph: bytes, *, feature_names: Sequence[str]) -> bytes:
    """Put the pooling before a model of whole tracks, so that it can be given a track's windows.

    Parameters
    ----------
    graph : bytes
        Scores rows of `pool_tracks`, shape (n, 2 * width).
    feature_names : sequence of str
        As the rows were pooled.

    Returns
    -------
    bytes
        A graph from one track's windows, shape (n_windows, width), float32, at least one window, to its
        probabilities, shape (1, n_genres), float32.
    """
    opset = opset_of(graph)
    model = take_graph(graph, prefix="model_", source="pooled", result=OUTPUT, opset=opset)
    width = model.row_shape[0] // 2
    pooling = Part(
        [
            helper.make_node("Cast", [INPUT], ["raw_windows"], to=TensorProto.DOUBLE),
            helper.make_node("Max", ["raw_windows", "log_floor"], ["positive_windows"]),
            helper.make_node("Log", ["positive_windows"], ["logarithms"]),
            helper.make_node("Where", ["takes_log", "logarithms", "raw_windows"], ["windows"]),
            helper.make_node("ReduceMean", ["windows"], ["means"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["windows", "means"], ["apart"]),
            helper.make_node("Mul", ["apart", "apart"], ["squares"]),
            helper.make_node("ReduceMean", ["squares"], ["variances"], axes=[0], keepdims=1),
            helper.make_node("Sqrt", ["variances"], ["deviations"]),
            helper.make_node("Concat", ["means", "deviations"], ["exact"], axis=1),
            helper.make_node("Cast", ["exact"], ["pooled"], to=TensorProto.FLOAT),
        ],
        {"log_floor": np.array(LOG_FLOOR), "takes_log": log_columns(feature_names, width=width)},
    )
    return _of_tracks([pooling, model.part], model=model, width=width, opset=opset)


def voting_graph(graph: bytes) -> bytes:
    """Put the soft vote behind a model of windows, so that it can be averaged with models of whole tracks.

    Parameters
    ----------
    graph : bytes
        Scores windows, shape (n, width).

    Returns
    -------
    bytes
        As of `track_graph`: the mean of the windows' probabilities.
    """
    opset = opset_of(graph)
    model = take_graph(graph, prefix="model_", source=INPUT, result="said", opset=opset)
    vote = Part([helper.make_node("ReduceMean", ["said"], [OUTPUT], axes=[0], keepdims=1)], {})
    return _of_tracks([model.part, vote], model=model, width=model.row_shape[0], opset=opset)


def _of_tracks(parts: Sequence[Part], *, model: Taken, width: int, opset: int) -> bytes:
    return write_graph(parts, input_shape=("n_windows", width), output_shape=(1, model.n_genres), opset=opset)


def _sums(rows: NDArray[np.float64], *, place: NDArray[np.intp], n: int) -> NDArray[np.float64]:
    sums = np.zeros((n, rows.shape[1]))
    np.add.at(sums, place, rows)
    return sums
