"""Options and silence for all tests."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator

import pytest
import structlog

from featurizer.cpu_level import wanted_level


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


# A bare machine goes without pytest-xdist: only hooks that it calls import `tests.schedule`.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    from tests.schedule import n_processes  # noqa: PLC0415

    return n_processes()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    from tests.schedule import FileScheduling  # noqa: PLC0415

    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # the order is ours
    return FileScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several processes
        from tests.schedule import longest_first  # noqa: PLC0415

        longest_first(items)


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
