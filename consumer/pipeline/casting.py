"""Turns a track's id into the model that labels it: the live one, or the canary for a fixed share of ids."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, replace
from typing import Final, Literal

from consumer.metrics import Metrics
from consumer.pipeline.scoring import ScorerPort
from modelzoo.manifest import Manifest
from modelzoo.registry import Artifact

LIVE: Final = "live"
CANARY: Final = "canary"

_BYTES: Final = 8


def place_of(track_id: str) -> float:
    """Give a track's fixed place in [0, 1): the same on every machine and after every restart.

    The places of many ids are spread evenly. A greater share of canary tracks keeps all tracks of a smaller.
    """
    digest = hashlib.sha256(b"canary:" + track_id.encode("utf-8", "surrogatepass")).digest()
    # The upper 53 bits: as many as a float holds exactly, so that no place is rounded up to 1.
    return (int.from_bytes(digest[:_BYTES], "big") >> 11) / 2.0**53


@dataclass(frozen=True, slots=True)
class _Cast:
    live: ScorerPort
    canary: ScorerPort | None = None
    share: float = 0.0


class Casting:
    """Holds the models that speak. `choose` never blocks; the others block while a model loads.

    Any thread may call it.

    Parameters
    ----------
    artifact : Artifact
        The live model.
    device : {"auto", "cpu", "cuda"}
        Where models run.
    metrics : Metrics
        Shows which models speak.

    Raises
    ------
    ModelError
        The model cannot be run here.
    """

    def __init__(
        self, artifact: Artifact, *, device: Literal["auto", "cpu", "cuda"], metrics: Metrics
    ) -> None:
        self._device = device
        self._metrics = metrics
        self._changing = threading.Lock()
        self._on_cuda = False
        # Replaced as a whole, never changed: a reader sees one casting or the next.
        self._cast = _Cast(self._load(artifact))
        self._show_live()

    @property
    def live(self) -> Manifest:
        """Describes the live model."""
        return self._cast.live.manifest

    @property
    def device(self) -> str:
        """Where models really run: cuda or cpu."""
        return "cuda" if self._on_cuda else "cpu"

    def choose(self, track_id: str) -> tuple[ScorerPort, str]:
        """Give the model that labels a track, and its role: live or canary."""
        cast = self._cast
        if cast.canary is not None and place_of(track_id) < cast.share:
            return cast.canary, CANARY
        return cast.live, LIVE

    def use_live(self, artifact: Artifact) -> None:
        """Have another model speak from now on.

        Raises
        ------
        ModelError
            It cannot be run here; the present one stays.
        """
        scorer = self._load(artifact)
        with self._changing:
            self._cast = replace(self._cast, live=scorer)
            self._show_live()

    def use_canary(self, artifact: Artifact, *, share: float) -> None:
        """Have another model speak for a share of the tracks, in [0, 1], from now on.

        Raises
        ------
        ModelError
            It cannot be run here; nothing changes.
        """
        scorer = self._load(artifact)
        with self._changing:
            self._cast = replace(self._cast, canary=scorer, share=share)
            self._show(CANARY, scorer.manifest)

    def _load(self, artifact: Artifact) -> ScorerPort:
        # onnxruntime takes a while to load: the children have been asked for by now.
        from modelzoo.scorer import CUDA_PROVIDER, OnnxScorer  # noqa: PLC0415

        scorer = OnnxScorer(artifact, device=self._device)
        scorer.warm_up()
        self._on_cuda = CUDA_PROVIDER in scorer.providers
        return scorer

    def _show_live(self) -> None:
        manifest = self.live
        self._metrics.model.info(
            {
                "name": manifest.name,
                "version": manifest.version,
                "features": manifest.feature_set,
                "sha256": manifest.sha256,
            }
        )
        self._show(LIVE, manifest)

    def _show(self, role: str, manifest: Manifest) -> None:
        self._metrics.models.seat(role, name=manifest.name, version=manifest.version, sha256=manifest.sha256)
