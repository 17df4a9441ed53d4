"""Turns settings into a list of what is fine and what is not, with what to do about each failure."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from consumer.audio_files import Found
from consumer.config import Settings
from consumer.errors import ConsumerError, SettingsError, exit_status
from consumer.events import TrackLabelled
from consumer.label import Labeller, for_local_files
from consumer.ports import BrokerError
from consumer.topics import TopicReport, TopicState
from featurizer.errors import FeaturizerError
from modelzoo.errors import ModelError

_BROKER_SECONDS: Final = 5.0
_TEST_TRACK_SECONDS: Final = 4.0
_REFUSED_STATUS: Final = 5

# What a worker would stumble over; other partitions or another retention are the operator's choice.
_BINDING: Final = ("max.message.bytes", "cleanup.policy")


@dataclass(frozen=True, slots=True)
class Check:
    """One answer.

    Attributes
    ----------
    name : str
        What was looked at.
    ok : bool
        Whether a worker could live with it.
    found : str
        What was found.
    advice : str
        What to do about it; empty where there is nothing to do.
    exit_status : int
        What the command ends with where this is the first failure.
    """

    name: str
    ok: bool
    found: str
    advice: str = ""
    exit_status: int = 0

    def to_json(self) -> dict[str, Any]:
        """Give the object that `check --json` prints."""
        return {"check": self.name, "ok": self.ok, "found": self.found, "advice": self.advice or None}


def run_checks(settings: Settings) -> Iterator[Check]:
    """Look at everything that a worker needs, the cheap things first."""
    yield _guarded("spool", lambda: check_spool(settings))
    yield _guarded("sources", lambda: check_sources(settings))
    yield check_uploads(settings)
    model = _guarded("model", lambda: check_model(settings))
    yield model
    if model.ok:
        yield _guarded("pipeline", lambda: check_pipeline(settings))
    broker = _guarded("broker", lambda: check_broker(settings))
    yield broker
    if broker.ok:
        yield from check_topics(settings)


def check_spool(settings: Settings) -> Check:
    """Write to the folder that fetched audio is spooled in."""
    folder = settings.fetch.spool_dir or Path(tempfile.gettempdir())
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"genrestream")
    except OSError as exc:
        advice = "make it writable, or set fetch.spool_dir to a folder that is"
        return _failed(
            "spool", f"{folder} cannot be written to: {exc.strerror}", advice, SettingsError.exit_status
        )
    return Check("spool", ok=True, found=f"{folder} is writable")


def check_sources(settings: Settings) -> Check:
    """Say where audio may come from."""
    fetch = settings.fetch
    missing = [str(root) for root in fetch.file_roots if not root.is_dir()]
    if missing:
        advice = "correct fetch.file_roots (worker --file-root)"
        return _failed("sources", f"no such folder: {', '.join(missing)}", advice, SettingsError.exit_status)
    allowed = [*map(str, fetch.file_roots), *fetch.object_stores, *fetch.http_hosts]
    if not allowed:
        advice = "set fetch.file_roots, fetch.object_stores or fetch.http_hosts (worker --file-root DIR)"
        return Check(
            "sources", ok=True, found="none is allowed: every upload would be refused", advice=advice
        )
    return Check("sources", ok=True, found=f"allowed: {', '.join(allowed)}")


def check_uploads(settings: Settings) -> Check:
    """Say which form of uploads each topic holds, and where their audio could not be fetched."""
    topics = settings.topics
    found = ", ".join(f"{topic} ({adapter})" for topic, adapter in topics.uploads.items())
    if "bucket_notification" not in topics.uploads.values():
        return Check("uploads", ok=True, found=found)
    found = f"{found}, keys {topics.object_keys}"
    if any(store.startswith("s3://") for store in settings.fetch.object_stores):
        return Check("uploads", ok=True, found=found)
    advice = "allow the notified bucket, as s3://bucket, in fetch.object_stores"
    return Check("uploads", ok=True, found=f"{found}: every object would be refused", advice=advice)


def check_model(settings: Settings) -> Check:
    """Load the model and verify its SHA-256 and feature fingerprint."""
    from consumer.rollout.sources import load_model  # noqa: PLC0415 - see check_pipeline

    manifest = load_model(settings).manifest
    return Check(
        "model",
        ok=True,
        found=f"{manifest.name} {manifest.version}, sha256 {manifest.sha256[:12]}, features "
        f"{manifest.feature_set}/{manifest.spec_fingerprint[:12]}, {len(manifest.genres)} genres",
    )


def check_pipeline(settings: Settings) -> Check:
    """Label a synthetic track through decoding children, featurizer and scorer, on the configured device."""
    # Imported here: the checks above must speak before torch and onnxruntime have loaded, or failed to.
    from consumer.demo.synthesis import synthesize, write_wav  # noqa: PLC0415
    from consumer.worker import open_pipeline  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="genrestream-check-") as folder:
        track = write_wav(
            synthesize("jazz", seconds=_TEST_TRACK_SECONDS), Path(folder) / "synthetic-jazz.wav"
        )
        with open_pipeline(for_local_files(settings)) as pipeline:
            while not pipeline.ready:
                pipeline.check()
                time.sleep(0.05)
            started = time.monotonic()
            (ended,) = Labeller(pipeline).label([Found(track)])
            seconds = time.monotonic() - started
            description = ", ".join(f"{name} {value}" for name, value in pipeline.describe().items())
    if isinstance(ended.result, TrackLabelled):
        found = f"a test track was labelled in {seconds:.2f} s ({description})"
        return Check("pipeline", ok=True, found=found)
    return _failed(
        "pipeline", f"a test track failed: {ended.result}", "run: genrestream label --verbose FILE", 1
    )


def check_broker(settings: Settings) -> Check:
    """Ask the broker who is there."""
    from consumer.kafka import KafkaAdmin  # noqa: PLC0415 - see check_pipeline

    cluster = KafkaAdmin(settings.kafka, timeout_seconds=_BROKER_SECONDS).cluster()
    found = f"cluster {cluster.cluster_id} at {', '.join(cluster.brokers)}"
    return Check("broker", ok=True, found=found)


def check_topics(settings: Settings) -> Iterator[Check]:
    """Compare each topic with its definition."""
    from consumer.kafka import KafkaAdmin  # noqa: PLC0415 - see check_pipeline
    from consumer.topics import definitions, inspect  # noqa: PLC0415

    try:
        admin = KafkaAdmin(settings.kafka, timeout_seconds=_BROKER_SECONDS)
        # Who keeps no feature log needs no topic for it.
        spared = set() if settings.worker.feature_log else {settings.topics.features}
        wanted = [topic for topic in definitions(settings.topics) if topic.name not in spared]
        reports = inspect(admin, wanted)
    except BrokerError as exc:
        yield _of_error("topics", exc)
        return
    yield from judge_topics(reports)


def judge_topics(reports: Sequence[TopicReport]) -> Iterator[Check]:
    """Judge topics: what a worker would stumble over fails, an operator's own choice is told."""
    missing = [report.name for report in reports if report.state is TopicState.MISSING]
    if missing:
        yield _failed("topics", f"missing: {', '.join(missing)}", "run: genrestream topics create", 1)
    fine = []
    for report in reports:
        binding = [difference for difference in report.differences if difference.startswith(_BINDING)]
        if binding:
            advice = "change the topic with kafka-configs, or topics.max_message_bytes in the settings"
            yield _failed(f"topic {report.name}", "; ".join(binding), advice, 1)
        elif report.state is not TopicState.MISSING:
            fine.append(report)
    if fine:
        yield Check("topics", ok=True, found=", ".join(_describe(report) for report in fine))


def _describe(report: TopicReport) -> str:
    # The settings say nothing of partitions: any number is as good as the default.
    told = [difference for difference in report.differences if not difference.startswith("partitions")]
    return report.name + (f" ({'; '.join(told)})" if told else "")


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except (ConsumerError, ModelError, FeaturizerError, BrokerError) as exc:
        return _of_error(name, exc)


def _of_error(name: str, error: Exception) -> Check:
    if not isinstance(error, BrokerError):
        return _failed(name, str(error), "", exit_status(error))
    if error.is_authorization:
        advice = "check kafka.properties (security.protocol, sasl.*) and the ACLs of this user"
        return _failed(name, str(error), advice, _REFUSED_STATUS)
    advice = "start a broker (make kafka), or correct kafka.bootstrap_servers (--bootstrap-servers)"
    return _failed(name, str(error), advice, 1)


def _failed(name: str, found: str, advice: str, status: int) -> Check:
    return Check(name, ok=False, found=" ".join(found.split()), advice=advice, exit_status=status)
