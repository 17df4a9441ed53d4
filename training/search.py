"""Turns trials of recipes on folds of artists into the best recipe and what each of its numbers is worth."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from featurizer.spec import FeatureSpec
from training.committee import committee_kind
from training.compare import log_losses
from training.datasets import DefaultData, read_default_data
from training.default_model import DEFAULT_RECIPE
from training.errors import OutputError
from training.evaluate import TrackScores, join_scores
from training.models.kind import Task
from training.protocols import Trainer, fold_scores
from training.recipe import Recipe

STUDY = "recipe"
OBJECTIVE = (
    "held-out track log loss in nats, after the best temperature, over folds of artists of train and valid"
)
_STARTUP_TRIALS = 6
"""Drawn at random before the estimator of good and bad regions has anything to go by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """What to search and how long.

    Attributes
    ----------
    data, out : Path
        Folder of the data; the JSON file of results. The journal that a search resumes from lies beside it.
    n_trials : int
        Number of trials in all, those of earlier runs counted in.
    timeout_seconds : float
        No trial begins later than this.
    n_processes : int
        Each with one thread. One process gives the same trials each time; two do not, since what a trial
        draws depends on which were finished.
    n_folds : int
        Folds of artists.
    n_members : int
        Networks a fit.
    seed : int
        Seeds the draw of recipes and every fit.
    """

    data: Path
    out: Path
    n_trials: int = 40
    timeout_seconds: float = 1_500.0
    n_processes: int = 2
    n_folds: int = 4
    n_members: int = 1
    seed: int = 0

    @property
    def journal(self) -> Path:
        """Every trial as soon as it ends: what a later run goes on from."""
        return self.out.with_suffix(".journal")


def search(plan: SearchPlan, *, spec: FeatureSpec, on_trial: Callable[[FrozenTrial, float], None]) -> None:
    """Run trials and write the results.

    Parameters
    ----------
    plan : SearchPlan
        What to do.
    spec : FeatureSpec
        The feature set.
    on_trial : callable
        Called after each trial of this process with it and the best log loss so far.

    Raises
    ------
    DataError
        The data is missing or malformed.
    OutputError
        The results cannot be written.
    """
    read_default_data(plan.data, spec=spec, extra_weight=1.0)  # bad data ends it here, in one line
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        plan.out.parent.mkdir(parents=True, exist_ok=True)
        study = _study(plan, seed=plan.seed)
    except OSError as exc:
        raise OutputError(f"the results cannot be written, path={plan.out}: {exc.strerror}") from exc
    if not study.trials:
        # What is used now is the first trial: the search may end where it began, and says so.
        study.enqueue_trial(_as_parameters(DEFAULT_RECIPE))
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_work, args=(plan, spec, plan.seed + number), daemon=True)
        for number in range(1, plan.n_processes)
    ]
    for other in others:
        other.start()
    _work(plan, spec, plan.seed, on_trial)
    for other in others:
        other.join()
    write_results(plan, trials=_study(plan, seed=plan.seed).trials)


def propose(trial: Trial) -> Recipe:
    """Draw a recipe. The hidden layers stay as they are: 256, 128 and 64."""
    return replace(
        Recipe(),
        epochs=trial.suggest_int("epochs", 5, 25, log=True),
        batch_size=trial.suggest_categorical("batch_size", (256, 512, 1_024)),
        learning_rate=trial.suggest_float("learning_rate", 5e-4, 8e-3, log=True),
        weight_decay=trial.suggest_float("weight_decay", 1e-3, 1.0, log=True),
        label_smoothing=trial.suggest_float("label_smoothing", 0.0, 0.3),
        gain_db=trial.suggest_float("gain_db", 0.0, 12.0),
        extra_weight=trial.suggest_float("extra_weight", 0.05, 1.0, log=True),
        clip=trial.suggest_float("clip", 2.5, 6.0),
        mixup_alpha=trial.suggest_categorical("mixup_alpha", (0.0, 0.1, 0.3)),
        class_balance=trial.suggest_float("class_balance", 0.0, 1.0),
        dropout=trial.suggest_float("dropout", 0.05, 0.5),
    )


def write_results(plan: SearchPlan, *, trials: list[FrozenTrial]) -> None:
    """Write all trials, the best recipe and the importance of its numbers as JSON, whole or not at all.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    best = min(complete, key=_loss, default=None)
    results = {
        "objective": OBJECTIVE,
        "n_folds": plan.n_folds,
        "n_members": plan.n_members,
        "first": None if not complete else _as_data(complete[0]),
        "best": None if best is None else _as_data(best),
        "best_recipe": None if best is None else asdict(replace(Recipe(), **best.params)),
        "importance": _importance(plan, complete),
        "trials": [_as_data(trial) for trial in trials if trial.state.is_finished()],
    }
    scratch = plan.out.with_name(f".{plan.out.name}.{os.getpid()}")
    try:
        scratch.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        scratch.replace(plan.out)
    except OSError as exc:
        scratch.unlink(missing_ok=True)
        raise OutputError(f"the results cannot be written, path={plan.out}: {exc.strerror}") from exc


def _work(
    plan: SearchPlan,
    spec: FeatureSpec,
    seed: int,
    on_trial: Callable[[FrozenTrial, float], None] = lambda *_: None,
) -> None:
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = read_default_data(plan.data, spec=spec, extra_weight=1.0)

    def stop_when_enough(study: optuna.Study, trial: FrozenTrial) -> None:
        on_trial(
            trial, min(map(_loss, study.get_trials(states=(TrialState.COMPLETE,))), default=_loss(trial))
        )
        # Trials of both processes count, and those of a run before this one.
        if sum(found.state.is_finished() for found in study.trials) >= plan.n_trials:
            study.stop()

    study = _study(plan, seed=seed)
    if sum(found.state.is_finished() for found in study.trials) < plan.n_trials:
        study.optimize(
            lambda trial: _try(trial, plan=plan, data=data, spec=spec),
            timeout=plan.timeout_seconds,
            callbacks=[stop_when_enough],
        )


def _try(trial: Trial, *, plan: SearchPlan, data: DefaultData, spec: FeatureSpec) -> float:
    recipe = propose(trial)
    weighed = replace(data, extra=data.extra.weighing(recipe.extra_weight))
    task = Task(genres=data.genres, feature_names=spec.feature_names)
    trainer = Trainer(committee_kind(recipe, n_members=plan.n_members), task, on_fit=lambda: None)
    parts: list[TrackScores] = []
    loss = float("inf")
    for part in fold_scores(weighed, trainer=trainer, n_folds=plan.n_folds, seed=plan.seed):
        parts.append(part)
        scores = join_scores(parts)
        loss = float(log_losses(scores.pooled, targets=scores.targets).mean())
        trial.set_user_attr("accuracy", scores.track_accuracy)
        trial.set_user_attr("window_accuracy", scores.window_accuracy)
        trial.report(loss, step=len(parts))
        if len(parts) < plan.n_folds and trial.should_prune():
            raise optuna.TrialPruned
    return loss


def _study(plan: SearchPlan, *, seed: int) -> optuna.Study:
    return optuna.create_study(
        study_name=STUDY,
        storage=JournalStorage(JournalFileBackend(str(plan.journal))),
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP_TRIALS, constant_liar=True),
        # A trial that is worse than the median after a fold or two is not worth the others.
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS, n_warmup_steps=1),
        load_if_exists=True,
    )


def _importance(plan: SearchPlan, complete: list[FrozenTrial]) -> dict[str, float]:
    # Shares of the losses' variance, by a forest over the trials: a handful of trials says nothing.
    if len(complete) < _STARTUP_TRIALS:
        return {}
    return optuna.importance.get_param_importances(
        _study(plan, seed=plan.seed),
        evaluator=optuna.importance.FanovaImportanceEvaluator(seed=plan.seed),
    )


def _loss(trial: FrozenTrial) -> float:
    return float("inf") if trial.value is None else trial.value


def _as_parameters(recipe: Recipe) -> dict[str, object]:
    return {name: value for name, value in asdict(recipe).items() if name != "hidden_units"}


def _as_data(trial: FrozenTrial) -> dict[str, object]:
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "log_loss": trial.value,
        **trial.user_attrs,
        "seconds": None if trial.duration is None else round(trial.duration.total_seconds(), 1),
        "recipe": trial.params,
    }
