"""Turns a folder into a bucket of a real S3 server, the Versity gateway, that notifies a real Kafka."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, cast

import obstore
from obstore.store import S3Store

from deploy.local_kafka.death_wish import death_wish
from deploy.local_kafka.jars import folder as kafka_folder
from deploy.local_kafka.ports import free_port
from deploy.local_kafka.probe import accepts
from tests.broker.harness import SECONDS, wait_until

if TYPE_CHECKING:
    from obstore.store import S3Config

VERSION: Final = "v1.8.0"
BUCKET: Final = "music"
_BUILD_SECONDS: Final = 1_500.0  # 70 on two idle cores, eight minutes on busy ones
_MODULE: Final = f"github.com/versity/versitygw/cmd/versitygw@{VERSION}"
_REGION, _USER, _PASSWORD = "us-east-1", "uploader", "s3cret"


def program() -> Path:
    """Where the gateway lies once it is built: beside the broker's jars."""
    return kafka_folder().with_name(f"versitygw-{VERSION}") / "versitygw"


def missing() -> str | None:
    """Say what keeps the gateway from being had here, or None."""
    if program().is_file() or shutil.which("go"):
        return None
    return f"no Versity gateway here: install Go, which builds {_MODULE} once"


def ensure_program() -> Path:
    """Give the gateway's program, building it where it is missing."""
    target = program()
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    with target.parent.with_name(f"{target.parent.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_file():
            with tempfile.TemporaryDirectory(dir=target.parent.parent) as scratch:
                environment = {**os.environ, "GOBIN": scratch}
                subprocess.run(
                    ["go", "install", _MODULE], env=environment, check=True, timeout=_BUILD_SECONDS
                )
                target.parent.mkdir(exist_ok=True)
                Path(scratch, target.name).rename(target)
    return target


@dataclass
class VersityGateway:
    """One gateway on loopback with one bucket; what happens to objects is published to `topic`."""

    folder: Path
    bootstrap_servers: str
    topic: str
    port: int = field(default_factory=lambda: free_port(random.Random()))

    @property
    def options(self) -> dict[str, str]:
        """What an object-store client needs to know."""
        return {
            "endpoint": f"http://127.0.0.1:{self.port}",
            "region": _REGION,
            "access_key_id": _USER,
            "secret_access_key": _PASSWORD,
        }

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        obstore.put(self._client(BUCKET), key, body, use_multipart=False)

    def put_below(self, folder: str, name: str, body: bytes) -> None:
        """Store an object whose key has a slash after `folder` that the client would fold away."""
        obstore.put(self._client(f"{BUCKET}/{folder}"), name, body, use_multipart=False)

    def delete(self, key: str) -> None:
        """Remove an object."""
        obstore.delete(self._client(BUCKET), key)

    def __enter__(self) -> Self:
        (self.folder / "buckets" / BUCKET).mkdir(parents=True)
        (self.folder / "accounts").mkdir()
        command = [str(ensure_program()), "--port", f"127.0.0.1:{self.port}", "--region", _REGION]
        command += ["--access", _USER, "--secret", _PASSWORD]
        command += ["--event-kafka-url", self.bootstrap_servers, "--event-kafka-topic", self.topic]
        command += ["--iam-dir", str(self.folder / "accounts"), "posix", str(self.folder / "buckets")]
        with (self.folder / "gateway.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=death_wish(),  # noqa: PLW1509 - one system call, no locks taken
            )
        wait_until(self._listens, what="the gateway's port", seconds=SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def _listens(self) -> bool:
        log = (self.folder / "gateway.log").read_text(errors="replace")
        assert self._process.poll() is None, f"the gateway ended:\n{log[-2_000:]}"
        return accepts(self.port)

    def _client(self, bucket: str) -> S3Store:
        return S3Store(
            bucket,
            config=cast("S3Config", self.options),
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )
