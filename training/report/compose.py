"""Turns a `Report` into the `Document` that a person reads: the honest figure first, the method last."""

from __future__ import annotations

from typing import Final

from training.report.accuracy import accuracy_section, validation_section
from training.report.convergence import convergence_section
from training.report.document import Document
from training.report.figures import Report
from training.report.headline import cautions, facts, lead
from training.report.mistakes import calibration_section, confusion_section
from training.report.sections import (
    cost_section,
    data_section,
    importance_section,
    method_section,
    steps_section,
)
from training.report.spelling import moment

TITLE: Final = "How well genres can be told"


def compose(report: Report) -> Document:
    """Lay a report out."""
    sections = (
        accuracy_section(report),
        validation_section(report),
        confusion_section(report),
        calibration_section(report),
        cost_section(report),
        convergence_section(report),
        steps_section(report),
        importance_section(report),
        data_section(report),
        method_section(report),
    )
    return Document(
        title=TITLE,
        lead=lead(report),
        facts=facts(report),
        cautions=cautions(report),
        sections=tuple(section for section in sections if section is not None),
        foot=f"Made {moment(report.created_at)}. All figures, unrounded: report.json.",
    )
