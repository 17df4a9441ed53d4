"""The `bench relabel` command: turns this machine into figures of how fast a catalogue is labelled again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consumer.cli.bench import BrokerAddress, JsonOnce
from consumer.cli.options import Config, Model

if TYPE_CHECKING:
    from rich.table import Table


_STEPS: Final = 50
"""Of the progress bar: drawing takes time from what is measured."""


class Steps:
    """Turns tracks into steps of a progress bar."""

    def __init__(self, tracks: int, *, on_step: Callable[[], None]) -> None:
        self._tracks = tracks
        self._on_step = on_step
        self._done = 0
        self._steps = 0

    def add(self, tracks: int) -> None:
        """Count tracks, and the steps that they complete."""
        self._done += tracks
        while self._steps < self._done * _STEPS // self._tracks:
            self._steps += 1
            self._on_step()


def relabel(
    *,
    tracks: Annotated[
        int, typer.Option("--tracks", metavar="N", min=1, help="Tracks of the feature log; 2.4 KB each.")
    ] = 50_000,
    windows: Annotated[
        int, typer.Option("--windows", metavar="N", min=1, help="3-second windows of a track.")
    ] = 10,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes", metavar="N", min=1, help="That share the replay.", show_default="one a core"
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, help="Turns without Kafka, of 1,000 tracks.")
    ] = 20,
    bootstrap_servers: BrokerAddress = None,
    model: Model = None,
    config: Config = None,
    as_json: JsonOnce = False,
) -> int:
    """Measure how fast the feature log is labelled again, with Kafka and without.

    Scoring takes features to verdicts; labelling takes records of the log to labels
    ready to be produced. Both are tracks a second of one core's CPU time, on one
    thread. End to end is a replay on a real broker: the search for each track's
    newest record, then labels and offsets in transactions, until all are
    committed; the broker shares the machine. Labels are counted at the end.

    Scoring runs on the CPU.

    [bold]Examples[/bold]

      genrestream bench relabel
      genrestream bench relabel --tracks 200000 --json | jq .end_to_end_tracks_per_second
    """
    from consumer.bench.one_thread import restart_with_one_thread

    restart_with_one_thread()  # before anything loads numpy
    from consumer.bench.processes import usable_cores
    from consumer.bench.relabel import make_tracks, measure_end_to_end, measure_scoring
    from consumer.cli.bench_setting import real_broker, service_settings, tell
    from consumer.cli.terminal import complain, progress
    from consumer.rollout.sources import load_model
    from modelzoo.scorer import OnnxScorer

    settings = service_settings(config, device="cpu", model=model, windows=None)
    scorer = OnnxScorer(load_model(settings), device="cpu")
    kinds = make_tracks(scorer, windows=windows)
    complain("measuring one thread ...")
    alone = measure_scoring(scorer, kinds, settings=settings, rounds=rounds)
    with real_broker(bootstrap_servers) as broker:
        complain(f"writing a feature log of {tracks:,} tracks ...")
        with progress(_STEPS, verb="relabelling", lines_follow=False) as bar:
            steps = Steps(tracks, on_step=lambda: bar.advance(""))
            end_to_end = measure_end_to_end(
                scorer,
                kinds,
                settings=settings,
                broker=broker,
                tracks=tracks,
                processes=processes or len(usable_cores()),
                on_tracks=steps.add,
            )
    return tell("relabel", {"windows": windows, **alone, **end_to_end}, as_json=as_json, tables=_tables)


def _tables(result: dict[str, Any]) -> Iterator[Table]:
    from rich.table import Table

    environment = result["environment"]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in {
        "scoring": f"{result['scoring_tracks_per_second_per_core']:,.0f} tracks/s/core",
        "labelling": f"{result['labelling_tracks_per_second_per_core']:,.0f} tracks/s/core",
        "end to end": f"{result['end_to_end_tracks_per_second']:,.0f} tracks/s by {result['processes']} "
        "processes and the broker",
        "CPU time of it": f"{result['cpu_microseconds_per_track']:.0f} us a track, without the broker's",
        "tracks": f"{result['tracks']:,} of {result['windows']} windows",
        "machine": f"{environment['cpu']}, {environment['cores']} cores, "
        f"load {environment['load_average']} at the end",
        "commit": str(environment["commit"])[:12],
    }.items():
        table.add_row(name, value)
    yield table
