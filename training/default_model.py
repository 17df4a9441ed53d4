"""Turns a data folder into the default model's artifact: fit, measure, calibrate, test on audio, export."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from featurizer import Featurizer
from featurizer.spec import FeatureSpec
from modelzoo.manifest import Manifest, Measurement, TemperatureBucket, TrainingData
from modelzoo.registry import DEFAULT_MODEL
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
    TrackScores,
    brier_score,
    expected_calibration_error,
    measure,
    score_tracks,
)
from training.export import check_vacant, onnx_bytes, write_artifact
from training.heard import audio_of_tracks, featurize_audio
from training.network import FittedMlp
from training.protocols import (
    FAULT_FILTERED,
    GROUPED_BY_TRACK,
    RANDOM_WINDOWS,
    Trainer,
    accuracies,
    cross_score,
    measure_drawn_sides,
)
from training.recipe import Recipe
from training.stages import Stages
from training.windows import LabelledWindows


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultPlan:
    """What to make and how.

    Attributes
    ----------
    data, out : Path
        Folder of the data; root of the registry that the artifact is written into.
    name, version : str
        Identity of the artifact.
    replace : bool
        Whether a version that is there already may be replaced.
    recipe : Recipe
        The numbers of every fit.
    seeds : tuple of int
        One fit each under every protocol. The first one's model is exported: chosen before any is measured.
    n_folds : int
        Folds of artists for calibration.
    target_error : float
        Largest share of wrong labels among the labelled that the threshold is chosen for.
    """

    data: Path
    out: Path
    name: str = DEFAULT_MODEL
    version: str = "1.0.0"
    replace: bool = False
    recipe: Recipe = field(default_factory=Recipe)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    n_folds: int = 4
    target_error: float = 0.35

    @property
    def command(self) -> str:
        """The command line of this plan, but for the data's place."""
        return (
            f"genrestream-train default --data DATA --out modelzoo/artifacts --version {self.version} "
            f"--seed {self.seeds[0]} --epochs {self.recipe.epochs} --target-error {self.target_error:g} "
            "--replace"
        )


def train_default(plan: DefaultPlan, *, spec: FeatureSpec, stages: Stages) -> Path:
    """Make the default model.

    Parameters
    ----------
    plan : DefaultPlan
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
    data = read_default_data(plan.data, spec=spec, extra_weight=plan.recipe.extra_weight)
    step()
    bench = _Bench(plan, data, spec, stages)
    metrics = {
        protocol: measure_drawn_sides(
            data, protocol=protocol, trainer=bench.trainer(title, n_fits=len(plan.seeds)), seeds=plan.seeds
        )
        for protocol, title in ((RANDOM_WINDOWS, "random windows"), (GROUPED_BY_TRACK, "grouped by track"))
    }
    folds = bench.trainer("folds of artists", n_fits=plan.n_folds)
    held_out = cross_score(data, trainer=folds, n_folds=plan.n_folds, seed=plan.seeds[0])
    buckets = fit_temperatures(held_out)
    held_out_outcome = outcome(held_out, buckets)
    abstain = choose_threshold(held_out_outcome, target_error=plan.target_error)
    # From here on the test tracks are looked at, and nothing is chosen any more.
    trainer = bench.trainer("fault-filtered, artist-disjoint", n_fits=len(plan.seeds))
    models = [trainer.fit(data.training, seed=seed) for seed in plan.seeds]
    scores = [_score(model, data.test) for model in models]
    heard = _hear(models[0], data=data, spec=spec, stages=stages)
    metrics |= {FAULT_FILTERED: accuracies(scores)}
    metrics |= {f"audio_{name}": accuracies([tested]) for name, tested in heard.items()}
    metrics |= {"calibration": _calibration_metrics(scores[0], buckets)}
    model = onnx_bytes(models[0])
    drift_reference = feature_quantiles(data.training, spec=spec)
    manifest = Manifest(
        name=plan.name,
        version=plan.version,
        sha256=hashlib.sha256(model).hexdigest(),
        created_at=datetime.now(UTC).replace(microsecond=0),
        genres=data.genres,
        feature_set=spec.name,
        feature_names=spec.feature_names,
        spec_fingerprint=spec.fingerprint,
        window_samples=spec.window_samples,
        calibration=buckets,
        abstain=abstain,
        metrics={protocol: dict(figures) for protocol, figures in metrics.items()},
        training_data=_describe(data),
        drift_reference=drift_reference,
        drift_shares=drift_shares(data.training, spec=spec, quantiles=drift_reference),
        label_reference=label_reference(held_out_outcome, genres=data.genres, abstain=abstain),
        confidence_reference=confidence_reference(held_out_outcome),
    )
    report = Report(
        manifest=manifest,
        data=data,
        recipe=plan.recipe,
        held_out=held_out,
        test=scores[0],
        heard=heard,
        command=plan.command,
    )
    return write_artifact(plan.out, manifest=manifest, model=model, card=write_card(report))


@dataclass(frozen=True, slots=True)
class _Bench:
    plan: DefaultPlan
    data: DefaultData
    spec: FeatureSpec
    stages: Stages

    def trainer(self, title: str, *, n_fits: int) -> Trainer:
        recipe = self.plan.recipe
        on_epoch = self.stages.begin(f"fitting: {title}", n_steps=n_fits * recipe.epochs)
        return Trainer(self.data.genres, self.spec, recipe, on_epoch)


def _score(model: FittedMlp, table: LabelledWindows) -> TrackScores:
    return score_tracks(table, probabilities=model(table.inputs), genres=model.genres)


def _hear(
    model: FittedMlp, *, data: DefaultData, spec: FeatureSpec, stages: Stages
) -> dict[str, TrackScores]:
    found = {folder.name: audio_of_tracks(folder, data.lists.test) for folder in data.audio}
    heard: dict[str, TrackScores] = {}
    with Featurizer(device="cpu", spec=spec) as featurizer:
        for name, paths in found.items():
            if paths:
                on_track = stages.begin(f"hearing test audio: {name}", n_steps=len(paths))
                heard[name] = _score(model, featurize_audio(paths, featurizer=featurizer, on_track=on_track))
    return heard


def _calibration_metrics(test: TrackScores, buckets: tuple[TemperatureBucket, ...]) -> dict[str, Measurement]:
    before, after = outcome(test, ()), outcome(test, buckets)
    n = len(test.tracks)
    return {
        "ece": measure([expected_calibration_error(after)], n=n),
        "ece_uncalibrated": measure([expected_calibration_error(before)], n=n),
        "brier": measure([brier_score(after.probabilities, test.targets)], n=n),
        "brier_uncalibrated": measure([brier_score(before.probabilities, test.targets)], n=n),
    }


def _describe(data: DefaultData) -> TrainingData:
    training = data.training
    return TrainingData(
        id=data.id, licence=LICENCE, n_tracks=len(training.track_names), n_windows=len(training)
    )
