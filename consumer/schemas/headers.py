"""Describes the headers of our retries and dead letters, as a reader sees them decoded from UTF-8.

`consumer.loop.provenance` writes them; a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Decimal = Annotated[str, Field(pattern=r"^-?[0-9]+$")]


def _with_hyphens(name: str) -> str:
    return name.replace("_", "-")


class _FailureHeaders(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=_with_hyphens)

    reason: Annotated[str, Field(description="Stable word for why the last attempt failed.")]
    error_class: Annotated[str, Field(description="Class of the exception.")]
    error_message: Annotated[str, Field(max_length=1_024, description="Its text.")]
    topic: Annotated[str, Field(description="Input topic in which the event first arrived.")]
    partition: Annotated[Decimal, Field(description="Its partition.")]
    offset: Annotated[Decimal, Field(description="Its offset.")]
    timestamp: Annotated[Decimal, Field(description="The broker's time of that record, ms since the epoch.")]
    first_failed_at: Annotated[AwareDatetime, Field(description="When the first attempt failed.")]


class DeadLetterHeaders(_FailureHeaders):
    """Our headers of a dead letter, after the upload's own; the value is the upload's original bytes."""

    attempts: Annotated[Decimal, Field(description="Deliveries made.")]
    failed_at: Annotated[AwareDatetime, Field(description="When the last attempt failed.")]
    event_id: Annotated[
        str | None,
        Field(description="Which of the record's events failed, where it could be read and its id is short."),
    ] = None
    truncated: Annotated[
        Decimal | None,
        Field(description="Bytes of the original value, where the topic could not take it whole."),
    ] = None
    replay_id: Annotated[
        str | None, Field(description="The replay that read it, where it was not a worker of the live group.")
    ] = None


class RetryHeaders(_FailureHeaders):
    """Our headers of an event that waits in a retry topic, after the upload's own."""

    key: Annotated[str, Field(description="Key of that record; empty where it had none.")]
    attempt: Annotated[Decimal, Field(description="Number of the coming delivery, 2 or more.")]
    not_before: Annotated[AwareDatetime, Field(description="When the coming delivery is due.")]
