"""Kernels are compiled for the wanted level, once: later processes load them, stale or damaged code never."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featurizer.cpu.compiled_code import CompiledCode, describe
from featurizer.cpu.compiling import kernel, level
from featurizer.cpu_level import LEVEL_VARIABLE, machine_levels
from featurizer.kernel_store import FOLDER_VARIABLE
from tests.paths import REPOSITORY

LEVELS = ("v1", "v2", "v3", "v4", "native")

slow = pytest.mark.slow
needs_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="levels v1 to v4 are x86-64's")


def run(
    store: Path, *arguments: str, root: Path = REPOSITORY, level_name: str | None = None
) -> dict[str, Any]:
    """Run the program of `kernel_program.py` in a process with a store of its own."""
    variables = {**os.environ, FOLDER_VARIABLE: str(store), "PYTHONPATH": str(root)}
    if level_name is not None:
        variables[LEVEL_VARIABLE] = level_name
    # Kernels of this process may have set them already.
    for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"):
        variables.pop(name, None)
    command = [sys.executable, "-m", "tests.featurizer.kernel_program", *arguments]
    done = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def compiled(store: Path) -> dict[str, dict[str, Any]]:
    """What a process of each level answers, one after the other with one store."""
    runs_here = [name for name in LEVELS if name in (*machine_levels(), "native")]
    return {name: run(store, level_name=name) for name in runs_here}


@slow
@needs_x86
@pytest.mark.parametrize("name", LEVELS)
def test_code_of_each_level_uses_that_levels_instructions(
    compiled: dict[str, dict[str, Any]], name: str
) -> None:
    if name not in compiled:
        pytest.skip(f"this CPU does not run {name}")
    answer = compiled[name]
    assert answer["close"]
    assert answer["level"].partition("-")[0] == name
    assert Path(answer["folder"]).name.startswith(answer["level"] + "-cpython")
    best = next(reversed(machine_levels()))
    has_fma = name in ("v3", "v4") or (name == "native" and best in ("v3", "v4"))
    assert ("vfmadd" in answer["assembly"]) == has_fma
    assert ("ymm" in answer["assembly"] or "zmm" in answer["assembly"]) == has_fma


@slow
def test_a_second_process_loads_what_the_first_compiled_and_levels_share_nothing(
    compiled: dict[str, dict[str, Any]], store: Path
) -> None:
    for first in compiled.values():
        assert (first["compiled"], first["was_warm"], first["is_warm"]) == (1, False, True)
    again = run(store, level_name=next(iter(compiled)))
    assert (again["compiled"], again["was_warm"], again["is_warm"]) == (0, True, True)
    assert again["close"]


@slow
@needs_x86
def test_where_numba_has_compiled_for_this_very_cpu_already_kernels_are_native_too(tmp_path: Path) -> None:
    answer = run(tmp_path, "numba-first")
    assert answer["level"].startswith("native-")
    assert answer["close"]
    assert not any(path.name.startswith("v") for path in tmp_path.iterdir())


@slow
def test_editing_a_kernel_in_another_file_compiles_its_callers_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(REPOSITORY / "featurizer", root / "featurizer", ignore=shutil.ignore_patterns("*.pyc"))
    (root / "tests" / "featurizer").mkdir(parents=True)
    program = (REPOSITORY / "tests/featurizer/kernel_program.py").read_text()
    start, end = program.index("@fast_kernel"), program.index("@kernel")
    callee = "import numpy as np\nfrom featurizer.cpu.compiling import fast_kernel\n" + program[start:end]
    (root / "featurizer" / "callee.py").write_text(callee)
    caller = program[:start] + "from featurizer.callee import multiply_add\n" + program[end:]
    (root / "tests/featurizer/kernel_program.py").write_text(caller)
    assert run(tmp_path / "store", root=root)["close"]
    assert run(tmp_path / "store", root=root)["compiled"] == 0
    (root / "featurizer" / "callee.py").write_text(callee.replace("+ addend", "- addend"))
    edited = run(tmp_path / "store", root=root)
    assert edited["compiled"] == 1
    assert not edited["close"]


@slow
def test_two_processes_that_start_cold_at_once_both_get_right_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.featurizer.kernel_program"]
    variables = {**os.environ, FOLDER_VARIABLE: str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    both = [
        subprocess.Popen(command, cwd=REPOSITORY, env=variables, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    assert all(answer["close"] and answer["is_warm"] for answer in answers)
    assert sum(answer["compiled"] for answer in answers) == 1


@slow
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system")
def test_a_warm_store_on_a_read_only_file_system_is_used_and_a_cold_one_is_not(tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(store)
    mount = f"mount --bind {store} {store} && mount -o remount,ro,bind {store} && ! touch {store}/x 2>&-"
    if subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount file systems")

    def in_namespace(home: Path, level_name: str) -> dict[str, Any]:
        program = f"{mount}; exec {sys.executable} -m tests.featurizer.kernel_program"
        environment = {
            FOLDER_VARIABLE: str(store),
            "PYTHONPATH": str(REPOSITORY),
            "XDG_CACHE_HOME": str(home),
            LEVEL_VARIABLE: level_name,
        }
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", program],
            cwd=REPOSITORY,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    warm = in_namespace(tmp_path / "home", level().name)
    assert (warm["origin"], warm["compiled"], warm["close"]) == ("setting", 0, True)
    cold = in_namespace(tmp_path / "home", "native")
    assert (cold["origin"], cold["compiled"], cold["close"]) == ("user", 1, True)
    nowhere = in_namespace(store / "cache", "native")
    assert (nowhere["origin"], nowhere["compiled"], nowhere["close"]) == ("temporary", 1, True)
    assert not Path(nowhere["folder"]).exists()


def add_one(value: float) -> float:
    return value + 1.0


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Any]:
    """Compile `add_one` anew, with its code in a folder of this test's."""

    def make() -> Any:
        made: Any = kernel(add_one)
        made._cache = CompiledCode(add_one, folder=lambda: tmp_path)
        return made

    return make


def test_damaged_code_is_compiled_again(tmp_path: Path, fresh: Callable[[], Any]) -> None:
    assert fresh()(1.0) == 2.0
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[:40] + b"?" + whole[41:]):
        path.write_bytes(damaged)
        again = fresh()
        assert again(1.0) == 2.0
        assert sum(again.stats.cache_hits.values()) == 0
        assert path.read_bytes() != damaged
    last = fresh()
    assert last(1.0) == 2.0
    assert sum(last.stats.cache_hits.values()) == 1


def test_code_that_cannot_be_written_is_used_all_the_same(tmp_path: Path) -> None:
    made: Any = kernel(add_one)
    made._cache = CompiledCode(add_one, folder=lambda: tmp_path / "absent")
    assert made(1.0) == 2.0


def test_closures_are_told_apart_by_what_they_hold() -> None:
    def factory(factor: float) -> Callable[[float], float]:
        def scale(value: float) -> float:
            return value * factor

        return scale

    assert describe(factory(2.0)) == describe(factory(2.0))
    assert describe(factory(2.0)) != describe(factory(3.0))
    assert describe(factory(2.0)) != describe(add_one)


def test_what_differs_in_each_process_cannot_be_closed_over() -> None:
    held = object()
    with pytest.raises(TypeError, match="differs in each process"):
        describe((1, held))


def test_kernels_of_this_process_are_for_the_level_that_it_says() -> None:
    made: Any = kernel(add_one)
    assert made(np.float64(1.0)) == 2.0
    assert made.targetctx.codegen().magic_tuple()[1:] == (level().llvm_cpu, level().llvm_features) or (
        level().name.startswith("native-")
    )
