"""The pipeline as it ships: real children, decoders, featurizer and model, on files good and bad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consumer.config import Settings
from consumer.errors import AudioNotFoundError, ForbiddenUriError
from consumer.events import OtherReading, TrackLabelled
from consumer.metrics import Metrics
from consumer.pipeline.pipeline import Pipeline
from consumer.pipeline.stages import Parts
from featurizer import Featurizer
from featurizer.errors import EmptyFileError, NotAudioError, TooShortError
from modelzoo.registry import DEFAULT_MODEL, Registry
from tests.audio import encode, music
from tests.consumer.pipelines import await_ready, job, label_all, settings_for

pytestmark = pytest.mark.slow


def real_settings(root: Path) -> Settings:
    return settings_for(
        fetch={"file_roots": [str(root)]}, batch={"max_windows": 32, "max_wait_seconds": 0.02}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("music")
    for seed, codec in enumerate(("mp3", "flac", "m4a", "opus", "wav_s16")):
        encode(music(7.0, 44_100, seed=seed), 44_100, codec=codec, path=root / f"{codec}.audio")  # type: ignore[arg-type]  # names of codecs
    tagged = b"ID3\x03\x00\x00\x00\x00\x00\x7f" + b"\xff" * 300 + (root / "mp3.audio").read_bytes()
    (root / "noisy.mp3").write_bytes(tagged)
    (root / "text.mp3").write_text("no music " * 100)
    (root / "empty.wav").write_bytes(b"")
    encode(music(0.4, 44_100), 44_100, codec="wav_s16", path=root / "blip.wav")
    return root


@pytest.fixture(scope="module", params=["children", "parent"])
def pipeline(request: pytest.FixtureRequest, folder: Path) -> Iterator[Pipeline]:
    """Featurizing in the children as on a CPU, or in this process through shared memory as on a GPU."""
    artifact = Registry().load(DEFAULT_MODEL)
    parts = Parts(featurizer=Featurizer(device="cpu")) if request.param == "parent" else None
    with Pipeline(real_settings(folder), artifact=artifact, metrics=Metrics(), parts=parts) as made:
        yield await_ready(made)


GOOD = ("mp3.audio", "flac.audio", "m4a.audio", "opus.audio", "wav_s16.audio", "noisy.mp3")
BAD = {
    "text.mp3": NotAudioError,
    "empty.wav": EmptyFileError,
    "blip.wav": TooShortError,
    "gone.wav": AudioNotFoundError,
    "../outside.wav": ForbiddenUriError,
}

_confidences: dict[str, list[float]] = {}


def test_good_files_are_labelled_and_bad_ones_named_side_by_side(pipeline: Pipeline, folder: Path) -> None:
    names = [*GOOD, *BAD]
    ends = label_all(pipeline, [job(f"{folder.as_uri()}/{name}", i) for i, name in enumerate(names)])
    results = {name: ends[index].result for index, name in enumerate(names)}
    assert {name: type(results[name]) for name in BAD} == BAD
    for name in GOOD:
        label = results[name]
        assert isinstance(label, TrackLabelled), label
        assert label.windows.count == 2
        assert label.audio.duration_seconds == pytest.approx(7.0, abs=0.1)
        assert label.timing.decode_seconds > 0
        assert label.timing.featurize_seconds > 0
        # The two placements must agree; the first to run leaves its figures for the second.
        figures = [entry.probability for entry in sorted(label.genres, key=lambda entry: entry.genre)]
        assert figures == pytest.approx(_confidences.setdefault(name, figures), abs=1e-4)


def test_the_label_is_that_of_the_reading_that_was_found(pipeline: Pipeline, folder: Path) -> None:
    asked = job(f"{folder.as_uri()}/gone.wav")
    other = OtherReading(track_id="the other one", audio_uri=f"{folder.as_uri()}/wav_s16.audio")
    event = asked.event.model_copy(update={"audio_uri_spelling": "encoded", "otherwise": other})
    ends = label_all(pipeline, [replace(asked, event=event), job(other.audio_uri, 1)])
    found, plain = ends[0].result, ends[1].result
    assert isinstance(found, TrackLabelled), found
    assert isinstance(plain, TrackLabelled), plain
    assert (found.track_id, found.event_id) == ("the other one", "event-0")
    assert found.genres == plain.genres
