"""Turns an artifact's `manifest.json` into one frozen, validated `Manifest` and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
"""Names become folder names: no dot, slash or capital can reach the file system."""

VERSION_PATTERN = r"^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$"
"""Three numbers, as semantic versioning has them; a changed model is always a new number."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class _Part(BaseModel):
    # A manifest written by a newer version may hold more: what is unknown is tolerated, what is wrong is not.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class TemperatureBucket(_Part):
    """The temperature of tracks with at least `min_windows` windows (and fewer than the next bucket's).

    Attributes
    ----------
    min_windows : int
        Smallest number of windows in the bucket, at least 1.
    temperature : float
        Divides the logarithm of the pooled probabilities; over 1 means less confident. Greater than 0.
    extrapolated : bool
        No track this long was there to be fitted: the temperature is the longest measured bucket's.
    """

    min_windows: int = Field(ge=1)
    temperature: float = Field(gt=0.0)
    extrapolated: bool = False


class Abstention(_Part):
    """When to give no label.

    Attributes
    ----------
    threshold : float
        A track whose confidence is below it is not labelled. In [0, 1]; 0 labels everything.
    target_error : float
        Largest share of wrong labels among the labelled tracks that the threshold was chosen for.
    coverage, error : float
        Share of the calibration tracks that were labelled at this threshold, and their share of wrong labels.
    """

    threshold: Probability
    target_error: Probability
    coverage: Probability
    error: Probability


class Measurement(_Part):
    """One figure over several seeds.

    Attributes
    ----------
    mean, spread : float
        Mean and standard deviation (over seeds, n - 1) of the figure.
    n : int
        Number of windows or tracks that each seed was measured on.
    seeds : int
        Number of seeds.
    """

    mean: float
    spread: float = Field(ge=0.0)
    n: int = Field(ge=1)
    seeds: int = Field(ge=1)


class TrainingData(_Part):
    """What the model was fitted on.

    Attributes
    ----------
    id : str
        Names of the tables and lists with the start of their SHA-256.
    licence : str
        What may be done with the data, and so with the model.
    n_tracks, n_windows : int
        Size of the table that the exported model was fitted on.
    """

    id: str
    licence: str
    n_tracks: int = Field(ge=1)
    n_windows: int = Field(ge=1)


class LabelReference(_Part):
    """Which labels the model gave to tracks that it had not heard.

    Attributes
    ----------
    shares : dict
        Share of the tracks by label.
    abstained : float
        Share of the tracks that got none. All shares together are 1.
    n_tracks : int
        Number of tracks.
    """

    shares: dict[str, Probability]
    abstained: Probability
    n_tracks: int = Field(ge=1)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        _check_whole("label_reference", (*self.shares.values(), self.abstained))
        return self


class ConfidenceReference(_Part):
    """How sure the model was of tracks that it had not heard.

    Attributes
    ----------
    edges : tuple of float
        Between the bins, rising; an edge belongs to the bin below it.
    shares : tuple of float
        Share of the tracks in each bin: one more than there are edges, summing to 1.
    n_tracks : int
        Number of tracks.
    """

    edges: tuple[Probability, ...] = Field(min_length=1)
    shares: tuple[Probability, ...]
    n_tracks: int = Field(ge=1)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if len(self.shares) != len(self.edges) + 1 or list(self.edges) != sorted(self.edges):
            raise ValueError("confidence_reference must hold rising edges and one share more")
        _check_whole("confidence_reference", self.shares)
        return self


def _check_whole(name: str, shares: Iterable[float]) -> None:
    # A thousandth: the shares are rounded for people who read the file.
    if abs(sum(shares) - 1.0) > 1e-3:
        raise ValueError(f"the shares of {name} must sum to 1")


class Manifest(_Part):
    """Everything about a model but its weights.

    Attributes
    ----------
    name, version : str
        Identity; also the names of the folders that the artifact lies in.
    sha256 : str
        SHA-256 (hex) of `model.onnx`.
    created_at : datetime
        When the model was exported, UTC.
    genres : tuple of str
        One genre a column of the output, in the order of the columns.
    feature_set : str
        Name of the `FeatureSpec` that the model was fitted to.
    feature_names : tuple of str
        One name a column of the input, in the order of the columns.
    spec_fingerprint : str
        Fingerprint of that `FeatureSpec`.
    window_samples : int
        Length of a window in samples at the spec's rate.
    calibration : tuple of TemperatureBucket
        In order of `min_windows`; the first begins at 1.
    abstain : Abstention
        When to give no label.
    metrics : dict
        Figures by protocol and name: `metrics["fault_filtered"]["track_accuracy"]`.
    training_data : TrainingData
        What the model was fitted on.
    drift_reference : dict
        Ten quantiles (0.05, 0.15 ... 0.95) of each feature over the training windows, in the feature's unit.
    drift_shares : dict
        Share of the training windows in each of the eleven bins between a feature's quantiles: not always a
        tenth each, as a tempo has few values. Empty in manifests written before there were any; drift of
        features is not measured then.
    label_reference : LabelReference or None
        Labels of tracks by artists whom the model had not heard, to measure drift against.
    confidence_reference : ConfidenceReference or None
        Confidence of the same tracks.
    """

    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
    version: Annotated[str, StringConstraints(pattern=VERSION_PATTERN)]
    sha256: Sha256
    created_at: datetime
    genres: tuple[str, ...] = Field(min_length=2)
    feature_set: str
    feature_names: tuple[str, ...] = Field(min_length=1)
    spec_fingerprint: Sha256
    window_samples: int = Field(ge=1)
    calibration: tuple[TemperatureBucket, ...] = Field(min_length=1)
    abstain: Abstention
    metrics: dict[str, dict[str, Measurement]]
    training_data: TrainingData
    drift_reference: dict[str, tuple[float, ...]]
    drift_shares: dict[str, tuple[Probability, ...]] = Field(default_factory=dict)
    label_reference: LabelReference | None = None
    confidence_reference: ConfidenceReference | None = None

    @property
    def width(self) -> int:
        """Number of features in a vector."""
        return len(self.feature_names)

    @model_validator(mode="after")
    def _describes_itself(self) -> Self:
        for label, values in (("genres", self.genres), ("feature_names", self.feature_names)):
            if len(set(values)) != len(values):
                raise ValueError(f"{label} holds a name twice")
        starts = [bucket.min_windows for bucket in self.calibration]
        if starts[0] != 1 or starts != sorted(set(starts)):
            raise ValueError(f"calibration must begin at one window and rise, min_windows={starts}")
        if set(self.drift_reference) != set(self.feature_names):
            raise ValueError("drift_reference must hold exactly the feature_names")
        for name, edges in self.drift_reference.items():
            if len(edges) != 10 or list(edges) != sorted(edges):
                raise ValueError(f"drift_reference must hold ten rising edges, feature={name}")
        if self.drift_shares and set(self.drift_shares) != set(self.feature_names):
            raise ValueError("drift_shares must hold exactly the feature_names, or nothing")
        for name, shares in self.drift_shares.items():
            if len(shares) != 11:
                raise ValueError(f"drift_shares must hold eleven shares, feature={name}")
            _check_whole(f"drift_shares, feature={name}", shares)
        if self.label_reference is not None and set(self.label_reference.shares) != set(self.genres):
            raise ValueError("label_reference must hold exactly the genres")
        return self

    def bucket_for(self, n_windows: int) -> TemperatureBucket:
        """Find the temperature bucket of a track.

        Parameters
        ----------
        n_windows : int
            Number of the track's windows, at least 1.
        """
        return [bucket for bucket in self.calibration if bucket.min_windows <= max(n_windows, 1)][-1]
