"""Turns the stages' results into feature vectors, in the order of the feature set's names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from featurizer.gpu.statistics import mean_and_var

Mark = Callable[[str], None]
"""Called after each stage with the stage's name: benchmarks take the time there."""


def unmarked(stage: str) -> None:
    """Take note of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What the stages give for a batch.

    Attributes
    ----------
    chroma : torch.Tensor, shape [batch, n_frames, n_chroma], float32
    rms, centroid, bandwidth, rolloff, zero_crossing_rate : torch.Tensor, shape [batch, n_frames], float64
    harmonic, percussive : torch.Tensor, shape [batch, 2], float64
        Mean and variance of either part.
    tempo : torch.Tensor, shape [batch], float64
    mfcc : torch.Tensor, shape [batch, n_mfcc, n_frames], float32
    """

    chroma: torch.Tensor
    rms: torch.Tensor
    centroid: torch.Tensor
    bandwidth: torch.Tensor
    rolloff: torch.Tensor
    zero_crossing_rate: torch.Tensor
    harmonic: torch.Tensor
    percussive: torch.Tensor
    tempo: torch.Tensor
    mfcc: torch.Tensor


def features(results: Results) -> torch.Tensor:
    """Give the columns of `gtzan57`, shape [batch, width], float64."""
    by_frame = (
        results.rms,
        results.centroid,
        results.bandwidth,
        results.rolloff,
        results.zero_crossing_rate,
    )
    # One reduction of five rows a window instead of five reductions.
    columns = (
        mean_and_var(results.chroma.flatten(1)),
        mean_and_var(torch.stack(by_frame, dim=1)).flatten(1),
        results.harmonic,
        results.percussive,
        results.tempo[:, None],
        mean_and_var(results.mfcc).flatten(1),
    )
    return torch.cat(columns, dim=1)
