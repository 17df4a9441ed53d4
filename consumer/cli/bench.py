"""The `bench` commands: turn this machine and some music into figures, each side measured in one run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consumer.cli.options import Config, Device, Model, model_overrides, settings_from

if TYPE_CHECKING:
    from rich.table import Table

    from consumer.bench.broker import Broker
    from consumer.config import Settings

bench = typer.Typer(
    help="Measure the featurizer, the decoders and the whole service.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Audio = Annotated[
    Path | None,
    typer.Option(
        "--audio",
        metavar="DIR",
        exists=True,
        help="Folder of music to measure on.",
        show_default="synthetic pieces",
    ),
]
JsonOnce = Annotated[
    bool,
    typer.Option("--json", help="One JSON object on standard output.", rich_help_panel="Output"),
]
BrokerAddress = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        "-b",
        metavar="HOST:PORT,...",
        help="Kafka brokers to measure against; topics of its own are made there, and removed.",
        show_default="in a checkout a broker of its own, else an error",
        rich_help_panel="Settings",
    ),
]


@bench.command()
def featurizer(
    *,
    audio: Audio = None,
    windows: Annotated[
        int, typer.Option("--windows", metavar="N", min=1, help="Windows of 3 seconds; 600 take two minutes.")
    ] = 600,
    device: Device = None,
    as_json: JsonOnce = False,
) -> int:
    """Compare the featurizer with librosa in one run, one thread each, and check that it agrees.

    A round is one song of ten windows, featurized by each side in turn: this featurizer, the best that
    librosa can do (one STFT, scipy's 1-D median, nothing twice) and plain librosa calls. Ratios are
    medians over the rounds. Parity is the largest difference from plain librosa, in standard
    deviations of music, over all windows; tempo is compared apart.

    Without --audio the music is synthetic and there are 80 windows at most.

    [bold]Examples[/bold]

      genrestream bench featurizer --audio ~/Music
      genrestream bench featurizer --windows 100 --json | jq .ratio_best_librosa
    """
    _limit_threads()
    from consumer.bench.featurizer import SONG_WINDOWS, measure, open_sides
    from consumer.bench.material import find_sources, read_windows, song_batches
    from consumer.cli.bench_tables import featurizer_tables
    from consumer.cli.terminal import complain, progress

    sides = open_sides(device=device or "auto")
    with _folder() as folder:
        sources = find_sources(audio, folder=folder)
        complain(f"reading {len(sources.paths)} files ...")
        batches = song_batches(list(read_windows(sources, count=windows)), size=SONG_WINDOWS)
    with progress(3 * len(batches), verb="measuring", lines_follow=False) as bar:
        result = measure(sides, batches, on_run=bar.advance)
    return _tell("featurizer", {"audio": _kind(real=sources.real), **result}, as_json, featurizer_tables)


@bench.command()
def decode(
    *,
    audio: Audio = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=3.0, metavar="S", help="Length of the track.")
    ] = 30.0,
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", min=1, help="Turns of all sides.")] = 10,
    as_json: JsonOnce = False,
) -> int:
    """Time each format by each library that decodes it, down to 22,050 Hz mono, in one thread.

    The same 44.1-kHz stereo track is encoded in every format (lossy ones at 128 kbit/s). Beside
    the libraries stand what the service chooses, and its windows ready to be featurized.

    [bold]Examples[/bold]

      genrestream bench decode --audio ~/Music
      genrestream bench decode --seconds 240 --json | jq .formats.mp3
    """
    _limit_threads()
    from consumer.bench.decode import make_files, measure, readers
    from consumer.bench.encoding import FORMATS
    from consumer.bench.material import find_sources
    from consumer.cli.bench_tables import decode_tables
    from consumer.cli.terminal import complain, progress

    with _folder() as folder:
        sources = find_sources(audio, folder=folder)
        complain(f"encoding a track of {seconds:g} s in {len(FORMATS)} formats ...")
        files = make_files(sources, folder / "tracks", seconds=seconds, formats=list(FORMATS))
        total = rounds * sum(len(readers(path)) for path in files.values())
        with progress(total, verb="decoding", lines_follow=False) as bar:
            formats = {
                format_: measure(path, rounds=rounds, seconds=seconds, on_run=bar.advance)
                for format_, path in files.items()
            }
    result = {
        "audio": _kind(real=sources.real),
        "seconds": seconds,
        "rounds": rounds,
        "formats": formats,
    }
    return _tell("decode", result, as_json, decode_tables)


@bench.command()
def pipeline(
    *,
    audio: Audio = None,
    tracks: Annotated[
        int,
        typer.Option(
            "--tracks",
            metavar="N",
            min=1,
            help="30-second tracks of a round for the worker on all cores; 5000 for its memory.",
        ),
    ] = 120,
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", min=1, help="Turns of all sides.")] = 3,
    bootstrap_servers: BrokerAddress = None,
    device: Device = None,
    model: Model = None,
    config: Config = None,
    as_json: JsonOnce = False,
) -> int:
    """Measure the whole service on a real broker: MP3 uploads in, committed labels out.

    Real workers, one pinned to one core, one to two and one to all, take turns with a program
    written with librosa and onnxruntime. Tracks are 44.1-kHz stereo MP3s of 128 kbit/s, 30 seconds
    and four minutes long, made from --audio. What counts is CPU time of a worker and all its
    children, warm; the broker and this command share the machine and are left out.

    Linux only. Minutes; with --tracks 5000 --rounds 1 an hour or less.

    [bold]Examples[/bold]

      genrestream bench pipeline --audio ~/Music
      genrestream bench pipeline --audio ~/Music --tracks 5000 --rounds 1 --json | jq .memory
    """
    _limit_threads()
    from consumer.bench.librosa_pipeline import LibrosaPipeline
    from consumer.bench.material import find_sources
    from consumer.bench.pipeline import PipelineBench, Plan, core_counts, make_tracks, open_services
    from consumer.bench.pipeline_report import report
    from consumer.cli.bench_tables import pipeline_tables
    from consumer.cli.terminal import complain, progress

    cores = _cores()
    settings = _settings(config, device=device, model=model)
    librosa = LibrosaPipeline(settings.model)
    plan = Plan(tracks=tracks, rounds=rounds, long_tracks=max(min(tracks, 120) // 8, 1))
    with _folder() as folder, _broker(bootstrap_servers) as broker:
        complain("encoding tracks ...")
        sources = find_sources(audio, folder=folder)
        made = make_tracks(sources, folder / "tracks")
        complain(f"starting workers on {', '.join(map(str, core_counts(cores)))} of {len(cores)} cores ...")
        with open_services(settings, broker=broker, cores=cores, folder=folder) as services:
            total = plan.steps(tuple(services))
            with progress(total, verb="labelling", lines_follow=False) as bar:
                bench_ = PipelineBench(plan, services, librosa=librosa, tracks=made, on_track=bar.advance)
                measured = bench_.measure()
    result = {"audio": _kind(real=sources.real), "rounds": rounds, **report(measured)}
    return _tell("pipeline", result, as_json, pipeline_tables)


@bench.command()
def latency(
    *,
    audio: Audio = None,
    tracks: Annotated[int, typer.Option("--tracks", metavar="N", min=1, help="Uploads.")] = 100,
    bootstrap_servers: BrokerAddress = None,
    device: Device = None,
    model: Model = None,
    config: Config = None,
    as_json: JsonOnce = False,
) -> int:
    """Measure the seconds from an upload's event to its committed label, one at a time, on a real broker.

    The worker is warm and idle, the tracks are 30-second MP3s, and the reader sees committed
    labels only.

    [bold]Examples[/bold]

      genrestream bench latency
      genrestream bench latency --audio ~/Music --tracks 500 --json | jq .p99_seconds
    """
    import random

    from consumer.bench.latency import measure
    from consumer.bench.material import SHORT_SECONDS, find_sources, make_mp3s
    from consumer.bench.service import open_service
    from consumer.cli.bench_tables import latency_tables
    from consumer.cli.terminal import complain, progress

    cores = _cores()
    settings = _settings(config, device=device, model=model)
    with _folder() as folder, _broker(bootstrap_servers) as broker:
        complain("encoding tracks ...")
        sources = find_sources(audio, folder=folder)
        files = make_mp3s(sources, folder / "tracks", seconds=SHORT_SECONDS, count=4)
        complain("starting a worker ...")
        with open_service(settings, broker=broker, cores=cores, folder=folder) as service:
            service.run([*files] * len(cores))
            with progress(tracks, verb="labelling", lines_follow=False) as bar:
                result = measure(service, files, count=tracks, rng=random.Random(0), on_track=bar.advance)
    return _tell("latency", {"audio": _kind(real=sources.real), **result}, as_json, latency_tables)


def _limit_threads() -> None:
    from consumer.bench.one_thread import restart_with_one_thread

    restart_with_one_thread()


def _cores() -> tuple[int, ...]:
    from consumer.bench.processes import usable_cores

    return usable_cores()


def _settings(config: Path | None, *, device: str | None, model: str | None) -> Settings:
    from consumer.logs import configure_command_logs

    settings = settings_from(
        config, overrides={"worker": {"device": device}, "model": model_overrides(model)}
    )
    configure_command_logs(settings.log, verbose=False)
    return settings


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="genrestream-bench-") as name:
        yield Path(name)


@contextmanager
def _broker(bootstrap_servers: str | None) -> Iterator[Broker]:
    from consumer.bench.broker import open_broker
    from consumer.cli.terminal import complain

    if bootstrap_servers is None:
        complain("starting a broker ...")
    with open_broker(bootstrap_servers) as broker:
        yield broker


def _kind(*, real: bool) -> str:
    return "real" if real else "synthetic"


def _tell(
    name: str, result: dict[str, Any], as_json: bool, tables: Callable[[dict[str, Any]], Iterable[Table]]
) -> int:
    from consumer.bench.environment import describe
    from consumer.cli.terminal import print_table, write_json

    whole = {"bench": name, **result, "environment": describe()}
    if as_json:
        write_json(whole)
    else:
        for table in tables(whole):
            print_table(table)
    return 0
