"""Checks the allow-lists: what an entry allows, and entries that are no entries."""

from __future__ import annotations

import pytest

from consumer.config import FetchSettings
from consumer.errors import SettingsError
from consumer.fetch import Fetcher
from consumer.fetch.allow import HostAllowList, StoreAllowList, normal_host


@pytest.mark.parametrize("entry", ["s3://music/masters", "s3://music/masters/"])
def test_prefix_allows_itself_and_what_lies_below_and_no_sibling(entry: str) -> None:
    allowed = StoreAllowList.parse((entry,))
    assert allowed.allows("s3", "music", "masters/a/b.mp3")
    assert allowed.allows("s3", "music", "masters")
    for other in (("s3", "music", "masters2/a"), ("s3", "music", "a"), ("s3", "music2", "masters/a")):
        assert not allowed.allows(*other)
    assert not allowed.allows("gs", "music", "masters/a")


@pytest.mark.parametrize("entry", ["gs://music", "gs://music/"])
def test_bucket_allows_all_its_keys(entry: str) -> None:
    assert StoreAllowList.parse((entry,)).allows("gs", "music", "any/key")


def test_host_without_a_port_stands_for_the_port_of_the_scheme() -> None:
    allowed = HostAllowList.parse(
        ("Media.Example.", "media.example:8443", "[2001:DB8::1]:80", "bücher.example")
    )
    assert allowed.allows("https", "media.example", 443)
    assert allowed.allows("http", "media.example", 80)
    assert allowed.allows("https", "media.example", 8443)
    assert allowed.allows("http", "2001:db8::1", 80)
    assert allowed.allows("https", "xn--bcher-kva.example", 443)
    assert not allowed.allows("http", "media.example", 443)
    assert not allowed.allows("https", "media.example", 22)
    assert not allowed.allows("https", "evil.media.example", 443)
    assert not allowed.allows("https", "media.example.evil", 443)


def test_hosts_have_one_spelling_or_none() -> None:
    assert normal_host("EXAMPLE.com.") == "example.com"
    assert normal_host("[2001:DB8:0::1]") == "2001:db8::1"
    for malformed in ("", ".", "a..b", "-a", "a%00", "a b", "a/b", "x" * 300, "exa%6dple.com"):
        assert normal_host(malformed) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"object_stores": ("music",)},
        {"object_stores": ("https://music/",)},
        {"object_stores": ("s3://",)},
        {"object_stores": ("s3://music/a/../b",)},
        {"object_stores": ("s3://user@music/",)},
        {"http_hosts": ("https://media.example",)},
        {"http_hosts": ("media.example:99999",)},
        {"http_hosts": ("*.example",)},
        {"http_hosts": ("",)},
        {"http_hosts": ("\ud800",)},
    ],
)
def test_entries_that_cannot_be_understood_are_bad_settings(settings: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(SettingsError, match="bad setting: fetch"):
        Fetcher(FetchSettings.model_construct(**{**FetchSettings().model_dump(), **settings}))
