"""Turns a URI of a scripted object store into the bytes that a fetcher reads from it."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from consumer.config import FetchSettings
from consumer.events import Spelling
from consumer.fetch import Fetcher
from tests.consumer.fetch.serving import Site, soon

BODY = bytes(range(256)) * 400
PART_BYTES = 40_000
URI = "s3://music/masters/track.mp3"
URL_PATH = "/music/masters/track.mp3"


def settings(site: Site, **changes: Any) -> FetchSettings:
    options = {
        "endpoint": f"http://{site.authority}",
        "region": "us-east-1",
        "access_key_id": "reader",
        "secret_access_key": "s3cret",
    }
    values = {
        "object_stores": ("s3://music/masters/",),
        "store_options": {name: SecretStr(value) for name, value in options.items()},
        "part_bytes": PART_BYTES,
        "timeout_seconds": 5.0,
    }
    return FetchSettings(**{**values, **changes})


def fetched(
    uri: str,
    limits: FetchSettings,
    *,
    retries: list[str] | None = None,
    deadline: float | None = None,
    spelling: Spelling | None = None,
) -> bytes:
    noted = retries if retries is not None else []
    ends = deadline if deadline is not None else soon()
    fetcher = Fetcher(limits, on_retry=noted.append)
    with fetcher, fetcher.fetch(uri, deadline=ends, spelling=spelling) as audio:
        body = audio.file.read()
        assert audio.size_bytes == len(body)
        return body
