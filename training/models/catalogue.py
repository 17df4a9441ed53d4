"""Turns names of models into their kinds: the one list of everything that can be trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from training.errors import DataError
from training.models import images, neural, tabular, whole_tracks
from training.models.kind import InputKind, ModelKind

KINDS: Final[tuple[ModelKind, ...]] = (*neural.KINDS, *tabular.KINDS, *whole_tracks.KINDS, *images.KINDS)
"""In the order of a report."""


def kinds_for(
    inputs: frozenset[InputKind], *, names: Sequence[str] = (), has_names: bool = True
) -> tuple[ModelKind, ...]:
    """Choose kinds by name, or all that are trained by default.

    Parameters
    ----------
    inputs : frozenset of InputKind
        What there is to train on.
    names : sequence of str, optional
        Names of kinds; none means every default kind of these inputs.
    has_names : bool, optional
        Whether FEATURES are the named ones of `gtzan57`.

    Raises
    ------
    DataError
        A name is unknown, or its kind needs another input.
    """
    by_name = {kind.name: kind for kind in KINDS}
    usable = {kind.name for kind in KINDS if kind.input in inputs and (has_names or not kind.needs_names)}
    for name in names:
        if name not in by_name:
            raise DataError(f"there is no such model, model={name}: use {', '.join(sorted(usable))}")
        if name not in usable:
            needs = by_name[name].input if by_name[name].input not in inputs else "the features of gtzan57"
            raise DataError(
                f"this model needs other data, model={name} needs={needs} given={', '.join(sorted(inputs))}"
            )
    if names:
        return tuple(by_name[name] for name in dict.fromkeys(names))
    return tuple(kind for kind in KINDS if kind.by_default and kind.name in usable)
