"""Turns a kind of model and a data folder into an artifact: fitted, measured, calibrated and exported."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from featurizer import Featurizer
from featurizer.spec import FeatureSpec
from modelzoo.manifest import Abstention, Manifest, Measurement, TemperatureBucket, TrainingData
from modelzoo.registry import MODEL_FILE, Artifact
from modelzoo.scorer import OnnxScorer
from training.calibrate import choose_threshold, fit_temperatures, outcome
from training.card import Report, write_card
from training.datasets import LICENCE, DefaultData, read_default_data
from training.drift_reference import (
    confidence_reference,
    drift_shares,
    feature_quantiles,
    label_reference,
)
from training.evaluate import (
    Outcome,
    TrackScores,
    brier_score,
    expected_calibration_error,
    measure,
)
from training.export import check_vacant, write_artifact
from training.heard import audio_of_tracks, featurize_audio
from training.held_out import held_out_text
from training.models.kind import FittedModel, ModelKind, Task
from training.promote import EXPORT, LARGEST_DIFFERENCE
from training.protocols import (
    FAULT_FILTERED,
    GROUPED_BY_TRACK,
    RANDOM_WINDOWS,
    Trainer,
    accuracies,
    cross_score,
    measure_drawn_sides,
)
from training.stages import Stages


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatePlan:
    """What to make and how.

    Attributes
    ----------
    kind : ModelKind
        Of FEATURES. Fits.
    about : tuple of str
        What the card says of the kind, a paragraph each.
    recipe : Mapping of str to str or float
        Names and values that the fits go by, for the card and the held-out scores.
    extra_weight : float
        How much a window of the second collection counts in a fit, where GTZAN's count 1.
    data, out : Path
        Folder of the data; root of the registry that the artifact is written into.
    name, version : str
        Identity of the artifact.
    command : str
        Makes the artifact again, but for the data's place.
    replace : bool
        Whether a version that is there already may be replaced.
    seeds : tuple of int
        One fit each under every protocol. The first one's model is exported: chosen before any is measured.
    n_folds : int
        Folds of artists for calibration and promotion.
    target_error : float
        Largest share of wrong labels among the labelled that the threshold is chosen for.
    """

    kind: ModelKind
    about: tuple[str, ...]
    recipe: Mapping[str, str | float]
    extra_weight: float
    data: Path
    out: Path
    name: str
    version: str
    command: str
    replace: bool = False
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    n_folds: int = 4
    target_error: float = 0.35


@dataclass(frozen=True, slots=True)
class _Bench:
    plan: CandidatePlan
    data: DefaultData
    spec: FeatureSpec
    stages: Stages

    def trainer(self, title: str, *, n_fits: int) -> Trainer:
        on_fit = self.stages.begin(f"fitting: {title}", n_steps=n_fits)
        task = Task(genres=self.data.genres, feature_names=self.spec.feature_names)
        return Trainer(self.plan.kind, task, on_fit)


@dataclass(frozen=True, slots=True)
class _Chosen:
    # What is settled on artists of the fitting side, before a test track is looked at.
    held_out: TrackScores
    outcome: Outcome
    buckets: tuple[TemperatureBucket, ...]
    abstain: Abstention


def train_candidate(plan: CandidatePlan, *, spec: FeatureSpec, stages: Stages) -> Path:
    """Make an artifact: model, manifest, card and the held-out scores that promotion compares.

    Parameters
    ----------
    plan : CandidatePlan
        What to make.
    spec : FeatureSpec
        The feature set.
    stages : Stages
        Shows progress.

    Returns
    -------
    Path
        The artifact's folder.

    Raises
    ------
    DataError
        The data is missing or malformed.
    OutputError
        The artifact is there already or cannot be written.
    """
    check_vacant(plan.out, name=plan.name, version=plan.version, replace=plan.replace)
    step = stages.begin("reading tables and lists", n_steps=1)
    data = read_default_data(plan.data, spec=spec, extra_weight=plan.extra_weight)
    step()
    bench = _Bench(plan, data, spec, stages)
    metrics = {
        protocol: measure_drawn_sides(
            data, protocol=protocol, trainer=bench.trainer(title, n_fits=len(plan.seeds)), seeds=plan.seeds
        )
        for protocol, title in ((RANDOM_WINDOWS, "random windows"), (GROUPED_BY_TRACK, "grouped by track"))
    }
    chosen = _choose(bench)
    # From here on the test tracks are looked at, and nothing is chosen any more.
    trainer = bench.trainer("fault-filtered, artist-disjoint", n_fits=len(plan.seeds))
    model = trainer.fit(data.training, seed=plan.seeds[0])
    scores = [trainer.score(model, data.test)]
    scores += [trainer.fit_and_score(data.training, test=data.test, seed=seed) for seed in plan.seeds[1:]]
    heard = _hear(model, trainer=trainer, bench=bench)
    metrics |= {FAULT_FILTERED: accuracies(scores)}
    metrics |= {f"audio_{name}": accuracies([tested]) for name, tested in heard.items()}
    metrics |= {"calibration": _calibration_metrics(scores[0], chosen.buckets)}
    return _write(bench, model=model, chosen=chosen, metrics=metrics, test=scores[0], heard=heard)


def _choose(bench: _Bench) -> _Chosen:
    plan = bench.plan
    trainer = bench.trainer("folds of artists", n_fits=plan.n_folds)
    held_out = cross_score(bench.data, trainer=trainer, n_folds=plan.n_folds, seed=plan.seeds[0])
    buckets = fit_temperatures(held_out)
    calibrated = outcome(held_out, buckets)
    return _Chosen(
        held_out, calibrated, buckets, choose_threshold(calibrated, target_error=plan.target_error)
    )


def _hear(model: FittedModel, *, trainer: Trainer, bench: _Bench) -> dict[str, TrackScores]:
    found = {folder.name: audio_of_tracks(folder, bench.data.lists.test) for folder in bench.data.audio}
    heard: dict[str, TrackScores] = {}
    with Featurizer(device="cpu", spec=bench.spec) as featurizer:
        for name, paths in found.items():
            if paths:
                on_track = bench.stages.begin(f"hearing test audio: {name}", n_steps=len(paths))
                table = featurize_audio(paths, featurizer=featurizer, on_track=on_track)
                heard[name] = trainer.score(model, table)
    return heard


def _write(
    bench: _Bench,
    *,
    model: FittedModel,
    chosen: _Chosen,
    metrics: Mapping[str, Mapping[str, Measurement]],
    test: TrackScores,
    heard: Mapping[str, TrackScores],
) -> Path:
    plan, data = bench.plan, bench.data
    graph = model.onnx_bytes()
    described = _describe(bench, graph=graph, chosen=chosen)
    difference = largest_difference(graph, model=model, manifest=described, inputs=data.training.inputs)
    figures = {protocol: dict(of_protocol) for protocol, of_protocol in metrics.items()}
    figures[EXPORT] = {LARGEST_DIFFERENCE: measure([difference], n=len(data.training))}
    manifest = described.model_copy(update={"metrics": figures})
    report = Report(
        manifest=manifest,
        data=data,
        about=plan.about,
        recipe=plan.recipe,
        extra_weight=plan.extra_weight,
        held_out=chosen.held_out,
        test=test,
        heard=heard,
        command=plan.command,
    )
    held_out = held_out_text(
        [chosen.held_out],
        sha256=manifest.sha256,
        genres=data.genres,
        artists=data.lists.artists,
        folds=plan.n_folds,
        seeds=plan.seeds[:1],
        recipe=plan.recipe,
    )
    return write_artifact(
        plan.out, manifest=manifest, model=graph, card=write_card(report), held_out=held_out
    )


def largest_difference(graph: bytes, *, model: FittedModel, manifest: Manifest, inputs: np.ndarray) -> float:
    """Say how far the graph's probabilities lie from the fitted model's, over some windows."""
    scorer = OnnxScorer(Artifact(manifest, Path(MODEL_FILE), graph), device="cpu")
    return float(np.abs(scorer(inputs) - model(inputs)).max())


def _describe(bench: _Bench, *, graph: bytes, chosen: _Chosen) -> Manifest:
    plan, data, spec = bench.plan, bench.data, bench.spec
    training = data.training
    quantiles = feature_quantiles(training, spec=spec)
    return Manifest(
        name=plan.name,
        version=plan.version,
        sha256=hashlib.sha256(graph).hexdigest(),
        created_at=datetime.now(UTC).replace(microsecond=0),
        genres=data.genres,
        feature_set=spec.name,
        feature_names=spec.feature_names,
        spec_fingerprint=spec.fingerprint,
        window_samples=spec.window_samples,
        calibration=chosen.buckets,
        abstain=chosen.abstain,
        metrics={},
        training_data=TrainingData(
            id=data.id, licence=LICENCE, n_tracks=len(training.track_names), n_windows=len(training)
        ),
        drift_reference=quantiles,
        drift_shares=drift_shares(training, spec=spec, quantiles=quantiles),
        label_reference=label_reference(chosen.outcome, genres=data.genres, abstain=chosen.abstain),
        confidence_reference=confidence_reference(chosen.outcome),
    )


def _calibration_metrics(test: TrackScores, buckets: tuple[TemperatureBucket, ...]) -> dict[str, Measurement]:
    before, after = outcome(test, ()), outcome(test, buckets)
    n = len(test.tracks)
    return {
        "ece": measure([expected_calibration_error(after)], n=n),
        "ece_uncalibrated": measure([expected_calibration_error(before)], n=n),
        "brier": measure([brier_score(after.probabilities, test.targets)], n=n),
        "brier_uncalibrated": measure([brier_score(before.probabilities, test.targets)], n=n),
    }
