"""Names the clocks that the Kafka thread reads, so that a simulation can move them by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` gives seconds for deadlines, `wall` seconds since the epoch, `sleep` waits seconds."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    sleep: Callable[[float], None]


SYSTEM_CLOCK: Final = Clock(monotonic=time.monotonic, wall=time.time, sleep=time.sleep)
