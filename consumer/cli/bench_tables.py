"""Turns the figures of a benchmark into the tables that people read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

SIDES: Final = {
    "featurizer": "this featurizer",
    "best_librosa": "best librosa",
    "naive_librosa": "plain librosa",
}


def featurizer_tables(result: dict[str, Any]) -> Iterator[Table]:
    """Show speed and parity of the featurizer beside librosa's."""
    speed = _table(
        f"{result['n_windows']} windows of {result['audio']} music, device {result['device']}, "
        f"{result['precision']} precision",
        ("side", "ms a window", "p95", "songs/s a core", "times as slow"),
    )
    ratios = {"best_librosa": result["ratio_best_librosa"], "naive_librosa": result["ratio_naive_librosa"]}
    for name, side in result["sides"].items():
        times = side["cpu_ms_per_window"]
        speed.add_row(
            SIDES[name],
            f"{times['median']:.2f}",
            f"{times['p95']:.2f}",
            f"{side['songs_per_second_per_core']:.2f}",
            f"{ratios[name]:.1f}" if name in ratios else "1",
        )
    yield speed
    yield _figures(
        {
            "largest difference from plain librosa": f"{result['parity_max_sd']:.1e} standard deviations "
            f"({result['parity_worst_feature']})",
            "windows of equal tempo": f"{100 * result['tempo_equal']:.2f}%",
            **_machine(result),
        }
    )


def decode_tables(result: dict[str, Any]) -> Iterator[Table]:
    """Show each format by each reader."""
    table = _table(
        f"{result['seconds']:g} s of {result['audio']} music, 44.1 kHz stereo to 22,050 Hz mono",
        ("format", "by", "CPU ms a track", "p95", "MB/s", "times real time"),
        words=2,
    )
    for name, readers in result["formats"].items():
        for number, (reader, speed) in enumerate(readers.items()):
            times = speed["cpu_ms_per_song"]
            table.add_row(
                name if number == 0 else "",
                reader,
                f"{times['median']:.1f}",
                f"{times['p95']:.1f}",
                f"{speed['mb_per_second']:.1f}",
                f"{speed['times_real_time']:.0f}",
            )
    yield table
    yield _figures(_machine(result))


def pipeline_tables(result: dict[str, Any]) -> Iterator[Table]:
    """Show what workers do on their cores, where their time goes, and what they hold."""
    workers = {count(one["cores"], "core"): one for one in result["workers"]}
    if result["four_minutes"] is not None:
        workers[f"{count(result['cores'], 'core')}, 4 minutes"] = result["four_minutes"]
    speed = _table(
        f"MP3s of {result['audio']} music, upload to committed label",
        ("worker", "songs", "songs/s", "songs a CPU second", "overhead", "most time"),
    )
    for name, worker in workers.items():
        overhead = worker["overhead"]
        speed.add_row(
            name,
            str(worker["songs"]),
            f"{worker['songs_per_second']['median']:.2f}",
            f"{worker['songs_per_cpu_second']['median']:.2f}",
            "" if overhead is None else f"{100 * overhead:.0f}%",
            worker["bottleneck"],
        )
    yield speed
    stages = _table("CPU ms a song", ("stage", *workers))
    for stage in ("fetch", "decode", "featurize", "score", "rest"):
        times = [worker["stages"][stage]["cpu_ms_per_song"]["median"] for worker in workers.values()]
        stages.add_row(stage, *(f"{one:.2f}" for one in times))
    yield stages
    memory, scaling = result["memory"], result["scaling_two_cores"]
    yield _figures(
        {
            "CPU time of librosa over ours": f"{result['ratio_librosa_pipeline']:.1f}",
            "two cores over one, songs/s": "-" if scaling is None else f"{scaling:.2f}",
            "memory, worker and children": f"{_megabytes(memory['peak_pss_bytes'])} at most, "
            f"{_megabytes(memory['first_quartile_pss_bytes'])} in the first quarter, "
            f"{_megabytes(memory['last_quartile_pss_bytes'])} in the last ({memory['tracks']} tracks)",
            **_machine(result),
        }
    )


def latency_tables(result: dict[str, Any]) -> Iterator[Table]:
    """Show the percentiles and where the seconds go."""
    yield _figures(
        {
            "median": f"{result['p50_seconds']:.3f} s",
            "95th percentile": f"{result['p95_seconds']:.3f} s",
            "99th percentile": f"{result['p99_seconds']:.3f} s",
            "longest": f"{result['max_seconds']:.3f} s",
            "uploads": f"{result['n']}, of {result['audio']} music",
            **{f"of it, {stage}": f"{times['median']:.3f} s" for stage, times in result["stages"].items()},
            "of it, flush and commit": f"{result['after_label_seconds']['median']:.3f} s",
            "worker's start": f"{result['start_seconds']:.1f} s",
            **_machine(result),
        }
    )


def _machine(result: dict[str, Any]) -> dict[str, str]:
    environment = result["environment"]
    return {
        "machine": f"{environment['cpu']}, {count(environment['cores'], 'core')}",
        "load at the end": str(environment["load_average"]),
        "commit": str(environment["commit"])[:12],
    }


def count(number: int, thing: str) -> str:
    """Say how many: ``1 file``, ``2 files``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _table(title: str, columns: Sequence[str], *, words: int = 1) -> Table:
    """Begin a table whose first columns hold words, and the others numbers."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < words else "right", overflow="fold")
    return table


def _figures(figures: dict[str, str]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in figures.items():
        table.add_row(name, value)
    return table


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.0f} MiB"
