"""Turns the cycle collector's visits to a loop of large batches into a tenth of what they take."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_YOUNG: Final = 200_000
"""Containers of several batches of a thousand records; by default every 700 new ones are looked through."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the collector look seldom inside, and never at what is there already.

    A batch makes tens of thousands of containers, none of them in a cycle, and lets go of them at once; to
    look through them again and again took a tenth of a replay's CPU time.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
