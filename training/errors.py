"""Names everything that can be wrong with what training is given."""

from __future__ import annotations

from typing import ClassVar


class TrainingError(Exception):
    """Root of this package's errors; its message is one line for the person who started the command.

    Attributes
    ----------
    reason : str
        Stable snake_case word.
    """

    reason: ClassVar[str] = "training_error"


class DataError(TrainingError):
    """A table, list or folder is missing, unreadable or holds what cannot be trained on."""

    reason: ClassVar[str] = "bad_training_data"


class OutputError(TrainingError):
    """The artifact cannot be written where it was asked for."""

    reason: ClassVar[str] = "bad_output"
