from __future__ import annotations

import os
import subprocess
import sys

from consumer.bench.one_thread import ONE_THREAD


def test_a_command_starts_again_under_the_limits_and_only_once() -> None:
    code = (
        "import os, sys; print(len(sys.argv), os.environ.get('MKL_NUM_THREADS'), flush=True)\n"
        "from consumer.bench.one_thread import restart_with_one_thread as restart\n"
        "restart()"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ONE_THREAD}
    done = subprocess.run(
        [sys.executable, "-c", code, "a b", "c"], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.splitlines() == ["3 None", "3 1"]
