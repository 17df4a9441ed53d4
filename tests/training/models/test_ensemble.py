"""An ensemble gives the mean of its members' probabilities, and so does the one graph it is written as."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import version_converter

from tests.training.models.tabular.tables import GENRES, NAMES, extreme_rows, make_windows
from tests.training.models.test_pooling import fit
from training.models.ensemble import FittedEnsemble, average_probabilities, ensemble_graph
from training.models.kind import FittedModel
from training.models.merging import MergeError, opset_of
from training.models.pooling import pool_tracks, track_graph, voting_graph


@pytest.fixture(scope="module")
def members() -> tuple[FittedModel, ...]:
    return tuple(fit(name, make_windows()) for name in ("lightgbm", "svm-rbf", "knn-1", "lda"))


def run_graph(graph: bytes, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert len(session.get_inputs()) == 1
    assert [output.name for output in session.get_outputs()] == ["probabilities"]
    return np.asarray(session.run(None, {session.get_inputs()[0].name: inputs})[0])


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), (4.0, 0.5, 1.0, 2.0)])
def test_the_graph_gives_the_weighted_mean(
    members: tuple[FittedModel, ...], weights: tuple[float, ...]
) -> None:
    ensemble = FittedEnsemble(members, weights)
    graph = ensemble.onnx_bytes()
    for inputs in (make_windows(seed=1).inputs, extreme_rows(), make_windows().inputs[:0]):
        expected = np.average([member(inputs) for member in members], axis=0, weights=weights)
        np.testing.assert_allclose(ensemble(inputs), expected, atol=1e-6)
        np.testing.assert_allclose(run_graph(graph, inputs), expected, atol=1e-5)
    assert graph == ensemble.onnx_bytes()
    assert ensemble.n_parameters == sum(member.n_parameters for member in members)


def test_members_of_two_versions_of_onnx_are_brought_to_the_newer(
    members: tuple[FittedModel, ...],
) -> None:
    old = [member.onnx_bytes() for member in members]
    newer = version_converter.convert_version(onnx.load_from_string(old[3]), 17).SerializeToString()
    graph = ensemble_graph([*old[:3], newer])
    assert opset_of(graph) == 17
    inputs = make_windows(seed=1).inputs
    expected = average_probabilities([member(inputs) for member in members])
    np.testing.assert_allclose(run_graph(graph, inputs), expected, atol=1e-5)


def test_windows_votes_and_whole_tracks_average_into_one_graph(members: tuple[FittedModel, ...]) -> None:
    windows = make_windows()
    whole = fit("track-svm", pool_tracks(windows, feature_names=NAMES))
    pooled = track_graph(whole.onnx_bytes(), feature_names=NAMES)
    graph = ensemble_graph([voting_graph(members[3].onnx_bytes()), pooled])
    rows = windows.rows(windows.tracks == windows.tracks[0])
    vote = members[3](rows.inputs).mean(axis=0, keepdims=True)
    expected = (vote + whole(pool_tracks(rows, feature_names=NAMES).inputs)) / 2.0
    found = run_graph(graph, rows.inputs)
    assert found.shape == (1, len(GENRES))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_members_of_different_width_are_refused(members: tuple[FittedModel, ...]) -> None:
    narrow = fit("lda", make_windows(width=4), feature_names=()).onnx_bytes()
    with pytest.raises(MergeError, match="different inputs"):
        ensemble_graph([members[0].onnx_bytes(), narrow])


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 0.0), (1.0, -1.0)])
def test_each_member_needs_a_positive_weight(weights: tuple[float, ...]) -> None:
    said = np.full((2, 3), 1 / 3, dtype=np.float32)
    with pytest.raises(MergeError, match="positive weight"):
        average_probabilities([said, said], weights=weights)


def test_an_ensemble_of_none_is_refused() -> None:
    with pytest.raises(MergeError, match="at least one member"):
        ensemble_graph([])
