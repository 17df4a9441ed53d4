"""Turns a `relabel --dry-run` into its report: words or JSON on standard output, and a page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from consumer.cli.options import UsageError

if TYPE_CHECKING:
    from consumer.config import Settings
    from consumer.events import TrackLabelled
    from consumer.replay.book import Wish
    from consumer.replay.churn_report import ChurnReport
    from consumer.replay.dry_run import DryRun, LabelLog

_MOST_MOVES = 5


def dry_run(settings: Settings, wish: Wish, *, rate: float | None, page: Path | None, as_json: bool) -> int:
    """Say what a replay would change; gives the exit status.

    Raises
    ------
    UsageError
        The page cannot be written there, or all uploads are asked for.
    """
    from consumer.cli.replay_bar import replay_bar
    from consumer.cli.terminal import complain, write_json, write_line
    from consumer.replay.dry_run import try_model
    from consumer.replay.stopping import stop_on_signals

    if wish.newest is False:
        raise UsageError("a --dry-run judges each track's newest upload: leave --all-uploads out")
    if page is not None and not os.access(page.absolute().parent, os.W_OK | os.X_OK):
        raise UsageError(f"--report: nothing can be written there: {str(page.parent)!r}")
    with stop_on_signals() as stop:
        run = _plan(settings, wish, rate=rate)
        complain(_introduction(run))
        with replay_bar() as onlooker:
            report = try_model(settings, run, stop=stop, onlooker=onlooker)
    if as_json:
        write_json({"event": "churn", **report.model_dump(mode="json")})
    else:
        for line in words_of(report):
            write_line(line)
    # Last: what hours of work have found is said though the disk be full.
    if page is not None and not _write(page, report):
        return 1
    return 0 if report.finished else stop.exit_status


def _write(page: Path, report: ChurnReport) -> bool:
    from consumer.cli.terminal import complain
    from consumer.replay.churn_page import write_page

    try:
        write_page(page, report)
    except OSError as exc:
        complain(f"the page could not be written: {exc.strerror or exc}: {page}")
        return False
    complain(f"page: {page}")
    return True


def _introduction(run: DryRun) -> str:
    terms = run.terms
    return (
        f"dry run: the newest upload of each track within {run.total:,} offsets of {terms.source} "
        f"by {terms.model} {terms.version}; nothing is written to Kafka"
    )


def words_of(report: ChurnReport) -> list[str]:
    """Say what matters most in a few lines."""
    counts = report.counts
    lines = [] if report.finished else ["stopped before the end: this is about what was judged until then"]
    share = "" if report.share_changed is None else f" ({report.share_changed:.1%})"
    lines.append(f"{counts.changed:,} of {counts.compared:,} labels would change{share}")
    moves = [move for move in report.matrix if move.before != move.after][:_MOST_MOVES]
    lines += [f"  {_genre(move.before)} -> {_genre(move.after)}: {move.tracks:,}" for move in moves]
    if report.confidence is not None:
        before, after = report.confidence.before, report.confidence.after
        lines.append(f"confidence: mean {before.mean:.3f} -> {after.mean:.3f}")
    if report.declared.tracks:
        of = report.declared
        lines.append(
            f"agree with the declared genre: {of.agreed_before:,} -> {of.agree_after:,} of {of.tracks:,}"
        )
    abstains = report.abstentions
    lines.append(f"abstentions: {abstains.before:,} -> {abstains.after:,}")
    lines.append(
        f"without a label yet: {counts.without_label:,}; newer label stays: {counts.newer_elsewhere:,}"
    )
    for what, reasons in (("failed", report.failures), ("left out", report.left_out)):
        if reasons:
            lines.append(f"{what}: " + ", ".join(f"{one.count:,} {one.reason}" for one in reasons))
    return lines


def _genre(genre: str | None) -> str:
    from consumer.cli.tables import printable

    return "(abstained)" if genre is None else printable(genre)


def _plan(settings: Settings, wish: Wish, *, rate: float | None) -> DryRun:
    from consumer.replay.agreeing import find_source_ranges
    from consumer.replay.dry_run import DryRun
    from consumer.replay.plan import Terms
    from consumer.rollout.sources import load_model

    source = wish.source or "uploads"
    # A model that is missing is told before a broker is waited for.
    artifact = load_model(settings)
    terms = Terms.of(artifact.manifest, source=source, newest=True, since=wish.since, until=wish.until)
    now = datetime.now(UTC)
    ranges = find_source_ranges(settings, source=source, since=wish.since, until=wish.until, now=now)
    return DryRun(terms, ranges, artifact, _label_log(settings), rate)


def _label_log(settings: Settings) -> LabelLog:
    from consumer.current_labels import CurrentLabels
    from consumer.kafka import find_ranges
    from consumer.replay.dry_run import LabelLog

    ranges = find_ranges(settings.kafka, [settings.topics.labels])

    def current(on_read: Callable[[int], None]) -> Iterable[TrackLabelled]:
        return CurrentLabels(settings.kafka, ranges, on_read=on_read)

    return LabelLog(sum(map(len, ranges.values())), current)
