"""Turns a report's rows into settings (a protocol, with the extra table or without) and rows under each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from training.report.figures import ModelFigures, Report

RANDOM, GROUPED, FAULT_FILTERED = "random_windows", "grouped_by_track", "fault_filtered"
VALIDATION, GIVEN = "validation", "given"

_TITLES: Final = {
    RANDOM: "Random windows",
    GROUPED: "Grouped by track",
    FAULT_FILTERED: "Fault-filtered",
    GIVEN: "Given split",
    VALIDATION: "Validation artists",
}
MEANINGS: Final = {
    RANDOM: "70% of all windows to fit, 30% to test, drawn within each genre. Where a track has several, "
    "they are on both sides, so a model is asked about tracks that it knows. It is what the source report "
    "used.",
    GROUPED: "70% of the tracks to fit, 30% to test, drawn within each genre: a track's windows stay "
    "together. Its artist, its album or a copy of it may still be on both sides.",
    FAULT_FILTERED: "The published lists of Kereliuk, Sturm and Larsen (2015): copies, wrong labels and "
    "distorted tracks are left out, and no artist is on both sides. Fitted on its train and validation "
    "lists, tested on its test list. This is the one to believe.",
    GIVEN: "The sides that the command was given.",
    VALIDATION: "Fitted on the published train list, measured on its validation list. Choices are made "
    "here, so that the test is not used up.",
}
_HONEST: Final = (FAULT_FILTERED, GIVEN, GROUPED)


@dataclass(frozen=True, slots=True)
class Setting:
    """A protocol, and whether the extra table joined the training side."""

    protocol: str
    extra: bool

    @property
    def title(self) -> str:
        """As over a column."""
        name = _TITLES.get(self.protocol, self.protocol)
        return f"{name} + extra table" if self.extra else name


def settings_of(report: Report) -> list[Setting]:
    """Give every setting that has rows: flattering ones first, validation last."""
    found = {Setting(row.protocol, row.extra) for row in report.models}
    order = list(_TITLES)
    return sorted(
        found,
        key=lambda one: (
            order.index(one.protocol) if one.protocol in order else len(order),
            one.protocol,
            one.extra,
        ),
    )


def rows_of(report: Report, setting: Setting) -> list[ModelFigures]:
    """Give a setting's rows, in the report's order."""
    return [row for row in report.models if Setting(row.protocol, row.extra) == setting]


def row_of(report: Report, name: str, setting: Setting) -> ModelFigures | None:
    """Give one model's row under a setting, if it has one."""
    return next((row for row in rows_of(report, setting) if row.name == name), None)


def names_of(report: Report) -> list[str]:
    """Give the models' names, each once, in the report's order."""
    return list(dict.fromkeys(row.name for row in report.models))


def title_of(report: Report, name: str) -> str:
    """Give a model's title."""
    return next(row.title for row in report.models if row.name == name)


def measured_under(report: Report, protocol: str | None) -> list[ModelFigures]:
    """Give a protocol's rows that have a track accuracy, with the extra table and without."""
    return [row for row in report.models if row.protocol == protocol and row.track_accuracy is not None]


def leaky_protocols(report: Report) -> frozenset[str]:
    """Name the protocols whose figures are flattered."""
    return frozenset(leak.protocol for leak in report.leaks if leak.leaks)


def honest_protocol(report: Report) -> str | None:
    """Name the protocol to believe: the strictest that has a figure and is not known to leak."""
    leaky = leaky_protocols(report)
    for protocol in _HONEST:
        if protocol not in leaky and measured_under(report, protocol):
            return protocol
    return None


def best_honest(report: Report) -> ModelFigures | None:
    """Give the row with the greatest track accuracy under the protocol to believe; the first of equals."""
    protocol = honest_protocol(report)
    return None if protocol is None else best_of(measured_under(report, protocol))


def best_of(rows: list[ModelFigures]) -> ModelFigures | None:
    """Give the row with the greatest track accuracy; the first of equals."""
    return max(rows, key=lambda row: row.track_accuracy or 0.0, default=None)


def chosen_on_validation(report: Report) -> ModelFigures | None:
    """Give the honest row of the model that does best on validation artists, extra table included."""
    protocol = honest_protocol(report)
    if protocol is None:
        return None
    for row in sorted(measured_under(report, VALIDATION), key=lambda one: -(one.track_accuracy or 0.0)):
        counterpart = row_of(report, row.name, Setting(protocol, row.extra))
        if counterpart is not None and counterpart.track_accuracy is not None:
            return counterpart
    return None


def cost_row(report: Report, name: str) -> ModelFigures:
    """Give the row that says what a model costs: of its largest fit, one whose graph's speed was measured."""
    return max(
        (row for row in report.models if row.name == name),
        key=lambda row: (row.windows_per_second is not None, row.train_seconds is not None, row.n_fit or 0),
    )
