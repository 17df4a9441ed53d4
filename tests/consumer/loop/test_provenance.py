"""What retries write into headers is what their consumer reads, and the upload's own headers survive."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.errors import FetchTimeoutError
from consumer.jobs import Headers, OutputRecord, TopicPartition
from consumer.loop.provenance import (
    Origin,
    Provenance,
    provenance_of_retry,
    provenance_of_upload,
    retry_headers,
)
from tests.consumer.records import NOW, RETRIES, as_consumed, upload_record

NAMES = st.sampled_from(["traceparent", "reason", "attempt", "not-before", "key", "x"])
HEADERS = st.lists(st.tuples(NAMES, st.binary(max_size=5)), max_size=6).map(tuple)


@settings(max_examples=50)
@given(headers=HEADERS, attempt=st.integers(1, 50), key=st.none() | st.binary(min_size=1, max_size=4))
def test_a_retry_is_read_as_it_was_written_whatever_headers_the_upload_has(
    headers: Headers, attempt: int, key: bytes | None
) -> None:
    origin = Origin(TopicPartition("uploads", 3), 1_234, key, timestamp_ms=99)
    before = Provenance(origin, attempt, not_before=0.0, first_failed_at=NOW - 60.0, carried=headers)
    written = retry_headers(before, FetchTimeoutError("x"), now=NOW, not_before=NOW + 30.0)
    after = provenance_of_retry(as_consumed(OutputRecord(RETRIES.topic, b"t", b"v", written)))
    assert after == Provenance(
        origin, attempt + 1, not_before=NOW + 30.0, first_failed_at=NOW - 60.0, carried=headers
    )


def test_an_upload_cannot_pretend_to_be_a_retry() -> None:
    record = upload_record(headers=(("attempt", b"99"), ("not-before", b"2999-01-01T00:00:00Z")))
    provenance = provenance_of_upload(record)
    assert (provenance.attempt, provenance.not_before) == (1, 0.0)
    assert provenance.carried == record.headers


@settings(max_examples=40)
@given(headers=HEADERS)
def test_a_retry_without_a_readable_block_of_ours_counts_as_a_first_delivery(headers: Headers) -> None:
    record = upload_record(8, headers=headers, place=RETRIES)
    provenance = provenance_of_retry(record)
    assert (provenance.attempt, provenance.origin.offset) == (1, 8)


def test_a_result_carries_all_headers_but_those_that_make_a_message_a_cloud_event() -> None:
    ours = (("traceparent", b"00-a"), ("ce_tenant", b"blue"), ("content-type", b"application/json"))
    envelope = (("ce_id", b"1"), ("CE_Type", b"t"), ("Content-Type", b" Application/CloudEvents+json"))
    odd: Headers = (("x", None), ("content-type", None))  # others may write null
    provenance = provenance_of_upload(upload_record(headers=(*envelope, *ours, *odd)))
    assert provenance.for_results == (*ours, *odd)
    assert provenance.carried == (*envelope, *ours, *odd)
