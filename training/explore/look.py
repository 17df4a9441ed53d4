"""Turns feature tables into what there is to know about them before a model is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from featurizer.spec import FeatureSpec
from training.explore.columns import (
    count_genres,
    count_windows_per_track,
    describe_columns,
    shifts_between,
)
from training.explore.copies import find_near_copies, find_repeats
from training.explore.findings import Exploration, ExtraFigures
from training.explore.relations import Projection, Relations, project, relate, strongest_pairs
from training.feature_table import file_id, read_feature_table
from training.windows import LabelledWindows

N_STEPS: Final = 5
"""Calls of `on_step` for one table, and `N_EXTRA_STEPS` more for an extra one."""
N_EXTRA_STEPS: Final = 2


@dataclass(frozen=True, slots=True)
class Look:
    """What was found, and the table and relations that pictures are drawn from."""

    table: LabelledWindows
    relations: Relations
    projection: Projection
    found: Exploration


def look_at(
    path: Path, *, extra: Path | None, spec: FeatureSpec, on_step: Callable[[], None] = lambda: None
) -> Look:
    """Read a table, and an extra one where there is one, and describe them.

    Parameters
    ----------
    path, extra : Path
        As `read_feature_table` takes them.
    spec : FeatureSpec
        Names the features.
    on_step : callable, optional
        Called after each piece of work.

    Raises
    ------
    DataError
        A table cannot be read or holds what cannot be trained on.
    """
    table = read_feature_table(path, spec=spec)
    on_step()
    features = describe_columns(table, names=spec.feature_names)
    on_step()
    relations = relate(table)
    projection = project(table, logarithms=np.array([one.log_worthy for one in features]))
    on_step()
    repeats = find_repeats(table)
    on_step()
    near = find_near_copies(table)
    on_step()
    found = Exploration(
        id=file_id(path),
        windows=len(table),
        tracks=len(table.track_names),
        genres=count_genres(table),
        windows_per_track=count_windows_per_track(table),
        features=features,
        correlated=strongest_pairs(relations, names=spec.feature_names),
        repeats=repeats,
        near_copies=near,
        explained=projection.explained,
        extra=None if extra is None else _beside(table, extra, spec=spec, on_step=on_step),
    )
    return Look(table, relations, projection, found)


def _beside(
    table: LabelledWindows, path: Path, *, spec: FeatureSpec, on_step: Callable[[], None]
) -> ExtraFigures:
    extra = read_feature_table(path, spec=spec)
    on_step()
    figures = ExtraFigures(
        id=file_id(path),
        windows=len(extra),
        tracks=len(extra.track_names),
        genres=count_genres(extra),
        shifts=shifts_between(table, extra, names=spec.feature_names),
        near_copies=find_near_copies(table, of=extra),
    )
    on_step()
    return figures
