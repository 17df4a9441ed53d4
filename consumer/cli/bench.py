"""The `bench` commands: turn this machine and some music into figures, each side measured in one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from consumer.cli.options import Config, Device, Model, Windows

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
    precision: Annotated[
        Literal["single", "double"] | None,
        typer.Option(
            help="Of our Fourier transform; librosa's is double.",
            show_default="double; single on cards slow at it",
        ),
    ] = None,
    device: Device = None,
    as_json: JsonOnce = False,
) -> int:
    """Compare the featurizer with librosa in one run and check that they agree.

    A round is one song of ten windows, featurized by each side in turn, in one
    thread: this featurizer, the best that librosa can do (one STFT, scipy's 1-D
    median, nothing twice) and plain librosa calls. Ratios are medians over the
    rounds. Parity is the largest difference from plain librosa over all windows,
    in standard deviations of music; tempo is compared apart.

    Without --audio the music is synthetic and there are 80 windows at most.

    [bold]Examples[/bold]

      genrestream bench featurizer --audio ~/Music
      genrestream bench featurizer --windows 100 --json | jq .ratio_best_librosa
    """
    from consumer.bench.one_thread import restart_with_one_thread

    restart_with_one_thread()  # before anything loads numpy
    from consumer.bench.featurizer import SONG_WINDOWS, measure, open_sides
    from consumer.bench.material import find_sources, read_windows, song_batches
    from consumer.cli.bench_setting import tell, temporary_folder
    from consumer.cli.bench_tables import SIDES, count, featurizer_tables
    from consumer.cli.terminal import complain, progress

    sides = open_sides(device=device or "auto", precision=precision)
    with temporary_folder() as folder:
        sources = find_sources(audio, folder=folder)
        complain(f"reading {count(len(sources.paths), 'file')} ...")
        batches = song_batches(list(read_windows(sources, count=windows)), size=SONG_WINDOWS)
    with progress(3 * len(batches), verb="measuring", lines_follow=False) as bar:
        result = measure(sides, batches, on_run=lambda side: bar.advance(SIDES[side]))
    return tell("featurizer", {"audio": sources.kind, **result}, as_json=as_json, tables=featurizer_tables)


@bench.command()
def decode(
    *,
    audio: Audio = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=3.0, metavar="S", help="Length of the track.")
    ] = 30.0,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="POLICY",
            help="Window policy to time: all, first:N or spread:N; repeatable.",
            show_default="all, first:3, spread:3",
        ),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", min=1, help="Turns of all sides.")] = 10,
    as_json: JsonOnce = False,
) -> int:
    """Time each format by each library that decodes it, to 22,050 Hz mono.

    The same 44.1-kHz stereo track is encoded in every format, lossy ones at 128
    kbit/s. Beside the libraries stand what the service chooses, and its windows
    ready to be featurized, by each window policy.

    [bold]Examples[/bold]

      genrestream bench decode --audio ~/Music
      genrestream bench decode --seconds 240 --json | jq .formats.mp3
    """
    from consumer.bench.one_thread import restart_with_one_thread

    restart_with_one_thread()  # before anything loads numpy
    from consumer.bench.decode import make_files, measure, readers
    from consumer.bench.encoding import FORMATS
    from consumer.bench.material import find_sources
    from consumer.cli.bench_setting import parse_policies, tell, temporary_folder
    from consumer.cli.bench_tables import decode_tables
    from consumer.cli.terminal import complain, progress

    policies = parse_policies(policy or ["all", "first:3", "spread:3"])
    with temporary_folder() as folder:
        sources = find_sources(audio, folder=folder)
        complain(f"encoding a track of {seconds:g} s in {len(FORMATS)} formats ...")
        files = make_files(sources, folder / "tracks", seconds=seconds, formats=list(FORMATS))
        ways = {name: readers(path, policies=policies) for name, path in files.items()}
        total = rounds * sum(map(len, ways.values()))
        with progress(total, verb="decoding", lines_follow=False) as bar:
            formats = {
                name: measure(path, ways[name], rounds=rounds, seconds=seconds, on_run=bar.advance)
                for name, path in files.items()
            }
    result = {
        "audio": sources.kind,
        "seconds": seconds,
        "rounds": rounds,
        "formats": formats,
    }
    return tell("decode", result, as_json=as_json, tables=decode_tables)


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
    windows: Windows = None,
    config: Config = None,
    as_json: JsonOnce = False,
) -> int:
    """Measure the whole service on a real broker, from MP3 uploads to committed labels.

    Real workers, one pinned to one core, one to two and one to all, take turns
    with a program written with librosa and onnxruntime. Tracks are 44.1-kHz
    stereo MP3s of 128 kbit/s, 30 seconds and four minutes long, made from
    --audio. What counts is the CPU time of a warm worker and all its children;
    the broker and this command share the machine and are left out.

    Linux only.

    [bold]Examples[/bold]

      genrestream bench pipeline --audio ~/Music
      genrestream bench pipeline --audio ~/Music --tracks 5000 --rounds 1 --json | jq .memory
    """
    from consumer.bench.one_thread import restart_with_one_thread

    restart_with_one_thread()  # before anything loads numpy
    from consumer.bench.librosa_pipeline import LibrosaPipeline
    from consumer.bench.material import find_sources
    from consumer.bench.pipeline import PipelineBench, Plan, core_counts, make_tracks, open_services
    from consumer.bench.pipeline_report import report
    from consumer.bench.processes import usable_cores
    from consumer.cli.bench_setting import heard, real_broker, service_settings, tell, temporary_folder
    from consumer.cli.bench_tables import pipeline_tables
    from consumer.cli.terminal import complain, progress
    from consumer.rollout.sources import load_model

    cores = usable_cores()
    settings = service_settings(config, device=device, model=model, windows=windows)
    librosa = LibrosaPipeline(load_model(settings))
    plan = Plan(tracks=tracks, rounds=rounds, long_tracks=max(min(tracks, 120) // 8, 1))
    with temporary_folder() as folder, real_broker(bootstrap_servers) as broker:
        complain("encoding tracks ...")
        sources = find_sources(audio, folder=folder)
        made = make_tracks(plan, sources, folder / "tracks")
        complain(f"starting workers on {', '.join(map(str, core_counts(cores)))} of {len(cores)} cores ...")
        with open_services(settings, broker=broker, cores=cores, folder=folder) as services:
            total = plan.steps(tuple(services))
            with progress(total, verb="labelling", lines_follow=False) as bar:
                bench_ = PipelineBench(plan, services, librosa=librosa, tracks=made, on_track=bar.advance)
                measured = bench_.measure()
    result = {"audio": sources.kind, "rounds": rounds, **heard(settings), **report(measured)}
    return tell("pipeline", result, as_json=as_json, tables=pipeline_tables)


@bench.command()
def latency(
    *,
    audio: Audio = None,
    tracks: Annotated[int, typer.Option("--tracks", metavar="N", min=1, help="Uploads.")] = 100,
    bootstrap_servers: BrokerAddress = None,
    device: Device = None,
    model: Model = None,
    windows: Windows = None,
    config: Config = None,
    as_json: JsonOnce = False,
) -> int:
    """Measure the seconds from an upload's event to its committed label.

    One track at a time, on a real broker: the worker is warm and idle, the tracks
    are 30-second MP3s, and the reader sees committed labels only.

    [bold]Examples[/bold]

      genrestream bench latency
      genrestream bench latency --audio ~/Music --tracks 500 --json | jq .p99_seconds
    """
    import random

    from consumer.bench.latency import measure
    from consumer.bench.material import SHORT_SECONDS, find_sources, make_mp3s
    from consumer.bench.processes import usable_cores
    from consumer.bench.service import open_service
    from consumer.cli.bench_setting import heard, real_broker, service_settings, tell, temporary_folder
    from consumer.cli.bench_tables import latency_tables
    from consumer.cli.terminal import complain, progress

    cores = usable_cores()
    settings = service_settings(config, device=device, model=model, windows=windows)
    with temporary_folder() as folder, real_broker(bootstrap_servers) as broker:
        complain("encoding tracks ...")
        sources = find_sources(audio, folder=folder)
        files = make_mp3s(sources, folder / "tracks", seconds=SHORT_SECONDS, count=4)
        complain("starting a worker ...")
        with open_service(settings, broker=broker, cores=cores, folder=folder) as service:
            service.run([*files] * len(cores))
            with progress(tracks, verb="labelling", lines_follow=False) as bar:
                result = measure(service, files, count=tracks, rng=random.Random(0), on_track=bar.advance)
    return tell(
        "latency",
        {"audio": sources.kind, **heard(settings), **result},
        as_json=as_json,
        tables=latency_tables,
    )
