"""Turns raw rows into numbers of one size, in which distances between rows mean something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from training.models.tabular.graph import INPUT, Part
from training.windows import LabelledWindows

LOG_FLOOR = 1e-10
"""Below the smallest variance of any window that is not digital silence; keeps the logarithm finite."""

LIMIT = 8.0
"""Standard deviations at which a value is cut off, so that one extreme value cannot decide alone."""

SCALED = "scaled"
"""Name of the scaled rows, float64, in a graph."""


_LOG_SUFFIX: Final = "_var"
_LOG_NAMES: Final = frozenset({"rms_mean"})

_UNUSED_OF_TRACKS: Final = frozenset({"harmony_mean", "perceptr_mean"})
"""Means of samples, next to nothing: they tell how a recording was digitised. Without them models of whole
tracks get 1.5 to 2.5 points more of the validation tracks right. Models of windows keep them, as the source
report does: on random windows, where a recording's mark gives its genre away, they are worth 1.5 points."""


class Columns(StrEnum):
    """What the columns of a table are.

    Attributes
    ----------
    OF_WINDOWS
        Features of a window.
    OF_TRACKS
        Means of a track's features, logarithms already taken, then their standard deviations.
    """

    OF_WINDOWS = "of_windows"
    OF_TRACKS = "of_tracks"


@dataclass(frozen=True, slots=True)
class Scaling:
    """Maps raw rows to scaled ones, in a model and in its graph alike.

    Everything is computed in float64: kernels and nearest rows subtract large squares from one another.

    Attributes
    ----------
    is_log : ndarray, shape (width,), bool
        Columns that are taken as natural logarithms: variances and loudness span decades.
    is_used : ndarray, shape (width,), bool
        Columns that reach the model; the others are always 0 for it.
    mean, scale : ndarray, shape (width,), float64
        After the logarithm; `scale` is positive.
    turn : ndarray, shape (width, width), float64, or None
        What the standardised rows are multiplied by.
    """

    is_log: NDArray[np.bool_]
    is_used: NDArray[np.bool_]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    turn: NDArray[np.float64] | None = None

    @classmethod
    def fit(
        cls,
        windows: LabelledWindows,
        *,
        feature_names: Sequence[str],
        columns: Columns = Columns.OF_WINDOWS,
    ) -> Self:
        """Measure weighted means and standard deviations.

        Parameters
        ----------
        windows : LabelledWindows
            Rows of shape (width,).
        feature_names : sequence of str
            Of a window; say which columns are variances. Empty where columns have no names.
        columns : Columns, optional
            What the columns are.
        """
        width = windows.inputs.shape[1]
        if columns is Columns.OF_TRACKS:
            is_log = np.zeros(width, dtype=bool)
            is_used = np.tile([name not in _UNUSED_OF_TRACKS for name in feature_names], 2)
        else:
            is_log, is_used = log_columns(feature_names, width=width), np.ones(width, dtype=bool)
        if not feature_names:
            is_used = np.ones(width, dtype=bool)
        curved = take_logs(windows.inputs, is_log=is_log)
        weights = windows.weights.astype(np.float64)
        mean = np.average(curved, axis=0, weights=weights)
        deviation = np.sqrt(np.average((curved - mean) ** 2, axis=0, weights=weights))
        # A column that never changes (but for rounding) carries nothing: divided by 1 it stays at about 0.
        return cls(is_log, is_used, mean, np.where(deviation > 1e-6 * np.abs(mean), deviation, 1.0))

    @classmethod
    def fit_within_tracks(
        cls, windows: LabelledWindows, *, feature_names: Sequence[str], shrinkage: float
    ) -> Self:
        """Measure a scaling after which windows of one track scatter alike in every direction.

        Directions in which a track's own windows differ shrink, and those in which only tracks differ grow.
        Source: Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker
        recognition", 2006; a track is their class.

        Parameters
        ----------
        windows : LabelledWindows
            Rows of shape (width,). Where no track has two, it is `fit`.
        feature_names : sequence of str
            As in `fit`.
        shrinkage : float
            Share of a round scatter that is mixed into the measured one, in (0, 1].
        """
        plain = cls.fit(windows, feature_names=feature_names)
        rows, weights = plain(windows.inputs), windows.weights.astype(np.float64)
        _, place = np.unique(windows.tracks, return_inverse=True)
        totals = np.bincount(place, weights=weights)
        sums = np.zeros((len(totals), rows.shape[1]))
        np.add.at(sums, place, rows * weights[:, None])
        apart = rows - (sums / totals[:, None])[place]
        scatter = (apart * weights[:, None]).T @ apart / weights.sum()
        size = float(np.trace(scatter)) / len(scatter)
        if size < 1e-12:
            return plain
        scatter = (1.0 - shrinkage) * scatter + shrinkage * size * np.eye(len(scatter))
        turn = np.linalg.cholesky(np.linalg.inv(scatter))
        turned = rows @ turn
        middle = np.average(turned, axis=0, weights=weights)
        spread = np.average(((turned - middle) ** 2).mean(axis=1), weights=weights)
        # Kernel widths then mean the same whatever the scatter within tracks was.
        return replace(plain, turn=turn / np.sqrt(spread))

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scale rows, shape (n, width), any finite values."""
        standard = (take_logs(inputs, is_log=self.is_log) - self.mean) / self.scale
        cut = np.clip(standard, -LIMIT, LIMIT) * self.is_used
        return cut if self.turn is None else np.asarray(cut @ self.turn)

    def part(self) -> Part:
        """Write the scaling as the beginning of a graph, from `INPUT` to `SCALED`."""
        nodes = [
            helper.make_node("Cast", [INPUT], ["raw"], to=TensorProto.DOUBLE),
            helper.make_node("Max", ["raw", "floor"], ["positive"]),
            helper.make_node("Log", ["positive"], ["logarithm"]),
            helper.make_node("Where", ["is_log", "logarithm", "raw"], ["curved"]),
            helper.make_node("Sub", ["curved", "mean"], ["centred"]),
            helper.make_node("Div", ["centred", "scale"], ["standard"]),
        ]
        constants: dict[str, NDArray[np.generic]] = {
            "floor": np.array(LOG_FLOOR),
            "is_log": self.is_log,
            "is_used": self.is_used.astype(np.float64),
            "mean": self.mean,
            "scale": self.scale,
            "lowest": np.array(-LIMIT),
            "highest": np.array(LIMIT),
        }
        last = SCALED if self.turn is None else "used"
        nodes.append(helper.make_node("Clip", ["standard", "lowest", "highest"], ["cut"]))
        nodes.append(helper.make_node("Mul", ["cut", "is_used"], [last]))
        if self.turn is not None:
            nodes.append(helper.make_node("MatMul", ["used", "turn"], [SCALED]))
            constants["turn"] = self.turn
        return Part(nodes, constants)

    @property
    def n_parameters(self) -> int:
        """Numbers that the fit chose."""
        return 2 * len(self.mean) + (0 if self.turn is None else self.turn.size)


def log_columns(feature_names: Sequence[str], *, width: int) -> NDArray[np.bool_]:
    """Say which columns are variances or loudness, shape (width,); none where columns have no names."""
    if not feature_names:
        return np.zeros(width, dtype=bool)
    return np.array([name.endswith(_LOG_SUFFIX) or name in _LOG_NAMES for name in feature_names])


def take_logs(inputs: NDArray[np.float32], *, is_log: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Take natural logarithms of some columns, not below `LOG_FLOOR`."""
    raw = inputs.astype(np.float64)
    return np.where(is_log, np.log(np.maximum(raw, LOG_FLOOR)), raw)
