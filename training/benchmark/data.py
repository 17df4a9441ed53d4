"""Turns tables of one or more kinds of input into the one thing that every fit of a benchmark is given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.models.kind import InputKind
from training.report.figures import DataFigures
from training.sides import Tables
from training.windows import LabelledWindows


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkData:
    """What a benchmark is run on.

    Attributes
    ----------
    tables : Mapping of InputKind to Tables
        What there is of each kind of input; whole tracks are pooled from FEATURES.
    genres : tuple of str
        The outputs, sorted, at least two.
    feature_names : tuple of str
        Names of the columns of FEATURES; empty where they have none.
    figures : tuple of DataFigures
        What was read and what was left out of it.
    """

    tables: Mapping[InputKind, Tables]
    genres: tuple[str, ...]
    feature_names: tuple[str, ...]
    figures: tuple[DataFigures, ...]

    @property
    def inputs(self) -> frozenset[InputKind]:
        """Kinds of input that a model can be given."""
        tracks = {InputKind.TRACK} if InputKind.FEATURES in self.tables else set()
        return frozenset(self.tables) | tracks

    def of(self, kind: InputKind) -> Tables:
        """Return what a kind's sides are drawn from."""
        return self.tables[InputKind.FEATURES if kind is InputKind.TRACK else kind]

    def fingerprint(self) -> str:
        """Hash everything that a figure depends on: SHA-256 in hexadecimal."""
        digest = hashlib.sha256(repr((self.genres, self.feature_names)).encode())
        for kind in sorted(self.tables):
            tables = self.tables[kind]
            lists = [sorted(side) for side in (tables.lists.train, tables.lists.valid, tables.lists.test)]
            others = (sorted(tables.lists.excluded), tables.lists.twins, tables.copy_distance)
            digest.update(repr((str(kind), lists, others)).encode())
            for table in (tables.own, tables.extra):
                _add(digest, table)
            if tables.given is not None:
                digest.update(tables.given.tobytes())
        return digest.hexdigest()


def one_row_a_track(tables: Tables) -> bool:
    """Whether drawing rows of the own table is drawing tracks."""
    return len(tables.own) == len(np.unique(tables.own.tracks))


def _add(digest: hashlib._Hash, table: LabelledWindows | None) -> None:
    if table is None:
        digest.update(b"none")
        return
    for column in (table.inputs, table.genres, table.tracks, table.weights):
        digest.update(repr((column.shape, column.dtype.str)).encode())
        digest.update(column.tobytes())
