"""Names the accuracies of the source report's Table 1, which a run's own are laid beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row: the model's name on our command line, its title, its input and its accuracy in [0, 1]."""

    name: str
    title: str
    input: str
    accuracy: float


TABLE_1: Final = (
    SourceRow("inception-v3", "Inception-v3", "mel images", 0.57),
    SourceRow("vgg16", "VGG16", "mel images", 0.66),
    SourceRow("resnet18", "ResNet18", "mel images", 0.78),
    SourceRow("lstm-timeseries", "LSTM", "MFCC time series", 0.80),
    SourceRow("lstm", "LSTM", "57 features", 0.87),
    SourceRow("lightgbm", "LightGBM", "57 features", 0.90),
    SourceRow("xgboost", "XGBoost", "57 features", 0.90),
    SourceRow("mlp", "MLP, 4 layers", "57 features", 0.91),
    SourceRow("mlp-dropout", "MLP with dropout", "57 features", 0.93),
)
"""Measured by window on random windows, of 9,990. It trained ResNet34 and ResNet50 too, without a figure."""

SOURCE_GENRES: Final = 10
"""Genres that it told apart."""
