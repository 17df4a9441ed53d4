"""Turns settings into whether and where the spans of tracks are sent."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from consumer.settings_section import Section


class TraceSettings(Section):
    """Spans of OpenTelemetry: off without an endpoint, and then none of its libraries is loaded."""

    endpoint: str | None = None
    """A collector's URL for traces (OTLP over HTTP), as `http://127.0.0.1:4318/v1/traces`; null: no spans."""
    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the tracks recorded whose upload names no trace; one that does decides by its sampled flag."""
    service_name: Annotated[str, Field(min_length=1)] = "genrestream"
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Of each request to the collector, for its credentials."""
    timeout_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0
    """Of one request to the collector, its repeats included."""

    @field_validator("endpoint")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("expected a URL as http://127.0.0.1:4318/v1/traces")
        return value
