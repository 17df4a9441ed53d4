"""Checks how a worker is started and heard, by small programs that behave like one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consumer.bench.failures import BenchFailedError
from consumer.bench.one_thread import ONE_THREAD, without_limits
from consumer.bench.pinned import pinned
from consumer.bench.processes import tree
from consumer.bench.worker_process import WorkerProcess
from consumer.config import Settings, load_settings

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pins by Linux's means")


def test_a_pinned_command_runs_on_its_cores_only() -> None:
    core = min(os.sched_getaffinity(0))
    code = "import os; print(os.sched_getaffinity(0), end='')"
    done = subprocess.run(
        pinned([sys.executable, "-c", code], cores=[core]), capture_output=True, text=True, check=True
    )
    assert done.stdout == str({core})


def test_a_pinned_command_dies_with_who_started_it() -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    code = (
        "import subprocess, sys; from consumer.bench.pinned import pinned\n"
        f"child = subprocess.Popen(pinned({sleeper!r}, cores=None)); print(child.pid, flush=True); input()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert tree(pid) == [pid]
    deadline = time.monotonic() + 10.0
    # A kill that comes before the child has asked to die with us is seen by it when it asks.
    parent.kill()
    parent.wait()
    while tree(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert tree(pid) == []


def test_a_worker_has_no_limits_of_ours_and_none_of_the_users_settings_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert without_limits({"OMP_NUM_THREADS": "1", "HOME": "/"}) == {"HOME": "/"}
    for name, value in {**ONE_THREAD, "GENRESTREAM_KAFKA__GROUP": "mine"}.items():
        monkeypatch.setenv(name, value)
    seen = tmp_path / "seen.json"
    code = (
        "import json, os, pathlib; from consumer.config import load_settings; "
        f"pathlib.Path({str(seen)!r}).write_text(json.dumps([load_settings().kafka.group, "
        "'OMP_NUM_THREADS' in os.environ])); raise SystemExit('no worker')"
    )
    settings = load_settings(overrides={"kafka": {"group": "ours"}})
    with pytest.raises(BenchFailedError, match="exit status 1: no worker"), _worker(settings, tmp_path, code):
        pass
    assert json.loads(seen.read_text()) == ["ours", False]


def test_a_worker_that_ends_says_what_its_log_said_last(tmp_path: Path) -> None:
    line = json.dumps({"event": "worker failed", "error": "no model " + 1_000 * "x"})
    code = f"import sys; print({line!r}, file=sys.stderr); sys.exit(4)"
    with (
        pytest.raises(BenchFailedError, match=r"exit status 4: no model x+ ") as caught,
        _worker(Settings(), tmp_path, code),
    ):
        pass
    assert len(str(caught.value)) < 500


def _worker(settings: Settings, folder: Path, code: str) -> WorkerProcess:
    return WorkerProcess(
        settings,
        cores=[min(os.sched_getaffinity(0))],
        log=folder / "log",
        command=(sys.executable, "-c", code),
    )
