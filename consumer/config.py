"""Turns TOML and `GENRESTREAM_...` environment variables into one frozen, validated settings tree."""

from __future__ import annotations

import os
import tomllib
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import (
    SettingsError as PydanticSettingsError,
)

from consumer.errors import SettingsError
from consumer.model_settings import ModelSettings
from consumer.settings_section import Section, mask
from consumer.topic_settings import TopicSettings
from consumer.trace_settings import TraceSettings
from consumer.window_settings import EarlyStopSettings, Policy
from featurizer.window_policy import ALL

_toml_file: ContextVar[Path | None] = ContextVar("toml_file", default=None)

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Bytes = Annotated[int, Field(ge=1)]


class Delivery(StrEnum):
    """How results and offsets are committed."""

    EXACTLY_ONCE = "exactly_once"
    AT_LEAST_ONCE = "at_least_once"


class KafkaSettings(Section):
    """The broker, the group and the delivery guarantee."""

    bootstrap_servers: str = "127.0.0.1:9092"
    group: Annotated[str, Field(min_length=1)] = "genrestream"
    delivery: Delivery = Delivery.EXACTLY_ONCE
    group_protocol: Literal["classic", "consumer"] = "classic"
    transactional_id: str | None = None
    """Unique among living workers; `<group>-<host name>-<slot>` where null."""
    slot: Annotated[int, Field(ge=0)] = 0
    """Tells workers on one host apart in the default transactional.id."""
    session_timeout_seconds: Positive = 45.0
    max_poll_interval_seconds: Positive = 300.0
    transaction_timeout_seconds: Positive = 15.0
    properties: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Any librdkafka properties (TLS, SASL, OAuth, fetch sizes) for every client; they win over ours."""
    consumer_properties: dict[str, str | int | float | bool] = Field(default_factory=dict)
    producer_properties: dict[str, str | int | float | bool] = Field(default_factory=dict)


class FetchSettings(Section):
    """Where audio may come from, and how much and how long."""

    file_roots: tuple[Path, ...] = ()
    """`file:` URIs are allowed below these folders only, symbolic links resolved."""
    object_stores: tuple[str, ...] = ()
    """Allowed prefixes, as `s3://bucket/` or `gs://bucket/masters/`; none are allowed where empty."""
    http_hosts: tuple[str, ...] = ()
    """Allowed hosts (`host` or `host:port`) of http(s) URIs."""
    allow_private_addresses: bool = False
    """Lets http(s) reach private and loopback addresses: for tests and closed networks only."""
    store_options: dict[str, SecretStr] = Field(default_factory=dict)
    """Options of the object-store client (`endpoint`, `region`, `access_key_id` ...), applied to s3."""
    max_bytes: Bytes = 512 * 1024 * 1024
    timeout_seconds: Positive = 60.0
    """Limit for one track's whole fetch, in-process retries included."""
    attempts: Count = 3
    """Tries in-process, with jittered exponential backoff, before a retry topic is used."""
    part_bytes: Bytes = 4 * 1024 * 1024
    """Size of one ranged read."""
    spool_dir: Path | None = None
    """Folder for fetched audio while it is decoded; the system's temporary folder where null."""


class DecodeSettings(Section):
    """The decoding children."""

    processes: Annotated[int, Field(ge=0)] = 0
    """Children; 0 means one a core."""
    max_duration_seconds: Positive = 4 * 3_600.0
    timeout_seconds: Positive = 120.0
    """A child that works longer on one track, fetch excluded, is killed."""
    max_memory_bytes: Bytes = 3 * 1024**3
    """A child that outgrows this address-space growth or resident size is ended."""
    window_policy: Policy = ALL
    """Which windows of a track are used: `all`, `first:N` or `spread:N`, N evenly over the track."""


class BatchSettings(Section):
    """Windows of many tracks share one batch, by size or wait."""

    max_windows: Count = 256
    max_wait_seconds: Annotated[float, Field(ge=0)] = 0.005


class WorkerSettings(Section):
    """Limits of one worker."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    max_in_flight: Count = 64
    """Credits: tracks dispatched and not yet ended, over all partitions.

    Decoded audio needs none of its own: a child holds one track, and shares two slabs of 4 MiB at most.
    """
    max_in_flight_per_partition: Count = 32
    max_backlog_per_partition: Count = 256
    """Records received and not yet committed before a partition is paused; half of it resumes."""
    track_deadline_seconds: Positive = 240.0
    """From dispatch: a track that has not ended by then is retried or dead-lettered."""
    flush_interval_seconds: Positive = 0.2
    flush_records: Count = 500
    flush_bytes: Bytes = 4 * 1024 * 1024
    feature_log: bool = False
    """Whether each track's window features are published too, in the transaction of its label."""
    drain_seconds: Positive = 30.0
    """Budget for finishing what was started when SIGTERM arrives."""
    max_attempts: Count = 4
    """Deliveries of one event, the first included, before it is dead-lettered."""


class ServeSettings(Section):
    """Where `/metrics`, `/healthz` and `/readyz` listen."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9_464
    """0 takes a free port."""


class LogSettings(Section):
    """How the worker speaks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    """`auto`: console on a terminal, JSON in a pipe."""


class Settings(BaseSettings):
    """Everything that can be set, by TOML file and then by environment (`GENRESTREAM_KAFKA__GROUP=...`)."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="GENRESTREAM_",
        env_nested_delimiter="__",
    )

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    fetch: FetchSettings = FetchSettings()
    decode: DecodeSettings = DecodeSettings()
    early_stop: EarlyStopSettings = EarlyStopSettings()
    model: ModelSettings = ModelSettings()
    batch: BatchSettings = BatchSettings()
    worker: WorkerSettings = WorkerSettings()
    serve: ServeSettings = ServeSettings()
    log: LogSettings = LogSettings()
    trace: TraceSettings = TraceSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: command line first, then environment, then TOML."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=_toml_file.get())
        return (init_settings, env_settings, toml)


def load_settings(path: Path | None = None, *, overrides: dict[str, Any] | None = None) -> Settings:
    """Read settings from a TOML file, then the environment, then `overrides`; the later wins, leaf by leaf.

    Parameters
    ----------
    path : Path, optional
        The file; `GENRESTREAM_CONFIG` names it where this is null, and neither means no file.
    overrides : dict, optional
        A tree of what the command line says, as `{"kafka": {"group": "genrestream"}}`.

    Raises
    ------
    SettingsError
        The file is missing or not TOML, or a setting is unknown, mistyped or contradicts another.
    """
    named = os.environ.get("GENRESTREAM_CONFIG")
    file = path if path is not None else Path(named) if named else None
    if file is not None and not file.is_file():
        raise SettingsError(f"settings file not found: path={str(file)!r}")
    token = _toml_file.set(file)
    try:
        return Settings(**(overrides or {}))
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"settings file is not TOML: path={str(file)!r}: {exc}") from exc
    except (ValidationError, PydanticSettingsError) as exc:
        raise SettingsError(_first_problem(exc)) from exc
    finally:
        _toml_file.reset(token)


def _first_problem(error: ValidationError | PydanticSettingsError) -> str:
    if not isinstance(error, ValidationError):
        return f"bad setting: {error}"
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"bad setting: {where}: {problem['msg']}"


def printable(settings: Settings) -> dict[str, Any]:
    """Give the settings as JSON-ready data with every secret masked, librdkafka's properties included."""
    masked: dict[str, Any] = mask(settings.model_dump(mode="json"))
    return masked
