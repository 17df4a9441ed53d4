"""Names what can end a benchmark, and turns a missing library into advice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from consumer.errors import FatalError
from featurizer.errors import MissingExtraError

_OWN: Final = ("consumer", "featurizer", "modelzoo")


class BenchFailedError(FatalError):
    """What is measured failed: a track was not labelled, or the worker ended."""

    reason: ClassVar[str] = "bench_failed"


@contextmanager
def needing_baselines() -> Iterator[None]:
    """Import what only benchmarks need within the body.

    Raises
    ------
    MissingExtraError
        A library is missing; the message says what to install.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        if (exc.name or "").split(".")[0] in _OWN:
            raise
        advice = f"{exc.name} is not installed, which this is compared with: pip install 'genrestream[bench]'"
        raise MissingExtraError(advice) from exc
