"""Turns a fitted LSTM into one ONNX graph: raw inputs in, probabilities out, any number of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from training.export import INPUT, IR_VERSION, OPSET, OUTPUT

if TYPE_CHECKING:
    from training.models.neural.lstm import FittedLstm, GenreLstm

_TORCH_GATES = (0, 3, 1, 2)
"""ONNX orders an LSTM's gates input, output, forget, cell; torch input, forget, cell, output."""


def lstm_graph(model: FittedLstm) -> bytes:
    """Write a model node by node, so that the same weights always give the same bytes.

    Parameters
    ----------
    model : FittedLstm
        The model; its standardisation becomes the graph's first nodes.
    """
    network = model.network
    directions = 2 if network.lstm.bidirectional else 1
    nodes = [
        helper.make_node("Concat", [INPUT, "one_row"], ["rows"], axis=0),
        helper.make_node("Sub", ["rows", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "lowest", "highest"], ["standard"]),
        *_to_summary(n_axes=len(model.shape), units=network.lstm.hidden_size, directions=directions),
        helper.make_node("Gemm", ["summary", "output_weight", "output_bias"], ["all_logits"], transB=1),
        helper.make_node("Slice", ["all_logits", "first", "before_last", "rows_axis"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "genre_lstm",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", *model.shape])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", len(model.genres)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in _constants(model).items()],
    )
    whole = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="genrestream",
    )
    onnx.checker.check_model(whole, full_check=True)
    written: bytes = whole.SerializeToString()
    return written


def _constants(model: FittedLstm) -> dict[str, NDArray[np.generic]]:
    network = model.network
    return {
        # onnxruntime 1.31 ends the whole process where an LSTM is given no row: it always has this one.
        "one_row": np.zeros((1, *model.shape), dtype=np.float32),
        "first": np.array([0], dtype=np.int64),
        "before_last": np.array([-1], dtype=np.int64),
        "rows_axis": np.array([0], dtype=np.int64),
        "mean": model.mean,
        "scale": model.scale,
        "lowest": np.array(-model.limit, dtype=np.float32),
        "highest": np.array(model.limit, dtype=np.float32),
        **_lstm_constants(network.lstm, directions=2 if network.lstm.bidirectional else 1),
        "output_weight": network.output.weight.detach().numpy(),
        "output_bias": network.output.bias.detach().numpy(),
        **_place_constants(network),
        "summary_shape": np.array([0, -1], dtype=np.int64),
    }


def _to_summary(*, n_axes: int, units: int, directions: int) -> list[NodeProto]:
    """Lay out steps first, read them, and put the outputs' mean beside the last states."""
    # Features become steps; the frames of a series are steps already.
    placing = [
        helper.make_node("Unsqueeze", ["standard", "value_axis"], ["values"]),
        helper.make_node("Mul", ["values", "of_value"], ["turned"]),
        helper.make_node("Add", ["turned", "of_place"], ["steps"]),
    ]
    return [
        *(placing if n_axes == 1 else []),
        helper.make_node(
            "Transpose", ["steps" if n_axes == 1 else "standard"], ["steps_first"], perm=[1, 0, 2]
        ),
        helper.make_node(
            "LSTM",
            ["steps_first", "lstm_input", "lstm_state", "lstm_bias"],
            ["states", "last"],
            hidden_size=units,
            direction="bidirectional" if directions == 2 else "forward",
        ),
        # states: (n_steps, directions, n, units); last: (directions, n, units).
        helper.make_node("ReduceMean", ["states"], ["heard"], axes=[0], keepdims=0),
        helper.make_node("Transpose", ["heard"], ["heard_rows"], perm=[1, 0, 2]),
        helper.make_node("Transpose", ["last"], ["last_rows"], perm=[1, 0, 2]),
        helper.make_node("Concat", ["heard_rows", "last_rows"], ["both"], axis=1),
        helper.make_node("Reshape", ["both", "summary_shape"], ["summary"]),
    ]


def _place_constants(network: GenreLstm) -> dict[str, NDArray[np.generic]]:
    if network.placed is None:
        return {}
    return {
        "value_axis": np.array([2], dtype=np.int64),
        "of_value": network.placed.of_value.detach().numpy(),
        "of_place": network.placed.of_place.detach().numpy(),
    }


def _lstm_constants(lstm: torch.nn.LSTM, *, directions: int) -> dict[str, NDArray[np.float32]]:
    def stacked(name: str) -> NDArray[np.float32]:
        return np.stack(
            [
                _in_onnx_order(getattr(lstm, f"{name}_l0{suffix}").detach().numpy())
                for suffix in ("", "_reverse")[:directions]
            ]
        )

    return {
        "lstm_input": stacked("weight_ih"),
        "lstm_state": stacked("weight_hh"),
        "lstm_bias": np.concatenate([stacked("bias_ih"), stacked("bias_hh")], axis=1),
    }


def _in_onnx_order(stacked_gates: NDArray[np.float32]) -> NDArray[np.float32]:
    gates = np.split(stacked_gates, 4)
    return np.concatenate([gates[index] for index in _TORCH_GATES])
