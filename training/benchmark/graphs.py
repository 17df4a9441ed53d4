"""Turns an exported graph into a function that scores rows on one core."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Its official builds report to their maker unless this is set before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

_QUIET = 3
"""onnxruntime's severity: errors only."""

Scores = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def open_graph(graph: bytes) -> Scores:
    """Load a graph with one input of shape (n, ...) and one output of shape (n, n_genres), both float32."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    session = onnxruntime.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])
    (given,), (made,) = session.get_inputs(), session.get_outputs()

    def scores(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        (probabilities,) = session.run([made.name], {given.name: np.ascontiguousarray(inputs)})
        return np.asarray(probabilities, dtype=np.float32)

    return scores
