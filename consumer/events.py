"""Turns the messages on the wire into typed events and back: track uploads in, track labels out."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from consumer.errors import InvalidEventError, UnsupportedSchemaVersionError

SCHEMA_VERSION: Final = 1
"""Newest version of the wire contract that this code understands; additive changes do not raise it."""

MAX_ID_LENGTH: Final = 1_280
"""Characters of an id, which becomes a message key and a log field: an object store's `bucket/key` fits."""


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Identifier = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


class _WireModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")


Spelling = Literal["encoded", "literal"]
"""How a path or key is written: percent-encoded, or as it stands."""
AudioUri = Annotated[str, Field(min_length=1, max_length=8_192)]


class OtherReading(_WireModel):
    """What an upload is if nothing is stored under its `audio_uri`; the URI is spelled as that one."""

    track_id: Identifier
    audio_uri: AudioUri


class TrackUploaded(_WireModel):
    """A track was uploaded and wants a label.

    `audio_uri_spelling` says how to read the path in a `file:` or object store's URI: percent-encoded
    (`encoded`) or as it stands (`literal`). Where it is null, it is decoded, and read as it stands where
    nothing is found. `otherwise` is for announcements that leave open which object they mean.
    """

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    event_id: Identifier
    track_id: Identifier
    audio_uri: AudioUri
    uploaded_at: Moment
    audio_uri_spelling: Spelling | None = None
    otherwise: OtherReading | None = None
    content_type: str | None = None
    duration_seconds: Seconds | None = None
    declared_genre: Annotated[str, Field(max_length=256)] | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    def read_otherwise(self) -> TrackUploaded:
        """Give the event as its other reading has it; itself where it has none."""
        if self.otherwise is None:
            return self
        return self.model_copy(update={**dict(self.otherwise), "otherwise": None})


class Status(StrEnum):
    """What became of a track that could be scored."""

    LABELLED = "labelled"
    ABSTAINED = "abstained"


class GenreProbability(_WireModel):
    """One genre's share of a track's probability."""

    genre: str
    probability: Probability


class WindowSummary(_WireModel):
    """How a track's windows voted; `timeline` holds each window's top genre, in order of time.

    `policy` says which windows of the track were wanted (`all`, `first:N`, `spread:N`), `stopped_early` that
    decoding ended when the label had settled. `starts_seconds` holds the start of each window of the
    timeline; where it is null the windows follow one another without a gap from the track's start.
    """

    count: Annotated[int, Field(ge=1)]
    agreement: Probability
    timeline: tuple[GenreProbability, ...] | None = None
    starts_seconds: tuple[Seconds, ...] | None = None
    policy: str | None = None
    stopped_early: bool = False


class AudioSummary(_WireModel):
    """What was decoded; `sample_rate` is the source's, in Hz."""

    duration_seconds: Seconds
    codec: str
    sample_rate: Annotated[int, Field(gt=0)]
    warnings: tuple[str, ...] = ()


class DeclaredGenre(_WireModel):
    """The genre that the publisher declared, and whether the label agrees with it (null: unknown genre)."""

    genre: str
    agrees: bool | None


class ModelStamp(_WireModel):
    """Which model spoke: `features` is the name of its feature set."""

    name: str
    version: str
    features: str


class Timing(_WireModel):
    """Where a track's seconds went."""

    uploaded_at: Moment
    started_at: Moment
    labelled_at: Moment
    fetch_seconds: Seconds
    decode_seconds: Seconds
    featurize_seconds: Seconds
    score_seconds: Seconds
    wait_seconds: Seconds


class TrackLabelled(_WireModel):
    """The label of one track, or the statement that the model abstains.

    `confidence` is the calibrated probability that the top genre is right; `genres` holds every genre,
    most probable first.
    """

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    result_id: str
    event_id: Identifier
    track_id: Identifier
    status: Status
    abstain_reason: str | None = None
    genre: str | None
    confidence: Probability
    genres: tuple[GenreProbability, ...]
    windows: WindowSummary
    audio: AudioSummary
    declared: DeclaredGenre | None = None
    model: ModelStamp
    timing: Timing
    replay_id: str | None = None

    def encode(self) -> bytes:
        """Give the UTF-8 JSON that goes on the wire."""
        return self.model_dump_json().encode()

    def without_timeline(self) -> TrackLabelled:
        """Give the same label without its timeline, for a topic that refuses the whole."""
        bare = self.windows.model_copy(update={"timeline": None, "starts_seconds": None})
        return self.model_copy(update={"windows": bare})


class _Versioned(BaseModel):
    schema_version: int = SCHEMA_VERSION


def decode_upload(value: bytes | None) -> TrackUploaded:
    """Parse one `TrackUploaded` from a message's value.

    Raises
    ------
    InvalidEventError
        The value is missing, not UTF-8 JSON, or misses or mistypes a field.
    UnsupportedSchemaVersionError
        The event says a schema version newer than `SCHEMA_VERSION`, whatever else it holds.
    """
    if not value:
        raise InvalidEventError("the message has no value: expected a TrackUploaded as JSON")
    try:
        version = _Versioned.model_validate_json(value).schema_version
        if version > SCHEMA_VERSION:
            raise UnsupportedSchemaVersionError(
                f"schema_version={version} is newer than {SCHEMA_VERSION}: upgrade the worker"
            )
        return TrackUploaded.model_validate_json(value)
    except ValidationError as exc:
        raise InvalidEventError(_first_problem(exc)) from exc


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "message"
    return f"not a TrackUploaded: {where}: {problem['msg']}"


def result_id(*, event_id: str, model_sha256: str, replay_id: str | None) -> str:
    """Give the id that repeats of the same result share: SHA-256 (hex) of what makes a result itself."""
    identity = "\0".join((event_id, model_sha256, replay_id or ""))
    return hashlib.sha256(identity.encode()).hexdigest()
