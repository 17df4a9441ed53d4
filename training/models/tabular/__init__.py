"""Turns tables of windows into trees, support vectors, neighbours and linear models."""

from __future__ import annotations

from typing import Final

from training.models.kind import InputKind, ModelKind
from training.models.tabular.boosting import FitLightGbm, FitXgBoost
from training.models.tabular.kernel import FitSvm
from training.models.tabular.linear import FitDiscriminant, FitLogistic
from training.models.tabular.neighbours import FitNeighbours

WITHIN_TRACKS = 0.05

KINDS: Final[tuple[ModelKind, ...]] = (
    ModelKind(
        name="lightgbm",
        title="LightGBM",
        input=InputKind.FEATURES,
        fit=FitLightGbm(
            rounds=150, quick_rounds=20, settings={"learning_rate": 0.1, "num_leaves": 15, "max_bin": 63}
        ),
        note="trees",
        source_accuracy=0.90,
    ),
    ModelKind(
        name="xgboost",
        title="XGBoost",
        input=InputKind.FEATURES,
        fit=FitXgBoost(
            rounds=150, quick_rounds=20, settings={"learning_rate": 0.1, "max_depth": 5, "max_bin": 64}
        ),
        note="trees",
        source_accuracy=0.90,
    ),
    ModelKind(
        name="svm-rbf",
        title="SVM, Gaussian kernel",
        input=InputKind.FEATURES,
        fit=FitSvm(penalty=10.0, gamma=1.7, within_tracks=WITHIN_TRACKS),
        note="",
    ),
    ModelKind(name="knn-1", title="kNN-1", input=InputKind.FEATURES, fit=FitNeighbours(), note=""),
    ModelKind(
        name="knn-1-within",
        title="kNN-1, distances within tracks",
        input=InputKind.FEATURES,
        fit=FitNeighbours(within_tracks=WITHIN_TRACKS),
        note="",
    ),
    ModelKind(
        name="logistic",
        title="Logistic regression",
        input=InputKind.FEATURES,
        fit=FitLogistic(strength=1.0),
        note="",
    ),
    ModelKind(name="lda", title="LDA", input=InputKind.FEATURES, fit=FitDiscriminant(shrinkage=0.1), note=""),
)
