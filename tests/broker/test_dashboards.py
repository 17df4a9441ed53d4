"""A real Prometheus scrapes a real worker under load: every panel's and every rule's query gives series."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from consumer.config import KafkaSettings
from consumer.kafka import KafkaAdmin
from consumer.metrics import Metrics
from consumer.topics import create, definitions
from deploy.dashboards.pages import queries
from modelzoo.registry import point_latest
from tests.broker.harness import SECONDS, Broker, Topics, make_topics, publish, unique, uploads_of, wait_until
from tests.broker.prometheus_server import Prometheus, running_prometheus
from tests.broker.workers import WorkerProcess, Workers, upload
from tests.deploy.expressions import ALERTS, RECORDINGS, bare_sides, metric_names, shown_names
from tests.deploy.prometheus_tools import promtool
from tests.modelzoo.artifacts import linear_model, make_manifest, write_model

pytestmark = pytest.mark.slow

DRIFT_TRACKS: Final = 500
TEST_EVENT: Final = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads"}
# What a worker that is well has not: asked for, and answered by nothing.
NONE_IS_WELL: Final = {"genrestream_kafka_errors_total": "the client reports no errors"}
ALERTS_OF_ABSENCE: Final = ("GenrestreamAbsent",)


@pytest.fixture(params=["classic"])  # the group's protocol has no part in what is shown
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def topics(broker: Broker) -> Topics:
    """Uploads as events of ours and as notifications, and a feature log that takes no long tracks."""
    topics = make_topics(broker, partitions=2)
    noticed = {f"{unique('t')}.bucket": "bucket_notification"}
    topics = Topics.model_validate({**topics.model_dump(), "uploads": {**topics.uploads, **noticed}})
    admin = KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers), timeout_seconds=SECONDS)
    create(admin, definitions(topics, partitions=2))
    return topics.model_copy(update={"max_feature_bytes": 8_000})


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """Two models to be tried beside the packaged one, unsure of silence; the first is the latest."""
    root = tmp_path / "models"
    for number, version in enumerate(("1.0.0", "1.1.0")):
        model = linear_model(seed=number)
        folder = write_model(root, version=version, model=model)
        manifest = make_manifest(version=version, model=model, threshold=0.4)
        (folder / "manifest.json").write_text(manifest.model_dump_json())
    point_latest(root / "linear", "1.0.0")
    return root


@pytest.fixture
def worker(workers: Workers, registry: Path) -> WorkerProcess:
    """One with everything on that shows something."""
    model = {
        "registry": str(registry),
        "reload_seconds": 0.5,
        "shadow": "linear@1.0.0",
        "canary": "linear",
        "canary_share": 0.2,
        "drift_tracks": DRIFT_TRACKS,
    }
    started = workers.start(
        faults={"fake_audio": True}, sections={"model": model, "worker": {"feature_log": True}}
    )
    started.wait_until_ready()
    return started


@pytest.fixture
def prometheus(worker: WorkerProcess, tmp_path: Path) -> Iterator[Prometheus]:
    target = worker.metrics_url.removeprefix("http://").removesuffix("/metrics")
    with running_prometheus(tmp_path, target=target) as running:
        yield running


@dataclass
class Load:
    """Publishes waves of tracks, in which everything happens that panels show."""

    settings: KafkaSettings
    topics: Topics
    numbers: Iterator[int] = field(default_factory=count)

    def wave(self, n_tracks: int) -> None:
        uris = [f"ok:{1 + number % 3}" for number in range(n_tracks)]
        uris += ["ok:60", "warn:", "retried:", "segv:", "not-audio:", *["not-found:"] * (1 + n_tracks // 10)]
        publish(self.settings, uploads_of(self.topics), [self._event(uri) for uri in uris])
        publish(self.settings, list(self.topics.uploads)[1], [json.dumps(TEST_EVENT).encode()])

    def _event(self, uri: str) -> bytes:
        number = next(self.numbers)
        declared = ("rock", "zydeco")[number % 2]
        event = json.loads(upload(f"event-{number}", uri=uri)) | {"declared_genre": declared}
        return json.dumps(event).encode()


def asked(expression: str) -> str:
    """Put values in the place of Grafana's variables."""
    values = {"$job": "genrestream", "$group": ".*", "$instance": ".*"}
    times = {"$__rate_interval": "1m", "$__range": "15m"}
    for name, value in {**values, **times}.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def expressions() -> set[str]:
    """Give every panel's, recording's and alert's expression, alerts without their comparisons to numbers."""
    found = {asked(expression) for expression in queries()}
    found |= set(RECORDINGS) | {rule["expr"] for rule in RECORDINGS.values()}
    for name, alert in ALERTS.items():
        if name not in ALERTS_OF_ABSENCE:
            found |= set(bare_sides(alert["expr"]))
    return found


def answers_nothing(expression: str) -> bool:
    return bool(metric_names(expression) & set(NONE_IS_WELL))


def _await_progress(prometheus: Prometheus) -> None:
    """Wait until Prometheus has seen more tracks than now: a scrape or two."""

    def seen() -> float:
        found = prometheus.query("sum(genrestream_tracks_total)")
        return float(found[0]["value"][1]) if found else 0.0

    before = seen()
    wait_until(lambda: seen() > before, what="tracks that Prometheus sees")


@pytest.mark.timeout(400)
def test_every_query_of_dashboards_and_rules_gives_series(
    settings: KafkaSettings, topics: Topics, prometheus: Prometheus, registry: Path, worker: WorkerProcess
) -> None:
    load = Load(settings, topics)
    load.wave(DRIFT_TRACKS * 3 // 2)
    point_latest(registry / "linear", "1.1.0")
    missing = {expression for expression in expressions() if not answers_nothing(expression)}
    assert len(missing) > 90
    deadline = time.monotonic() + 120
    while missing:
        assert worker.process.poll() is None, worker.tail()
        missing = {expression for expression in missing if not prometheus.query(expression)}
        assert not missing or time.monotonic() < deadline, "no series:\n" + "\n".join(sorted(missing))
        load.wave(20)
        _await_progress(prometheus)

    for name, why in NONE_IS_WELL.items():
        assert name in shown_names(Metrics())
        assert prometheus.query(name) == [], why
    assert prometheus.query(ALERTS["GenrestreamAbsent"]["expr"]) == []  # one is there
    assert prometheus.query("sum(rate(genrestream_traks_total[1m]))") == []  # a misspelt name is noticed

    def fires() -> bool:
        firing = prometheus.query('ALERTS{alertstate="firing"}')
        return "GenrestreamFeaturesLeftOut" in {series["metric"]["alertname"] for series in firing}

    wait_until(fires, what="the alert of long tracks that the log does not take")
    genres = prometheus.query("count by (genre) (genrestream_labels_total)")
    assert len(genres) > 1
    linted = promtool("check", "metrics", stdin=worker.exposition())
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, b"")
    assert worker.stop() == 0, worker.tail()
    wait_until(lambda: bool(prometheus.query("up == 0")), what="a target that is down")
    down = ALERTS["GenrestreamTargetDown"]["expr"]
    assert [series["metric"]["job"] for series in prometheus.query(down)] == ["genrestream"]
    assert prometheus.query("up unless up == 0") == []
