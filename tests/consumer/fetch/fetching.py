"""Turns a URI of a scripted web server into the bytes that a fetcher reads from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from consumer.config import FetchSettings
from consumer.fetch import Fetcher
from consumer.fetch.addresses import Resolver
from tests.consumer.fetch.serving import Site, soon

BODY = bytes(range(256)) * 400
URL_PATH = "/track.mp3"


class Resolved:
    """A resolver that gives its answers in order, the last one for ever, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def settings(site: Site, **changes: Any) -> FetchSettings:
    values = {
        "http_hosts": (site.authority, f"music.example:{site.port}"),
        "allow_private_addresses": True,
        "timeout_seconds": 5.0,
    }
    return FetchSettings(**{**values, **changes})


def fetched(
    uri: str,
    limits: FetchSettings,
    *,
    retries: list[str] | None = None,
    resolve: Resolver | None = None,
    deadline: float | None = None,
) -> bytes:
    noted = retries if retries is not None else []
    ends = deadline if deadline is not None else soon()
    fetcher = Fetcher(limits, on_retry=noted.append, resolve=resolve)
    with fetcher, fetcher.fetch(uri, deadline=ends) as audio:
        body = audio.file.read()
        assert audio.size_bytes == len(body)
        assert audio.file.fileno() > 2
        return body
