"""Runs the broker in the foreground until Ctrl-C: `python -m deploy.local_kafka --help`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from consumer.config import KafkaSettings, load_settings
from consumer.errors import SettingsError
from consumer.kafka import KafkaAdmin
from consumer.ports import BrokerError
from consumer.topics import TopicState, create, definitions
from deploy.local_kafka.broker import LocalKafka
from deploy.local_kafka.jars import LocalKafkaError, kafka_version


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give the exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    broker = LocalKafka(port=options.port, data=options.data, heap=options.heap)
    try:
        print(f"Starting Apache Kafka {kafka_version()} ...", file=sys.stderr, flush=True)
        broker.start()
        topics = _create_topics(broker, partitions=options.partitions) if options.topics else 0
        print(f"Kafka is ready on {broker.bootstrap_servers} ({topics} topics); Ctrl-C stops it", flush=True)
        status = broker.wait()
        print(f"the broker ended by itself, exit status {status}; log file: {broker.log}", file=sys.stderr)
        broker.keep()
    except KeyboardInterrupt:
        return 0
    except (LocalKafkaError, SettingsError, BrokerError) as exc:
        print(f"error: {exc}", file=sys.stderr)
    finally:
        broker.close()
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local_kafka",
        description="Run a real single-node Apache Kafka on loopback in the foreground; needs Java 17 and, "
        "once, Maven.",
    )
    parser.add_argument(
        "--port", type=int, default=9092, help="port for clients, 0 for a free one (%(default)s)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder that keeps the topics; else they are temporary"
    )
    parser.add_argument("--heap", default="512m", help="Java's heap limit (%(default)s)")
    parser.add_argument(
        "--topics",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="create the topics that the settings name, so that a worker can start",
    )
    parser.add_argument(
        "--partitions", type=int, default=6, help="of the upload and label topics (%(default)s)"
    )
    return parser


def _create_topics(broker: LocalKafka, *, partitions: int) -> int:
    settings = load_settings()
    admin = KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers), timeout_seconds=30.0)
    reports = create(admin, definitions(settings.topics, partitions=partitions))
    for report in reports:
        if report.state is TopicState.DIFFERS:
            print(f"topic {report.name} differs: {'; '.join(report.differences)}", file=sys.stderr)
    return len(reports)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
