"""Turns a fitted network into an artifact folder (model, manifest, card), whole or not at all."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from modelzoo.manifest import NAME_PATTERN, VERSION_PATTERN, Manifest
from modelzoo.publish import HELD_OUT_FILE
from modelzoo.registry import CARD_FILE, MANIFEST_FILE, MODEL_FILE, point_latest
from training.errors import OutputError
from training.network import FittedMlp
from training.standardise import LOG_FLOOR, Standardiser

OPSET = 13
"""Old enough for every onnxruntime that is still in use; nothing here needs a newer one."""

IR_VERSION = 8
INPUT, OUTPUT = "features", "probabilities"


def onnx_bytes(model: FittedMlp) -> bytes:
    """Write a model as one ONNX graph: raw features in, probabilities out, any number of windows.

    The graph is put together node by node, so the same weights always give the same bytes.

    Parameters
    ----------
    model : FittedMlp
        The model; its standardisation becomes the graph's first nodes.
    """
    nodes, constants = _standardising(model.standardiser)
    layers = model.network.layers()
    for index, layer in enumerate(layers):
        constants[f"weight_{index}"] = layer.weight.detach().numpy()
        constants[f"bias_{index}"] = layer.bias.detach().numpy()
        inputs = [f"hidden_{index}", f"weight_{index}", f"bias_{index}"]
        if index < len(layers) - 1:
            nodes.append(helper.make_node("Gemm", inputs, [f"dense_{index}"], transB=1))
            nodes.append(helper.make_node("Relu", [f"dense_{index}"], [f"hidden_{index + 1}"]))
        else:
            nodes.append(helper.make_node("Gemm", inputs, ["logits"], transB=1))
    nodes.append(helper.make_node("Softmax", ["logits"], [OUTPUT], axis=1))
    return _graph_bytes(nodes, constants, n_genres=len(model.genres))


def committee_bytes(
    standardiser: Standardiser,
    *,
    weights: Sequence[NDArray[np.float32]],
    biases: Sequence[NDArray[np.float32]],
) -> bytes:
    """Write several networks of one shape as one ONNX graph that gives the mean of their probabilities.

    Layers of all members lie in one array each, so the graph has as many nodes as that of one network.

    Parameters
    ----------
    standardiser : Standardiser
        Becomes the graph's first nodes.
    weights : sequence of ndarray, each of shape (n_members, n_in, n_out), float32
        Of the layers from input to output.
    biases : sequence of ndarray, each of shape (n_members, 1, n_out), float32
        Of the same layers.
    """
    nodes, constants = _standardising(standardiser)
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        is_last = index == len(weights) - 1
        constants |= {f"weight_{index}": weight, f"bias_{index}": bias}
        nodes.append(helper.make_node("MatMul", [f"hidden_{index}", f"weight_{index}"], [f"product_{index}"]))
        summed = "logits" if is_last else f"dense_{index}"
        nodes.append(helper.make_node("Add", [f"product_{index}", f"bias_{index}"], [summed]))
        if not is_last:
            nodes.append(helper.make_node("Relu", [f"dense_{index}"], [f"hidden_{index + 1}"]))
    nodes.append(helper.make_node("Softmax", ["logits"], ["of_members"], axis=2))
    nodes.append(helper.make_node("ReduceMean", ["of_members"], [OUTPUT], axes=[0], keepdims=0))
    return _graph_bytes(nodes, constants, n_genres=weights[-1].shape[2])


def _standardising(standardiser: Standardiser) -> tuple[list[NodeProto], dict[str, NDArray[np.generic]]]:
    constants: dict[str, NDArray[np.generic]] = {
        "storage": standardiser.storage,
        "storage_column": standardiser.storage[:, None],
        "is_log": standardiser.is_log,
        "is_used": standardiser.is_used.astype(np.float32),
        "floor": np.array(LOG_FLOOR, dtype=np.float32),
        "mean": standardiser.mean,
        "scale": standardiser.scale,
        "lowest": np.array(-standardiser.limit, dtype=np.float32),
        "highest": np.array(standardiser.limit, dtype=np.float32),
    }
    nodes = [
        helper.make_node("MatMul", [INPUT, "storage_column"], ["along_storage"]),
        helper.make_node("Mul", ["along_storage", "storage"], ["of_storage"]),
        helper.make_node("Sub", [INPUT, "of_storage"], ["heard"]),
        helper.make_node("Max", ["heard", "floor"], ["positive"]),
        helper.make_node("Log", ["positive"], ["logarithm"]),
        helper.make_node("Where", ["is_log", "logarithm", "heard"], ["curved"]),
        helper.make_node("Sub", ["curved", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "lowest", "highest"], ["clipped"]),
        helper.make_node("Mul", ["clipped", "is_used"], ["hidden_0"]),
    ]
    return nodes, constants


def _graph_bytes(
    nodes: list[NodeProto], constants: dict[str, NDArray[np.generic]], *, n_genres: int
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "genre_mlp",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", len(constants["mean"])])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", n_genres])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
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


def check_vacant(out: Path, *, name: str, version: str, replace: bool) -> None:
    """Refuse an output folder before minutes of work go into it.

    Raises
    ------
    OutputError
        The name or version cannot be a folder's, the version is there already and `replace` is false, or the
        folder cannot be made or written to.
    """
    if re.fullmatch(VERSION_PATTERN, version) is None or re.fullmatch(NAME_PATTERN, name) is None:
        raise OutputError(f"not a name or version, name={name!r} version={version!r}: use MAJOR.MINOR.PATCH")
    if (out / name / version).exists() and not replace:
        raise OutputError(
            f"this version is there already, path={out / name / version}: "
            "choose another --version, or --replace it"
        )
    try:
        (out / name).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryDirectory(prefix=".trial-", dir=out / name).cleanup()
    except OSError as exc:
        raise OutputError(
            f"the output folder cannot be written to, path={out / name}: {exc.strerror}"
        ) from exc


def write_artifact(
    out: Path, *, manifest: Manifest, model: bytes, card: str, held_out: str | None = None
) -> Path:
    """Write an artifact whole and point `latest` at it.

    The files are written into a folder beside the final one, which is renamed at the end: an interrupted run
    leaves no version behind that looks complete.

    Parameters
    ----------
    out : Path
        Root of a registry.
    manifest : Manifest
        Gives name and version.
    model : bytes
        The ONNX graph.
    card : str
        Markdown.
    held_out : str, optional
        JSON that promotion compares models by (`training.held_out`).

    Returns
    -------
    Path
        The artifact's folder.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """
    home = out / manifest.name
    final = home / manifest.version
    try:
        home.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{manifest.version}-", dir=home))
    except OSError as exc:
        raise OutputError(f"the output folder cannot be written to, path={home}: {exc.strerror}") from exc
    try:
        (scratch / MODEL_FILE).write_bytes(model)
        (scratch / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
        (scratch / CARD_FILE).write_text(card, encoding="utf-8")
        if held_out is not None:
            (scratch / HELD_OUT_FILE).write_text(held_out, encoding="utf-8")
        scratch.chmod(0o755)
        if final.exists():
            retired = scratch.with_suffix(".retired")
            final.rename(retired)
            scratch.rename(final)
            shutil.rmtree(retired)
        else:
            scratch.rename(final)
    except OSError as exc:
        raise OutputError(f"the artifact cannot be written, path={final}: {exc.strerror}") from exc
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    point_latest(home, manifest.version)
    return final
