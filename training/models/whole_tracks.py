"""Turns tables of whole tracks, one row a track, into models and a mean of two of them."""

from __future__ import annotations

from typing import Final

from training.models.ensemble import FitEnsemble
from training.models.kind import InputKind, ModelKind
from training.models.tabular.kernel import FitSvm
from training.models.tabular.linear import FitDiscriminant, FitLogistic
from training.models.tabular.scaling import Columns

_POOLED: Final = "mean and spread of a track's windows"

_SVM: Final = FitSvm(penalty=5.0, gamma=0.25, steepness=1.0, columns=Columns.OF_TRACKS)
_LOGISTIC: Final = FitLogistic(strength=0.03, columns=Columns.OF_TRACKS)
_LDA: Final = FitDiscriminant(shrinkage=0.1, temperature=2.0, columns=Columns.OF_TRACKS)

KINDS: Final[tuple[ModelKind, ...]] = (
    ModelKind(
        name="track-svm",
        title="SVM on whole tracks",
        input=InputKind.TRACK,
        fit=_SVM,
        note=f"C = 5, Gaussian kernel; {_POOLED}.",
    ),
    ModelKind(
        name="track-logistic",
        title="Logistic regression on whole tracks",
        input=InputKind.TRACK,
        fit=_LOGISTIC,
        note=f"C = 0.03; {_POOLED}.",
    ),
    ModelKind(
        name="track-lda",
        title="LDA on whole tracks",
        input=InputKind.TRACK,
        fit=_LDA,
        note=f"Covariance shrunk by 0.1; {_POOLED}.",
    ),
    ModelKind(
        name="track-svm-lda",
        title="SVM and LDA on whole tracks",
        input=InputKind.TRACK,
        fit=FitEnsemble((_SVM, _LDA)),
        note=f"Mean of both models' probabilities; {_POOLED}.",
    ),
)
"""In the order of a report."""
