"""Turns what a worker tells Prometheus into the CPU time that its stages have taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LINE: Final = re.compile(r'^genrestream_stage_cpu_seconds_total\{stage="(\w+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class StageCpu:
    """CPU seconds of each stage; `featurize` is 0 where a GPU does it."""

    fetch: float
    decode: float
    featurize: float
    score: float

    def __sub__(self, before: StageCpu) -> StageCpu:
        return StageCpu(
            fetch=self.fetch - before.fetch,
            decode=self.decode - before.decode,
            featurize=self.featurize - before.featurize,
            score=self.score - before.score,
        )

    @property
    def needful(self) -> float:
        """Of decoding, featurizing and scoring: what no service could leave out."""
        return self.decode + self.featurize + self.score

    def by_stage(self) -> dict[str, float]:
        """Give them by name."""
        return {
            "fetch": self.fetch,
            "decode": self.decode,
            "featurize": self.featurize,
            "score": self.score,
        }


def read_stage_cpu(exposition: str) -> StageCpu:
    """Read a worker's `/metrics`; what is not there counts as 0."""
    found = {name: float(value) for name, value in _LINE.findall(exposition)}
    return StageCpu(
        fetch=found.get("fetch", 0.0),
        decode=found.get("decode", 0.0),
        featurize=found.get("featurize", 0.0),
        score=found.get("score", 0.0),
    )
