"""Turns confusions and calibrations into sections: which mistakes models make, and whether they know it."""

from __future__ import annotations

from training.report.curves import MOST_CURVES, calibration_drawings
from training.report.document import Cell, Column, Matrix, Section, Table
from training.report.figures import ModelFigures, Report
from training.report.settings import Setting, best_honest, honest_protocol, row_of
from training.report.spelling import NOTHING, count, share, three

_SOURCE_BEST = "mlp-dropout"
"""What the source report found best: always shown beside the model that is best on honest terms."""


def confusion_section(report: Report) -> Section | None:
    """Show which genres are taken for which: by the best honest model and by the source report's best."""
    rows = [row for row in _notable(report) if row.confusion is not None][:2]
    if not rows:
        return None
    matrices = tuple(
        Matrix(
            title=_titled(row),
            names=report.genres,
            counts=row.confusion or (),
            note=f"{Setting(row.protocol, row.extra).title}; {count(row.n_tracks)} test tracks, "
            f"summed over {row.seeds} seed{'' if row.seeds == 1 else 's'}.",
        )
        for row in rows
    )
    return Section(
        title="Which genres are taken for which",
        intro="A row is what tracks are, a column what the model says. Blue is right, orange wrong; the "
        "stronger, the larger the share of its row.",
        parts=matrices,
    )


def calibration_section(report: Report) -> Section | None:
    """Show how far a confidence can be believed."""
    rows = [row for row in report.models if row.calibration is not None]
    if not rows:
        return None
    settings = list(dict.fromkeys(Setting(row.protocol, row.extra) for row in rows))
    columns = [Column(name="model", number=False)]
    for setting in settings:
        columns += [Column(name=name, group=setting.title) for name in ("temperature", "ECE", "Brier")]
    table = Table(
        columns=tuple(columns),
        rows=tuple(
            (Cell(text=row.title), *(cell for one in settings for cell in _trust(report, row.name, one)))
            for row in {row.name: row for row in rows}.values()
        ),
        note="Of whole tracks; below each, what it was before the temperature. Temperatures are fitted on "
        "validation artists and measured on the protocol's test. ECE, the expected calibration error: ten "
        "bins of equal width, 0 to 1; Brier score: 0 to 2; less is better.",
    )
    notable = [row for row in _notable(report) if row.calibration is not None][:MOST_CURVES]
    return Section(
        title="How far a confidence can be believed",
        parts=(calibration_drawings(notable or rows), table),
    )


def _trust(report: Report, name: str, setting: Setting) -> tuple[Cell, Cell, Cell]:
    row = row_of(report, name, setting)
    if row is None or row.calibration is None:
        return (Cell(text=NOTHING, soft=True),) * 3
    found = row.calibration
    return (
        Cell(text=three(found.temperature)),
        Cell(text=share(found.ece), small=f"was {share(found.ece_uncalibrated)}"),
        Cell(text=share(found.brier), small=f"was {share(found.brier_uncalibrated)}"),
    )


def _notable(report: Report) -> list[ModelFigures]:
    """Give one row a model: the best honest one, the source report's best, then the others, best first."""
    protocol = honest_protocol(report)
    rows = [row for row in report.models if row.protocol == protocol and row.track_accuracy is not None]
    rows.sort(key=lambda row: -(row.track_accuracy or 0.0))
    best = best_honest(report)
    first = [row for row in rows if row is best] + [row for row in rows if row.name == _SOURCE_BEST]
    found: dict[str, ModelFigures] = {}
    for row in [*first, *rows]:
        found.setdefault(row.name, row)
    return list(found.values())


def _titled(row: ModelFigures) -> str:
    return f"{row.title}: track accuracy {share(row.track_accuracy)}"
