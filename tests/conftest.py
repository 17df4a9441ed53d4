"""Options and silence for all tests."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator

import pytest
import structlog

from featurizer.cpu_level import wanted_level
from tests.schedule import n_processes, spread


def pytest_configure() -> None:
    # In a script's background Ctrl-C is ignored, also by every process that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Else librosa, which takes half a minute to compile, is compiled twice: for this very CPU in processes
    # without kernels of ours, for the kernels' level in those with.
    level = wanted_level()
    if level.llvm_cpu and level.llvm_features:
        os.environ |= {"NUMBA_CPU_NAME": level.llvm_cpu, "NUMBA_CPU_FEATURES": level.llvm_features}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--simulation-seeds",
        type=int,
        default=1_000,
        metavar="N",
        help="seeds of the Kafka loop's simulation that the slow tier runs (default: 1000)",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return n_processes()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several processes
        spread(items)


@pytest.fixture
def simulation_seeds(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--simulation-seeds"))


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Undo what a command run in this process did to the logs: the next test may listen to them."""
    configuration, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**configuration)
    root.handlers = handlers
    root.setLevel(level)
