"""Describes the page of a track's way through the pipeline: time and CPU by stage, children, batches."""

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


def _mean(histogram: str) -> str:
    total, count = (per_second(histogram + part, by="instance") for part in ("_sum", "_count"))
    return f"{total} / ({count} > 0)"


_TIME: Final = Row(
    "Where time goes",
    (
        PanelSpec(
            title="Seconds by stage, p95",
            description="`wait` is time in queues and batches, `publish` from the verdict to the commit. "
            "The stage that grows is the one to look at.",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    f"job_group_stage:genrestream_stage_seconds:p95_5m{{{BY_GROUP}}}", "{{group}} {{stage}}"
                ),
            ),
            bounds=(Bound(1.5, "red"),),
            runbook=("slow", "decoding_slow"),
            width=12,
        ),
        PanelSpec(
            title="Seconds by stage, median",
            description="What an ordinary track takes.",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    f"job_group_stage:genrestream_stage_seconds:p50_5m{{{BY_GROUP}}}", "{{group}} {{stage}}"
                ),
            ),
            bounds=(Bound(0.5, "red"),),
            runbook=("slow",),
            width=12,
        ),
        PanelSpec(
            title="Label after upload",
            description="How many labels took how long from uploaded_at: two bands mean two kinds of tracks.",
            unit=Unit.SECONDS,
            kind=Kind.HEAT,
            queries=(
                Query(
                    'sum by (le) (increase(genrestream_stage_seconds_bucket{stage="end_to_end", '
                    f"{BY_INSTANCE}}}[$__rate_interval]))",
                    "{{le}}",
                ),
            ),
            runbook=("slow",),
            width=24,
        ),
    ),
)

_CPU: Final = Row(
    "Where CPU goes",
    (
        PanelSpec(
            title="Cores by stage",
            description="CPU seconds a second that finished tracks took, in worker and children.",
            unit=Unit.COUNT,
            kind=Kind.STACK,
            queries=(
                Query(f"job_group_stage:genrestream_stage_cpu_seconds:rate5m{{{BY_GROUP}}}", "{{stage}}"),
            ),
            runbook=("lag_high",),
        ),
        PanelSpec(
            title="CPU a track",
            description="CPU seconds for one track that ended: what cores are planned with.",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    "sum by (job, group) "
                    f"(job_group_stage:genrestream_stage_cpu_seconds:rate5m{{{BY_GROUP}}}) "
                    "/ on (job, group) (job_group:genrestream_tracks:rate5m > 0)",
                    "{{group}}",
                ),
            ),
            runbook=("lag_high",),
        ),
        PanelSpec(
            title="Cores of the worker's own process",
            description="Without its decoding children. Near 1: the worker itself is what is slow.",
            unit=Unit.COUNT,
            queries=(Query(per_second("process_cpu_seconds_total", by="instance"), "{{instance}}"),),
            runbook=("slow",),
        ),
        PanelSpec(
            title="Memory of the worker's own process",
            description="Resident, without its decoding children.",
            unit=Unit.BYTES,
            queries=(Query(f"process_resident_memory_bytes{{{BY_INSTANCE}}}", "{{instance}}"),),
            runbook=("restarting",),
        ),
        PanelSpec(
            title="Decoding children",
            description="Those that are alive; one for each core where nothing else is set.",
            unit=Unit.COUNT,
            queries=(Query(f"genrestream_decoders{{{BY_INSTANCE}}}", "{{instance}}"),),
            runbook=("decoder_restarts",),
        ),
        PanelSpec(
            title="Children replaced, in 15 minutes",
            description="By cause. A child that dies takes one track with it, which is tried again.",
            unit=Unit.COUNT,
            kind=Kind.STACK,
            queries=(
                Query(f"job_group_cause:genrestream_decoder_restarts:increase15m{{{BY_GROUP}}}", "{{cause}}"),
            ),
            bounds=(Bound(5, "red"),),
            runbook=("decoder_restarts",),
        ),
    ),
)

_WORK: Final = Row(
    "What is worked on",
    (
        PanelSpec(
            title="Windows a second",
            description="Three-second windows scored.",
            unit=Unit.A_SECOND,
            queries=(Query(per_second("genrestream_windows_total", by="instance"), "{{instance}}"),),
        ),
        PanelSpec(
            title="Seconds of audio a second",
            description="How many times faster than real time audio is decoded.",
            unit=Unit.COUNT,
            queries=(Query(per_second("genrestream_audio_seconds_total", by="instance"), "{{instance}}"),),
        ),
        PanelSpec(
            title="Bytes fetched a second",
            description="Encoded audio, from stores and disks.",
            unit=Unit.BYTES_A_SECOND,
            queries=(Query(per_second("genrestream_fetched_bytes_total", by="instance"), "{{instance}}"),),
        ),
        PanelSpec(
            title="Windows a batch",
            description="Mean size of what is scored at once.",
            unit=Unit.COUNT,
            queries=(Query(_mean("genrestream_batch_windows"), "{{instance}}"),),
        ),
        PanelSpec(
            title="Tracks a batch",
            description="Mean number of tracks that share a batch: more under load.",
            unit=Unit.COUNT,
            queries=(Query(_mean("genrestream_batch_tracks"), "{{instance}}"),),
        ),
        PanelSpec(
            title="Fetches tried again at once",
            description="By reason, a second: the store is slow, throttles or cuts connections.",
            unit=Unit.A_SECOND,
            kind=Kind.STACK,
            queries=(Query(per_second("genrestream_fetch_retries_total", by="reason"), "{{reason}}"),),
            runbook=("slow", "dead_letters"),
        ),
        PanelSpec(
            title="Warnings about audio",
            description="Labelled tracks a second whose audio was short, clipped, silent and so on.",
            unit=Unit.A_SECOND,
            kind=Kind.STACK,
            queries=(Query(per_second("genrestream_audio_warnings_total", by="warning"), "{{warning}}"),),
            width=12,
        ),
        PanelSpec(
            title="Where features and scores are computed",
            description="Featurizer and scorer of each worker: an odd one may be the slow one.",
            unit=Unit.COUNT,
            kind=Kind.TABLE,
            queries=(Query(f"genrestream_device_info{{{BY_INSTANCE}}}"),),
            width=12,
        ),
    ),
)

PAGE: Final = Page(
    "genrestream-stages",
    "genrestream: stages and CPU",
    "A track's way through the pipeline: where its time and its CPU go.",
    (_TIME, _CPU, _WORK),
)
