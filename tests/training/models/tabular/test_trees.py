"""A tree in the graph cuts float32 values exactly where the library cuts them."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from training.models.tabular.trees import LEAF, Cut, Forest, Tree

HALF_WAY = 1.0 + 2.0**-24  # Between the float32 numbers 1 and 1 + 2**-23


@pytest.mark.parametrize("threshold", [1.0, HALF_WAY, HALF_WAY + 2.0**-40, HALF_WAY - 2.0**-40])
@pytest.mark.parametrize("cut", list(Cut))
def test_a_threshold_between_two_float32_values_parts_them(cut: Cut, threshold: float) -> None:
    stump = Tree(
        genre=0,
        features=np.array([0, LEAF, LEAF]),
        values=np.array([threshold, 5.0, -5.0]),
        firsts=np.array([1, 0, 0]),
        seconds=np.array([2, 0, 0]),
    )
    graph = Forest([stump], cut, np.zeros(2), 1).onnx_bytes()
    values = np.array([1.0, 1.0 + 2.0**-23, 1.0 - 2.0**-24], dtype=np.float32)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    probabilities = session.run(None, {"features": values[:, None]})[0]
    exact = values.astype(np.float64)
    goes_first = exact <= threshold if cut is Cut.AT_MOST else exact < threshold
    assert ((probabilities[:, 0] > 0.5) == goes_first).all()
