"""Whole workers keep their promises through every fault that a seed brings; one seed is one exact run."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from consumer.simulation import ViolationError, simulate

FAST_SEEDS = 25
"""About a second; the slow tier goes on from here."""


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def _failures(seeds: range) -> list[str]:
    """Run the seeds, and tell how to see each failure again."""
    failures = []
    for seed in seeds:
        try:
            simulate(seed)
        except ViolationError as exc:
            failures.append(f"python -m consumer.simulation --seed {seed} --verbose  # {exc}")
    return failures


def test_nothing_is_lost_or_repeated_under_the_first_seeds() -> None:
    assert not _failures(range(FAST_SEEDS))


@pytest.mark.slow
def test_nothing_is_lost_or_repeated_under_any_seed(simulation_seeds: int) -> None:
    assert not _failures(range(FAST_SEEDS, simulation_seeds))


def test_a_seed_gives_the_same_run_again() -> None:
    first, second = simulate(7), simulate(7)
    assert first.timeline.now == second.timeline.now
    assert first.oracle.outcomes == second.oracle.outcomes
    assert first.broker.visible("track-labels") == second.broker.visible("track-labels")
