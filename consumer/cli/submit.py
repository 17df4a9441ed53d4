"""The `submit` command: turns audio files or URIs into upload events on Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.options import BootstrapServers, Config, Json, UsageError, settings_from

if TYPE_CHECKING:
    from consumer.events import TrackUploaded


def submit(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Audio files and folders.", show_default=False),
    ] = None,
    *,
    uri: Annotated[
        list[str] | None,
        typer.Option("--uri", metavar="URI", help="An s3, gs, az, http(s) or file URI; repeatable."),
    ] = None,
    track_id: Annotated[
        str | None,
        typer.Option("--track-id", metavar="ID", help="Of a single track.", show_default="its path or URI"),
    ] = None,
    declared_genre: Annotated[
        str | None, typer.Option("--declared-genre", metavar="GENRE", help="What the publisher calls it.")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Limit for all deliveries.")
    ] = 30.0,
    as_json: Json = False,
    bootstrap_servers: BootstrapServers = None,
    config: Config = None,
) -> int:
    """Publish an upload event for each track, and wait until the broker has them.

    Files are submitted under file: URIs, which a worker takes only below its --file-root.

    [bold]Examples[/bold]

      genrestream submit song.mp3 --declared-genre jazz
      genrestream submit ~/Music
      genrestream submit --uri s3://masters/2024/song.flac --track-id 4711
    """
    from consumer.audio_files import upload
    from consumer.cli.tables import printable
    from consumer.cli.terminal import complain, progress, write_json, write_line
    from consumer.logs import configure_command_logs
    from consumer.submit import Submitted, submit_all

    settings = settings_from(config, overrides={"kafka": {"bootstrap_servers": bootstrap_servers}})
    configure_command_logs(settings.log, verbose=False)
    if not files and not uri:
        raise UsageError("name files, folders or --uri")
    uploads, missing = _uploads_of_files(files or [], declared_genre=declared_genre)
    uploads += [upload(one, declared_genre=declared_genre) for one in uri or []]
    if track_id is not None:
        if len(uploads) != 1:
            raise UsageError(f"--track-id names one track, but there are {len(uploads)}")
        uploads = [uploads[0].model_copy(update={"track_id": track_id})]
    failed = missing

    with progress(len(uploads), verb="submitting", lines_follow=True) as bar:

        def report(ended: Submitted) -> None:
            nonlocal failed
            if ended.error is not None:
                failed += 1
                complain(f"{printable(ended.upload.track_id)}: {ended.error}")
            elif as_json:
                write_json({"topic": ended.topic, **ended.upload.model_dump(mode="json", exclude_none=True)})
            else:
                write_line(f"{ended.upload.event_id}  {printable(ended.upload.track_id)}")
            bar.advance(ended.upload.track_id)

        submit_all(uploads, settings=settings, timeout_seconds=timeout, on_end=report)
    return 1 if failed else 0


def _uploads_of_files(files: list[Path], *, declared_genre: str | None) -> tuple[list[TrackUploaded], int]:
    from consumer.audio_files import find_audio, shown, upload_of
    from consumer.cli.terminal import complain

    uploads, missing = [], 0
    for found in find_audio(files):
        if found.error is None:
            uploads.append(upload_of(found.path, declared_genre=declared_genre))
        else:
            missing += 1
            complain(f"{shown(found.path)}: {found.error.reason}: {found.error}")
    return uploads, missing
