"""A container's share of the machine counts, not the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consumer.pipeline.cores import available_cores

ALLOWED = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000\n", ALLOWED),
        ("100000 100000\n", 1),
        ("50000 100000\n", 1),
        ("150000 100000\n", min(2, ALLOWED)),
        ("900000000 100000\n", ALLOWED),
        ("nonsense", ALLOWED),
    ],
)
def test_the_control_groups_quota_is_rounded_up(tmp_path: Path, text: str, cores: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(text)
    assert available_cores(file) == cores


def test_without_a_control_group_the_schedulers_word_holds(tmp_path: Path) -> None:
    assert available_cores(tmp_path / "absent") == ALLOWED
