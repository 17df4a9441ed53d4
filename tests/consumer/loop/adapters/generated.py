"""Draws JSON of any shape, with the words in it that the adapters look for."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = st.sampled_from(
    [
        *(
            "Records",
            "Event",
            "Key",
            "eventName",
            "eventTime",
            "s3",
            "bucket",
            "object",
            "name",
            "key",
            "size",
        ),
        *("ObjectCreated:Put", "s3:TestEvent", "eTag", "sequencer", "versionId", "specversion", "1.0", "id"),
        *("source", "type", "subject", "time", "data", "data_base64", "datacontenttype", "traceparent"),
        *("event_id", "track_id", "audio_uri", "uploaded_at", "schema_version", "2026-01-02T03:04:05Z"),
        "application/json",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=12,
)
