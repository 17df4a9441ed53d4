"""Turns a folder of jars into a running broker: format once, start, wait until it answers, stop."""

from __future__ import annotations

import base64
import random
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.local_kafka.death_wish import death_wish
from deploy.local_kafka.jars import LocalKafkaError, ensure_jars, java
from deploy.local_kafka.ports import free_port
from deploy.local_kafka.probe import accepts, serves
from deploy.local_kafka.server_properties import server_properties

_START_SECONDS: Final = 90.0  # seconds: 3.5 on two idle cores, and machines are not always idle
_STOP_SECONDS: Final = 20.0
_TRIES: Final = 3  # of other ports, where one was taken between being picked and being used
# The first compiler tier and the plainest collector: a short-lived small broker starts sooner with both.
_JVM: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
_LOGGING: Final = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)


def random_cluster_id(draw: Callable[[], uuid.UUID] = uuid.uuid4) -> str:
    """Give 22 characters of base64url; never a leading dash, which Kafka's tool would read as an option."""
    while True:
        text = base64.urlsafe_b64encode(draw().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


class LocalKafka:
    """One broker on loopback; a context manager that starts it and, at its end, stops it.

    `stop` (or `kill`) and `start` may be called in between: ports and data stay. It dies with the process
    that started it (on Linux).

    Parameters
    ----------
    port : int
        Where clients connect; 0 picks a free one.
    data : Path, optional
        Folder that keeps topics and log file; a temporary one, removed at the end, where null.
    heap : str
        Java's heap limit, as `512m`.
    properties : Mapping, optional
        Broker properties that win over ours.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        data: Path | None = None,
        heap: str = "512m",
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self._wanted_port = port
        self._keeps_data = data is not None
        self._folder = data if data is not None else Path(tempfile.mkdtemp(prefix="genrestream-kafka-"))
        self._heap = heap
        self._properties = dict(properties or {})
        self._rng = random.Random()
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients; known once `start` has returned."""
        return f"127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """What the broker said."""
        return self._folder / "broker.log"

    @property
    def pid(self) -> int | None:
        """The broker's process id; None while it is stopped."""
        return self._process.pid if self._process is not None else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the broker and wait until it answers.

        Raises
        ------
        LocalKafkaError
            Java or Maven is missing, or the broker ended or did not answer; the message names its log file.
        """
        jars = ensure_jars()
        self._folder.mkdir(parents=True, exist_ok=True)
        first_start = self._port == 0
        for left in reversed(range(_TRIES)):
            if first_start:
                self._port = self._wanted_port or free_port(self._rng)
            try:
                self._start_once(jars)
            except _PortTakenError as exc:
                if left == 0 or not first_start or self._wanted_port:
                    raise LocalKafkaError(f"port is taken: port={self._port}; choose another") from exc
            else:
                return

    def stop(self) -> None:
        """Stop the broker cleanly; blocks for some seconds."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker at once, as a crash would."""
        self._end(signal.SIGKILL)

    def wait(self) -> int:
        """Block until the broker ends by itself; give its exit status."""
        return self._process.wait() if self._process is not None else 0

    def keep(self) -> None:
        """Leave data and log file where they are when the broker is closed."""
        self._keeps_data = True

    def close(self) -> None:
        """Stop the broker and remove a temporary data folder."""
        self.stop()
        if not self._keeps_data:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start_once(self, jars: Path) -> None:
        if accepts(self._port):
            raise _PortTakenError
        topics = self._folder / "topics"
        config = self._folder / "server.properties"
        config.write_text(
            server_properties(
                self._properties, port=self._port, controller_port=free_port(self._rng), data=topics
            )
        )
        if not (topics / "meta.properties").is_file():
            self._format(jars, config)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java(jars), "kafka.Kafka", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to handle
                preexec_fn=death_wish(),  # noqa: PLW1509 - one system call, no locks taken
            )
        self._wait_until_it_answers()

    def _java(self, jars: Path) -> list[str]:
        return [java(), f"-Xmx{self._heap}", *_JVM, *_LOGGING, "-cp", str(jars / "*")]

    def _format(self, jars: Path, config: Path) -> None:
        command = [*self._java(jars), "kafka.tools.StorageTool", "format", "--standalone"]
        command += ["--cluster-id", random_cluster_id(), "--config", str(config)]
        with self.log.open("ab") as log:
            done = subprocess.run(
                command, check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        if done.returncode != 0:
            raise self._failure(f"the data folder could not be formatted, exit status {done.returncode}")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not serves(self._port):
            status = self._process.poll() if self._process is not None else 0
            if status is not None:
                self._process = None
                if "Address already in use" in self._last_words(4_096):
                    raise _PortTakenError
                raise self._failure(f"the broker ended, exit status {status}")
            if time.monotonic() > deadline:
                self.kill()
                raise self._failure(f"the broker did not answer within {_START_SECONDS:.0f} s")
            time.sleep(0.05)

    def _failure(self, what: str) -> LocalKafkaError:
        words = self._last_words(65_536)
        if "UnsupportedClassVersionError" in words:
            return LocalKafkaError(f"Java is too old, 17 or newer is needed: {java()}")
        self.keep()  # the log file must outlive us
        return LocalKafkaError(f"{what}; it said: {_reason(words)!r}; log file: {self.log}")

    def _last_words(self, size_bytes: int) -> str:
        if not self.log.is_file():
            return ""
        return self.log.read_bytes()[-size_bytes:].decode(errors="replace")

    def _end(self, signal_number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal_number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _reason(words: str) -> str:
    """Pick the line that tells most: the last that names an exception, without its stack."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("at ")]
    named = [line for line in told if "Exception" in line or "Error" in line]
    return (named or told or ["nothing"])[-1]


class _PortTakenError(Exception):
    pass
