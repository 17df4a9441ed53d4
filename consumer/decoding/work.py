"""Turns settings into what a decoding child does, as a small picklable value that it is sent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Final, Protocol

from consumer.config import FetchSettings
from consumer.decoding.head_start import DECODING_PRELOAD, FEATURIZING_PRELOAD
from consumer.decoding.messages import Finished, Task, Tell
from consumer.decoding.sinks import Featurize, WindowSink
from featurizer.spec import GTZAN57, FeatureSpec
from featurizer.window_policy import ALL, WindowPolicy

WINDOWS_AT_ONCE: Final = 16
"""4 MB of samples: enough for a featurizer's batch, little beside a decoder's own memory."""

DoTask = Callable[[Task, WindowSink, Tell], Finished]
"""Does one task."""


class Work(Protocol):
    """What a child does. The product has one; tests have others, which crash, hang and eat memory.

    Attributes
    ----------
    preload : tuple of str
        Modules that the fork server imports, and functions `module:function` that it calls, so that children
        share what these made and start at once.
    featurizer_preload : tuple of str
        The same, where children featurize.
    """

    @property
    def preload(self) -> tuple[str, ...]:
        """See the class."""

    @property
    def featurizer_preload(self) -> tuple[str, ...]:
        """See the class."""

    def featurizer(self, spec: FeatureSpec) -> Featurize:
        """Build and warm up, in the child, what turns windows into features."""

    def prepare(self) -> DoTask:
        """Build, in the child, the function that does one task."""


@cache
def _warm_featurizer(spec: FeatureSpec) -> Featurize:
    from featurizer.featurizer import Featurizer  # noqa: PLC0415 - see FetchAndDecode

    featurizer = Featurizer(device="cpu", spec=spec)
    featurizer.warm_up()
    return featurizer


def warm_decoding() -> None:
    """Load or compile, before children are forked, the kernels that decoding uses."""
    with _without_scipy():
        from featurizer.levels import warm_up  # noqa: PLC0415 - see FetchAndDecode

        warm_up()


def warm_usual_featurizer() -> None:
    """Build and warm up, before children are forked, the featurizer that all of them will use."""
    with _without_scipy():
        _warm_featurizer(GTZAN57)


@contextmanager
def _without_scipy() -> Iterator[None]:
    """Have numba not look for scipy's BLAS, a tenth of a second where it is there: no kernel uses it."""
    if "scipy" in sys.modules:
        yield
        return
    # What an import then raises numba takes for scipy's absence.
    sys.modules["scipy"] = None  # type: ignore[assignment]  # Python's own way to say that there is none
    try:
        yield
    finally:
        del sys.modules["scipy"]


@dataclass(frozen=True, slots=True)
class FetchAndDecode:
    """The product's work: fetch the URI, decode it, cut it into windows.

    What it needs is imported in the child: the parent loads no decoder, no object-store client and no numba.

    Parameters
    ----------
    fetch : FetchSettings
        Where audio may come from.
    max_duration_seconds : float
        A longer track is refused.
    spec : FeatureSpec
        Gives rate and length of a window.
    policy : WindowPolicy
        Which windows are wanted.
    windows_at_once : int
        How many are handed on at a time, 1 to `WINDOWS_AT_ONCE`; then a child hears whether it is enough.
    """

    fetch: FetchSettings
    max_duration_seconds: float
    spec: FeatureSpec
    policy: WindowPolicy = ALL
    windows_at_once: int = WINDOWS_AT_ONCE

    preload: ClassVar[tuple[str, ...]] = DECODING_PRELOAD
    featurizer_preload: ClassVar[tuple[str, ...]] = FEATURIZING_PRELOAD

    def featurizer(self, spec: FeatureSpec) -> Featurize:
        """Give the CPU's featurizer, warm; the fork server has made the usual one for all children."""
        return _warm_featurizer(spec)

    def prepare(self) -> DoTask:
        """Build the fetcher and give the function that does one task."""
        from consumer.decoding.fetch_and_decode import FetchingDecoder  # noqa: PLC0415 - see the class

        return FetchingDecoder(
            self.fetch,
            max_duration_seconds=self.max_duration_seconds,
            spec=self.spec,
            policy=self.policy,
            windows_at_once=self.windows_at_once,
        )
