"""Tests of what a person names: files, folders, things that are not there."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from consumer.audio_files import find_audio, shown, upload, upload_of
from consumer.events import decode_upload


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def _names(paths: list[Path], *, below: Path) -> list[str]:
    return [str(found.path.relative_to(below)) for found in find_audio(paths) if found.error is None]


def test_a_folder_is_walked_in_order_by_audio_suffix_without_hidden_files(tmp_path: Path) -> None:
    _touch(
        tmp_path / "b.MP3",
        tmp_path / "a.flac",
        tmp_path / "cover.jpg",
        tmp_path / ".hidden.mp3",
        tmp_path / ".cache" / "c.mp3",
        tmp_path / "album 2" / "d.opus",
        tmp_path / "album 1" / "e.m4a",
    )

    names = _names([tmp_path], below=tmp_path)

    assert names == ["a.flac", "b.MP3", "album 1/e.m4a", "album 2/d.opus"]


def test_a_file_that_is_named_is_taken_whatever_its_name(tmp_path: Path) -> None:
    _touch(tmp_path / "notes.txt", tmp_path / ".hidden")

    assert _names([tmp_path / "notes.txt", tmp_path / ".hidden"], below=tmp_path) == ["notes.txt", ".hidden"]


def test_a_file_that_is_named_twice_is_kept_once(tmp_path: Path) -> None:
    _touch(tmp_path / "a.mp3")

    assert _names([tmp_path / "a.mp3", tmp_path, tmp_path / "." / "a.mp3"], below=tmp_path) == ["a.mp3"]


def test_a_missing_path_is_an_entry_with_its_reason(tmp_path: Path) -> None:
    (found,) = find_audio([tmp_path / "nowhere.mp3"])

    assert found.error is not None
    assert found.error.reason == "not_found"


def test_a_folder_without_audio_is_an_entry_that_says_so(tmp_path: Path) -> None:
    _touch(tmp_path / "cover.jpg")

    (found,) = find_audio([tmp_path])

    assert found.path == tmp_path
    assert "no audio" in str(found.error)


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    _touch(tmp_path / "a.mp3")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)

    assert _names([tmp_path], below=tmp_path) == ["a.mp3"]


def test_an_upload_of_a_file_survives_the_wire_and_points_at_the_real_file(tmp_path: Path) -> None:
    _touch(tmp_path / "a dir" / "trück 100% #1.mp3")
    (tmp_path / "link.mp3").symlink_to(tmp_path / "a dir" / "trück 100% #1.mp3")
    now = datetime(2030, 1, 2, tzinfo=UTC)

    event = decode_upload(
        upload_of(tmp_path / "link.mp3", declared_genre="jazz", now=now).model_dump_json().encode()
    )

    real = (tmp_path / "a dir" / "trück 100% #1.mp3").resolve()
    assert event.audio_uri == real.as_uri()
    assert "%23" in event.audio_uri
    assert event.track_id == str(real)
    assert (event.content_type, event.declared_genre, event.uploaded_at) == ("audio/mpeg", "jazz", now)


def test_a_name_that_is_not_utf8_can_be_shown_and_submitted(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3"))
    _touch(path)

    (found,) = find_audio([tmp_path])

    assert shown(found.path).endswith("caf\N{REPLACEMENT CHARACTER}.mp3")
    assert upload_of(found.path).audio_uri.endswith("caf%E9.mp3")
    upload_of(found.path).model_dump_json().encode()


def test_each_upload_is_an_event_of_its_own() -> None:
    assert upload("s3://b/k").event_id != upload("s3://b/k").event_id


def test_an_id_that_is_too_long_for_the_wire_is_hashed_and_stays_the_same() -> None:
    long = "s3://bucket/" + "k" * 2_000

    assert upload(long).track_id == upload(long).track_id
    assert upload(long).track_id.startswith("sha256:")
    assert upload(long).audio_uri == long
