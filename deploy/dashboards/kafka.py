"""Describes the page of the consumer group: lag, what is in hand, transactions, rebalances."""

from __future__ import annotations

from typing import Final

from deploy.dashboards.panel import (
    BY_GROUP,
    BY_INSTANCE,
    Bound,
    Kind,
    Page,
    PanelSpec,
    Query,
    Row,
    Unit,
    per_second,
)

_PLACE: Final = "{{topic}} {{partition}}"

_LAG: Final = Row(
    "Lag",
    (
        PanelSpec(
            title="Lag by partition",
            description="Records between the committed offset and the end. One partition only: a stuck one. "
            "Retry topics wait on purpose.",
            unit=Unit.COUNT,
            queries=(Query(f"genrestream_consumer_lag_records{{{BY_INSTANCE}}}", _PLACE),),
            runbook=("lag_high", "head_stuck"),
        ),
        PanelSpec(
            title="Slope of the lag",
            description="Records a second, over 15 minutes: above 0, more comes than is labelled.",
            unit=Unit.A_SECOND,
            queries=(
                Query(f"job_group:genrestream_consumer_lag_records:deriv15m{{{BY_GROUP}}}", "{{group}}"),
            ),
            bounds=(Bound(0, "green"), Bound(0.5, "orange")),
            runbook=("lag_grows",),
        ),
        PanelSpec(
            title="Lag in an hour",
            description="As the last 15 minutes go on.",
            unit=Unit.COUNT,
            queries=(Query(f"job_group:genrestream_consumer_lag_records:in1h{{{BY_GROUP}}}", "{{group}}"),),
            bounds=(Bound(10_000, "red"),),
            runbook=("lag_grows",),
        ),
        PanelSpec(
            title="Oldest unfinished record, by partition",
            description="What holds the commit of its partition back.",
            unit=Unit.SECONDS,
            queries=(Query(f"genrestream_head_age_seconds{{{BY_INSTANCE}}}", _PLACE),),
            bounds=(Bound(300, "red"),),
            runbook=("head_stuck",),
        ),
        PanelSpec(
            title="Tracks in flight",
            description="Dispatched and not yet ended.",
            unit=Unit.COUNT,
            kind=Kind.STACK,
            queries=(Query(f"genrestream_in_flight_tracks{{{BY_INSTANCE}}}", _PLACE),),
            runbook=("head_stuck",),
        ),
        PanelSpec(
            title="Records held back",
            description="Consumed, and waiting for room in the pipeline or for their time.",
            unit=Unit.COUNT,
            kind=Kind.STACK,
            queries=(Query(f"genrestream_backlog_records{{{BY_INSTANCE}}}", _PLACE),),
            runbook=("lag_high",),
        ),
    ),
)

_COMMITS: Final = Row(
    "Transactions",
    (
        PanelSpec(
            title="Flushes in 15 minutes, by result",
            description="`skipped_membership` comes with rebalances, `fenced` with a twin or a long pause.",
            unit=Unit.COUNT,
            kind=Kind.STACK,
            queries=(
                Query(f"job_group_result:genrestream_transactions:increase15m{{{BY_GROUP}}}", "{{result}}"),
            ),
            runbook=("transactions_aborted", "fenced"),
        ),
        PanelSpec(
            title="Aborted transactions",
            description="Share of those that were tried. What was aborted is done again; nobody sees it.",
            unit=Unit.RATIO,
            queries=(
                Query(f"job_group:genrestream_transactions_aborted:ratio15m{{{BY_GROUP}}}", "{{group}}"),
            ),
            bounds=(Bound(0.1, "red"),),
            runbook=("transactions_aborted",),
        ),
        PanelSpec(
            title="Since the last commit",
            description="By the workers' clocks.",
            unit=Unit.SECONDS,
            queries=(Query(f"job_group:genrestream_last_commit_age_seconds:min{{{BY_GROUP}}}", "{{group}}"),),
            runbook=("no_progress",),
        ),
        PanelSpec(
            title="From verdict to commit, p95",
            description="Waiting for the next flush (0.2 s) and for the broker.",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    f'job_group_stage:genrestream_stage_seconds:p95_5m{{stage="publish", {BY_GROUP}}}',
                    "{{group}}",
                ),
            ),
            bounds=(Bound(0.5, "orange"),),
            runbook=("slow", "transactions_aborted"),
        ),
        PanelSpec(
            title="Client errors, by code",
            description="What librdkafka reported, a second. Empty is well.",
            unit=Unit.A_SECOND,
            kind=Kind.STACK,
            queries=(
                Query(
                    per_second("genrestream_kafka_errors_total", by="code"),
                    "{{code}}",
                ),
            ),
            runbook=("transactions_aborted", "poll_stuck"),
        ),
        PanelSpec(
            title="Features logged, or left out",
            description="Labelled tracks a second, where the feature log is on.",
            unit=Unit.A_SECOND,
            kind=Kind.STACK,
            queries=(
                Query(
                    per_second("genrestream_feature_records_total", by="result"),
                    "{{result}}",
                ),
            ),
            runbook=("features_left_out",),
        ),
    ),
)

_MEMBERS: Final = Row(
    "Members",
    (
        PanelSpec(
            title="Partitions by worker",
            description="Uneven shares are made even by more partitions. None: one worker too many.",
            unit=Unit.COUNT,
            kind=Kind.STACK,
            queries=(Query(f"genrestream_assigned_partitions{{{BY_INSTANCE}}}", "{{instance}}"),),
            runbook=("rebalancing",),
        ),
        PanelSpec(
            title="Rebalances in 15 minutes",
            description="`lost` means that the group gave partitions away without asking.",
            unit=Unit.COUNT,
            kind=Kind.STACK,
            queries=(Query(f"job_group_kind:genrestream_rebalances:increase15m{{{BY_GROUP}}}", "{{kind}}"),),
            bounds=(Bound(50, "red"),),
            runbook=("rebalancing",),
        ),
        PanelSpec(
            title="Since the last turn of the poll loop",
            description="More than 60 s: the worker is unhealthy, and restarted by its orchestrator.",
            unit=Unit.SECONDS,
            queries=(Query(f"genrestream_poll_age_seconds{{{BY_INSTANCE}}}", "{{instance}}"),),
            bounds=(Bound(30, "red"),),
            runbook=("poll_stuck",),
        ),
        PanelSpec(
            title="Work thrown away",
            description="Tracks a second that ended after their partition had moved, or too late.",
            unit=Unit.A_SECOND,
            queries=(
                Query(
                    per_second("genrestream_stale_completions_total", by="instance"),
                    "{{instance}}",
                ),
            ),
            runbook=("rebalancing",),
        ),
        PanelSpec(
            title="Starts in half an hour",
            description="Beyond the first one. An upgrade is one.",
            unit=Unit.COUNT,
            queries=(Query(f"changes(process_start_time_seconds{{{BY_INSTANCE}}}[30m])", "{{instance}}"),),
            bounds=(Bound(3, "red"),),
            runbook=("restarting",),
        ),
        PanelSpec(
            title="Groups and delivery",
            description="Which group each worker serves, and how it delivers.",
            unit=Unit.COUNT,
            kind=Kind.TABLE,
            queries=(Query(f"genrestream_worker_info{{{BY_INSTANCE}}}"),),
        ),
    ),
)

PAGE: Final = Page(
    "genrestream-kafka",
    "genrestream: Kafka",
    "The consumer group: lag, transactions, rebalances.",
    (_LAG, _COMMITS, _MEMBERS),
)
