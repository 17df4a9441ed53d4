"""Describes the page of the models: who speaks, how surely, who is tried beside them, what has drifted."""

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

_MODEL: Final = "{{role}} {{name}}@{{version}}"


_OF_MODEL: Final = "role, name, version"
_VERDICTS: Final = per_second("genrestream_model_tracks_total", by=_OF_MODEL)
_ABSTAINED: Final = per_second("genrestream_model_tracks_total", by=_OF_MODEL, where='status="abstained"')
_SURENESS: Final = per_second("genrestream_model_confidence_sum", by=_OF_MODEL)
_SCORED: Final = per_second("genrestream_model_confidence_count", by=_OF_MODEL)
_GENRES: Final = per_second("genrestream_labels_total", by="genre")
_SINCE_READ: Final = f"time() - genrestream_model_registry_checked_timestamp_seconds{{{BY_INSTANCE}}}"

_SPEAKING: Final = Row(
    "Who speaks",
    (
        PanelSpec(
            title="Models in use",
            description="One line for each role and worker. Two live versions: a roll-out is under way.",
            unit=Unit.COUNT,
            kind=Kind.TABLE,
            queries=(Query(f"genrestream_model_in_use{{{BY_INSTANCE}}}"),),
            runbook=("model_reload_failing",),
            width=16,
        ),
        PanelSpec(
            title="Model of each worker",
            description="The live one, with its features and the digest of its file.",
            unit=Unit.COUNT,
            kind=Kind.TABLE,
            queries=(Query(f"genrestream_model_info{{{BY_INSTANCE}}}"),),
        ),
        PanelSpec(
            title="Verdicts a second",
            description="By role and version; `shadow` is asked and not heard.",
            unit=Unit.A_SECOND,
            kind=Kind.STACK,
            queries=(Query(_VERDICTS, _MODEL),),
        ),
        PanelSpec(
            title="Models loaded, or not",
            description="Attempts in the chosen time, while workers run.",
            unit=Unit.COUNT,
            kind=Kind.STACK,
            queries=(
                Query(
                    "sum by (role, result, reason) "
                    f"(increase(genrestream_model_reloads_total{{{BY_INSTANCE}}}[$__range]))",
                    "{{role}} {{result}} {{reason}}",
                ),
            ),
            runbook=("model_reload_failing",),
        ),
        PanelSpec(
            title="A model cannot be loaded",
            description="1 while a role's model cannot be loaded; the one before it stays.",
            unit=Unit.COUNT,
            queries=(
                Query(f"genrestream_model_reload_failing{{{BY_INSTANCE}}}", "{{instance}} {{role}}"),
                Query(
                    f"({_SINCE_READ}) > bool 600",
                    "{{instance}} registry not read for 10 min",
                ),
            ),
            bounds=(Bound(1, "red"),),
            runbook=("model_reload_failing",),
        ),
    ),
)

_SURE: Final = Row(
    "How surely",
    (
        PanelSpec(
            title="Mean confidence",
            description="Calibrated: of labels with 0.7, seven of ten are right, if nothing has drifted.",
            unit=Unit.RATIO,
            queries=(
                Query(
                    f"{_SURENESS} / ({_SCORED} > 0)",
                    _MODEL,
                ),
            ),
            runbook=("drift",),
            most=1,
        ),
        PanelSpec(
            title="Confidence of the surer half",
            description="Median by role and version.",
            unit=Unit.RATIO,
            queries=(
                Query(
                    "histogram_quantile(0.5, "
                    f"{per_second('genrestream_model_confidence_bucket', by=_OF_MODEL + ', le')})",
                    _MODEL,
                ),
            ),
            runbook=("drift",),
            most=1,
        ),
        PanelSpec(
            title="Confidence of scored tracks",
            description="How many labels were how sure.",
            unit=Unit.RATIO,
            kind=Kind.HEAT,
            queries=(
                Query(
                    "sum by (le) "
                    f"(increase(genrestream_confidence_bucket{{{BY_INSTANCE}}}[$__rate_interval]))",
                    "{{le}}",
                ),
            ),
            runbook=("drift",),
        ),
        PanelSpec(
            title="Abstentions",
            description="Share of verdicts without a genre, by role and version.",
            unit=Unit.RATIO,
            queries=(
                Query(
                    f"{_ABSTAINED} / ({_VERDICTS} > 0)",
                    _MODEL,
                ),
            ),
            runbook=("drift",),
        ),
        PanelSpec(
            title="Genres",
            description="Share of each genre among the labels.",
            unit=Unit.RATIO,
            kind=Kind.STACK,
            queries=(
                Query(
                    f"{_GENRES} / on () group_left () (sum({_GENRES}) > 0)",
                    "{{genre}}",
                ),
            ),
            runbook=("drift",),
            most=1,
        ),
        PanelSpec(
            title="Declared genres",
            description="Uploads a second that declare one: the label agrees, does not, or has none such.",
            unit=Unit.A_SECOND,
            kind=Kind.STACK,
            queries=(Query(per_second("genrestream_declared_genres_total", by="agrees"), "{{agrees}}"),),
            runbook=("drift",),
        ),
    ),
)

_TRIED: Final = Row(
    "Who is tried beside them",
    (
        PanelSpec(
            title="The shadow agrees",
            description="Share of tracks, over an hour, where its top genre is the label's.",
            unit=Unit.RATIO,
            queries=(
                Query(
                    f"job_group_version:genrestream_shadow_agreement:ratio1h{{{BY_GROUP}}}",
                    "{{name}}@{{version}}",
                ),
            ),
            runbook=("shadow_failing",),
            most=1,
        ),
        PanelSpec(
            title="The shadow fails",
            description="Tracks a second that it could not score. Labels are not touched by it.",
            unit=Unit.A_SECOND,
            queries=(
                Query(
                    per_second("genrestream_shadow_errors_total", by="name, version"), "{{name}}@{{version}}"
                ),
            ),
            runbook=("shadow_failing",),
        ),
        PanelSpec(
            title="Tracks that shadow and drift did not see",
            description="A second: more came than they could take. Labels go first.",
            unit=Unit.A_SECOND,
            queries=(
                Query(per_second("genrestream_aside_dropped_tracks_total", by="instance"), "{{instance}}"),
            ),
            runbook=("shadow_failing",),
        ),
    ),
)

_DRIFTED: Final = Row(
    "What has drifted",
    (
        PanelSpec(
            title="Stability index",
            description="Of the feature that drifted most, of labels, of confidence, against the live "
            "model's reference. Over 0.1 look, over 0.25 act. Empty with fewer than 500 tracks.",
            unit=Unit.INDEX,
            queries=(Query(f"job_group_kind:genrestream_drift_psi:max{{{BY_GROUP}}}", "{{group}} {{kind}}"),),
            bounds=(Bound(0.1, "orange"), Bound(0.25, "red")),
            runbook=("drift",),
        ),
        PanelSpec(
            title="Features that drifted most",
            description="Ten of them, by their stability index.",
            unit=Unit.INDEX,
            queries=(
                Query(
                    "topk(10, max by (feature) (genrestream_drift_psi"
                    f'{{kind="feature", feature!~"max|mean", {BY_INSTANCE}}}))',
                    "{{feature}}",
                ),
            ),
            bounds=(Bound(0.1, "orange"), Bound(0.25, "red")),
            runbook=("drift",),
        ),
        PanelSpec(
            title="Tracks behind the figures",
            description="The latest tracks that drift is measured over: fewer than 500 are not enough.",
            unit=Unit.COUNT,
            queries=(Query(f"genrestream_drift_tracks{{{BY_INSTANCE}}}", "{{instance}}"),),
            bounds=(Bound(500, "green"),),
            runbook=("drift",),
        ),
    ),
)

PAGE: Final = Page(
    "genrestream-models",
    "genrestream: models",
    "Which models speak, how surely, what is tried beside them, what has drifted.",
    (_SPEAKING, _SURE, _TRIED, _DRIFTED),
)
