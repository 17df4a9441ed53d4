"""The `demo` command: turns audio files into labels through a whole service that it starts and ends."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from consumer.cli.options import Config, Device, Model, UsageError, Verbose, model_overrides, settings_from


def demo(
    audio: Annotated[
        list[Path] | None,
        typer.Argument(metavar="AUDIO", help="Audio files and folders.", show_default=False),
    ] = None,
    *,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=0.0, help="Submit a track every so often.")
    ] = 0.0,
    device: Device = None,
    model: Model = None,
    config: Config = None,
    verbose: Verbose = False,
) -> int:
    """See the whole service at work, with a Kafka in memory and the real worker.

    Without AUDIO it labels short pieces that it synthesises in the manner of a few genres.
    What cannot be labelled ends as a dead letter, with the reason. The last line on standard
    output is one JSON object of counts and of seconds from upload to label.

    [bold]Examples[/bold]

      genrestream demo
      genrestream demo ~/Music/album another.mp3
      genrestream demo --interval 2 ~/Music
    """
    from consumer.cli.outputs import output_for
    from consumer.cli.terminal import complain, is_terminal, progress, write_json, write_line
    from consumer.demo.demo import Tally, label_of, open_demo, problem_of
    from consumer.logs import configure_command_logs

    overrides: dict[str, dict[str, Any]] = {"worker": {"device": device}, "model": model_overrides(model)}
    settings = settings_from(config, overrides=overrides)
    configure_command_logs(settings.log, verbose=verbose)
    named = _named(audio) if audio else []
    complain("starting a mock Kafka cluster and a worker ...")
    with (
        open_demo(settings) as service,
        nullcontext(named) if audio else _synthesised() as paths,
        output_for(paths, failures=write_line) as output,
    ):
        tally = Tally(submitted=len(paths))
        service.await_ready()
        with progress(len(paths), verb="labelling", lines_follow=not is_terminal()) as bar:
            for track in service.run(paths, interval_seconds=interval):
                tally.count(track)
                output.show(track.path, label_of(track), problem=problem_of(track), seconds=track.seconds)
                bar.advance(output.name(track.path))
    if not audio:
        complain("These pieces are synthetic: their labels say little about how real music is labelled.")
        complain('Your own music: make demo AUDIO="path ...", or genrestream demo path ...')
    write_json(tally.to_json())
    return 0


@contextmanager
def _synthesised() -> Iterator[list[Path]]:
    """Write the synthetic pieces, which live as long as the body."""
    from consumer.cli.terminal import complain
    from consumer.demo.synthesis import MANNERS, write_pieces

    complain(f"synthesising {len(MANNERS)} short pieces ...")
    with tempfile.TemporaryDirectory(prefix="genrestream-demo-") as folder:
        yield write_pieces(Path(folder))


def _named(audio: list[Path]) -> list[Path]:
    from consumer.audio_files import find_audio, shown
    from consumer.cli.terminal import complain

    paths = []
    for found in find_audio(audio):
        # A file that is not there is submitted all the same: it shows what a dead letter is.
        if found.error is None or not found.path.exists():
            paths.append(found.path)
        else:
            complain(f"{shown(found.path)}: {found.error}")
    if not paths:
        raise UsageError("there is no audio to label")
    return paths
