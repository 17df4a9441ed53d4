"""Tests of the benchmarks that need a broker: structure and sanity of their figures, never times."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from consumer.demo.synthesis import write_wav
from tests import audio
from tests.broker.harness import Broker
from tests.end_to_end.commands import command, environment

TIMEOUT_SECONDS = 500.0
"""Workers may find a cold kernel cache, on cores that they share."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(TIMEOUT_SECONDS + 60.0)]


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    write_wav(audio.music(12.0, 22_050), folder / "a.wav", sample_rate=22_050)
    return folder


def bench(*arguments: str | Path) -> dict[str, Any]:
    done = subprocess.run(
        command("bench", *arguments, "--json"),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def bench_topics(broker: Broker) -> set[str]:
    topics = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=10.0).topics
    return {name for name in topics if name.startswith("genrestream-bench-")}


def test_the_pipeline_is_measured_on_every_number_of_cores(broker: Broker, music: Path) -> None:
    arguments = ("--audio", music, "--tracks", "4", "--rounds", "1", "-b", broker.bootstrap_servers)
    told = bench("pipeline", *arguments)
    workers = told["workers"]
    assert workers[0]["cores"] == 1
    assert workers[-1]["songs"] == 4
    for worker in (*workers, told["four_minutes"]):
        stages = worker["stages"]
        known = sum(stages[stage]["cpu_ms_per_song"]["median"] for stage in ("decode", "featurize", "score"))
        assert stages["decode"]["cpu_ms_per_song"]["median"] > 0
        # The kernel counts in ticks of 10 ms a process: few songs, coarse sums.
        assert worker["cpu_ms_per_song"]["median"] > 0.7 * known
        assert worker["overhead"] > -0.3
        assert worker["songs_per_second"]["median"] > 0
    assert told["ratio_librosa_pipeline"] > 1.0
    assert told["songs_per_second_per_core"] == workers[-1]["songs_per_cpu_second"]["median"]
    assert (told["scaling_two_cores"] is None) == (len(workers) == 1)
    assert told["memory"]["tracks"] == 4
    assert 50e6 < told["memory"]["peak_pss_bytes"] <= told["memory"]["peak_rss_bytes"]
    assert not bench_topics(broker)


def test_latency_is_measured_one_track_at_a_time(broker: Broker, music: Path) -> None:
    told = bench("latency", "--audio", music, "--tracks", "3", "-b", broker.bootstrap_servers)
    assert told["n"] == 3
    assert 0 < told["p50_seconds"] <= told["p95_seconds"] <= told["p99_seconds"] <= told["max_seconds"]
    stages = sum(told["stages"][stage]["median"] for stage in ("fetch", "decode", "featurize", "score"))
    assert 0 < stages < told["max_seconds"]
    assert not bench_topics(broker)
