"""Turns rows into the table that a benchmark is for: models under protocols, beside the source report."""

from __future__ import annotations

from collections import defaultdict

from training.report.document import Cell, Column, Part, Prose, Section, Table
from training.report.figures import ModelFigures, Report
from training.report.plots import accuracy_drawings
from training.report.settings import (
    RANDOM,
    VALIDATION,
    Setting,
    names_of,
    row_of,
    rows_of,
    settings_of,
    title_of,
)
from training.report.source_report import SOURCE_GENRES, TABLE_1
from training.report.spelling import NOTHING, between, listed, share


def accuracy_section(report: Report) -> Section:
    """Lay every model under every protocol out, with what could not be computed and why."""
    settings = [one for one in settings_of(report) if one.protocol != VALIDATION]
    parts: list[Part] = [accuracy_table(report, settings)]
    parts += _left_out(report)
    parts += _reasons(report)
    parts.append(accuracy_drawings(report, settings))
    n_genres = len(report.genres)
    chance = f" Guessing would be right in 1 of {n_genres} cases." if n_genres else ""
    if n_genres not in {0, SOURCE_GENRES}:
        chance += f" The source report told {SOURCE_GENRES} genres apart: its figures are no match for ours."
    return Section(
        title="Every model under every protocol",
        intro="Accuracy by window and by track (a track's windows vote), with 95 % intervals below. The "
        "source report's figures were measured by window on random windows: compare them with our first "
        f"column, and neither with what a service will do.{chance}",
        parts=tuple(parts),
    )


def validation_section(report: Report) -> Section | None:
    """Lay out the same on validation artists, where choices are made."""
    settings = [one for one in settings_of(report) if one.protocol == VALIDATION]
    if not settings:
        return None
    return Section(
        title="Validation artists",
        intro="Models, hyper-parameters, temperatures and steps are chosen here, and never on the test.",
        parts=(accuracy_table(report, settings),),
    )


def accuracy_table(report: Report, settings: list[Setting]) -> Table:
    """Lay models (rows) beside settings (columns); the best of a column is marked."""
    is_beside_source = any(setting.protocol == RANDOM for setting in settings)
    columns = [Column(name="model", number=False)]
    if is_beside_source:
        columns.append(Column(name="source report"))
    best: dict[tuple[Setting, str], float] = {}
    for setting in settings:
        for name in ("window", "track"):
            columns.append(Column(name=name, group=setting.title))
            best[setting, name] = max(
                (_accuracy(row, name) or 0.0 for row in rows_of(report, setting)), default=0.0
            )
    rows = []
    for model in names_of(report):
        found = [(setting, row_of(report, model, setting)) for setting in settings]
        if all(row is None for _, row in found):
            continue
        row = [Cell(text=title_of(report, model), small=_input(report, model))]
        if is_beside_source:
            source = next((one.source_accuracy for one in report.models if one.name == model), None)
            row.append(Cell(text=NOTHING if source is None else f"{source:.2f}", soft=source is None))
        for setting, figures in found:
            row += [_cell(figures, name, best=best[setting, name]) for name in ("window", "track")]
        rows.append(tuple(row))
    return Table(columns=tuple(columns), rows=tuple(rows))


def _cell(row: ModelFigures | None, name: str, *, best: float) -> Cell:
    if row is None:
        return Cell(text=NOTHING, soft=True)
    if row.not_computable is not None:
        return Cell(text="not computable", soft=True)
    value = _accuracy(row, name)
    if value is None:
        return Cell(text=NOTHING, soft=True)
    interval = row.window_interval if name == "window" else row.interval
    # Equal as they are shown: a column may have two that are best.
    return Cell(text=share(value), small=between(interval), strong=share(value) == share(best))


def _accuracy(row: ModelFigures, name: str) -> float | None:
    return row.window_accuracy if name == "window" else row.track_accuracy


def _input(report: Report, model: str) -> str:
    return next(row.input for row in report.models if row.name == model)


def _left_out(report: Report) -> list[Part]:
    here = set(names_of(report))
    absent = [f"{row.title} on {row.input} {row.accuracy:.2f}" for row in TABLE_1 if row.name not in here]
    if not absent:
        return []
    return [Prose(text=f"Of the source report's Table 1 this run does not train: {'; '.join(absent)}.")]


def _reasons(report: Report) -> list[Part]:
    by_reason: dict[tuple[Setting, str], list[str]] = defaultdict(list)
    for row in report.models:
        if row.not_computable is not None:
            by_reason[Setting(row.protocol, row.extra), row.not_computable].append(row.title)
    if not by_reason:
        return []
    everybody = len(names_of(report))
    return [
        Table(
            title="What could not be computed",
            columns=tuple(Column(name=name, number=False) for name in ("protocol", "models", "why")),
            rows=tuple(
                (
                    Cell(text=setting.title),
                    Cell(text="all" if len(titles) == everybody else listed(titles)),
                    Cell(text=why),
                )
                for (setting, why), titles in by_reason.items()
            ),
        )
    ]
