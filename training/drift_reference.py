"""Turns training windows, and labels of tracks not heard, into what drift is measured against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from featurizer.spec import FeatureSpec
from modelzoo.drift import bin_shares
from modelzoo.manifest import Abstention, ConfidenceReference, LabelReference
from training.evaluate import Outcome
from training.windows import LabelledWindows

DRIFT_QUANTILES = np.linspace(0.05, 0.95, 10)
_CONFIDENCE_DECILES = np.linspace(0.1, 0.9, 9)


def feature_quantiles(table: LabelledWindows, *, spec: FeatureSpec) -> dict[str, tuple[float, ...]]:
    """Give ten quantiles of each feature over windows, in the feature's unit."""
    edges = np.quantile(table.inputs.astype(np.float64), DRIFT_QUANTILES, axis=0)
    # Six digits, as float32 holds them: more would be noise in a file that people read.
    return {
        name: tuple(float(f"{edge:.6g}") for edge in column)
        for name, column in zip(spec.feature_names, edges.T, strict=True)
    }


def drift_shares(
    table: LabelledWindows, *, spec: FeatureSpec, quantiles: Mapping[str, tuple[float, ...]]
) -> dict[str, tuple[float, ...]]:
    """Count the windows between the quantiles: a feature of few values has no tenths.

    The quantiles 0.45 and 0.55 of the tempo are one value; with tenths for shares the windows that it was
    fitted to would have an index of 1.6 against themselves.
    """
    edges = np.array([quantiles[name] for name in spec.feature_names])
    shares = bin_shares(table.inputs, edges=edges)
    return {
        name: tuple(round(float(share), 5) for share in row)
        for name, row in zip(spec.feature_names, shares, strict=True)
    }


def label_reference(held_out: Outcome, *, genres: Sequence[str], abstain: Abstention) -> LabelReference:
    """Count the labels of tracks by artists whom the models that labelled them had not heard."""
    labelled = held_out.confidence >= abstain.threshold
    counts = np.bincount(held_out.probabilities[labelled].argmax(axis=1), minlength=len(genres))
    n_tracks = len(labelled)
    return LabelReference(
        shares={
            genre: round(float(count) / n_tracks, 5) for genre, count in zip(genres, counts, strict=True)
        },
        abstained=round(float(1.0 - labelled.mean()), 5),
        n_tracks=n_tracks,
    )


def confidence_reference(held_out: Outcome) -> ConfidenceReference:
    """Put the confidence of the same tracks into ten bins of a tenth of them each."""
    edges = np.round(np.quantile(held_out.confidence, _CONFIDENCE_DECILES), 5)
    shares = bin_shares(held_out.confidence[:, None], edges=edges[None])[0]
    return ConfidenceReference(
        edges=tuple(edges.tolist()),
        shares=tuple(round(float(share), 5) for share in shares),
        n_tracks=len(held_out.confidence),
    )
