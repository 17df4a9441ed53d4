"""Turns what models do into Prometheus metrics: who speaks, who is tried beside them, what has drifted."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

ROLES: Final = ("live", "canary", "shadow")
"""`live` and `canary` speak, each for its share of the tracks; `shadow` is asked and not heard."""

_TENTHS: Final = tuple(tenth / 10 for tenth in range(1, 11))
_MODEL: Final = ("name", "version")


class ModelMetrics:
    """The metrics that tell models apart; attributes are prometheus_client's own types.

    A name and a version are labels: there are as many of them as models that this process has used.

    Parameters
    ----------
    registry : CollectorRegistry
        Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._seats: dict[str, tuple[str, ...]] = {}
        self._speaking()
        self._reloading()
        self._shadowing()
        self._drifting()

    def seat(self, role: str, *, name: str, version: str, sha256: str) -> None:
        """Show which model has a role now, and no longer which one had it."""
        before = self._seats.pop(role, None)
        if before is not None:
            self.in_use.remove(*before)
        self._seats[role] = (role, name, version, sha256)
        self.in_use.labels(role, name, version, sha256).set(1)
        if role == "shadow":
            self.shadow_errors.labels(name, version)  # at 0: Prometheus sees no increase in what appears

    def _speaking(self) -> None:
        self.in_use = Gauge(
            "genrestream_model_in_use",
            "1 for each model that has a role now: live, canary, shadow.",
            ["role", *_MODEL, "sha256"],
            registry=self._registry,
        )
        self.tracks = Counter(
            "genrestream_model_tracks",
            "Tracks that a model gave its verdict on, labelled or abstained; a commit may still fail.",
            ["role", *_MODEL, "status"],
            registry=self._registry,
        )
        self.confidence = Histogram(
            "genrestream_model_confidence",
            "Calibrated confidence of a model's verdicts, as a ratio.",
            ["role", *_MODEL],
            buckets=_TENTHS,
            registry=self._registry,
        )

    def _reloading(self) -> None:
        self.reloads = Counter(
            "genrestream_model_reloads",
            "Models put into a role while the worker ran (loaded), and attempts that failed, by reason.",
            ["role", "result", "reason"],
            registry=self._registry,
        )
        self.reload_failing = Gauge(
            "genrestream_model_reload_failing",
            "1 while the model that a role should have cannot be loaded; the one before it stays.",
            ["role"],
            registry=self._registry,
        )
        self.registry_checked = Gauge(
            "genrestream_model_registry_checked_timestamp_seconds",
            "When the registry last said which version is the latest, in Unix time.",
            registry=self._registry,
        )

    def _shadowing(self) -> None:
        self.shadow_agreement = Counter(
            "genrestream_shadow_agreement",
            "Tracks scored by the shadow too: whether its top genre is the label's top genre (true, false).",
            [*_MODEL, "agrees"],
            registry=self._registry,
        )
        self.shadow_errors = Counter(
            "genrestream_shadow_errors",
            "Tracks that the shadow failed to score; their labels are not touched by it.",
            [*_MODEL],
            registry=self._registry,
        )
        self.aside_dropped = Counter(
            "genrestream_aside_dropped_tracks",
            "Labelled tracks that shadow and drift did not see, because more came than they could take.",
            registry=self._registry,
        )

    def _drifting(self) -> None:
        self.drift_psi = Gauge(
            "genrestream_drift_psi",
            "Population stability index of the latest tracks against the live model's reference: kind is "
            "feature (feature is a name, max or mean), label or confidence. Absent with too few tracks.",
            ["kind", "feature"],
            registry=self._registry,
        )
        self.drift_tracks = Gauge(
            "genrestream_drift_tracks",
            "Tracks that the drift figures are computed over.",
            registry=self._registry,
        )
