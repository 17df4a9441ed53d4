"""Turns a candidate's folder into a registry's new latest version, or into the reason why it is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from featurizer.spec import FeatureSpec
from modelzoo.errors import ModelError, ModelNotFoundError
from modelzoo.manifest import Manifest
from modelzoo.publish import copy_into
from modelzoo.registry import (
    DEFAULT_MODEL,
    PACKAGED,
    latest_version,
    point_latest,
    read_artifact,
    read_manifest,
)
from modelzoo.scorer import OnnxScorer
from training.compare import Comparison, compare
from training.errors import DataError, OutputError, TrainingError
from training.held_out import HeldOut, read_held_out

EXPORT, LARGEST_DIFFERENCE = "export", "largest_difference"
"""Where a manifest's metrics say how far the graph's probabilities lie from those of the fitted model."""

MOST_DIFFERENCE = 1e-5
_SEED = 0
"""Of the bootstrap: the same two models always get the same answer."""


class CannotCompareError(TrainingError):
    """There is nothing that the candidate could be compared with, or by."""

    reason = "cannot_compare"


class NotPromotedError(TrainingError):
    """The candidate is not to become the latest.

    Parameters
    ----------
    message : str
        Why.
    comparison : Comparison, optional
        The figures, where it came to a comparison.
    """

    reason = "not_promoted"

    def __init__(self, message: str, *, comparison: Comparison | None = None) -> None:
        super().__init__(message)
        self.comparison = comparison


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate that may be promoted.

    Attributes
    ----------
    candidate, incumbent : Manifest
        Who was compared.
    folder : Path
        Where the candidate lies.
    comparison : Comparison
        The figures.
    """

    candidate: Manifest
    incumbent: Manifest
    folder: Path
    comparison: Comparison


def try_candidate(folder: Path, *, registry: Path, spec: FeatureSpec) -> Trial:
    """Compare a candidate with the incumbent, and change nothing.

    The incumbent is the registry's latest version of the candidate's name; a name that is new to the registry
    has to stand beside the default model. A candidate does not lose, and may be promoted, if with 95%
    certainty each its accuracy is less than `ACCURACY_MARGIN` lower and its log loss less than
    `LOG_LOSS_MARGIN` higher, on tracks by artists whom neither model had heard (`training.compare`). The test
    tracks take no part.

    Parameters
    ----------
    folder : Path
        The candidate's: model, manifest and held-out scores.
    registry : Path
        Root of the registry.
    spec : FeatureSpec
        The features that are computed for the model.

    Raises
    ------
    NotPromotedError
        The candidate loses, is damaged, or does not fit into the incumbent's place.
    CannotCompareError
        There is no incumbent, or held-out scores are missing or of other tracks.
    """
    try:
        candidate = read_manifest(folder)
        home = incumbent_folder(candidate.name, registry=registry)
        incumbent = read_manifest(home)
        _check_place(candidate, incumbent=incumbent)
        scorer = OnnxScorer(read_artifact(folder, spec=spec), device="cpu")
        scorer(np.zeros((2, candidate.width), dtype=np.float32))
    except ModelNotFoundError as exc:
        raise CannotCompareError(str(exc)) from exc
    except ModelError as exc:
        raise NotPromotedError(str(exc)) from exc
    _check_export(candidate)
    try:
        scores = _scores_of(candidate, folder=folder), _scores_of(incumbent, folder=home)
        comparison = compare(scores[0], incumbent=scores[1], rng=np.random.default_rng(_SEED))
    except DataError as exc:
        raise CannotCompareError(str(exc)) from exc
    if comparison.losses:
        raise NotPromotedError(
            f"the candidate loses against {incumbent.name} {incumbent.version} on artists whom neither had "
            "heard: " + "; ".join(comparison.losses),
            comparison=comparison,
        )
    return Trial(candidate, incumbent, folder, comparison)


def promote(trial: Trial, *, registry: Path) -> Path:
    """Put a candidate into the registry and point `latest` at it.

    The version's folder appears whole, and the pointer is replaced afterwards: whoever reads the registry
    meanwhile finds the incumbent or the candidate. After an interruption the same call completes what is
    left.

    Raises
    ------
    NotPromotedError
        The version is another model in the registry already.
    OutputError
        The registry cannot be written to.
    """
    home = registry / trial.candidate.name
    try:
        copy_into(registry, source=trial.folder)
        point_latest(home, trial.candidate.version)
    except ModelError as exc:
        raise NotPromotedError(str(exc)) from exc
    except OSError as exc:
        raise OutputError(f"the registry cannot be written to, path={home}: {exc.strerror}") from exc
    return home / trial.candidate.version


def incumbent_folder(name: str, *, registry: Path) -> Path:
    """Find who a candidate has to stand beside: the latest of its name, else the default model.

    A registry that lacks the name is looked up among the packaged models, as the service does.

    Raises
    ------
    ModelNotFoundError
        There is neither.
    """
    for root, model in (
        (registry, name),
        (PACKAGED, name),
        (registry, DEFAULT_MODEL),
        (PACKAGED, DEFAULT_MODEL),
    ):
        version = latest_version(root / model)
        if version is not None:
            return root / model / version
    raise ModelNotFoundError(f"no model to compare with, registry={registry} name={name}")


def _check_place(candidate: Manifest, *, incumbent: Manifest) -> None:
    for label, mine, theirs in (
        ("genres", candidate.genres, incumbent.genres),
        ("feature fingerprint", candidate.spec_fingerprint, incumbent.spec_fingerprint),
        ("window length", candidate.window_samples, incumbent.window_samples),
        ("features", candidate.feature_names, incumbent.feature_names),
    ):
        if mine != theirs:
            raise NotPromotedError(
                f"the candidate does not fit into the incumbent's place, differs={label} "
                f"candidate={_brief(mine)} incumbent={_brief(theirs)}"
            )


def _brief(value: tuple[str, ...] | str | int) -> str:
    if isinstance(value, tuple):
        return f"{','.join(value[:12])} ({len(value)})"
    return str(value)[:16]


def _check_export(candidate: Manifest) -> None:
    measured = candidate.metrics.get(EXPORT, {}).get(LARGEST_DIFFERENCE)
    if measured is None:
        raise NotPromotedError(
            "nobody has compared the candidate's graph with the fitted model, its manifest lacks "
            f"metrics.{EXPORT}.{LARGEST_DIFFERENCE}: make it again with this release"
        )
    if measured.mean > MOST_DIFFERENCE:
        raise NotPromotedError(
            f"the candidate's graph is not the model that was fitted, largest_difference={measured.mean:g} "
            f"allowed={MOST_DIFFERENCE:g}: export it again"
        )


def _scores_of(manifest: Manifest, *, folder: Path) -> HeldOut:
    held_out = read_held_out(folder)
    if (held_out.sha256, held_out.genres) != (manifest.sha256, manifest.genres):
        raise DataError(
            f"the held-out scores are another model's, path={folder} sha256={held_out.sha256[:12]} "
            f"expected={manifest.sha256[:12]}"
        )
    return held_out
