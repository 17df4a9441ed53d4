"""The `relabel` command: turns past uploads into new labels, or into a report of what would change."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from consumer.cli.options import (
    BootstrapServers,
    Config,
    Device,
    Group,
    Json,
    Model,
    UsageError,
    Verbose,
    model_overrides,
    settings_from,
)

if TYPE_CHECKING:
    from consumer.config import Settings
    from consumer.replay.book import Wish
    from consumer.replay.plan import Plan
    from consumer.replay.running import ReplayEnd


def relabel(
    *,
    source: Annotated[
        Literal["uploads", "features"] | None,
        typer.Option(
            "--source",
            help="What is read: uploads and their audio again, or the feature log, which needs no audio.",
            show_default="uploads",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME|OFFSET",
            help="First record: 2030-01-31T12:00:00Z, 2030-01-31, 2h (ago), or an offset.",
            show_default="the oldest there is",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="TIME|OFFSET",
            help="Where it stops, itself left out.",
            show_default="now",
        ),
    ] = None,
    model: Model = None,
    replay_id: Annotated[
        str | None,
        typer.Option(
            "--replay-id",
            metavar="ID",
            help="Names the replay: join it, or go on with it.",
            show_default="made, and shown",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            metavar="TRACKS",
            min=0.01,
            help="Most tracks a second of this process.",
            show_default="no limit",
        ),
    ] = None,
    all_uploads: Annotated[
        bool,
        typer.Option("--all-uploads", help="Not only the newest upload of each track in the range."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing to Kafka: say what would change.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.html",
            dir_okay=False,
            help="With --dry-run: the same as a page.",
            show_default=False,
        ),
    ] = None,
    file_root: Annotated[
        list[Path] | None,
        typer.Option(
            "--file-root",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Allow file: URIs below this folder; repeatable.",
        ),
    ] = None,
    as_json: Json = False,
    bootstrap_servers: BootstrapServers = None,
    group: Group = None,
    device: Device = None,
    config: Config = None,
    verbose: Verbose = False,
) -> int:
    """Label past uploads again, by another model or the same, exactly once.

    The new labels carry the replay's id and stand beside the old ones; live workers, their group
    and its offsets are left alone. What is read is fixed when the replay begins. Killed or stopped,
    it goes on where it stood with --replay-id; several processes with the same id share the work.
    Uploads that fail are dead-lettered, and their labels stay.

    With --dry-run nothing is written to Kafka: the newest uploads are labelled by the model, compared
    with the current labels, and what would change is reported. Stopped, it reports what it has seen.

    Exit status: 0 the replay is complete, 1 broker lost or a bug, 2 wrong usage or settings, 4 model
    or device, 5 refused by the broker, 130 after Ctrl-C and 143 after SIGTERM, both of which drain.

    [bold]Examples[/bold]

      genrestream relabel --model gtzan57-mlp@1.1.0 --dry-run --report churn.html
      genrestream relabel --model gtzan57-mlp@1.1.0 --from 2030-01-01 --to 7d --rate 20
      genrestream relabel --replay-id 20300131-120000-3f2a     # go on, or lend a hand
      genrestream relabel --source features --model gtzan57-mlp@1.1.0
    """
    from consumer.logs import configure_command_logs

    if report is not None and not dry_run:
        raise UsageError("--report is of a --dry-run")
    if dry_run and replay_id is not None:
        raise UsageError("a --dry-run leaves no replay behind: --replay-id names none")
    roots = tuple(root.resolve() for root in file_root) if file_root else None
    settings = settings_from(
        config,
        overrides={
            "kafka": {"bootstrap_servers": bootstrap_servers, "group": group},
            "fetch": {"file_roots": roots},
            "worker": {"device": device},
            "model": model_overrides(model),
        },
    )
    configure_command_logs(settings.log, verbose=verbose)
    wish = _wish(source, model, since=since, until=until, all_uploads=all_uploads)
    if dry_run:
        from consumer.cli.dry_run import dry_run as run_dry

        return run_dry(settings, wish, rate=rate, page=report, as_json=as_json)
    typed = _typed(config=config, bootstrap_servers=bootstrap_servers, group=group, file_root=file_root)
    return _replay(settings, wish, replay_id=replay_id, rate=rate, as_json=as_json, typed=typed)


def _wish(
    source: Literal["uploads", "features"] | None,
    model: str | None,
    *,
    since: str | None,
    until: str | None,
    all_uploads: bool,
) -> Wish:
    from consumer.replay.book import Wish

    named = model_overrides(model)
    return Wish(
        source=source,
        model=named.get("name"),
        version=named.get("version"),
        newest=False if all_uploads else None,
        since=since,
        until=until,
    )


def _replay(
    settings: Settings,
    wish: Wish,
    *,
    replay_id: str | None,
    rate: float | None,
    as_json: bool,
    typed: list[str],
) -> int:
    import secrets
    from datetime import UTC, datetime

    from consumer.cli.replay_bar import replay_bar
    from consumer.cli.terminal import complain, write_json
    from consumer.replay.agreeing import agree_on_plan, count_expired
    from consumer.replay.running import run_feature_replay, run_upload_replay
    from consumer.replay.stopping import stop_on_signals

    now = datetime.now(UTC)
    replay_id = replay_id or f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    again = shlex.join(["genrestream", "relabel", "--replay-id", replay_id, *typed])
    with stop_on_signals() as stop:
        plan, artifact = agree_on_plan(settings, wish, replay_id=replay_id, now=now)
        complain(_introduction(plan))
        if expired := count_expired(settings, plan):
            complain(f"{expired:,} offsets of it have expired on the broker: what they held is left out")
        complain(f"share it, or go on with it: {again}")
        if as_json:
            write_json({"event": "planned", **_plan_json(plan)})
        run = run_upload_replay if plan.terms.source == "uploads" else run_feature_replay
        with replay_bar() as onlooker:
            end = run(settings, plan, artifact=artifact, rate=rate, stop=stop, onlooker=onlooker)
    _show_end(end, replay_id=replay_id, again=again, as_json=as_json)
    if end.progress.finished:
        return 0
    return stop.exit_status if stop.asked else 1


def _introduction(plan: Plan) -> str:
    terms = plan.terms
    which = "the newest upload of each track" if terms.newest else "all uploads"
    return (
        f"replay {plan.replay_id}: {which} within {plan.total:,} offsets of {', '.join(plan.topics)} "
        f"by {terms.model} {terms.version}"
    )


def _plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "replay_id": plan.replay_id,
        "group": plan.group,
        **plan.terms.model_dump(),
        "total_offsets": plan.total,
        "ranges": [
            {"topic": topic, "partition": number, "start": span.start, "stop": span.stop}
            for (topic, number), span in plan.ranges.items()
        ],
    }


def _show_end(end: ReplayEnd, *, replay_id: str, again: str, as_json: bool) -> None:
    from consumer.cli.terminal import complain, write_json, write_line

    if as_json:
        write_json({"event": "ended", "replay_id": replay_id, **end.to_json()})
    counted = ", ".join(f"{number:,} {word}" for word, number in sorted(end.counts.items()))
    here = f"; this process: {counted}" if counted else ""
    if end.progress.finished:
        (complain if as_json else write_line)(f"replay {replay_id} is complete{here}")
    else:
        (complain if as_json else write_line)(f"stopped at {end.progress.words()}{here}")
        complain(f"go on with: {again}")


def _typed(
    *,
    config: Path | None,
    bootstrap_servers: str | None,
    group: str | None,
    file_root: list[Path] | None,
) -> list[str]:
    """Give the settings that were typed and that whoever goes on must type again."""
    options = [("--config", config), ("--bootstrap-servers", bootstrap_servers), ("--group", group)]
    options += [("--file-root", root) for root in file_root or []]
    return [word for option, value in options if value is not None for word in (option, str(value))]
