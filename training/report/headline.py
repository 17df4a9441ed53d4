"""Turns a report into what its reader must know first: the honest figure, and what spoils others."""

from __future__ import annotations

import math
from typing import Final

from training.report.document import Caution, Fact
from training.report.figures import Leak, ModelFigures, Report
from training.report.settings import (
    FAULT_FILTERED,
    GROUPED,
    RANDOM,
    VALIDATION,
    Setting,
    best_honest,
    best_of,
    chosen_on_validation,
    honest_protocol,
    leaky_protocols,
    names_of,
    row_of,
    rows_of,
)
from training.report.spelling import between, count, listed, percent, points, share

EXPORT_TOLERANCE: Final = 1e-5
"""Largest difference in a probability between a model and its exported graph that is not worth a word."""
_USUAL_SEEDS: Final = 5
_SMALL_TEST: Final = 100
"""Tracks; with fewer, one standard error may be over five points."""
_HARD: Final = {
    FAULT_FILTERED: "by artists that it has never heard",
    GROUPED: "that it has never heard (their artists it may have)",
}


def lead(report: Report) -> str:
    """Say in plain words how good the best model is, and how much better a leaky protocol makes it look."""
    best = best_honest(report)
    if best is None or best.track_accuracy is None:
        return "No protocol that can be believed gave a figure: nothing below says how good a model is."
    text = (
        f"Of tracks {_HARD.get(best.protocol, 'of the given test side')}, {best.title}{_with(best)} labels "
        f"{percent(best.track_accuracy)} rightly{_sure(best)}."
    )
    claimed = flattering(report, best)
    if claimed is None or claimed.track_accuracy is None:
        return text
    whose = (
        "for the same model" if claimed.name == best.name else f"for the best of its models, {claimed.title}"
    )
    gap = points(claimed.track_accuracy - best.track_accuracy)
    return (
        f"{text} The usual random split of windows would have claimed {percent(claimed.track_accuracy)} "
        f"{whose} ({gap} points){_because(report)}."
    )


def _because(report: Report) -> str:
    # Where a track has one picture only, a random split cannot tear it apart.
    if RANDOM not in leaky_protocols(report):
        return ": artists and copies may be on both sides of it"
    return ": windows of the tracks that it asks about were there to learn from"


def facts(report: Report) -> tuple[Fact, ...]:
    """Give the figures in large type."""
    best = best_honest(report)
    if best is None or best.track_accuracy is None:
        return ()
    found = [
        Fact(
            figure=share(best.track_accuracy),
            what=f"best honest track accuracy: {best.title}{_with(best)}{_sure(best)}",
        )
    ]
    chosen = chosen_on_validation(report)
    if chosen is not None:
        same = chosen.name == best.name and chosen.extra == best.extra
        found.append(
            Fact(
                figure=share(chosen.track_accuracy),
                what="of the model that validation artists choose: "
                + ("the same one" if same else f"{chosen.title}{_with(chosen) or _without(report)}")
                + ". The best of many on one test is a little lucky; this one is not chosen there",
            )
        )
    claimed = flattering(report, best)
    if claimed is not None and claimed.track_accuracy is not None:
        leak = ", which leak" if RANDOM in leaky_protocols(report) else ""
        found.append(
            Fact(
                figure=share(claimed.track_accuracy),
                what=f"track accuracy of {claimed.title} on random windows{leak}: "
                f"{points(claimed.track_accuracy - best.track_accuracy)} points",
            )
        )
    windows = _best_window(rows_of(report, Setting(RANDOM, extra=False)))
    if windows is not None:
        found.append(
            Fact(
                figure=share(windows.window_accuracy),
                what=f"best window accuracy on random windows: {windows.title}{_source_best(report)}",
            )
        )
    return tuple(found)


def _source_best(report: Report) -> str:
    """Lay the source report's best figure for the models of this run beside ours, if it has one."""
    known = [row.source_accuracy for row in report.models if row.source_accuracy is not None]
    return f". The source report's best of these models is {max(known):.2f}" if known else ""


def flattering(report: Report, best: ModelFigures) -> ModelFigures | None:
    """Give the row under random windows to hold against the best honest one: the same model's if it can."""
    if best.protocol == RANDOM:
        return None
    setting = Setting(RANDOM, extra=False)
    same = row_of(report, best.name, setting)
    if same is not None and same.track_accuracy is not None:
        return same
    return best_of([row for row in rows_of(report, setting) if row.track_accuracy is not None])


def cautions(report: Report) -> tuple[Caution, ...]:
    """Give what spoils figures, the gravest first: leaks, a quick look, what could not be measured."""
    found = [_leak(leak) for leak in report.leaks if leak.leaks]
    if report.quick:
        found.append(
            Caution(
                title="A quick look.",
                text="Few seeds and short fits: these figures show that everything works, and are not to "
                "be quoted.",
                grave=True,
            )
        )
    return (
        *found,
        *_unmeasured(report),
        *_small(report),
        *_few_seeds(report),
        *_inexact(report),
        *_dropped(report),
    )


def _leak(leak: Leak) -> Caution:
    # Random windows leak by nature and are here to be compared with; elsewhere a leak is a mistake.
    title = f"{Setting(leak.protocol, extra=False).title}: this split leaks."
    return Caution(title=title, text=leak.why, grave=True)


def _unmeasured(report: Report) -> list[Caution]:
    protocol = honest_protocol(report)
    if protocol == FAULT_FILTERED:
        return []
    reasons = dict.fromkeys(
        row.not_computable for row in report.models if row.protocol == FAULT_FILTERED and row.not_computable
    )
    why = f" Why: {'; '.join(filter(None, reasons))}." if reasons else ""
    instead = (
        "No other protocol gives one to believe either."
        if protocol is None
        else f"The best that is left is {Setting(protocol, extra=False).title.lower()}."
    )
    return [
        Caution(
            title="No fault-filtered figure.",
            text=f"Nothing here was measured on tracks by unknown artists.{why} {instead}",
        )
    ]


def _small(report: Report) -> list[Caution]:
    best = best_honest(report)
    if best is None or best.n_tracks is None or best.n_tracks >= _SMALL_TEST:
        return []
    # The widest that a share's standard error can be, where one half is right.
    error = 100.0 * 0.5 / math.sqrt(best.n_tracks)
    return [
        Caution(
            title="A small test.",
            text=f"{best.n_tracks} tracks: one standard error of an accuracy is up to {error:.1f} points.",
        )
    ]


def _few_seeds(report: Report) -> list[Caution]:
    if report.quick:
        return []
    # Validation only chooses. Seeds that all gave the same are those of a model that draws nothing.
    short = {
        row.name: row.seeds
        for row in report.models
        if row.protocol != VALIDATION
        and row.seeds is not None
        and row.seeds < _USUAL_SEEDS
        and len(set(row.by_seed)) != 1
    }
    if not short:
        return []
    few, fewest = [name for name in names_of(report) if name in short], min(short.values())
    text = f"{listed(few)}: as few as {fewest}. Their intervals allow for the seeds that there are."
    return [Caution(title=f"Fewer than {_USUAL_SEEDS} seeds.", text=text)]


def _inexact(report: Report) -> list[Caution]:
    worst = [row for row in report.models if (row.onnx_difference or 0.0) > EXPORT_TOLERANCE]
    names = listed(list(dict.fromkeys(row.name for row in worst)))
    if not worst:
        return []
    most = max(row.onnx_difference or 0.0 for row in worst)
    return [
        Caution(
            title="An exported graph differs.",
            text=f"{names}: by up to {most:.1e} in a probability, where {EXPORT_TOLERANCE:.0e} is allowed.",
        )
    ]


def _dropped(report: Report) -> list[Caution]:
    return [
        Caution(
            title="Windows were left out.",
            text=f"{count(part.n_dropped)} of {part.id} ({part.role}): "
            + (
                "repeats within a track."
                if part.role == "own"
                else "repeats, or genres that are not asked for."
            ),
        )
        for part in report.data
        if part.n_dropped
    ]


def _with(row: ModelFigures) -> str:
    return " fitted with the extra table" if row.extra else ""


def _without(report: Report) -> str:
    return " fitted without the extra table" if any(row.extra for row in report.models) else ""


def _sure(row: ModelFigures) -> str:
    parts = [f"95 % interval {between(row.interval)}"] if row.interval else []
    parts += [f"{count(row.n_tracks)} test tracks"] if row.n_tracks else []
    parts += [f"{row.seeds} seed{'s' if row.seeds != 1 else ''}"] if row.seeds else []
    return f" ({', '.join(parts)})" if parts else ""


def _best_window(rows: list[ModelFigures]) -> ModelFigures | None:
    measured = [row for row in rows if row.window_accuracy is not None]
    return max(measured, key=lambda row: row.window_accuracy or 0.0, default=None)
