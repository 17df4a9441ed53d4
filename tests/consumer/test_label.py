"""Tests of labelling files without Kafka, over an engine that answers at once, late, wrongly or never."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from consumer.audio_files import Found
from consumer.config import load_settings
from consumer.errors import AudioNotFoundError, DecodersUnavailableError, TrackDeadlineError
from consumer.events import TrackLabelled, TrackUploaded
from consumer.jobs import Completion, TrackJob
from consumer.label import LabelledFile, Labeller, for_local_files
from featurizer.errors import NotAudioError
from tests.consumer.engines import AnsweringEngine, label_for


def _files(count: int) -> list[Found]:
    return [Found(Path(f"/music/{number:03}.mp3")) for number in range(count)]


class _ShufflingEngine(AnsweringEngine):
    """Ends jobs in any order: holds up to five, then ends a random one."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self._held: list[TrackJob] = []
        self._rng = random.Random(7)

    def submit(self, job: TrackJob) -> None:
        super().submit(job)
        self._held.append(job)

    def check(self) -> None:
        while self._held:
            job = self._held.pop(self._rng.randrange(len(self._held)))
            self.completions.put(Completion(job.ticket, label_for(job.event)))


def test_files_come_back_in_their_order_whatever_order_they_end_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.label._POLL_SECONDS", 0.001)
    files = _files(40)

    ended = list(Labeller(_ShufflingEngine(), max_in_flight=8).label(files))

    assert [file.path for file in ended] == [file.path for file in files]
    for file in ended:
        assert isinstance(file.result, TrackLabelled)
        assert file.result.track_id == str(file.path)


def test_never_more_than_the_credits_are_under_way() -> None:
    most = 0
    engine = AnsweringEngine(label_for)

    for number, _ in enumerate(Labeller(engine, max_in_flight=4).label(_files(20))):
        most = max(most, len(engine.jobs) - number)

    assert most == 4
    assert len(engine.jobs) == 20


def test_a_bad_file_is_an_entry_and_its_neighbours_are_labelled() -> None:
    def answer(upload: TrackUploaded) -> TrackLabelled | BaseException:
        return NotAudioError("text\nfile") if "001" in upload.audio_uri else label_for(upload)

    files = [*_files(3), Found(Path("gone.mp3"), AudioNotFoundError("no such file or folder"))]
    ended = list(Labeller(AnsweringEngine(answer)).label(files))

    assert [isinstance(file.result, TrackLabelled) for file in ended] == [True, False, True, False]
    assert ended[1].to_json() == {
        "path": "/music/001.mp3",
        "error": {"reason": "not_audio", "message": "text file"},
    }
    assert ended[3].to_json()["error"]["reason"] == "not_found"


def test_a_label_is_printed_as_its_path_and_the_fields_of_the_wire() -> None:
    (ended,) = Labeller(AnsweringEngine(label_for)).label(_files(1))

    assert isinstance(ended, LabelledFile)
    printed = json.loads(json.dumps(ended.to_json()))
    assert printed.pop("path") == "/music/000.mp3"
    assert TrackLabelled.model_validate(printed) == ended.result


def test_a_fatal_error_of_the_engine_is_raised_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.label._POLL_SECONDS", 0.001)
    engine = AnsweringEngine(lambda _: None)
    engine.failure = DecodersUnavailableError("children do not start")

    with pytest.raises(DecodersUnavailableError):
        list(Labeller(engine).label(_files(2)))


def test_a_file_that_the_engine_forgets_is_given_up_after_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("consumer.label._POLL_SECONDS", 0.001)
    now = iter(range(0, 1_000_000, 2))
    engine = AnsweringEngine(lambda upload: None if "000" in upload.audio_uri else label_for(upload))

    ended = list(Labeller(engine, deadline_seconds=10.0, clock=lambda: float(next(now))).label(_files(2)))

    assert isinstance(ended[0].result, TrackDeadlineError)
    assert isinstance(ended[1].result, TrackLabelled)


def test_local_files_are_allowed_and_nothing_else_changes() -> None:
    settings = load_settings(overrides={"fetch": {"max_bytes": 123}})

    local = for_local_files(settings)

    assert local.fetch.file_roots == (Path("/"),)
    assert local.fetch.max_bytes == 123
    assert local.model_copy(update={"fetch": settings.fetch}) == settings
