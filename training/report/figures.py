"""Turns `report.json` into one frozen, validated `Report` and back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Interval = tuple[Share, Share]
"""Bounds of a 95% interval."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CurvePoint(_Part):
    """One point of the risk-coverage curve: of the tracks at least so confident, how many, how wrong."""

    threshold: Share
    coverage: Share
    error: Share


class ConfidenceBin(_Part):
    """Tracks of similar confidence.

    Attributes
    ----------
    confidence, accuracy : float
        Means over the bin's tracks.
    n : int
        Number of tracks, over all seeds.
    """

    confidence: Share
    accuracy: Share
    n: int = Field(ge=1)


class Calibration(_Part):
    """How far a model's confidence can be believed, on the tracks of one protocol's test.

    Attributes
    ----------
    temperature : float
        Of whole tracks, fitted on validation artists.
    ece, ece_uncalibrated : float
        Expected calibration error with and without that temperature, in [0, 1].
    brier, brier_uncalibrated : float
        In [0, 2].
    reliability : tuple of ConfidenceBin
        Rising confidence, calibrated.
    risk_coverage : tuple of CurvePoint
        Rising threshold, calibrated.
    """

    temperature: float = Field(gt=0.0)
    ece: Share
    ece_uncalibrated: Share
    brier: float = Field(ge=0.0, le=2.0)
    brier_uncalibrated: float = Field(ge=0.0, le=2.0)
    reliability: tuple[ConfidenceBin, ...]
    risk_coverage: tuple[CurvePoint, ...]


class ModelFigures(_Part):
    """One model under one protocol.

    Attributes
    ----------
    name, title, input, note : str
        As in its `ModelKind`.
    protocol : str
        `random_windows`, `grouped_by_track`, `fault_filtered`, `validation` or `given`.
    extra : bool
        Whether the extra table joined the training side.
    not_computable : str or None
        Why there is no figure; then every figure below is None.
    window_accuracy, track_accuracy : float or None
        Means over the seeds. A model of whole tracks has no window accuracy.
    window_interval, interval : tuple of float or None
        95% intervals of the two, by a bootstrap that draws tracks and seeds again.
    by_seed : tuple of float
        Track accuracy of each seed.
    seeds, n_fit, n_windows, n_tracks : int or None
        Number of fits; of rows a fit, test windows and test tracks of the first.
    train_seconds : float or None
        Median of one fit, on one core.
    windows_per_second : float or None
        Rows that the exported graph scores in a second on one core.
    parameters, model_bytes : int or None
        Numbers that were fitted; size of the exported graph.
    onnx_difference : float or None
        Largest difference between the model's and the exported graph's probabilities.
    losses : tuple of float
        Training loss of each pass over the rows, in nats, of the first seed; empty where the model is not
        fitted in passes.
    confusion : tuple of tuple of int or None
        Test tracks by true (row) and predicted (column) genre, summed over the seeds.
    calibration : Calibration or None
        Where validation artists were there to fit a temperature.
    source_accuracy : float or None
        The source report's, under random windows.
    """

    name: str
    title: str
    input: str
    note: str
    protocol: str
    extra: bool
    not_computable: str | None = None
    window_accuracy: Share | None = None
    window_interval: Interval | None = None
    track_accuracy: Share | None = None
    interval: Interval | None = None
    by_seed: tuple[Share, ...] = ()
    seeds: int | None = None
    n_fit: int | None = None
    n_windows: int | None = None
    n_tracks: int | None = None
    train_seconds: float | None = None
    windows_per_second: float | None = None
    parameters: int | None = None
    model_bytes: int | None = None
    onnx_difference: float | None = None
    losses: tuple[float, ...] = ()
    confusion: tuple[tuple[int, ...], ...] | None = None
    calibration: Calibration | None = None
    source_accuracy: Share | None = None


class Leak(_Part):
    """What was found when a protocol's sides were searched for copies of one another.

    Attributes
    ----------
    protocol : str
        Whose sides.
    leaks : bool
        Whether its figures are flattered.
    why : str
        One sentence with the numbers behind it.
    shared_tracks, near_copies : int
        Tracks with windows on both sides; test tracks with a window almost equal to one of the training side.
    neighbour_accuracy, grouped_accuracy : float or None
        Window accuracy of kNN-1 here, and under `grouped_by_track`.
    """

    protocol: str
    leaks: bool
    why: str
    shared_tracks: int = Field(ge=0)
    near_copies: int = Field(ge=0)
    neighbour_accuracy: Share | None
    grouped_accuracy: Share | None


class Step(_Part):
    """What one change gave, on validation artists.

    Attributes
    ----------
    name, title, what : str
        Name as on the command line; title; a sentence.
    base : str or None
        Name of the step that it changes; None for the first.
    track_accuracy, log_loss : float
        Mean over seeds of the held-out validation tracks' accuracy and negative log-likelihood (nats), the
        latter after the one temperature that suits the step best.
    gain : float or None
        Track accuracy minus the base's.
    gain_interval : tuple of float or None
        95%, by a paired bootstrap over tracks and seeds.
    """

    name: str
    title: str
    what: str
    base: str | None
    track_accuracy: Share
    log_loss: float
    gain: float | None = None
    gain_interval: tuple[float, float] | None = None


class Importance(_Part):
    """How much a model leans on one feature.

    Attributes
    ----------
    feature : str
        Its name.
    permutation : float
        Fall of the validation windows' accuracy when the column is shuffled.
    shap : float or None
        Mean absolute SHAP value over windows and genres (log-odds); trees only.
    """

    feature: str
    permutation: float
    shap: float | None = None


class DataFigures(_Part):
    """One table, folder or archive that was trained on.

    Attributes
    ----------
    id : str
        Its name and the start of its SHA-256.
    role : str
        `own` or `extra`.
    n_windows, n_tracks, n_dropped : int
        What is in it; windows that were left out (repeats, unknown genres).
    genres : dict
        Windows by genre.
    """

    id: str
    role: str
    n_windows: int = Field(ge=0)
    n_tracks: int = Field(ge=0)
    n_dropped: int = Field(ge=0)
    genres: dict[str, int]


class Report(_Part):
    """Everything that a benchmark found.

    Attributes
    ----------
    created_at : datetime
        UTC.
    command : str
        Makes it again.
    quick : bool
        Whether it is a quick look, whose figures are not to be quoted.
    seconds : float
        Time of all of its fits and measurements, resumed parts included.
    machine : dict
        Processor, number of processes and versions of the libraries.
    genres : tuple of str
        Rows and columns of every confusion matrix.
    data : tuple of DataFigures
        What was trained on.
    models : tuple of ModelFigures
        One a model, protocol and training side.
    leaks : tuple of Leak
        One a protocol that has sides.
    steps : tuple of Step
        What each change gave; may be empty.
    importance : dict
        By model; may be empty.
    """

    created_at: datetime
    command: str
    quick: bool
    seconds: float = Field(ge=0.0)
    machine: dict[str, str]
    genres: tuple[str, ...]
    data: tuple[DataFigures, ...]
    models: tuple[ModelFigures, ...]
    leaks: tuple[Leak, ...] = ()
    steps: tuple[Step, ...] = ()
    importance: dict[str, tuple[Importance, ...]] = Field(default_factory=dict)
