"""The `dlq` commands: turn the dead-letter topic into a list, one letter into words, letters into uploads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.cli.options import (
    BootstrapServers,
    Config,
    Group,
    Json,
    UsageError,
    Verbose,
    settings_from,
)

if TYPE_CHECKING:
    from consumer.config import Settings
    from consumer.dead_letters import Letter, LetterPlace, Selection

dlq = typer.Typer(help="Read dead letters, and send them back to be labelled.", no_args_is_help=True)

_Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", "-r", metavar="REASON", help="Failed for this reason; may be repeated."),
]
_Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="TOPIC", help="First arrived in this topic; may be repeated."),
]
_Tracks = Annotated[
    list[str] | None, typer.Option("--track-id", metavar="ID", help="Of this track; may be repeated.")
]
_Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME|OFFSET",
        help="Written from then on: 2030-01-31T12:00:00Z, 2030-01-31, 2h (ago), or an offset.",
        show_default="the oldest there is",
    ),
]
_Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME|OFFSET", help="Written before then.", show_default="now"),
]
_Replay = Annotated[str | None, typer.Option("--replay-id", metavar="ID", help="Failed in this replay.")]


@dlq.command("list")
def list_letters(
    *,
    reasons: _Reasons = None,
    since: _Since = None,
    until: _Until = None,
    topics: _Topics = None,
    track_ids: _Tracks = None,
    replay_id: _Replay = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="Show so many at most, the newest; all are counted.")
    ] = 50,
    everything: Annotated[bool, typer.Option("--all", help="Those that were redriven already too.")] = False,
    as_json: Json = False,
    bootstrap_servers: BootstrapServers = None,
    config: Config = None,
    verbose: Verbose = False,
) -> int:
    """List dead letters, and count them by reason.

    Those that were redriven are left out; --all shows them too. With --json one object a letter,
    and at the end one of the counts ("event": "summary").

    [bold]Examples[/bold]

      genrestream dlq list --since 2h
      genrestream dlq list --reason fetch_timeout --reason fetch_unavailable
      genrestream dlq list --limit 1000000 --json | jq -r 'select(.track_id) | .track_id'
    """
    from collections import deque

    from consumer.cli.dlq_words import show_letters, show_reasons
    from consumer.cli.reading_bar import reading_bar
    from consumer.cli.terminal import write_json

    settings = _settings(config, bootstrap_servers=bootstrap_servers, verbose=verbose)
    selection = _selection(
        reasons, topics, track_ids, replay_id, since=since, until=until, redriven=everything
    )

    from consumer.dead_letters import LetterLog

    log = LetterLog(settings, selection)
    counts: Counter[str] = Counter()
    newest: deque[Letter] = deque(maxlen=limit)
    with reading_bar("reading dead letters", total=log.offsets) as on_read:
        for letter in log.letters(on_read=on_read):
            counts[letter.told.reason] += 1
            newest.append(letter)
    if as_json:
        for letter in newest:
            write_json(letter.to_json())
        shown = {"letters": counts.total(), "shown": len(newest), "by_reason": dict(counts.most_common())}
        write_json({"event": "summary", **shown})
    else:
        show_letters(newest)
        show_reasons(counts, shown=len(newest))
    return 0


@dlq.command()
def show(
    place: Annotated[str, typer.Argument(metavar="PARTITION/OFFSET", help="As `dlq list` shows it.")],
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Only the original value, byte for byte, on standard output.")
    ] = False,
    as_json: Json = False,
    bootstrap_servers: BootstrapServers = None,
    config: Config = None,
    verbose: Verbose = False,
) -> int:
    """Show one dead letter: what failed, all its headers, and its value.

    Whatever a terminal would obey is shown escaped.

    [bold]Examples[/bold]

      genrestream dlq show 0/1200
      genrestream dlq show 0/1200 --raw > upload.json
    """
    import sys

    from consumer.cli.dlq_words import detail, show_letter
    from consumer.cli.terminal import write_json

    if raw and as_json:
        raise UsageError("--raw and --json cannot both go to standard output")
    settings = _settings(config, bootstrap_servers=bootstrap_servers, verbose=verbose)
    wanted = _place(place)

    from consumer.dead_letters import LetterLog, Selection

    log = LetterLog(settings, Selection(places=frozenset((wanted,)), redriven=True))
    letter = next(log.letters(), None)
    if letter is None:
        raise UsageError(f"no dead letter stands at {wanted} of {settings.topics.dead_letters!r}")
    if raw:
        sys.stdout.buffer.write(letter.record.value or b"")
        sys.stdout.buffer.flush()
    elif as_json:
        write_json(detail(letter))
    else:
        show_letter(letter)
    return 0


@dlq.command()
def redrive(
    places: Annotated[
        list[str] | None, typer.Argument(metavar="PARTITION/OFFSET", help="Only these.")
    ] = None,
    *,
    reasons: _Reasons = None,
    since: _Since = None,
    until: _Until = None,
    topics: _Topics = None,
    track_ids: _Tracks = None,
    replay_id: _Replay = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Whatever has not been redriven: needed where nothing narrows it.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="So many at most, the oldest.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="TOPIC",
            help="Upload topic to publish in.",
            show_default="where each first arrived",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate", metavar="LETTERS", min=0.01, help="Most letters a second.", show_default="no limit"
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and write nothing.")] = False,
    as_json: Json = False,
    bootstrap_servers: BootstrapServers = None,
    config: Config = None,
    group: Group = None,
    verbose: Verbose = False,
) -> int:
    """Publish dead letters again as uploads, each once however often this is run.

    The original value goes back under its key to the topic where it first arrived, with its own
    headers and the history of its failures. In the same transaction a marker in the dead-letter
    topic says so: killed at any moment, it can be run again. Of a record with several events only
    the one that failed is published.

    Exit status: 0 all that was meant is redriven, 1 some letters stay or the broker was lost,
    2 wrong usage or settings, 3 another redrive has begun, 5 refused by the broker.

    [bold]Examples[/bold]

      genrestream dlq redrive --reason fetch_unavailable --since 1d --dry-run
      genrestream dlq redrive --reason fetch_unavailable --since 1d --rate 20
      genrestream dlq redrive 0/1200 0/1207
    """
    from consumer.cli.dlq_words import RedriveWords
    from consumer.cli.reading_bar import reading_bar_of

    settings = _settings(config, bootstrap_servers=bootstrap_servers, verbose=verbose, group=group)
    narrowed = (places, reasons, since, until, topics, track_ids, replay_id, limit)
    if not everything and not any(narrowed):
        raise UsageError("nothing says which dead letters: narrow it, or say --all")
    if to is not None and to not in settings.topics.uploads:
        raise UsageError(f"--to: {to!r} is not among topics.uploads: {', '.join(settings.topics.uploads)}")
    selection = _selection(reasons, topics, track_ids, replay_id, since=since, until=until, places=places)

    from consumer.dead_letters import Listeners, Redriver

    words = RedriveWords(as_json=as_json, dry_run=dry_run)
    with reading_bar_of("redriving") as (on_total, on_read):
        listeners = Listeners(on_total, on_read, words.redriven, words.refused)
        with Redriver(settings, selection, to=to, limit=limit, rate=rate, listeners=listeners) as redriver:
            end = redriver.preview() if dry_run else redriver.run()
    words.end(end)
    return 1 if end.refused else 0


def _settings(
    config: Path | None, *, bootstrap_servers: str | None, verbose: bool, group: str | None = None
) -> Settings:
    from consumer.logs import configure_command_logs

    kafka = {"bootstrap_servers": bootstrap_servers, "group": group}
    settings = settings_from(config, overrides={"kafka": kafka})
    configure_command_logs(settings.log, verbose=verbose)
    return settings


def _selection(
    reasons: list[str] | None,
    topics: list[str] | None,
    track_ids: list[str] | None,
    replay_id: str | None,
    *,
    since: str | None,
    until: str | None,
    places: list[str] | None = None,
    redriven: bool = False,
) -> Selection:
    from consumer.cli.exporting import bound_of
    from consumer.dead_letters import Selection

    return Selection(
        reasons=frozenset(reasons or ()),
        topics=frozenset(topics or ()),
        track_ids=frozenset(track_ids or ()),
        places=frozenset(_place(one) for one in places or ()),
        replay_id=replay_id,
        since=bound_of("--since", since),
        until=bound_of("--until", until),
        redriven=redriven,
    )


def _place(text: str) -> LetterPlace:
    from consumer.dead_letters import LetterPlace

    try:
        return LetterPlace.parse(text)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc
