from __future__ import annotations

import json
from pathlib import Path

import pytest

from consumer.bench.decode import make_files, measure, readers
from consumer.bench.encoding import FORMATS
from consumer.bench.material import Sources
from consumer.demo.synthesis import write_wav
from featurizer.window_policy import WindowPolicy
from tests.audio import music

POLICIES = [WindowPolicy.parse("all"), WindowPolicy.parse("first:1")]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("decode")
    source = write_wav(music(7.0, 22_050), folder / "a.wav", sample_rate=22_050)
    return make_files(
        Sources((source,), real=True), folder / "tracks", seconds=7.0, formats=["flac", "m4a", "wav"]
    )


def test_every_library_that_opens_a_format_is_timed_beside_our_choice(files: dict[str, Path]) -> None:
    ours = {"chosen", "windows all", "windows first:1"}
    assert readers(files["flac"], policies=POLICIES).keys() == {"soundfile", "pyav"} | ours
    assert readers(files["m4a"], policies=POLICIES).keys() == {"pyav"} | ours


def test_the_libraries_decode_as_many_samples_as_our_choice(files: dict[str, Path]) -> None:
    counts = {name: read(files["wav"]) for name, read in readers(files["wav"], policies=POLICIES).items()}
    assert counts["soundfile"] == counts["pyav"] == counts["chosen"] == 7 * 22_050
    assert (counts["windows all"], counts["windows first:1"]) == (2, 1)


def test_times_and_rates_fit_together(files: dict[str, Path]) -> None:
    ways = readers(files["wav"], policies=POLICIES)
    told = measure(files["wav"], ways, rounds=2, seconds=7.0)
    assert json.loads(json.dumps(told)) == told
    for speed in told.values():
        seconds = speed["cpu_ms_per_song"]["median"] / 1_000
        assert speed["cpu_ms_per_song"]["n"] == 2
        assert speed["times_real_time"] == pytest.approx(7.0 / seconds)
        assert speed["mb_per_second"] == pytest.approx(files["wav"].stat().st_size / 1e6 / seconds)


@pytest.mark.slow
def test_every_format_can_be_made(tmp_path: Path) -> None:
    source = write_wav(music(3.5, 22_050), tmp_path / "a.wav", sample_rate=22_050)
    made = make_files(Sources((source,), real=True), tmp_path / "all", seconds=3.5, formats=list(FORMATS))
    assert {path.suffix for path in made.values()} == {form.suffix for form in FORMATS.values()}
    for path in made.values():
        assert readers(path, policies=POLICIES)["windows all"](path) == 1
