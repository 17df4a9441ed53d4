"""Turns any exception into what to do about it: retry later, dead-letter the track, or end the worker."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar, Final

from featurizer.errors import AudioError, DeviceUnavailableError, FeaturizerError, SetupError
from modelzoo.errors import ModelError


class ConsumerError(Exception):
    """Root of this package's errors; `reason` is a stable snake_case word for metrics and dead letters."""

    reason: ClassVar[str] = "consumer_error"


class EventError(ConsumerError):
    """A message cannot be understood as an upload."""

    reason: ClassVar[str] = "bad_event"


class InvalidEventError(EventError):
    """Not JSON, or a field is missing or of the wrong type."""

    reason: ClassVar[str] = "invalid_event"


class UnsupportedSchemaVersionError(EventError):
    """The event's schema version is newer than this worker."""

    reason: ClassVar[str] = "unsupported_schema_version"


class InvalidFeatureRecordError(EventError):
    """A record of the feature log is cut short, damaged, or holds what no track has."""

    reason: ClassVar[str] = "invalid_feature_record"


class OtherFeaturesError(EventError):
    """A record of the feature log holds features of another spec than the model's."""

    reason: ClassVar[str] = "other_features"


class FetchError(ConsumerError):
    """The audio could not be fetched."""

    reason: ClassVar[str] = "fetch_error"


class ForbiddenUriError(FetchError):
    """The settings do not allow this scheme, host, bucket, prefix, root or address."""

    reason: ClassVar[str] = "forbidden_uri"


class AudioNotFoundError(FetchError):
    """Nothing is stored under the URI."""

    reason: ClassVar[str] = "not_found"


class FetchDeniedError(FetchError):
    """The store refuses our credentials for this object."""

    reason: ClassVar[str] = "fetch_denied"


class AudioTooLargeError(FetchError):
    """The object has more bytes than the configured limit."""

    reason: ClassVar[str] = "too_large"


class FetchFailedError(FetchError):
    """The store answered in a way that another try will not change (a redirect loop, a 4xx)."""

    reason: ClassVar[str] = "fetch_failed"


class FetchUnavailableError(FetchError):
    """The store failed in a way that passes: 5xx, throttling, a connection cut or refused."""

    reason: ClassVar[str] = "fetch_unavailable"


class FetchTimeoutError(FetchUnavailableError):
    """The store did not deliver within the time limit."""

    reason: ClassVar[str] = "fetch_timeout"


class DecoderError(ConsumerError):
    """A decoding child did not survive its track."""

    reason: ClassVar[str] = "decoder_error"


class DecoderCrashedError(DecoderError):
    """The decoding child died on this track (a signal, an unexpected exit)."""

    reason: ClassVar[str] = "decoder_crashed"


class DecoderHungError(DecoderError):
    """The decoding child made no end of this track within its time limit and was killed."""

    reason: ClassVar[str] = "decoder_hung"


class DecoderOutOfMemoryError(DecoderError):
    """The decoding child outgrew its memory limit on this track."""

    reason: ClassVar[str] = "decoder_out_of_memory"


class TrackDeadlineError(ConsumerError):
    """The track did not end within its deadline, for whatever reason."""

    reason: ClassVar[str] = "deadline"


class ResultTooLargeError(ConsumerError):
    """A label is larger than its topic takes, even without its timeline."""

    reason: ClassVar[str] = "result_too_large"


class UnexpectedError(ConsumerError):
    """A bug of ours: an exception that no stage names."""

    reason: ClassVar[str] = "unexpected"


class FatalError(ConsumerError):
    """The worker cannot go on; `exit_status` lets an orchestrator tell the causes apart."""

    reason: ClassVar[str] = "fatal"
    exit_status: ClassVar[int] = 1


class SettingsError(FatalError):
    """A setting is missing, mistyped or contradicts another."""

    reason: ClassVar[str] = "bad_settings"
    exit_status: ClassVar[int] = 2


class TwinFencedError(FatalError):
    """Another living worker uses the same transactional.id: fenced twice within a minute."""

    reason: ClassVar[str] = "fenced_by_twin"
    exit_status: ClassVar[int] = 3


class BrokerAuthorizationError(FatalError):
    """The broker refuses our credentials or our access to a topic, group or transactional.id."""

    reason: ClassVar[str] = "broker_authorization"
    exit_status: ClassVar[int] = 5


class DecodersUnavailableError(FatalError):
    """Decoding children die as soon as they start: no track can be worked on."""

    reason: ClassVar[str] = "decoders_unavailable"


class KernelBuildError(FatalError):
    """The CPU kernels could not be compiled, or not be written where they should be."""

    reason: ClassVar[str] = "kernel_build"


class BrokerUnavailableError(FatalError):
    """The broker cannot be reached, or a topic is missing, and the command cannot wait for it."""

    reason: ClassVar[str] = "broker_unavailable"


class OffsetsLostError(FatalError):
    """The group's committed offsets point outside the topic: going on would lose or repeat uploads."""

    reason: ClassVar[str] = "offsets_lost"


MODEL_EXIT_STATUS: Final = 4
"""Exit status where the model, its fingerprint or its device is the cause."""


class Disposition(Enum):
    """What to do about an exception that ended a track or the worker."""

    RETRY = "retry"
    DEAD_LETTER = "dead_letter"
    FATAL = "fatal"


DISPOSITIONS: Final[dict[type[BaseException], Disposition]] = {
    EventError: Disposition.DEAD_LETTER,
    ForbiddenUriError: Disposition.DEAD_LETTER,
    AudioNotFoundError: Disposition.DEAD_LETTER,
    FetchDeniedError: Disposition.DEAD_LETTER,
    AudioTooLargeError: Disposition.DEAD_LETTER,
    FetchFailedError: Disposition.DEAD_LETTER,
    FetchUnavailableError: Disposition.RETRY,
    FetchError: Disposition.RETRY,
    AudioError: Disposition.DEAD_LETTER,
    # A decoder may die of the machine's troubles as well as of the file's: retries count against the event.
    DecoderError: Disposition.RETRY,
    TrackDeadlineError: Disposition.RETRY,
    ResultTooLargeError: Disposition.DEAD_LETTER,
    UnexpectedError: Disposition.RETRY,
    ConsumerError: Disposition.RETRY,
    FatalError: Disposition.FATAL,
    DeviceUnavailableError: Disposition.FATAL,
    SetupError: Disposition.FATAL,
    FeaturizerError: Disposition.RETRY,
    ModelError: Disposition.FATAL,
}
"""The nearest class in an exception's method resolution order decides."""


def disposition(error: BaseException) -> Disposition:
    """Look up what to do about `error`; what no row names is a bug of ours and is retried."""
    for cls in type(error).__mro__:
        if cls in DISPOSITIONS:
            return DISPOSITIONS[cls]
    return Disposition.RETRY


def reason(error: BaseException) -> str:
    """Give the stable word for `error` that metrics, dead letters and JSON output carry."""
    return str(getattr(error, "reason", UnexpectedError.reason))


def track_reasons() -> frozenset[str]:
    """Give the reason of every error that may end a track in the dead letters."""
    found: set[str] = set()
    waiting = [cls for cls, what in DISPOSITIONS.items() if what is not Disposition.FATAL]
    while waiting:
        cls = waiting.pop()
        if DISPOSITIONS.get(cls) is not Disposition.FATAL:
            found.add(str(getattr(cls, "reason", UnexpectedError.reason)))
            waiting.extend(cls.__subclasses__())
    return frozenset(found)


def exit_status(error: BaseException) -> int:
    """Give the process's exit status for a fatal error."""
    if isinstance(error, FatalError):
        return error.exit_status
    if isinstance(error, SetupError):
        return SettingsError.exit_status
    if isinstance(error, ModelError | DeviceUnavailableError):
        return MODEL_EXIT_STATUS
    return 1
