"""Turns an upload's `traceparent` header into the trace that it belongs to.

Source: W3C Trace Context, level 1, section 3.2: `version-trace_id-parent_id-flags` in lower-case hexadecimal;
of an unknown version what follows the flags is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from consumer.jobs import Headers

_TRACEPARENT: Final = re.compile(
    rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
_SAMPLED: Final = 0x01
_MAX_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A trace and its span that sent the upload, both in hexadecimal; whether it is recorded."""

    trace_id: str
    span_id: str
    sampled: bool


def trace_context_of(headers: Headers) -> TraceContext | None:
    """Give the trace that an upload's headers name; null where they name none, or not as the standard says.

    CloudEvents' extension `ce_traceparent` counts where there is no `traceparent`.
    """
    found = {name.lower(): value for name, value in headers if name.lower().endswith("traceparent")}
    return _parse(found.get("traceparent")) or _parse(found.get("ce_traceparent"))


def _parse(value: bytes | None) -> TraceContext | None:
    if value is None or len(value) > _MAX_BYTES:
        return None
    match = _TRACEPARENT.fullmatch(value.strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == b"ff" or (version == b"00" and rest) or not trace_id.strip(b"0") or not span_id.strip(b"0"):
        return None
    return TraceContext(trace_id.decode(), span_id.decode(), bool(int(flags, 16) & _SAMPLED))
