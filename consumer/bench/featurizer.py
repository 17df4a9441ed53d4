"""Turns windows of music into how fast and how right the featurizer is, beside librosa in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from consumer.bench.failures import needing_baselines
from consumer.bench.rounds import Side, Timings, interleave
from consumer.bench.spread import median_ratio, spread
from featurizer.parity import Parity, compare
from featurizer.spec import GTZAN57

SONG_WINDOWS: Final = 10
"""Windows of a 30-second song, and of a round: a decoding child featurizes so many at a time."""
_REPEATS: Final = 5
"""Runs of our side in a round: one takes a hundredth of naive librosa's time."""

Array = NDArray[np.float32]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["single", "double"]


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared.

    Attributes
    ----------
    featurize : callable
        Ours: windows [n, window_samples] to features [n, 57].
    tuned, naive : callable
        Librosa's best and plain librosa: one window to its features [57].
    device : str
        Where ours works.
    precision : str
        Of our Fourier transform; librosa's is double.
    """

    featurize: Callable[[Array], NDArray[np.floating]]
    tuned: Callable[[Array], NDArray[np.floating]]
    naive: Callable[[Array], NDArray[np.floating]]
    device: Literal["cpu", "cuda"]
    precision: Precision


def open_sides(*, device: Device, precision: Precision | None = None) -> Sides:
    """Load and warm up all sides; ours with its usual precision where none is named.

    Raises
    ------
    MissingExtraError
        Librosa is not installed.
    DeviceUnavailableError
        There is no such device.
    """
    from featurizer.featurizer import Featurizer  # noqa: PLC0415 - a back end may load much

    with needing_baselines():
        from featurizer.reference import TunedLibrosa, reference_features  # noqa: PLC0415

    featurizer = Featurizer(device=device, precision=precision)
    featurizer.warm_up()
    tuned = TunedLibrosa()
    noise = np.random.default_rng(0).standard_normal(GTZAN57.window_samples).astype(np.float32)
    tuned(noise)
    reference_features(noise)
    return Sides(featurizer, tuned, reference_features, featurizer.device, featurizer.precision)


def measure(
    sides: Sides, batches: Sequence[Array], *, on_run: Callable[[str], None] = lambda _name: None
) -> dict[str, Any]:
    """Run all sides on all batches, a round each, and compare their features.

    Parameters
    ----------
    sides : Sides
        Warm.
    batches : sequence of ndarray, each [n, window_samples], float32
        A round's windows each; of equal lengths.
    on_run : callable
        Hears a side's name when it has run in a round.

    Returns
    -------
    dict
        JSON-ready. Ratios are medians of a round's; on a CPU they compare CPU time, which other work on the
        machine lengthens less than time on the wall. A song of `songs_per_second_per_core` is ten windows.
    """
    features: dict[str, list[NDArray[np.floating]]] = {
        "featurizer": [],
        "best_librosa": [],
        "naive_librosa": [],
    }

    def run(name: str, featurize: Callable[[Array], NDArray[np.floating]]) -> Callable[[Array], None]:
        def keep(batch: Array) -> None:
            features[name].append(featurize(batch))

        return keep

    timings = interleave(
        (
            Side("featurizer", run("featurizer", sides.featurize), repeats=_REPEATS),
            Side("best_librosa", run("best_librosa", _each(sides.tuned))),
            Side("naive_librosa", run("naive_librosa", _each(sides.naive))),
        ),
        batches,
        on_run=on_run,
    )
    naive = np.concatenate(features["naive_librosa"])
    ours = compare(np.concatenate(features["featurizer"][::_REPEATS]), naive)
    tuned = compare(np.concatenate(features["best_librosa"]), naive)
    return {
        **_ratios(timings, on_wall=sides.device == "cuda"),
        **_parity(ours),
        "best_librosa_parity_max_sd": tuned.worst[1],
        "best_librosa_tempo_equal": tuned.tempo_equal,
        "device": sides.device,
        "precision": sides.precision,
        "n_windows": len(naive),
        "batch_windows": len(batches[0]),
        "sides": {name: _speed(one, windows=len(batches[0])) for name, one in timings.items()},
    }


def _each(featurize: Callable[[Array], NDArray[np.floating]]) -> Callable[[Array], NDArray[np.floating]]:
    return lambda batch: np.stack([featurize(window) for window in batch])


def _ratios(timings: dict[str, Timings], *, on_wall: bool) -> dict[str, Any]:
    def seconds(name: str) -> list[float]:
        return timings[name].wall if on_wall else timings[name].cpu

    def ratio(name: str) -> float:
        return median_ratio(seconds(name), seconds("featurizer"))

    def wall_ratio(name: str) -> float:
        return median_ratio(timings[name].wall, timings["featurizer"].wall)

    return {
        "ratio_best_librosa": ratio("best_librosa"),
        "ratio_naive_librosa": ratio("naive_librosa"),
        "ratios_compare": "wall time" if on_wall else "cpu time",
        "wall_ratio_best_librosa": wall_ratio("best_librosa"),
        "wall_ratio_naive_librosa": wall_ratio("naive_librosa"),
    }


def _parity(parity: Parity) -> dict[str, Any]:
    name, distance = parity.worst
    return {
        "parity_max_sd": distance,
        "parity_worst_feature": name,
        "tempo_equal": parity.tempo_equal,
    }


def _speed(timings: Timings, *, windows: int) -> dict[str, Any]:
    milliseconds = [1_000 * seconds / windows for seconds in timings.wall]
    cpu_milliseconds = [1_000 * seconds / windows for seconds in timings.cpu]
    wall, cpu = spread(milliseconds), spread(cpu_milliseconds)
    return {
        "ms_per_window": wall,
        "cpu_ms_per_window": cpu,
        "songs_per_second_per_core": 1_000 / (SONG_WINDOWS * cpu["median"]) if cpu["median"] else None,
    }
