"""Turns the rest of a report into sections: what models cost, steps, features, data and method."""

from __future__ import annotations

from training.report.bars import MOST_FEATURES, importance_drawings, steps_drawing, top
from training.report.document import Cell, Column, Drawings, Part, Prose, Section, Table
from training.report.figures import Report
from training.report.plots import speed_drawing
from training.report.settings import (
    MEANINGS,
    Setting,
    cost_row,
    names_of,
    settings_of,
    title_of,
)
from training.report.spelling import (
    NOTHING,
    count,
    listed,
    seconds,
    share,
    signed,
    signed_between,
    size,
    three,
)


def cost_section(report: Report) -> Section:
    """Show what a model costs to fit, to keep and to run."""
    rows: list[tuple[Cell, ...]] = []
    for name in names_of(report):
        row = cost_row(report, name)
        rows.append(
            (
                Cell(text=title_of(report, name), small=row.input),
                Cell(text=seconds(row.train_seconds), small=f"{count(row.n_fit)} rows" if row.n_fit else ""),
                Cell(text=three(row.windows_per_second)),
                Cell(text=count(row.parameters)),
                Cell(text=size(row.model_bytes)),
                Cell(text=_difference(report, name)),
                Cell(text=row.note),
            )
        )
    table = Table(
        columns=(
            Column(name="model", number=False),
            Column(name="one fit"),
            Column(name="rows scored per second"),
            Column(name="parameters"),
            Column(name="size (ONNX)"),
            Column(name="export differs by"),
            Column(name="what it is", number=False),
        ),
        rows=tuple(rows),
        note="One fit: median on one core, of the protocol with the most rows to fit. Rows per second: the "
        "exported graph in onnxruntime on one core. Export differs by: the largest difference in a "
        "probability.",
    )
    drawing = speed_drawing(report)
    return Section(
        title="What a model costs",
        parts=(*((Drawings(items=(drawing,)),) if drawing else ()), table),
    )


def steps_section(report: Report) -> Section | None:
    """Show what each change gave."""
    if not report.steps:
        return None
    titles = {step.name: step.title for step in report.steps}
    table = Table(
        columns=(
            Column(name="step", number=False),
            Column(name="instead of", number=False),
            Column(name="track accuracy"),
            Column(name="gain"),
            Column(name="log loss"),
            Column(name="what it is", number=False),
        ),
        rows=tuple(
            (
                Cell(text=step.title),
                Cell(text=titles.get(step.base, step.base) if step.base else NOTHING, soft=step.base is None),
                Cell(text=share(step.track_accuracy)),
                Cell(
                    text=signed(step.gain), small=signed_between(step.gain_interval), soft=step.gain is None
                ),
                Cell(text=share(step.log_loss)),
                Cell(text=step.what),
            )
            for step in report.steps
        ),
        note="Mean over seeds on validation artists. Gains with 95 % intervals by a paired bootstrap over "
        "tracks and seeds; one that holds zero cannot be told from luck. Log loss in nats, less is better.",
    )
    drawing = steps_drawing(report.steps)
    return Section(
        title="What each step gave",
        intro="Each step changes one thing of another and is measured on validation artists only.",
        parts=(*((Drawings(items=(drawing,)),) if drawing else ()), table),
    )


def importance_section(report: Report) -> Section | None:
    """Show which features models lean on."""
    found = {name: importances for name, importances in report.importance.items() if importances}
    if not found:
        return None
    titles = {name: title_of(report, name) if name in names_of(report) else name for name in found}
    drawings = [
        drawing
        for number, (name, importances) in enumerate(found.items())
        for drawing in importance_drawings(str(number), titles[name], importances)
    ]
    tables: list[Part] = []
    for name, importances in found.items():
        shap = any(one.shap is not None for one in importances)
        heads = ("feature", "permutation", *(("SHAP",) if shap else ()))
        tables.append(
            Table(
                title=titles[name],
                columns=tuple(Column(name=head, number=head != "feature") for head in heads),
                rows=tuple(
                    (
                        Cell(text=one.feature),
                        Cell(text=signed(one.permutation)),
                        *((Cell(text=three(one.shap)),) if shap else ()),
                    )
                    for one in top(importances, by="permutation")
                ),
            )
        )
    return Section(
        title="Which features models lean on",
        intro="Permutation: how far the accuracy on validation windows falls when one column is shuffled. "
        "SHAP: how far a column moves the log-odds of a genre on average. Columns that say the same share "
        f"what they are worth. The {MOST_FEATURES} greatest of each.",
        parts=(Drawings(items=tuple(drawings)), *tables),
    )


def data_section(report: Report) -> Section:
    """Show what was trained on."""
    table = Table(
        columns=(
            Column(name="data", number=False),
            Column(name="role", number=False),
            Column(name="tracks"),
            Column(name="windows"),
            Column(name="left out"),
            Column(name="windows by genre", number=False),
        ),
        rows=tuple(
            (
                Cell(text=part.id),
                Cell(text=part.role),
                Cell(text=count(part.n_tracks)),
                Cell(text=count(part.n_windows)),
                Cell(text=count(part.n_dropped)),
                Cell(text=", ".join(f"{genre} {count(n)}" for genre, n in part.genres.items())),
            )
            for part in report.data
        ),
        note="An extra table joins the training side only, never a test.",
    )
    return Section(title="What it was trained on", parts=(table,))


def method_section(report: Report) -> Section:
    """Say how the figures were made, so that they can be made again."""
    settings = settings_of(report)
    protocols = Table(
        title="Protocols",
        columns=tuple(Column(name=name, number=False) for name in ("protocol", "what it is", "leaks")),
        rows=tuple(
            (
                Cell(text=Setting(protocol, extra=False).title),
                Cell(text=MEANINGS.get(protocol, NOTHING)),
                _leak_cell(report, protocol),
            )
            for protocol in dict.fromkeys(setting.protocol for setting in settings)
        ),
    )
    seeds = sorted({row.seeds for row in report.models if row.seeds is not None})
    machine = Table(
        title="Machine",
        columns=(Column(name="what", number=False), Column(name="which", number=False)),
        rows=tuple((Cell(text=name), Cell(text=value)) for name, value in report.machine.items()),
    )
    return Section(
        title="How it was measured",
        parts=(
            protocols,
            Prose(
                text=f"Figures are means over {listed([str(n) for n in seeds]) or 'no'} seeds. Intervals "
                "hold the mean in 95 of 100 cases: a bootstrap that draws the test tracks and the seeds "
                "again, the same tracks for every seed. All fits and measurements took "
                f"{seconds(report.seconds)} of one core's time."
            ),
            machine,
            Prose(text=report.command, code=True),
        ),
    )


def _leak_cell(report: Report, protocol: str) -> Cell:
    leak = next((one for one in report.leaks if one.protocol == protocol), None)
    if leak is None:
        return Cell(text=NOTHING, soft=True)
    return Cell(text="yes" if leak.leaks else "none found", small=leak.why)


def _difference(report: Report, name: str) -> str:
    found = [
        row.onnx_difference for row in report.models if row.name == name and row.onnx_difference is not None
    ]
    return three(max(found)) if found else NOTHING
