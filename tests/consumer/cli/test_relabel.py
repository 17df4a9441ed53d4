from __future__ import annotations

from collections.abc import Sequence

import pytest

from consumer.cli.app import run
from consumer.cli.replay_bar import replay_bar
from consumer.replay.progress import ReplayProgress


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--report", "page.html"], "--report is of a --dry-run"),
        (["--dry-run", "--replay-id", "r1"], "leaves no replay behind"),
        (["--dry-run", "--all-uploads"], "judges each track's newest upload"),
        (["--dry-run", "--report", "/nowhere/at/all/page.html"], "nothing can be written there"),
        (["--rate", "0"], "--rate"),
        (["--source", "labels"], "--source"),
        (["--model", "../x"], "not a model"),
        (["--replay-id", "a b"], "not a replay id"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_no_broker_is_asked(
    arguments: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["relabel", *arguments]) in (2, 4)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


def test_in_a_pipe_progress_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with replay_bar() as onlooker:
        onlooker.on_read(10, 20)
        onlooker.on_warming()
        onlooker.on_progress(ReplayProgress(5, 20, 1.0, finished=False))
    assert capsys.readouterr().err == "reading: 10 of 20 offsets\n"
