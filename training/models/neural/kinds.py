"""Turns the neural models' names into their kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from training.models.kind import InputKind, ModelKind
from training.models.neural.lstm import LstmFit
from training.models.neural.mlp import Hearing, MlpFit
from training.recipe import Recipe

MLP_STEPS = 3_000
"""After 5,000 steps of 256 windows the accuracy on random windows is no higher (one seed)."""

ROBUST_STEPS = 1_500
"""About the 15 epochs over both tables that the default model is fitted in."""

LSTM_STEPS = 3_000
SERIES_STEPS = 600

PLAIN = Recipe(label_smoothing=0.0, gain_db=0.0, learning_rate=1e-2, weight_decay=0.1, clip=10.0)
"""No smoothing and no augmentation: what the source report calls its MLP with dropout."""

_OF_FEATURES = replace(PLAIN, weight_decay=0.05, clip=5.0, batch_size=64)
_OF_SERIES = replace(_OF_FEATURES, learning_rate=5e-3, weight_decay=0.01)

KINDS: Final[tuple[ModelKind, ...]] = (
    ModelKind(
        name="mlp",
        title="MLP (4 layers)",
        input=InputKind.FEATURES,
        fit=MlpFit(recipe=replace(PLAIN, dropout=0.0), steps=MLP_STEPS),
        note=f"dense 256-128-64, ReLU, {MLP_STEPS:,} steps of {PLAIN.batch_size} windows",
        source_accuracy=0.91,
    ),
    ModelKind(
        name="mlp-dropout",
        title="MLP with dropout",
        input=InputKind.FEATURES,
        fit=MlpFit(recipe=PLAIN, steps=MLP_STEPS),
        note=f"dense 256-128-64, ReLU, dropout 0.2 after each, {MLP_STEPS:,} steps of {PLAIN.batch_size} "
        "windows",
        source_accuracy=0.93,
    ),
    ModelKind(
        name="mlp-robust",
        title="MLP that the service runs",
        input=InputKind.FEATURES,
        fit=MlpFit(recipe=Recipe(), steps=ROBUST_STEPS, hearing=Hearing.DEAF_TO_STORAGE),
        note="MLP with dropout, log variances, deaf to storage, label smoothing 0.1, gains of up to 6 dB; "
        f"{ROBUST_STEPS:,} steps",
        needs_names=True,
    ),
    ModelKind(
        name="lstm",
        title="LSTM (57 steps of one value)",
        input=InputKind.FEATURES,
        fit=LstmFit(recipe=_OF_FEATURES, steps=LSTM_STEPS, units=64, directions=1),
        note="each feature is a step, its value times a vector of its own plus another; 64 units, "
        f"{LSTM_STEPS:,} training steps of {_OF_FEATURES.batch_size} windows",
        source_accuracy=0.87,
    ),
    ModelKind(
        name="lstm-timeseries",
        title="LSTM (MFCC time series)",
        input=InputKind.SERIES,
        fit=LstmFit(recipe=_OF_SERIES, steps=SERIES_STEPS, units=64, directions=2),
        note=f"each frame is a step; 64 units in both directions, {SERIES_STEPS:,} training steps of "
        f"{_OF_SERIES.batch_size} windows",
        source_accuracy=0.80,
    ),
)
