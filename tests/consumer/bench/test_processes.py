"""Checks CPU time and memory of process trees on the real /proc and on a written one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consumer.bench.processes import cpu_seconds, memory, own_cpu_seconds, tree, usable_cores

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")


def write_process(
    proc: Path, pid: int, *, parent: int, ticks: tuple[int, int, int, int] = (0, 0, 0, 0), pss_kib: int = 0
) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    before = f"{pid} (a) (b c) S {parent} 1 1 0 -1 0 0 0 0 0"
    (folder / "stat").write_text(f"{before} {' '.join(map(str, ticks))} 20 0 1 0\n")
    (folder / "smaps_rollup").write_text(
        f"00400000-7fff0000 ---p 00000000 00:00 0 [rollup]\nRss: {2 * pss_kib} kB\nPss: {pss_kib} kB\n"
    )


def test_a_tree_holds_children_of_children_and_nobody_else(tmp_path: Path) -> None:
    for pid, parent in ((10, 1), (11, 10), (12, 11), (13, 1), (14, 13)):
        write_process(tmp_path, pid, parent=parent)
    (tmp_path / "self").mkdir()
    assert sorted(tree(10, proc=tmp_path)) == [10, 11, 12]
    assert tree(99, proc=tmp_path) == []


def test_cpu_time_counts_the_living_and_the_waited_for(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    write_process(tmp_path, 10, parent=1, ticks=(ticks, ticks, 5 * ticks, 0))
    write_process(tmp_path, 11, parent=10, ticks=(2 * ticks, 0, 0, ticks))
    write_process(tmp_path, 12, parent=1, ticks=(100 * ticks, 0, 0, 0))
    assert cpu_seconds(10, proc=tmp_path) == pytest.approx(10.0)
    assert own_cpu_seconds(10, proc=tmp_path) == pytest.approx(2.0)
    assert own_cpu_seconds(99, proc=tmp_path) == 0.0


def test_memory_is_summed_over_the_tree(tmp_path: Path) -> None:
    write_process(tmp_path, 10, parent=1, pss_kib=100)
    write_process(tmp_path, 11, parent=10, pss_kib=20)
    found = memory(10, proc=tmp_path)
    assert (found.pss, found.rss) == (120 * 1024, 240 * 1024)


def test_a_real_childs_work_is_counted_while_it_lives_and_after() -> None:
    before, started = cpu_seconds(os.getpid()), time.process_time()
    code = "import time\nwhile time.process_time() < 0.15: pass\nprint(flush=True)\ninput()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    alive = cpu_seconds(os.getpid()) - before
    assert child.pid in tree(os.getpid())
    child.communicate(b"\n")
    dead = cpu_seconds(os.getpid()) - before
    own = time.process_time() - started
    assert 0.1 <= alive - own <= 0.5
    assert alive <= dead <= alive + 0.5
    assert memory(os.getpid()).rss > 5_000_000


def test_the_usable_cores_are_those_of_this_process() -> None:
    assert set(usable_cores()) == os.sched_getaffinity(0)
