"""Checks the reading of URIs that anyone may have written."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.errors import ForbiddenUriError
from consumer.fetch.uris import FileLocation, ObjectLocation, WebLocation, locate, shown


def test_object_uri_gives_the_decoded_key_and_then_the_literal_one() -> None:
    assert locate("s3://b/100%25%20love+hate.mp3") == ObjectLocation(
        "s3", "b", ("100% love+hate.mp3", "100%25%20love+hate.mp3")
    )
    assert locate("GS://b/a b.mp3") == ObjectLocation("gs", "b", ("a b.mp3",))
    assert locate("az://b/tr%C3%BCck#1?.mp3") == ObjectLocation(
        "az", "b", ("trück#1?.mp3", "tr%C3%BCck#1?.mp3")
    )


def test_a_uri_that_says_how_it_is_spelled_has_one_reading() -> None:
    uri = "s3://b/100%25%20love+hate.mp3"
    assert locate(uri, spelling="encoded") == ObjectLocation("s3", "b", ("100% love+hate.mp3",))
    assert locate(uri, spelling="literal") == ObjectLocation("s3", "b", ("100%25%20love+hate.mp3",))
    assert locate("s3://b/%ff", spelling="literal") == ObjectLocation("s3", "b", ("%ff",))
    assert locate("file:///a%20b", spelling="encoded") == FileLocation((b"/a b",))
    assert locate("file:///a%20b", spelling="literal") == FileLocation((b"/a%20b",))


def test_web_uri_is_left_to_its_client() -> None:
    assert locate("https://h/a?b") == WebLocation("https://h/a?b")


def test_messages_show_no_secrets_and_no_line_breaks() -> None:
    text = shown("https://user:pw@host/track.mp3?X-Amz-Signature=abc#frag")
    assert text == "'https://***@host/track.mp3?***'"
    assert shown("s3://b/a\nb\x1b[31m").isprintable()
    assert shown("s3://b/\u202ea\ud800").isascii()
    assert len(shown("s3://b/" + "x" * 9_000)) < 250


def test_userinfo_that_holds_slashes_or_ats_is_masked() -> None:
    for uri in ("https://user:p@w@host/", "https://user:pw@host?x"):
        assert "pw" not in shown(uri)
        assert "p@w" not in shown(uri)


@settings(max_examples=60, deadline=None)  # the machine's load is not what is tested
@given(
    st.text(max_size=40), st.sampled_from(["s3://b/", "file:///", "http://", "gs:", "file://", "", "az://"])
)
def test_any_text_is_located_or_refused(text: str, prefix: str) -> None:
    with contextlib.suppress(ForbiddenUriError):
        location = locate(prefix + text)
        match location:
            case ObjectLocation(scheme, bucket, keys):
                assert bucket
                for key in keys:
                    key.encode()
                    assert not {".", ".."} & set(key.split("/"))
                    assert scheme == "s3" or "" not in key.split("/")
            case FileLocation(paths):
                assert all(path.startswith(b"/") and b"\0" not in path for path in paths)


@pytest.mark.parametrize("uri", ["s3://b/\x7f", "http://h/\r\nX: y", "file:///a\u2028b"])
def test_control_characters_are_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(ForbiddenUriError) as caught:
        locate(uri)
    assert str(caught.value).isprintable()
