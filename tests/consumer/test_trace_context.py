"""The trace of an upload is read as the W3C's standard says, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from consumer.trace_context import TraceContext, trace_context_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01".encode()


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (GOOD, True),
        (f"00-{TRACE}-{SPAN}-00".encode(), False),
        (f"00-{TRACE}-{SPAN}-03".encode(), True),
        (f" 00-{TRACE}-{SPAN}-01 ".encode(), True),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later".encode(), True),
    ],
)
def test_a_traceparent_names_trace_span_and_whether_it_is_sampled(value: bytes, sampled: bool) -> None:
    assert trace_context_of((("traceparent", value),)) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff\xfe",
        GOOD.upper(),
        GOOD[:-1],
        GOOD + b"-more",
        b"ff" + GOOD[2:],
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        b"cc" + GOOD[2:] + b"-" + b"x" * 10_000,
    ],
)
def test_what_is_no_traceparent_names_nothing(value: bytes | None) -> None:
    assert trace_context_of((("traceparent", value),)) is None


def test_a_cloud_events_extension_counts_where_there_is_no_other_and_names_have_any_case() -> None:
    other = GOOD.replace(b"4bf9", b"5bf9")
    assert trace_context_of((("ce_traceparent", GOOD),)) == TraceContext(TRACE, SPAN, sampled=True)
    found = trace_context_of((("ce_traceparent", other), ("Traceparent", GOOD)))
    assert found is not None
    assert found.trace_id == TRACE
    assert trace_context_of((("xtraceparent", GOOD),)) is None
