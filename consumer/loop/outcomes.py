"""Turns how a track ended into the one record that says so, and its features into one beside it.

Sizes are settled here, before any transaction begins, because one record that the broker refuses aborts
its whole transaction, and would again for ever. What the broker refuses nevertheless (its limit is lower
than our settings believe) is made smaller step by step by `shrink`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from consumer.config import Settings
from consumer.errors import Disposition, ResultTooLargeError, SettingsError, disposition, reason
from consumer.events import Status, TrackLabelled
from consumer.feature_codec import encode_features
from consumer.feature_record import TrackFeatures
from consumer.jobs import InputRecord, OutputRecord
from consumer.loop.adapters import Upload
from consumer.loop.provenance import Provenance, dead_letter_headers, retry_headers

_BARE_HEADERS_BYTES: Final = 8 * 1024
"""More than our own headers ever take; a dead letter of this size fits any topic that takes uploads."""


class Ending(StrEnum):
    """How an event ended; the values are the metric's."""

    LABELLED = "labelled"
    ABSTAINED = "abstained"
    RETRIED = "retried"
    DEAD_LETTERED = "dead_lettered"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """One event on its way: its record, its past, and itself (null where the record is unreadable)."""

    record: InputRecord
    provenance: Provenance
    upload: Upload | None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The one end of one delivery of one event, ready to be produced.

    Attributes
    ----------
    output : OutputRecord or None
        What says so; null for a record without events, which is only counted.
    also : tuple of OutputRecord
        What is visible if and only if `output` is: a labelled track's features, where they are kept.
    left_out : str
        Why its features are not among them though they are kept: `too_large` or `refused`; else empty.
    reason : str
        Stable word for metrics: why it failed or the model abstained, empty for a label.
    label : TrackLabelled or None
        What was labelled.
    error : BaseException or None
        What went wrong.
    settled_at : float
        Monotonic seconds at which the event ended.
    dispatched_at : float or None
        Monotonic seconds at which the engine got it; null where it never did, or what said its end was
        made smaller.
    """

    ending: Ending
    reason: str
    case: Case
    output: OutputRecord | None
    settled_at: float
    label: TrackLabelled | None = None
    error: BaseException | None = None
    also: tuple[OutputRecord, ...] = ()
    left_out: str = ""
    dispatched_at: float | None = None

    @property
    def outputs(self) -> tuple[OutputRecord, ...]:
        """All that is to be produced, in one transaction where there are any."""
        return self.also if self.output is None else (self.output, *self.also)

    @property
    def size_bytes(self) -> int:
        """Bytes of all that is to be produced."""
        return sum(output.size_bytes for output in self.outputs)


class Settler:
    """Makes outcomes by the settings' topics, limits and number of attempts.

    Parameters
    ----------
    settings : Settings
        Topics and limits.
    clock : Callable[[], float]
        Monotonic seconds.
    wall_clock : Callable[[], float]
        Seconds since the epoch, for headers.
    """

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float], wall_clock: Callable[[], float]
    ) -> None:
        self._topics = settings.topics
        self._max_attempts = settings.worker.max_attempts
        self._clock = clock
        self._wall_clock = wall_clock

    def settle(
        self, case: Case, result: TrackLabelled | BaseException, *, features: TrackFeatures | None = None
    ) -> Outcome:
        """Give the outcome of a delivery that ended in a label or an exception that is not fatal.

        `features` go to the feature log beside the label.
        """
        if isinstance(result, TrackLabelled):
            outcome = self._label(case, result)
            return outcome if features is None else self._with_features(outcome, features)
        if disposition(result) is Disposition.RETRY:
            return self._retry(case, result)
        return self._dead_letter(case, result)

    def skip(self, case: Case, skip_reason: str) -> Outcome:
        """Give the outcome of a record that holds no event."""
        return Outcome(Ending.SKIPPED, skip_reason, case, output=None, settled_at=self._clock())

    def shrink(self, outcome: Outcome, *, refused: OutputRecord | None = None) -> Outcome:
        """Give a smaller outcome in the place of one of which the broker refused a record as too large.

        `refused` is that record, `outcome.output` where null. Features are left out: a track does not fail
        for them. A label loses its timeline, then becomes a dead letter; so does a retry; a dead letter is
        cut to the size of a message, then to its headers.

        Raises
        ------
        SettingsError
            Not even the bare dead letter was taken: the topic cannot serve.
        """
        case, error = outcome.case, outcome.error
        if refused is not None and refused in outcome.also:
            return replace(outcome, also=(), left_out="refused")
        if outcome.label is not None:
            if outcome.label.windows.timeline is not None:
                smaller = self._label(case, outcome.label.without_timeline())
                if smaller.label is None:
                    return smaller
                return replace(smaller, also=outcome.also, left_out=outcome.left_out)
            return self._dead_letter(case, _too_large(outcome.label))
        if error is None or outcome.output is None:
            raise ValueError("only what was produced can be refused")
        if outcome.ending is Ending.RETRIED:
            return self._dead_letter(case, error)
        refused_bytes = outcome.output.size_bytes
        for limit in (self._topics.max_message_bytes // 2, _BARE_HEADERS_BYTES):
            if limit < refused_bytes:
                return self._dead_letter(case, error, max_bytes=limit)
        raise SettingsError(
            f"the topic refuses even a dead letter of {refused_bytes} bytes: "
            f"topic={self._topics.dead_letters!r}: raise its max.message.bytes"
        )

    def _label(self, case: Case, label: TrackLabelled) -> Outcome:
        for candidate in (label, label.without_timeline()):
            output = OutputRecord(
                self._topics.labels,
                key=label.track_id.encode(),
                value=candidate.encode(),
                headers=case.provenance.for_results,
            )
            if output.size_bytes <= self._topics.max_message_bytes:
                return self._labelled(case, output, candidate)
        return self._dead_letter(case, _too_large(label))

    def _with_features(self, outcome: Outcome, features: TrackFeatures) -> Outcome:
        """Add the record of the feature log to a label; a track that became a dead letter keeps nothing."""
        if outcome.label is None:
            return outcome
        try:
            value = encode_features(features)
        except ValueError:
            return replace(outcome, left_out="too_large")  # a text of 64 KiB and more
        record = OutputRecord(
            self._topics.features,
            key=features.track_id.encode(),
            value=value,
            headers=outcome.case.provenance.for_results,
        )
        if record.size_bytes > self._topics.max_feature_bytes:
            return replace(outcome, left_out="too_large")
        return replace(outcome, also=(record,))

    def _labelled(self, case: Case, output: OutputRecord, label: TrackLabelled) -> Outcome:
        ending = Ending.LABELLED if label.status is Status.LABELLED else Ending.ABSTAINED
        why = label.abstain_reason or ""
        return Outcome(ending, why, case, output, settled_at=self._clock(), label=label)

    def _retry(self, case: Case, error: BaseException) -> Outcome:
        attempt = case.provenance.attempt
        retries = self._topics.retries
        if case.upload is None or not retries or attempt >= self._max_attempts:
            return self._dead_letter(case, error)
        retry = retries[min(attempt, len(retries)) - 1]
        now = self._wall_clock()
        output = OutputRecord(
            retry.topic,
            key=case.upload.event.track_id.encode(),
            value=case.upload.wire,
            headers=retry_headers(case.provenance, error, now=now, not_before=now + retry.delay_seconds),
        )
        if output.size_bytes > self._topics.max_message_bytes:
            return self._dead_letter(case, error)
        return self._failed(Ending.RETRIED, case, output, error)

    def _dead_letter(self, case: Case, error: BaseException, *, max_bytes: int | None = None) -> Outcome:
        whole = OutputRecord(
            self._topics.dead_letters,
            key=case.provenance.origin.key,
            value=case.record.value,
            headers=dead_letter_headers(
                case.provenance,
                error,
                now=self._wall_clock(),
                event_id=case.upload.event.event_id if case.upload else None,
            ),
        )
        limit = self._topics.max_dead_letter_bytes if max_bytes is None else max_bytes
        output = whole if whole.size_bytes <= limit else _truncated(whole, case=case, limit=limit)
        return self._failed(Ending.DEAD_LETTERED, case, output, error)

    def _failed(self, ending: Ending, case: Case, output: OutputRecord, error: BaseException) -> Outcome:
        return Outcome(ending, reason(error), case, output, settled_at=self._clock(), error=error)


def _too_large(label: TrackLabelled) -> ResultTooLargeError:
    size_bytes = len(label.without_timeline().encode())
    return ResultTooLargeError(
        f"the label has {size_bytes} bytes without its timeline: raise max.message.bytes of the labels' topic"
    )


def _truncated(whole: OutputRecord, *, case: Case, limit: int) -> OutputRecord:
    """Cut the value to what `limit` bytes leave; the upload's key and headers only where they fill it."""
    value = whole.value or b""
    note = ("truncated", str(len(value)).encode())
    key = whole.key and whole.key[: limit // 4]
    bare = OutputRecord(whole.topic, key, None, (*whole.headers, note))
    if bare.size_bytes > limit // 2:
        ours = whole.headers[len(case.provenance.carried) :]
        bare = OutputRecord(whole.topic, key, None, (*ours, note))
    room = max(0, limit - bare.size_bytes)
    return OutputRecord(whole.topic, key, value[:room], bare.headers)
