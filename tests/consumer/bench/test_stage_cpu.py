from __future__ import annotations

import pytest

from consumer.bench.stage_cpu import StageCpu, read_stage_cpu
from consumer.metrics import Metrics


def test_what_a_worker_exposes_is_read_back() -> None:
    metrics = Metrics()
    metrics.stage_cpu_seconds.labels("decode").inc(1.5)
    metrics.stage_cpu_seconds.labels("featurize").inc(2.25)
    metrics.stage_cpu_seconds.labels("score").inc(0.25)
    _, body = metrics.expose()
    found = read_stage_cpu(body.decode())
    assert found == StageCpu(fetch=0.0, decode=1.5, featurize=2.25, score=0.25)
    assert found.needful == pytest.approx(4.0)
    assert (found - found) == read_stage_cpu("")
