from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from consumer.replay.stopping import stop_on_signals


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_a_request_that_is_told_once(number: signal.Signals, status: int) -> None:
    told: list[str] = []
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop.asked
        stop.tell(lambda: told.append("first"))
        signal.raise_signal(number)
        assert (stop.asked, stop.exit_status, told) == (True, status, ["first"])
        stop.tell(lambda: told.append("late"))
    assert told == ["first", "late"]
    assert signal.getsignal(number) is before


def test_a_second_signal_ends_the_process_at_once() -> None:
    script = (
        "import signal\n"
        "from consumer.replay.stopping import stop_on_signals\n"
        "with stop_on_signals():\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    print('drains', flush=True)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "    print('never said')\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (130, "drains\n")
