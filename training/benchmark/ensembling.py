"""Turns models that are measured into an ensemble whose members are chosen on validation artists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelzoo.aggregate import sharpen
from training.benchmark.calibrating import fit_temperature, log_loss
from training.benchmark.cell import Measured
from training.benchmark.run import MeasuredRow
from training.evaluate import TrackScores
from training.models.kind import InputKind
from training.sides import Protocol

MOST_MEMBERS = 5
LEAST_GAIN = 0.002
"""Fall of the validation tracks' log loss (nats) below which a further member is not worth its time."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """An ensemble: the mean of its members' probabilities.

    Attributes
    ----------
    name, title : str
        As in a report.
    input : InputKind
        FEATURES where every member scores windows; TRACK where votes on whole tracks are averaged.
    members : tuple of str
        Names of models, in the order in which they were chosen.
    log_loss : float
        Of the validation tracks after one temperature, mean over seeds, in nats.
    """

    name: str
    title: str
    input: InputKind
    members: tuple[str, ...]
    log_loss: float

    @property
    def note(self) -> str:
        """Say what it is made of, and who chose it."""
        return (
            f"Mean of the probabilities of {', '.join(self.members)}: chosen one by one on validation "
            f"artists while the tracks' log loss fell, to {self.log_loss:.3f} nats."
        )


KINDS = (
    ("ensemble", "Ensemble of window models", InputKind.FEATURES, frozenset({InputKind.FEATURES})),
    (
        "ensemble-tracks",
        "Ensemble with models of whole tracks",
        InputKind.TRACK,
        frozenset({InputKind.FEATURES, InputKind.TRACK}),
    ),
)
"""Name, title, input and the members' inputs of each ensemble."""


def choose(rows: Sequence[MeasuredRow], *, extra: bool) -> tuple[Ensemble, ...]:
    """Choose the members of each ensemble, greedily, on validation artists.

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models", 2004;
    here without repeats.

    Parameters
    ----------
    rows : sequence of MeasuredRow
        Every model under every protocol; only `validation` is looked at.
    extra : bool
        Whether of models that the extra table was joined to.

    Returns
    -------
    tuple of Ensemble
        Those with at least two members. That with whole tracks has to hold a model of them: else it is the
        other one again.
    """
    voters = {
        row.row.kind.name: row
        for row in rows
        if row.fits and row.row.protocol is Protocol.VALIDATION and row.row.extra is extra
    }
    chosen: list[Ensemble] = []
    for name, title, kind, inputs in KINDS:
        votes = {member: _votes(row) for member, row in voters.items() if row.row.kind.input in inputs}
        members, loss = _greedy(votes)
        held = {voters[member].row.kind.input for member in members}
        if len(members) > 1 and kind in held:
            chosen.append(Ensemble(name, title, kind, members, loss))
    return tuple(chosen)


def average(members: Sequence[MeasuredRow], *, input_kind: InputKind) -> tuple[Measured, ...]:
    """Average what the members gave, seed by seed, without a fit.

    Parameters
    ----------
    members : sequence of MeasuredRow
        Of one protocol and one training side.
    input_kind : InputKind
        FEATURES averages windows, TRACK whole tracks.

    Returns
    -------
    tuple of Measured
        One a seed that every member has; empty where one has none.
    """
    if not all(member.fits for member in members):
        return ()
    drawn = [len(member.fits) for member in members if member.is_drawn]
    n_seeds = min(drawn) if drawn else max(len(member.fits) for member in members)
    by_seed: list[Measured] = []
    for seed in range(n_seeds):
        fits = [fit for member in members if (fit := member.of_seed(seed)) is not None]
        parts = [fit if input_kind is InputKind.FEATURES else _as_tracks(fit) for fit in fits]
        mean = np.mean([part.probabilities for part in parts], axis=0, dtype=np.float64)
        by_seed.append(
            Measured(
                probabilities=np.asarray(mean, dtype=np.float32),
                tracks=parts[0].tracks,
                targets=parts[0].targets,
                n_fit=fits[0].n_fit,
                n_parameters=sum(fit.n_parameters for fit in fits),
                train_seconds=sum(fit.train_seconds for fit in fits),
                seconds=0.0,
                graph_bytes=0,
                onnx_difference=float("nan"),
            )
        )
    return tuple(by_seed)


def _as_tracks(fit: Measured) -> Measured:
    scores: TrackScores = fit.scores()
    return Measured(
        probabilities=scores.pooled.astype(np.float32),
        tracks=np.array(scores.tracks),
        targets=scores.targets,
        n_fit=fit.n_fit,
        n_parameters=fit.n_parameters,
        train_seconds=fit.train_seconds,
        seconds=fit.seconds,
        graph_bytes=fit.graph_bytes,
        onnx_difference=fit.onnx_difference,
    )


@dataclass(frozen=True, slots=True)
class _Votes:
    """Soft votes of one model, a list of (n_tracks, n_genres) by seed, and the tracks' true genres."""

    by_seed: tuple[NDArray[np.float64], ...]
    is_drawn: bool
    targets: NDArray[np.int64]

    def of_seed(self, seed: int) -> NDArray[np.float64]:
        return self.by_seed[min(seed, len(self.by_seed) - 1)]


def _votes(row: MeasuredRow) -> _Votes:
    scores = [fit.scores() for fit in row.fits]
    return _Votes(tuple(score.pooled for score in scores), row.is_drawn, scores[0].targets)


def _greedy(votes: Mapping[str, _Votes]) -> tuple[tuple[str, ...], float]:
    members: list[str] = []
    best = float("inf")
    while len(members) < MOST_MEMBERS:
        tried = {
            name: _loss([votes[member] for member in (*members, name)])
            for name in votes
            if name not in members
        }
        # Of equal ones the first in the report's order.
        name = min(tried, key=lambda each: tried[each], default=None)
        if name is None or tried[name] > best - LEAST_GAIN:
            break
        members.append(name)
        best = tried[name]
    return tuple(members), best


def _loss(members: Sequence[_Votes]) -> float:
    n_seeds = min(len(member.by_seed) for member in members)
    drawn = [len(member.by_seed) for member in members if member.is_drawn]
    n_seeds = min(drawn) if drawn else n_seeds
    means = [np.mean([member.of_seed(seed) for member in members], axis=0) for seed in range(n_seeds)]
    targets = np.concatenate([members[0].targets] * n_seeds)
    every = np.concatenate(means)
    # A mean of confident members is not to lose against a timid one for its scale alone.
    return log_loss(sharpen(every, fit_temperature(every, targets)), targets)
