"""Tests of the demo as a command: a mock cluster, upload events, the real worker, labels and dead letters."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from consumer.demo.synthesis import MANNERS, write_pieces
from tests.end_to_end.commands import command, environment, run

pytestmark = pytest.mark.slow


def test_without_audio_it_labels_synthetic_pieces_and_says_that_they_are() -> None:
    done = run("demo")

    assert done.status == 0, done.err
    assert "synthetic" in done.err
    assert len(done.out.splitlines()) == len(MANNERS) + 1
    summary = done.last
    assert list(summary) == [
        "submitted",
        "labelled",
        "abstained",
        "dead_lettered",
        "p50_seconds",
        "p95_seconds",
    ]
    assert summary["submitted"] == summary["labelled"] + summary["abstained"] == len(MANNERS)
    assert 0 < summary["p50_seconds"] <= summary["p95_seconds"]


def test_bad_files_end_as_dead_letters_beside_the_labels(tmp_path: Path) -> None:
    write_pieces(tmp_path, manners=("jazz", "metal"), seconds=6.0)
    (tmp_path / "text.mp3").write_text("This is no music.")

    done = run("demo", "--interval", "0.2", tmp_path, tmp_path / "gone.flac")

    assert done.status == 0, done.err
    summary = done.last
    assert (summary["submitted"], summary["dead_lettered"]) == (4, 2)
    assert summary["labelled"] + summary["abstained"] == 2
    assert f"{tmp_path}/text.mp3: not_audio" in done.out
    assert f"{tmp_path}/gone.flac: not_found" in done.out
    assert "synthetic: their labels" not in done.err


def test_a_folder_without_audio_is_wrong_usage(tmp_path: Path) -> None:
    done = run("demo", tmp_path)

    assert done.status == 2
    assert "no audio" in done.err


def test_ctrl_c_leaves_no_traceback_and_no_files_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("demo", "--interval", "60"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("/")  # the first track's line; the next comes in a minute
    assert list(tmp_path.glob("genrestream-demo-*"))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert not list(tmp_path.glob("genrestream-demo-*"))
