"""Every command of the README does what the README says, in the README's order."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Final, Self

import pytest

from deploy.local_kafka import missing_tools
from featurizer.kernel_store import FOLDER_VARIABLE, kernel_store
from tests.audio import encode, music
from tests.paths import REPOSITORY

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.timeout(900),  # one fixture runs all commands: a minute and a half on a free machine
    pytest.mark.skipif(
        not (REPOSITORY / ".venv/.installed-dev").exists(),
        reason="make targets need what `make test` installs",
    ),
]

NOT_RUN: Final = {
    "make test": "it is what runs this test",
    ".venv/bin/genrestream bench pipeline --audio ~/Music": "test_bench.py measures fewer tracks",
    ".venv/bin/genrestream bench latency": "test_bench.py measures fewer tracks",
    ".venv/bin/genrestream bench relabel": "test_bench_relabel.py measures fewer tracks",
    ".venv/bin/genrestream-train default --data ../shared/data --out ~/candidates": "its test trains on less",
    ".venv/bin/genrestream-train promote ~/candidates/gtzan57-mlp/1.1.0 --dry-run": "needs `default`'s model",
}
SMALLER: Final = {
    ".venv/bin/genrestream bench featurizer": " --windows 2",
    ".venv/bin/genrestream bench decode": " --rounds 1 --seconds 6",
}
"""What takes minutes on its own, on less."""
SECONDS: Final = 120.0


def _commands() -> list[str]:
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


class Running:
    """A command that goes on beside the others; its lines arrive in a queue."""

    def __init__(self, command: str, *, environment: dict[str, str]) -> None:
        self.command = command
        self._process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def wait_for(self, word: str) -> str:
        seen: list[str] = []
        while True:
            try:
                line = self._lines.get(timeout=SECONDS)
            except Empty:
                pytest.fail(f"{self.command}: no {word!r} within {SECONDS:g} s in: {''.join(seen)}")
            seen.append(line)
            if word in line:
                return line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            pytest.fail(f"{self.command}: Ctrl-C did not end it within a minute")


class Reader:
    """Runs the README's commands as a person at a shell would, one after the other."""

    def __init__(self, home: Path, *, running: ExitStack) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.home = home
        self.running = running
        self.outputs: dict[str, str] = {}
        self.watch: Running | None = None
        # The tests may run below a make of their own, whose flags and variables are not the reader's.
        from_make = ("MAKE", "MFLAGS", "ARGS", "AUDIO")
        shell = {name: value for name, value in os.environ.items() if not name.startswith(from_make)}
        self.environment = {
            **shell,
            "HOME": str(home),
            # Maven and its settings are the machine's, not the reader's.
            "MAVEN_OPTS": f"-Duser.home={Path.home()}",
            # Nor do the kernels have to be compiled anew for each test.
            FOLDER_VARIABLE: str(kernel_store().folder.parent),
            "GENRESTREAM_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{self.port}",
            "GENRESTREAM_SERVE__PORT": "0",
        }

    def run(self, command: str) -> None:
        line = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
        if line == "make kafka":
            self._start(f'{line} ARGS="--port {self.port}"').wait_for(str(self.port))
        elif " worker " in line:
            self._start(line).wait_for("assigned")
        elif " watch " in line:
            self.watch = self._start(f"{line} --from beginning")
        else:
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=REPOSITORY,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert done.returncode == 0, f"{line}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
            self.outputs[command] = done.stdout

    def _start(self, line: str) -> Running:
        return self.running.enter_context(Running(line, environment=self.environment))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    missing = missing_tools()
    if missing is not None:
        (pytest.fail if os.environ.get("CI", "").lower() == "true" else pytest.skip)(missing)
    home = tmp_path_factory.mktemp("home")
    album = home / "Music" / "album"
    album.mkdir(parents=True)
    encode(music(8.0, 44_100, seed=1), 44_100, codec="flac", path=album / "first.flac")
    encode(music(8.0, 44_100, seed=2), 44_100, codec="mp3", path=home / "Music" / "song.mp3")
    for genre, shift in (("jazz", 0), ("rock", 100)):
        (home / "genres" / genre).mkdir(parents=True)
        for number in range(4):
            path = home / "genres" / genre / f"{genre}.{number:05d}.flac"
            encode(music(6.0, 22_050, seed=shift + number), 22_050, codec="flac", path=path)
    with ExitStack() as running:
        reader = Reader(home, running=running)
        for command in _commands():
            if command not in NOT_RUN:
                reader.run(command + SMALLER.get(command, ""))
        yield reader


def test_the_demos_label_everything_and_say_so_in_their_last_line(reader: Reader) -> None:
    demos = [output for command, output in reader.outputs.items() if command.startswith("make demo")]
    assert len(demos) == 3
    for output in demos:
        counts: dict[str, Any] = json.loads(output.splitlines()[-1])
        assert counts["submitted"] == counts["labelled"] + counts["abstained"] > 0
        assert counts["dead_lettered"] == 0
        assert 0 < counts["p50_seconds"] <= counts["p95_seconds"]


def test_files_are_labelled_and_their_features_shown_without_kafka(reader: Reader) -> None:
    (labels,) = [output for command, output in reader.outputs.items() if " label " in command]
    (features,) = [output for command, output in reader.outputs.items() if " features " in command]
    assert json.loads(labels)["path"].endswith("song.mp3")
    assert len(json.loads(features.splitlines()[0])["features"]) == 57
    assert len(features.splitlines()) == 2


def test_a_submitted_song_becomes_a_label_that_watch_shows(reader: Reader) -> None:
    assert reader.watch is not None
    label = json.loads(reader.watch.wait_for("song.mp3"))
    assert label["status"] in ("labelled", "abstained")
    assert label["declared"]["genre"] == "jazz"


def test_the_song_is_labelled_again_and_each_track_exported_once(reader: Reader) -> None:
    churn = (reader.home / "churn.html").read_text()
    assert "<html" in churn
    header, *rows = (reader.home / "labels.csv").read_text().splitlines()
    assert header.startswith("track_id,")
    assert len(rows) <= 1  # the worker may not have been there yet


def test_a_folder_of_music_becomes_a_table_a_page_and_a_report(reader: Reader) -> None:
    assert "<html" in (reader.home / "explore.html").read_text()
    report = json.loads((reader.home / "report/report.json").read_text())
    figures = {(model["name"], model["protocol"]): model for model in report["models"]}
    assert figures["knn-1", "random_windows"]["window_accuracy"] is not None
    assert figures["knn-1", "fault_filtered"]["not_computable"] is not None
