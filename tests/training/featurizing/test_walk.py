"""A folder of music becomes tracks with names and labels; what cannot be one is told, never passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.training.featurizing.made_up_work import write_folder
from training.errors import DataError
from training.featurizing.walk import walk, writable


def names_of(folder: Path) -> dict[str, str]:
    return {track.name: track.genre for track in walk(folder).tracks}


def test_a_folder_a_genre_gives_the_published_names(tmp_path: Path) -> None:
    write_folder(tmp_path, {"rock/rock.00001.wav": "", "blues/blues.00000.AU": "", "notes.txt": ""})
    found = walk(tmp_path)
    assert [(track.name, track.genre, track.extension) for track in found.tracks] == [
        ("blues.00000", "blues", "au"),
        ("rock.00001", "rock", "wav"),
    ]
    assert found.n_others == 1
    assert not found.bad


def test_any_names_below_a_genres_folder_begin_with_the_genre(tmp_path: Path) -> None:
    write_folder(tmp_path, {"rock/one/01.flac": "", "rock/two/01.flac": "", "jazz/01.x.mp3": ""})
    assert names_of(tmp_path) == {"rock.one/01": "rock", "rock.two/01": "rock", "jazz.01.x": "jazz"}


def test_a_flat_folder_has_its_genres_in_the_names(tmp_path: Path) -> None:
    write_folder(tmp_path, {"rock.00001.wav": "", "jazz.00000.wav": "", "untitled.wav": ""})
    assert names_of(tmp_path) == {"rock.00001": "rock", "jazz.00000": "jazz"}
    assert [(file.place, file.reason) for file in walk(tmp_path).bad] == [("untitled.wav", "no_genre")]


def test_two_files_of_one_name_are_one_track_and_one_that_is_told(tmp_path: Path) -> None:
    write_folder(tmp_path, {"rock/a.flac": "", "rock/a.wav": "", "jazz/a.wav": ""})
    found = walk(tmp_path)
    assert [track.place for track in found.tracks] == ["jazz/a.wav", "rock/a.flac"]
    assert [(file.place, file.message) for file in found.bad] == [
        ("rock/a.wav", "another file is this track already: rock/a.flac")
    ]


def test_hidden_files_stay_out_and_links_are_followed_once(tmp_path: Path) -> None:
    write_folder(tmp_path / "elsewhere", {"a.wav": ""})
    folder = write_folder(tmp_path / "music", {"rock/.a.wav": "", ".cache/b.wav": "", "rock/b.wav": ""})
    (folder / "jazz").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (folder / "rock/loop").symlink_to(folder, target_is_directory=True)
    (folder / "rock/gone.wav").symlink_to(tmp_path / "nowhere.wav")
    os.mkfifo(folder / "rock/pipe.wav")
    found = walk(folder)
    assert [track.place for track in found.tracks] == ["jazz/a.wav", "rock/b.wav"]
    assert [(file.place, file.reason) for file in found.bad] == [
        ("rock/gone.wav", "unreadable_file"),
        ("rock/pipe.wav", "no_regular_file"),
    ]


def test_hostile_names_are_spelt_so_that_any_table_can_hold_them(tmp_path: Path) -> None:
    (tmp_path / "rock").mkdir()
    for name in (b"new\nline.wav", b"\xff.wav", b'a,"b;\t.wav', b"100%.wav", "söng.wav".encode()):
        Path(os.fsdecode(os.fsencode(tmp_path / "rock") + b"/" + name)).touch()
    assert names_of(tmp_path).keys() == {
        "rock.new%0aline",
        "rock.%ff",
        'rock.a,"b;%09',
        "rock.100%25",
        "rock.söng",
    }
    assert writable("\udcff%a") == "%ff%25a"


def test_only_the_genres_that_are_wanted_are_taken_and_lacking_ones_told(tmp_path: Path) -> None:
    write_folder(tmp_path, {"rock/a.wav": "", "jazz/a.wav": "", "pop/a.wav": ""})
    found = walk(tmp_path, genres=frozenset({"rock", "pop"}))
    assert [track.genre for track in found.tracks] == ["pop", "rock"]
    with pytest.raises(DataError, match=r"lacks genres.*lacking=soul found=jazz, pop, rock"):
        walk(tmp_path, genres=frozenset({"rock", "soul"}))


def test_a_folder_without_audio_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, {"notes.txt": ""})
    with pytest.raises(DataError, match=r"no audio.*other_files=1"):
        walk(tmp_path)
    with pytest.raises(DataError, match="not there"):
        walk(tmp_path / "none")
    with pytest.raises(DataError, match="not there"):
        walk(tmp_path / "notes.txt")
