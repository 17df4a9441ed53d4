"""Tests of the `label` command over an engine that answers at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumer.cli.app import run
from consumer.config import Settings
from consumer.events import TrackLabelled, TrackUploaded
from featurizer.errors import NotAudioError
from modelzoo.errors import ModelNotFoundError
from tests.consumer.engines import AnsweringEngine, label_for


def _answer(upload: TrackUploaded) -> TrackLabelled | BaseException:
    if "text" in upload.audio_uri:
        return NotAudioError("file is not audio")
    if "unsure" in upload.audio_uri:
        return label_for(upload, genre=None, confidence=0.3)
    return label_for(upload, warnings=("short",))


@pytest.fixture
def settings_seen(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    seen: list[Settings] = []

    @contextmanager
    def open_pipeline(settings: Settings) -> Iterator[AnsweringEngine]:
        seen.append(settings)
        yield AnsweringEngine(_answer)

    monkeypatch.setattr("consumer.worker.open_pipeline", open_pipeline)
    return seen


@pytest.fixture
def music(tmp_path: Path, settings_seen: list[Settings]) -> Path:
    for name in ("a.mp3", "text.mp3", "unsure.mp3"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_json_is_one_object_a_line_in_the_order_of_the_files(
    music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["label", "--json", str(music), "gone.mp3"]) == 1

    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert [Path(line["path"]).name for line in lines] == ["a.mp3", "text.mp3", "unsure.mp3", "gone.mp3"]
    assert (lines[0]["genre"], lines[0]["status"]) == ("jazz", "labelled")
    assert lines[1] == {
        "path": str(music / "text.mp3"),
        "error": {"reason": "not_audio", "message": "file is not audio"},
    }
    assert (lines[2]["genre"], lines[2]["status"]) == (None, "abstained")
    assert lines[3]["error"]["reason"] == "not_found"
    assert captured.err == ""


def test_labelled_and_abstained_is_0(music: Path) -> None:
    assert run(["label", "--json", str(music / "a.mp3"), str(music / "unsure.mp3")]) == 0


def test_a_pipe_gets_one_line_a_track_and_failures_on_standard_error(
    music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["label", str(music)]) == 1

    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        f"{music}/a.mp3: jazz 80% (jazz 80%, blues 10%, rock 10%) [short]",
        f"{music}/unsure.mp3: abstained (low_confidence) 30% (jazz 30%, blues 35%, rock 35%)",
    ]
    assert captured.err == f"{music}/text.mp3: not_audio: file is not audio\n"


def test_options_reach_the_settings_and_local_files_are_allowed(
    music: Path, settings_seen: list[Settings]
) -> None:
    run(["label", "--device", "cpu", "--model", "other@2.0.0", str(music / "a.mp3")])

    (settings,) = settings_seen
    assert settings.worker.device == "cpu"
    assert (settings.model.name, settings.model.version) == ("other", "2.0.0")
    assert settings.fetch.file_roots == (Path("/"),)


def test_a_model_that_is_missing_is_4(
    monkeypatch: pytest.MonkeyPatch, music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def open_pipeline(settings: Settings) -> Iterator[AnsweringEngine]:
        raise ModelNotFoundError(f"no such model, name={settings.model.name}")
        yield  # type: ignore[unreachable]  # makes it a generator

    monkeypatch.setattr("consumer.worker.open_pipeline", open_pipeline)

    assert run(["label", str(music)]) == 4
    assert capsys.readouterr().err == "genrestream: no such model, name=gtzan57-mlp\n"
