"""Turns what was found in a table into sections: balance, columns, correlations, copies, the extra table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from training.explore.copies import MOST_EXAMPLES
from training.explore.drawings import (
    balance_drawing,
    correlation_drawing,
    projection_caption,
    projection_drawings,
    shift_drawing,
)
from training.explore.findings import Exploration, ExtraFigures, FeatureFigures, NearCopy
from training.explore.look import Look
from training.explore.reference import Reference
from training.explore.strips import draw_strip
from training.report.document import Cell, Column, Drawing, Drawings, Part, Prose, Section, Table
from training.report.spelling import NOTHING, count, listed, percent, share, signed, three

_OPEN_STRIPS: Final = 12
_MOST_COPIES: Final = 40
_STATISTICS: Final = ("mean", "sd", "minimum", "median", "maximum")


def balance_section(found: Exploration) -> Section:
    """Show how much of each genre there is, and how many windows a track has."""
    drawings = [balance_drawing(found.genres, title="Windows by genre", name="balance")]
    if found.extra is not None:
        drawings.append(balance_drawing(found.extra.genres, title="The extra table's", name="balance-extra"))
    lengths = listed([f"{count(n)} with {windows}" for windows, n in found.windows_per_track.items()])
    return Section(
        title="How much of each genre",
        parts=(Drawings(items=tuple(drawings)), Prose(text=f"Tracks by their number of windows: {lengths}.")),
    )


def columns_section(found: Exploration, reference: Reference | None) -> Section:
    """Lay every column's figures beside those of the source report."""
    given = reference.statistics if reference is not None else ("mean",)
    columns = [
        Column(name="feature", number=False),
        *(Column(name=name, group="source report") for name in given),
        *(Column(name=name, group="here") for name in _STATISTICS),
        Column(name="skew", group="here"),
        Column(name="outliers", group="here"),
        Column(name="take the logarithm", group="here", number=False),
        Column(name="tells genres apart", group="here"),
    ]
    intro = (
        "Each feature in its own unit: networks and neighbours need them standardised. Outliers: share of "
    )
    intro += (
        "windows further than 1.5 interquartile ranges outside the quartiles. Tells genres apart: share of "
    )
    intro += "the variance that lies between the genres' means (eta squared). "
    intro += (
        "The source report's column is empty: its figures are not at hand. A table of them fills it "
        "(--reference)."
        if reference is None
        else "The source report's columns are those of the reference that was given."
    )
    rows = tuple(
        (
            Cell(text=one.feature, small="constant" if one.constant else ""),
            *(_given(reference, one.feature, statistic) for statistic in given),
            *(Cell(text=three(getattr(one, name))) for name in _STATISTICS),
            Cell(text=three(one.skew)),
            Cell(text=percent(one.outliers)),
            Cell(text="yes" if one.log_worthy else NOTHING, soft=not one.log_worthy),
            Cell(text=share(one.between_genres)),
        )
        for one in found.features
    )
    return Section(
        title="The source report's Table 2 beside ours",
        intro=intro,
        parts=(Table(columns=tuple(columns), rows=rows),),
    )


def _given(reference: Reference | None, feature: str, statistic: str) -> Cell:
    value = None if reference is None else reference.figures.get(feature, {}).get(statistic)
    return Cell(text=three(value), soft=value is None)


def strips_section(look: Look) -> Section:
    """Draw every feature by genre, those first that tell genres apart best."""
    names = [one.feature for one in look.found.features]
    ranked = sorted(look.found.features, key=lambda one: -one.between_genres)
    drawings = [_strip(look, one, place=names.index(one.feature)) for one in ranked]
    parts: list[Part] = [Drawings(items=tuple(drawings[:_OPEN_STRIPS]), size="narrow")]
    rest = drawings[_OPEN_STRIPS:]
    if rest:
        parts.append(Drawings(items=tuple(rest), size="narrow", folded=f"The other {len(rest)} features"))
    return Section(
        title="How features are spread by genre",
        intro="Boxes hold the middle half of a genre's windows, lines reach from the 5th to the 95th "
        "percentile, the mark is the median. The features that tell genres apart best come first.",
        parts=tuple(parts),
    )


def _strip(look: Look, figures: FeatureFigures, *, place: int) -> Drawing:
    return draw_strip(
        look.table.inputs[:, place].astype("float64"),
        name=figures.feature,
        genres=look.table.genres,
        logarithmic=figures.log_worthy,
    )


def relations_section(look: Look) -> Section:
    """Show which features say the same, and where tracks lie on the principal axes."""
    names = [one.feature for one in look.found.features]
    pairs = Table(
        title="The strongest pairs",
        columns=(
            Column(name="feature", number=False),
            Column(name="and", number=False),
            Column(name="correlation"),
        ),
        rows=tuple(
            (Cell(text=one.first), Cell(text=one.second), Cell(text=signed(one.correlation)))
            for one in look.found.correlated
        ),
    )
    drawing = correlation_drawing(look.relations, names=names, n=look.found.windows)
    return Section(
        title="Which features say the same",
        intro="Pearson's correlation over all windows. Features that are close to one another stand "
        "together.",
        parts=(Drawings(items=(drawing,), size="wide"), pairs),
    )


def projection_section(look: Look) -> Section:
    """Draw where each genre's tracks lie."""
    return Section(
        title="Where genres lie",
        intro="Each dot is a track, the mean of its windows, on the two axes along which windows differ most "
        f"(principal components of the standardised features). {projection_caption(look.projection)} "
        "The genre's tracks are coloured, all others grey.",
        parts=(Drawings(items=projection_drawings(look.projection), size="narrow"),),
    )


def copies_section(found: Exploration) -> Section:
    """List windows that are there twice, and tracks that are nearly one another."""
    repeats = found.repeats
    parts: list[Part] = [
        Prose(
            text=f"{count(repeats.superfluous)} windows repeat another exactly, in {count(repeats.groups)} "
            f"groups: {count(repeats.across_tracks)} over several tracks, {count(repeats.two_labels)} "
            "under two labels."
        )
    ]
    if repeats.examples:
        parts.append(
            Table(
                title="Tracks with exactly the same windows",
                columns=(
                    Column(name="tracks", number=False),
                    Column(name="labels", number=False),
                    Column(name="windows that are the same"),
                ),
                rows=tuple(
                    (
                        Cell(text=listed(list(one.tracks[:6])) + (" …" if len(one.tracks) > 6 else "")),
                        Cell(text=listed(list(one.genres)), strong=len(one.genres) > 1),
                        Cell(text=count(one.windows)),
                    )
                    for one in repeats.examples
                ),
                note=f"The first {MOST_EXAMPLES}." if len(repeats.examples) == MOST_EXAMPLES else "",
            )
        )
    parts += _copies(found.near_copies, title="Tracks that are nearly one another")
    return Section(
        title="What is there twice",
        intro="A copy on both sides of a split is a question whose answer was given. Near copies have a "
        "window within one standard deviation of one of the other track's, over all features together.",
        parts=tuple(parts),
    )


def _copies(copies: Sequence[NearCopy], *, title: str) -> list[Part]:
    if not copies:
        return [Prose(text=f"{title}: none.")]
    return [
        Table(
            title=title,
            columns=(
                Column(name="track", number=False),
                Column(name="and", number=False),
                Column(name="labels", number=False),
                Column(name="window pairs"),
                Column(name="distance"),
            ),
            rows=tuple(
                (
                    Cell(text=one.first),
                    Cell(text=one.second),
                    Cell(
                        text=one.first_genre
                        if one.first_genre == one.second_genre
                        else f"{one.first_genre}, {one.second_genre}",
                        strong=one.first_genre != one.second_genre,
                    ),
                    Cell(text=count(one.windows)),
                    Cell(text=share(one.distance)),
                )
                for one in copies[:_MOST_COPIES]
            ),
            note=f"The closest {_MOST_COPIES} of {count(len(copies))}." if len(copies) > _MOST_COPIES else "",
        )
    ]


def extra_section(extra: ExtraFigures) -> Section:
    """Show how the extra table differs, and which of its tracks are in the own one."""
    rows = tuple(
        (Cell(text=one.feature), Cell(text=signed(one.within_genres)), Cell(text=signed(one.overall)))
        for one in sorted(extra.shifts, key=lambda one: -abs(one.within_genres or one.overall))
    )
    return Section(
        title="How the extra table differs",
        intro=f"{extra.id}: {count(extra.windows)} windows of {count(extra.tracks)} tracks. Features that "
        "lie far apart within the same genre tell the collections apart rather than the genres. 0.2 standard "
        "deviations are usually called a small difference, 0.8 a large one (Cohen, 1988).",
        parts=(
            Drawings(items=(shift_drawing(extra.shifts),)),
            Table(
                columns=(
                    Column(name="feature", number=False),
                    Column(name="within genres", group="extra minus own (sd)"),
                    Column(name="overall", group="extra minus own (sd)"),
                ),
                rows=rows[:_MOST_COPIES],
                note=f"The {_MOST_COPIES} furthest apart of {len(rows)}." if len(rows) > _MOST_COPIES else "",
            ),
            *_copies(extra.near_copies, title="Tracks of the extra table that are nearly one of the own"),
        ),
    )
