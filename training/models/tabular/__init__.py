"""Turns tables of windows into trees, support vectors, neighbours and linear models."""

from __future__ import annotations

from typing import Final

from training.models.kind import InputKind, ModelKind
from training.models.tabular.boosting import FitLightGbm, FitXgBoost
from training.models.tabular.kernel import FitSvm
from training.models.tabular.linear import FitDiscriminant, FitLogistic
from training.models.tabular.neighbours import FitNeighbours

_WITHIN_TRACKS: Final = 0.05
"""Share of a round scatter in distances within tracks: of 0.02 to 0.6 no worse than any other on validation
artists, where it changes little, and within 0.5 points of the best on random windows."""

_LOGS: Final = "logarithms of variances and of loudness, standardised"
_WITHIN: Final = f"{_LOGS}, then turned so that a track's windows scatter alike in every direction"

_LIGHTGBM: Final = FitLightGbm(
    rounds=200,
    quick_rounds=20,
    settings={
        "learning_rate": 0.15,
        "num_leaves": 15,
        "max_bin": 63,
        "min_data_in_leaf": 10,
        "lambda_l2": 2.0,
        "feature_fraction": 0.3,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
    },
)
_XGBOOST: Final = FitXgBoost(
    rounds=200,
    quick_rounds=20,
    settings={
        "learning_rate": 0.2,
        "max_depth": 6,
        "max_bin": 64,
        "reg_lambda": 3.0,
        "colsample_bynode": 0.3,
        "subsample": 0.8,
    },
)

KINDS: Final[tuple[ModelKind, ...]] = (
    ModelKind(
        name="lightgbm",
        title="LightGBM",
        input=InputKind.FEATURES,
        fit=_LIGHTGBM,
        note="200 rounds of 15 leaves on raw features.",
        source_accuracy=0.90,
    ),
    ModelKind(
        name="xgboost",
        title="XGBoost",
        input=InputKind.FEATURES,
        fit=_XGBOOST,
        note="200 rounds of trees 6 deep on raw features.",
        source_accuracy=0.90,
    ),
    ModelKind(
        name="svm-rbf",
        title="SVM (Gaussian kernel)",
        input=InputKind.FEATURES,
        fit=FitSvm(penalty=10.0, gamma=1.7, within_tracks=_WITHIN_TRACKS, steepness=3.0, temperature=2.0),
        note=f"C = 10, one machine for every two genres; {_WITHIN}.",
    ),
    ModelKind(
        name="knn-1",
        title="kNN-1",
        input=InputKind.FEATURES,
        fit=FitNeighbours(),
        note=f"Nearest window; {_LOGS}. Near the top on random windows and at the bottom elsewhere: a leak.",
    ),
    ModelKind(
        name="knn-1-within",
        title="kNN-1 (distances within tracks)",
        input=InputKind.FEATURES,
        fit=FitNeighbours(within_tracks=_WITHIN_TRACKS),
        note=f"Nearest window; {_WITHIN}. It finds other windows of the same track: a leak at its clearest.",
    ),
    ModelKind(
        name="logistic",
        title="Logistic regression",
        input=InputKind.FEATURES,
        fit=FitLogistic(strength=0.1),
        note=f"C = 0.1; {_LOGS}.",
    ),
    ModelKind(
        name="lda",
        title="LDA",
        input=InputKind.FEATURES,
        fit=FitDiscriminant(shrinkage=0.05, temperature=2.0),
        note=f"Covariance shrunk by 0.05; {_LOGS}.",
    ),
)
"""In the order of a report."""
