"""Turns a look at a table into the `Document` that a person reads, what is wrong with it first."""

from __future__ import annotations

from typing import Final

from training.explore.findings import Exploration
from training.explore.look import Look
from training.explore.reference import Reference
from training.explore.sections import (
    balance_section,
    columns_section,
    copies_section,
    extra_section,
    projection_section,
    relations_section,
    strips_section,
)
from training.report.document import Caution, Document, Fact
from training.report.spelling import NOTHING, count, listed, three

_FEW: Final = 8
_UNEVEN: Final = 1.5
"""Largest genre's windows over the smallest's, from where weights or strata are worth a thought."""


def compose(look: Look, *, reference: Reference | None) -> Document:
    """Lay out what was found."""
    found = look.found
    sections = [
        balance_section(found),
        columns_section(found, reference),
        strips_section(look),
        relations_section(look),
        projection_section(look),
        copies_section(found),
    ]
    if found.extra is not None:
        sections.append(extra_section(found.extra))
    return Document(
        title=f"What is in {found.id.partition('@')[0]}",
        lead=f"{count(found.windows)} windows of {count(found.tracks)} tracks in {len(found.genres)} genres, "
        f"{len(found.features)} features each. Every value is a finite number: a table with another is "
        "refused.",
        facts=_facts(found),
        cautions=_cautions(found),
        sections=tuple(sections),
        foot=found.id if found.extra is None else f"{found.id}, {found.extra.id}",
    )


def _facts(found: Exploration) -> tuple[Fact, ...]:
    skewed = sum(one.log_worthy for one in found.features)
    sds = [one.sd for one in found.features if one.sd > 0.0]
    ratio = three(max(sds) / min(sds)) if sds else NOTHING
    return (
        Fact(figure=count(found.repeats.superfluous), what="windows that repeat another exactly"),
        Fact(figure=count(len(found.near_copies)), what="pairs of tracks that are nearly one another"),
        Fact(figure=f"{ratio} : 1", what="largest standard deviation of a feature to the smallest"),
        Fact(
            figure=f"{skewed} of {len(found.features)}", what="features that their logarithm would make even"
        ),
    )


def _cautions(found: Exploration) -> tuple[Caution, ...]:
    cautions = []
    if found.repeats.two_labels:
        cautions.append(
            Caution(
                title="Windows with two labels.",
                text=f"{count(found.repeats.two_labels)} windows are there under two genres: one must be "
                "wrong.",
                grave=True,
            )
        )
    wrong = [one for one in found.near_copies if one.first_genre != one.second_genre]
    if wrong:
        pairs = listed([f"{one.first} and {one.second}" for one in wrong[:_FEW]])
        more = f", and {len(wrong) - _FEW} more pairs" if len(wrong) > _FEW else ""
        cautions.append(
            Caution(title="Near copies with two labels.", text=f"{pairs}{more}.", grave=True),
        )
    if found.near_copies:
        cautions.append(
            Caution(
                title="Copies leak.",
                text=f"{count(len(found.near_copies))} pairs of tracks are nearly one another: a split by "
                "track may put one on each side.",
            )
        )
    constant = [one.feature for one in found.features if one.constant]
    if constant:
        cautions.append(
            Caution(title="Constant features.", text=f"{listed(constant)}: they tell nothing apart.")
        )
    if found.extra is not None and found.extra.near_copies:
        cautions.append(
            Caution(
                title="The extra table knows the own one.",
                text=f"{count(len(found.extra.near_copies))} pairs of tracks are nearly one another: leave "
                "them out of the extra table where the own track is tested.",
            )
        )
    windows = [one.windows for one in found.genres]
    if max(windows) > _UNEVEN * min(windows):
        cautions.append(
            Caution(
                title="Genres are uneven.",
                text=f"The largest has {max(windows) / min(windows):.1f} times the windows of the smallest.",
            )
        )
    return tuple(cautions)
