"""The product's own work turns a URI into all windows of its track and says what that took."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from consumer.config import FetchSettings
from consumer.decoding.fetch_and_decode import FetchingDecoder
from consumer.decoding.messages import Fetched, Finished, Retried, Task
from consumer.errors import AudioNotFoundError, ForbiddenUriError
from featurizer.errors import NotAudioError, TooLongError
from featurizer.spec import GTZAN57
from featurizer.window_policy import WindowPolicy
from tests.audio import encode, music


class Basket:
    """A sink that keeps what it gets, claims a tenth of a second for each, and wants only so much."""

    def __init__(self, *, wanted: int) -> None:
        self.windows: list[NDArray[np.float32]] = []
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.wanted = wanted

    @property
    def featurize_seconds(self) -> float:
        return self.seconds

    @property
    def enough(self) -> bool:
        return len(self.windows) >= self.wanted

    def begin(self, number: int) -> None:
        raise AssertionError("the child begins, not the work")

    def room(self, count: int) -> NDArray[np.float32]:
        self.given = np.empty((count, GTZAN57.window_samples), dtype=np.float32)
        return self.given

    def put(self, windows: NDArray[np.float32]) -> None:
        assert np.shares_memory(windows, self.given)
        self.windows.append(windows)
        self.seconds += 0.1


def do(
    root: Path,
    uri: str,
    *,
    max_duration_seconds: float = 60.0,
    policy: str = "all",
    wanted: int = 1_000,
    otherwise: str | None = None,
) -> tuple[Basket, Fetched, Finished]:
    decoder = FetchingDecoder(
        FetchSettings(file_roots=(root,)),
        max_duration_seconds=max_duration_seconds,
        spec=GTZAN57,
        policy=WindowPolicy.parse(policy),
        windows_at_once=4,
    )
    basket, told = Basket(wanted=wanted), list[Fetched | Retried]()
    task = Task(4, track_id="t", uri=uri, fetch_seconds=10.0, spelling="encoded", otherwise=otherwise)
    finished = decoder(task, basket, told.append)
    (fetched,) = told
    assert isinstance(fetched, Fetched)
    return basket, fetched, finished


def test_all_windows_arrive_in_order_with_the_report(tmp_path: Path) -> None:
    file = encode(music(61.0, 22_050), 22_050, codec="wav_s16", path=tmp_path / "a.wav")
    basket, fetched, finished = do(tmp_path, file.as_uri(), max_duration_seconds=90.0)
    assert [len(windows) for windows in basket.windows] == [4] * 5
    assert finished.windows is None
    assert not finished.stopped
    assert (fetched.number, fetched.size_bytes) == (4, file.stat().st_size)
    assert finished.duration_seconds == pytest.approx(61.0)
    assert finished.sample_rate == 22_050
    assert finished.featurize_seconds == pytest.approx(0.5)
    assert finished.decode_cpu_seconds > 0
    assert finished.fetch_cpu_seconds >= 0


def test_only_the_windows_of_the_policy_arrive_and_are_named(tmp_path: Path) -> None:
    file = encode(music(61.0, 22_050), 22_050, codec="wav_s16", path=tmp_path / "a.wav")
    basket, _, finished = do(tmp_path, file.as_uri(), max_duration_seconds=90.0, policy="spread:5")
    assert [len(windows) for windows in basket.windows] == [4, 1]
    assert finished.windows == (2, 6, 10, 14, 18)
    assert finished.duration_seconds == 61.0


@pytest.mark.parametrize(("policy", "numbers"), [("all", None), ("spread:9", (1, 3, 5, 7, 9, 11, 13, 15))])
def test_no_window_follows_the_word_that_it_is_enough(
    policy: str, numbers: tuple[int, ...] | None, tmp_path: Path
) -> None:
    file = encode(music(55.0, 22_050), 22_050, codec="wav_s16", path=tmp_path / "a.wav")
    basket, _, finished = do(tmp_path, file.as_uri(), policy=policy, wanted=2)
    assert [len(windows) for windows in basket.windows] == [4, 4]
    assert finished.stopped
    assert finished.windows == numbers
    assert finished.duration_seconds == 55.0


@pytest.mark.parametrize("first", ["gone.wav", "../outside.wav"])
def test_the_other_reading_is_fetched_where_the_first_cannot_be(tmp_path: Path, first: str) -> None:
    file = encode(music(4.0, 22_050), 22_050, codec="wav_s16", path=tmp_path / "a b.wav")
    uri = f"file://{tmp_path}/{first}"
    _, fetched, finished = do(tmp_path, uri, otherwise=f"file://{tmp_path}/a%20b.wav")
    assert fetched.otherwise
    assert finished.duration_seconds == pytest.approx(4.0)
    _, fetched, _ = do(tmp_path, file.as_uri(), otherwise=uri)
    assert not fetched.otherwise
    assert fetched.size_bytes == file.stat().st_size


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        ("gone.wav", "../outside.wav", AudioNotFoundError),
        ("../outside.wav", "gone.wav", AudioNotFoundError),
        ("../outside.wav", "../beyond.wav", ForbiddenUriError),
    ],
)
def test_where_neither_reading_can_be_fetched_what_is_not_there_is_told(
    tmp_path: Path, first: str, second: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        do(tmp_path, f"file://{tmp_path}/{first}", otherwise=f"file://{tmp_path}/{second}")


@pytest.mark.parametrize(
    ("name", "error"), [("gone.wav", AudioNotFoundError), ("../secret.wav", ForbiddenUriError)]
)
def test_what_cannot_be_fetched_is_named(tmp_path: Path, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        do(tmp_path / "root", (tmp_path / "root").as_uri() + "/" + name)


def test_what_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("This is no music. " * 50)
    with pytest.raises(NotAudioError):
        do(tmp_path, (tmp_path / "text.mp3").as_uri())
    file = encode(music(8.0, 22_050), 22_050, codec="wav_s16", path=tmp_path / "long.wav")
    with pytest.raises(TooLongError):
        do(tmp_path, file.as_uri(), max_duration_seconds=5.0)
