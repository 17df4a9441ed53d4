"""Turns an audio file into a genre as a program written with librosa and onnxruntime does it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from consumer.bench.failures import needing_baselines
from modelzoo.aggregate import Verdict, decide
from modelzoo.registry import Artifact
from modelzoo.scorer import OnnxScorer


class LibrosaPipeline:
    """Loads, featurizes and scores one file at a time, in one thread.

    Parameters
    ----------
    artifact : Artifact
        The same model as the worker's.

    Raises
    ------
    MissingExtraError
        Librosa is not installed.
    ModelError
        The model cannot be run.
    """

    def __init__(self, artifact: Artifact) -> None:
        with needing_baselines():
            from featurizer.reference import load_windows, reference_features  # noqa: PLC0415

        self._load_windows = load_windows
        self._featurize = reference_features
        self._scorer = OnnxScorer(artifact, device="cpu")

    def label(self, path: Path) -> Verdict:
        """Label a file: `librosa.load`, plain librosa calls for each window, the model, the vote."""
        windows = self._load_windows(path)
        features = np.stack([self._featurize(window) for window in windows]).astype(np.float32)
        return decide(self._scorer(features), self._scorer.manifest)

    def cpu_seconds(self, path: Path) -> float:
        """Label a file and give the CPU time that this thread took."""
        started = time.thread_time()
        self.label(path)
        return time.thread_time() - started
