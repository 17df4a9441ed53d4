"""Turns another latest version in the registry into the model that speaks, while the worker runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from consumer.errors import reason
from consumer.metrics import Metrics
from consumer.model_settings import LATEST, Reference
from consumer.rollout.sources import ModelSource
from modelzoo.errors import ModelError
from modelzoo.registry import Artifact

_CLOSE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Seat:
    """A role, and who has it.

    Attributes
    ----------
    role : str
        live, canary or shadow.
    wanted : Reference
        Who should have it.
    use : callable
        Gives it to a model; raises a ModelError where that cannot be run.
    version : str or None
        Who has it now; None where nobody has.
    """

    role: str
    wanted: Reference
    use: Callable[[Artifact], None]
    version: str | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing can change any more: a pinned version is there."""
        return self.wanted.version != LATEST and self.version is not None


class ModelWatcher:
    """Looks at the registry every so often. A model that cannot be loaded leaves the present one where it is.

    Parameters
    ----------
    source : ModelSource
        The registry.
    seats : sequence of Seat
        Whom to look for.
    metrics : Metrics
        Counts what was loaded and what failed.
    wall_clock : callable
        Unix time.
    """

    def __init__(
        self,
        source: ModelSource,
        *,
        seats: Sequence[Seat],
        metrics: Metrics,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._seats = tuple(seats)
        self._metrics = metrics.models
        self._wall_clock = wall_clock
        self._told: dict[str, str] = {}
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        for seat in self._seats:
            self._metrics.reload_failing.labels(seat.role).set(0)

    def start(self, every_seconds: float) -> None:
        """Look again and again on a thread of its own; not at all where no seat can change."""
        if all(seat.settled for seat in self._seats):
            return
        self._thread = threading.Thread(
            target=self._run, args=(every_seconds,), name="model-watcher", daemon=True
        )
        self._thread.start()

    def look(self, role: str | None = None) -> None:
        """Look once, and give every seat, or a role's only, to whom it should have; blocks for loading."""
        for seat in self._seats:
            if seat.settled or role not in {None, seat.role}:
                continue
            try:
                self._fill(seat)
            except ModelError as exc:
                self._failed(seat, why=reason(exc), error=exc)
            except Exception as exc:  # noqa: BLE001 - this thread must live to see a broken file mended
                self._failed(seat, why="unexpected_error", error=exc)

    def close(self) -> None:
        """End the thread; blocks while a model is being loaded, for five seconds at most."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _run(self, every_seconds: float) -> None:
        while not self._closing.wait(every_seconds):
            self.look()

    def _fill(self, seat: Seat) -> None:
        name, version = seat.wanted
        if version == LATEST:
            version = self._source.latest(name)
            self._metrics.registry_checked.set(self._wall_clock())
        if version != seat.version:
            # Asked for by its number: the pointer may move while it is being loaded.
            seat.use(self._source.load(name, version=version))
            _log.info("model changed", role=seat.role, name=name, version=version, before=seat.version or "")
            seat.version = version
            self._metrics.reloads.labels(seat.role, "loaded", "").inc()
        self._told.pop(seat.role, None)
        self._metrics.reload_failing.labels(seat.role).set(0)

    def _failed(self, seat: Seat, *, why: str, error: Exception) -> None:
        self._metrics.reloads.labels(seat.role, "failed", why).inc()
        self._metrics.reload_failing.labels(seat.role).set(1)
        message = str(error)
        if self._told.get(seat.role) != message:  # once, not at every look
            self._told[seat.role] = message
            _log.error(
                "model not changed",
                role=seat.role,
                name=seat.wanted.name,
                reason=why,
                error=message,
                speaks=seat.version or "nobody",
                exc_info=None if isinstance(error, ModelError) else error,
            )
