"""Describes the operators' page: is it well, how fast is it, what waits, what failed."""

from __future__ import annotations

from typing import Final

from deploy.dashboards.panel import BY_GROUP, BY_INSTANCE, Bound, Kind, Page, PanelSpec, Query, Row, Unit

_FAILED: Final = 'increase(genrestream_tracks_total{outcome="%s", ' + BY_INSTANCE + "}[$__rate_interval])"

_WELL: Final = Row(
    "Is it well, and what to do first",
    (
        PanelSpec(
            title="Workers ready",
            description="Workers that serve partitions. None: nothing is labelled.",
            unit=Unit.COUNT,
            kind=Kind.NUMBER,
            queries=(Query(f"job_group:genrestream_ready:sum{{{BY_GROUP}}}", "{{group}}"),),
            bounds=(Bound(1, "green"),),
            first_colour="red",
            runbook=("absent", "not_ready", "target_down"),
            width=4,
        ),
        PanelSpec(
            title="Tracks a second",
            description="Events that came to an end: labelled, abstained, to be tried again, dead, skipped.",
            unit=Unit.A_SECOND,
            kind=Kind.NUMBER,
            queries=(Query(f"job_group:genrestream_tracks:rate5m{{{BY_GROUP}}}", "{{group}}"),),
            runbook=("no_progress",),
            width=4,
        ),
        PanelSpec(
            title="Label after upload, p95",
            description="From uploaded_at to the committed label. The goal is 1.5 s.",
            unit=Unit.SECONDS,
            kind=Kind.NUMBER,
            queries=(
                Query(
                    f'job_group_stage:genrestream_stage_seconds:p95_5m{{stage="end_to_end", {BY_GROUP}}}',
                    "{{group}}",
                ),
            ),
            bounds=(Bound(1.5, "red"),),
            runbook=("slow",),
            width=4,
        ),
        PanelSpec(
            title="Uploads waiting",
            description="Records between the committed offset and the end, but for retry topics.",
            unit=Unit.COUNT,
            kind=Kind.NUMBER,
            queries=(Query(f"job_group:genrestream_consumer_lag_records:sum{{{BY_GROUP}}}", "{{group}}"),),
            bounds=(Bound(750, "orange"), Bound(2_000, "red")),
            runbook=("lag_high", "lag_grows"),
            width=4,
        ),
        PanelSpec(
            title="Dead letters",
            description="Share of the tracks that ended within 15 minutes. Empty while none ends.",
            unit=Unit.RATIO,
            kind=Kind.NUMBER,
            queries=(Query(f"job_group:genrestream_dead_letters:ratio15m{{{BY_GROUP}}}", "{{group}}"),),
            bounds=(Bound(0.01, "orange"), Bound(0.05, "red")),
            runbook=("dead_letters",),
            width=4,
        ),
        PanelSpec(
            title="Since the last commit",
            description="By the workers' clocks. Long is well where nothing is uploaded: look at what waits.",
            unit=Unit.SECONDS,
            kind=Kind.NUMBER,
            queries=(Query(f"job_group:genrestream_last_commit_age_seconds:min{{{BY_GROUP}}}", "{{group}}"),),
            runbook=("no_progress",),
            width=4,
        ),
        PanelSpec(
            title="Alerts",
            description="What fires or is about to. Begin with a critical one: the runbook has its page. "
            "Empty is well.",
            unit=Unit.COUNT,
            kind=Kind.TABLE,
            queries=(Query('ALERTS{alertname=~"Genrestream.+", job=~"$job|"}'),),
            runbook=("README",),
            width=24,
        ),
    ),
)

_FAST: Final = Row(
    "How fast",
    (
        PanelSpec(
            title="Tracks a second, by outcome",
            description="Committed outcomes; what was not committed is not counted.",
            unit=Unit.A_SECOND,
            kind=Kind.STACK,
            queries=(Query(f"job_group_outcome:genrestream_tracks:rate5m{{{BY_GROUP}}}", "{{outcome}}"),),
            runbook=("no_progress",),
        ),
        PanelSpec(
            title="Label after upload",
            description="From uploaded_at to the committed label, of half the tracks and of 95%.",
            unit=Unit.SECONDS,
            queries=tuple(
                Query(
                    f'job_group_stage:genrestream_stage_seconds:{name}_5m{{stage="end_to_end", {BY_GROUP}}}',
                    f"{{{{group}}}} {name}",
                )
                for name in ("p50", "p95")
            ),
            bounds=(Bound(1.5, "red"),),
            runbook=("slow",),
        ),
        PanelSpec(
            title="Labels a second, by genre",
            description="Top genres of committed labels.",
            unit=Unit.A_SECOND,
            kind=Kind.STACK,
            queries=(
                Query(
                    f"sum by (genre) (rate(genrestream_labels_total{{{BY_INSTANCE}}}[$__rate_interval]))",
                    "{{genre}}",
                ),
            ),
            runbook=("drift",),
        ),
    ),
)

_WAITING: Final = Row(
    "What is waiting",
    (
        PanelSpec(
            title="Uploads waiting",
            description="Lag of the upload topics, and what it will be in an hour as it goes now.",
            unit=Unit.COUNT,
            queries=(
                Query(f"job_group:genrestream_consumer_lag_records:sum{{{BY_GROUP}}}", "{{group}}"),
                Query(f"job_group:genrestream_consumer_lag_records:in1h{{{BY_GROUP}}}", "{{group}} in 1 h"),
            ),
            bounds=(Bound(2_000, "red"),),
            runbook=("lag_high", "lag_grows"),
        ),
        PanelSpec(
            title="Waiting to be tried again",
            description="Lag of the retry topics: they wait on purpose, up to an hour.",
            unit=Unit.COUNT,
            queries=(
                Query(f"job_group:genrestream_consumer_lag_records:retry_sum{{{BY_GROUP}}}", "{{group}}"),
            ),
            runbook=("dead_letters",),
        ),
        PanelSpec(
            title="Oldest unfinished record",
            description="What holds the commit back. A track ends within 240 s, one way or another.",
            unit=Unit.SECONDS,
            queries=(Query(f"job_group:genrestream_head_age_seconds:max{{{BY_GROUP}}}", "{{group}}"),),
            bounds=(Bound(300, "red"),),
            runbook=("head_stuck",),
        ),
    ),
)

_FAILING: Final = Row(
    "What failed",
    tuple(
        PanelSpec(
            title=title,
            description=description,
            unit=Unit.COUNT,
            kind=Kind.STACK,
            queries=(Query(f"sum by (reason) ({_FAILED % outcome}) > 0", "{{reason}}"),),
            runbook=runbook,
            width=6,
        )
        for title, description, outcome, runbook in (
            (
                "Dead letters, by reason",
                "`genrestream dlq list` shows them.",
                "dead_lettered",
                ("dead_letters",),
            ),
            (
                "Tried again later, by reason",
                "What may pass: a store that is away, a child that died.",
                "retried",
                ("dead_letters", "decoder_restarts"),
            ),
            (
                "Skipped, by reason",
                "Messages that are no uploads: removals, test events, other types.",
                "skipped",
                (),
            ),
            (
                "Abstained, by reason",
                "Labels without a genre, as the model was not sure enough.",
                "abstained",
                ("drift",),
            ),
        )
    ),
)

PAGE: Final = Page(
    "genrestream-overview",
    "genrestream: overview",
    "Is it well, how fast is it, what waits, what failed.",
    (_WELL, _FAST, _WAITING, _FAILING),
)
