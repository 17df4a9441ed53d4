"""Turns settings into a real `genrestream worker` process on chosen cores, warm and watched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.error import URLError

from consumer.bench.failures import BenchFailedError
from consumer.bench.one_thread import without_limits
from consumer.bench.pinned import pinned
from consumer.config import Settings

_POLL_SECONDS: Final = 0.1
_READY_SECONDS: Final = 180.0
"""A cold compile cache takes half a minute on an idle core."""
_STOP_SECONDS: Final = 60.0
_MOST_WORDS: Final = 400  # characters: an error is told in one line
_COMMAND: Final = (sys.executable, "-m", "consumer.cli", "worker")


class WorkerProcess:
    """One worker; a context manager that starts it and, at its end, stops it.

    Parameters
    ----------
    settings : Settings
        Handed over whole, through the environment.
    cores : sequence of int
        Where it and its children run; there are as many children as cores.
    log : Path
        Gets its standard error.
    command : sequence of str
        What is run.
    """

    def __init__(
        self, settings: Settings, *, cores: Sequence[int], log: Path, command: Sequence[str] = _COMMAND
    ) -> None:
        self._settings = settings
        self._cores = tuple(cores)
        self._log = log
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self.start_seconds = 0.0

    def __enter__(self) -> Self:
        started = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                pinned(self._command, cores=self._cores),
                env=_environment(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to handle
            )
        try:
            self._await_ready(deadline=started + _READY_SECONDS)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        self.start_seconds = time.monotonic() - started
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM if error is None else signal.SIGKILL)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id, which its children descend from.

        Raises
        ------
        BenchFailedError
            It was not started.
        """
        if self._process is None:
            raise BenchFailedError("the worker was not started")
        return self._process.pid

    def check(self) -> None:
        """Look whether it lives.

        Raises
        ------
        BenchFailedError
            It ended; the message holds the last line of its log.
        """
        status = self._process.poll() if self._process is not None else None
        if status is not None:
            raise BenchFailedError(f"the worker ended, exit status {status}: {self.last_words()}")

    def last_words(self) -> str:
        """Give what the last line of its log says."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if not lines:
            return "its log is empty"
        try:
            told = json.loads(lines[-1])
            words = str(told.get("error") or told["event"])
        except (ValueError, KeyError, AttributeError):
            words = lines[-1]
        return words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]} ..."

    def metrics(self) -> str:
        """Give what it tells Prometheus."""
        return _get(self._address() + "/metrics")

    def _await_ready(self, *, deadline: float) -> None:
        while not (self._address() and _answers(self._address() + "/readyz")):
            self.check()
            if time.monotonic() > deadline:
                raise BenchFailedError(
                    f"the worker was not ready within {_READY_SECONDS:g} s: {self.last_words()}"
                )
            time.sleep(_POLL_SECONDS)

    def _address(self) -> str:
        for line in self._log.read_text(encoding="utf-8", errors="replace").splitlines():
            if '"worker started"' in line:
                return str(json.loads(line)["metrics"]).removesuffix("/metrics")
        return ""


def _environment(settings: Settings) -> dict[str, str]:
    names = tuple(type(settings).model_fields)
    ours = ("GENRESTREAM_CONFIG", *(f"GENRESTREAM_{name.upper()}" for name in names))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    tree = settings.model_dump(mode="json")
    # Secrets of object stores would be masked here; nothing is fetched from these.
    tree["fetch"]["store_options"] = {}
    return without_limits(kept) | {f"GENRESTREAM_{name.upper()}": json.dumps(tree[name]) for name in names}


def _answers(url: str) -> bool:
    try:
        _get(url)
    except (URLError, OSError):
        return False
    return True


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10.0) as answer:  # noqa: S310 - our own worker, on loopback
        return str(answer.read().decode())
