"""Turns a range of uploads into what a model says about each track's newest, audio and all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from queue import Empty
from typing import TYPE_CHECKING, Final

from consumer.config import Settings, WorkerSettings
from consumer.errors import (
    Disposition,
    EventError,
    TrackDeadlineError,
    UnexpectedError,
    disposition,
    reason,
)
from consumer.events import TrackLabelled, TrackUploaded
from consumer.jobs import Completion, Engine, InputRecord, Ticket, TopicPartition, TrackJob
from consumer.loop.adapters import Reader
from consumer.metrics import Metrics
from consumer.replay import from_uploads
from consumer.replay.churn import ChurnTally
from consumer.replay.pace import Pace
from consumer.replay.selection import Selection, newest_uploads, places_of
from consumer.replay.standing import opinion_of

if TYPE_CHECKING:
    from consumer.kafka import RangeReader
    from consumer.replay.dry_run import DryRun, Watch

_NO_TOPIC: Final = TopicPartition("trial", 0)
_NOBODY: Final = "dry-run"
"""Stands for the replay's id where a reader wants one; no record ever carries it."""
_BATCH_RECORDS: Final = 200
_POLL_SECONDS: Final = 0.2
_LOOK_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 5.0
"""The engine ends its tracks by their deadline; one that it forgot is given up this much later."""


def judge_uploads(settings: Settings, run: DryRun, *, tally: ChurnTally, watch: Watch, pace: Pace) -> None:
    """Label each track's newest upload of the ranges and count what is said of it.

    Parameters
    ----------
    settings : Settings
        The service's.
    run : DryRun
        Ranges and model.
    tally : ChurnTally
        Counts.
    watch : Watch
        Told of the progress; ends this by its own exception.
    pace : Pace
        Gives leave.

    Raises
    ------
    BrokerError
        The broker does not answer, or refuses us.
    FatalError, ModelError, DeviceUnavailableError
        The work cannot go on.
    """
    from consumer.kafka import RangeReader  # noqa: PLC0415 - loads librdkafka

    chosen = newest_uploads(settings, run.ranges, on_read=watch.goes_on)
    selection = Selection(
        Reader(settings.topics), replay_id=_NOBODY, places=places_of(run.ranges), chosen=chosen
    )
    watch.warm()
    named = {"name": run.terms.model, "version": run.terms.version}
    pinned = settings.model_copy(update={"model": settings.model.model_copy(update=named)})
    # A batch may wait for as long as its slowest tracks do before the next one is asked for.
    patience = 60.0 + settings.worker.track_deadline_seconds
    with from_uploads.open_engine(pinned, artifact=run.artifact, metrics=Metrics()) as engine:
        while not engine.ready:
            watch.check()
            engine.check()
            time.sleep(_LOOK_SECONDS)
        with RangeReader(settings.kafka, run.ranges, timeout_seconds=patience) as reader:
            judge = UploadJudge(engine, settings=settings.worker, tally=tally, check=watch.check, pace=pace)
            judge.judge(_uploads(reader, selection, tally=tally, told=watch.label))


def _uploads(
    reader: RangeReader, selection: Selection, *, tally: ChurnTally, told: Callable[[int], None]
) -> Iterator[TrackUploaded]:
    first, done = sum(reader.position().values()), 0
    while not reader.finished:
        for record in reader.poll_batch(_BATCH_RECORDS):
            yield from read_uploads(record, selection, tally=tally)
            done += 1
            told(done)
        done = sum(reader.position().values()) - first  # gaps between the offsets count
        told(done)


def read_uploads(record: InputRecord, selection: Selection, *, tally: ChurnTally) -> Iterator[TrackUploaded]:
    """Give the uploads of a record that are to be judged, and count the rest of it."""
    try:
        announcement = selection.read(record)
    except EventError as exc:
        tally.fail(exc.reason)
        return
    except Exception:  # noqa: BLE001 - a bug met on one message must not stop the whole
        tally.fail(UnexpectedError.reason)
        return
    for why in announcement.skipped:
        tally.leave_out(why)
    for upload in announcement.uploads:
        yield upload.event


class UploadJudge:
    """Feeds uploads to an engine, no more at once than a worker would, and counts how they end.

    Parameters
    ----------
    engine : Engine
        Does the work; stays the caller's to close.
    settings : WorkerSettings
        Tracks under way at once, and the deadline of each.
    tally : ChurnTally
        Counts.
    check : callable
        Called again and again; what it raises ends the work.
    pace : Pace
        Gives leave.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        settings: WorkerSettings,
        tally: ChurnTally,
        check: Callable[[], None],
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._tally = tally
        self._check = check
        self._pace = pace
        self._clock = clock
        self._running: dict[int, float] = {}
        self._numbers = count()

    def judge(self, uploads: Iterator[TrackUploaded]) -> None:
        """Label uploads and count how each ends; one that fails stops nothing.

        Raises
        ------
        FatalError, ModelError, DeviceUnavailableError
            The engine cannot go on.
        """
        for upload in uploads:
            while len(self._running) >= self._settings.max_in_flight or not self._pace.take(1):
                self._wait()
            self._submit(upload)
            self._take_all()
        while self._running:
            self._wait()

    def _submit(self, upload: TrackUploaded) -> None:
        number, deadline = next(self._numbers), self._clock() + self._settings.track_deadline_seconds
        self._running[number] = deadline
        ticket = Ticket(_NO_TOPIC, epoch=1, offset=number, event_index=0)
        self._engine.submit(TrackJob(ticket=ticket, event=upload, deadline=deadline))

    def _take_all(self) -> None:
        while not self._engine.completions.empty():
            self._end(self._engine.completions.get())

    def _wait(self) -> None:
        self._check()
        try:
            self._end(self._engine.completions.get(timeout=_POLL_SECONDS))
        except Empty:
            self._engine.check()
            self._give_up()

    def _give_up(self) -> None:
        now = self._clock()
        late = [number for number, deadline in self._running.items() if now > deadline + _GRACE_SECONDS]
        for number in late:
            del self._running[number]
            self._tally.fail(TrackDeadlineError.reason)

    def _end(self, completion: Completion) -> None:
        # One that was given up may still end; it is counted already.
        if self._running.pop(completion.ticket.offset, None) is None:
            return
        result = completion.result
        if isinstance(result, TrackLabelled):
            self._tally.judge(result.track_id, opinion_of(result))
        elif disposition(result) is Disposition.FATAL:
            raise result
        else:
            self._tally.fail(reason(result))
