"""A CPU's flags become the best level that it has all of, and a level above that is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from featurizer.cpu_level import (
    LEVEL_VARIABLE,
    CpuLevel,
    machine_levels,
    native_level,
    wanted_level,
)
from featurizer.errors import KernelSettingError

V2 = "fpu sse sse2 pni ssse3 sse4_1 sse4_2 popcnt cx16 lahf_lm"
V3 = V2 + " avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
V4 = V3 + " avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    wanted_level.cache_clear()
    yield
    wanted_level.cache_clear()


def cpu(folder: Path, flags: str, *, model: str = "a CPU") -> Path:
    path = folder / "cpuinfo"
    path.write_text(
        f"processor : 0\nmodel name\t: {model}\nflags\t\t: {flags}\n\nprocessor : 1\nflags\t: none\n"
    )
    return path


@pytest.mark.parametrize(
    ("flags", "best"),
    [
        ("fpu sse sse2", "v1"),
        (V2, "v2"),
        (V2 + " avx xsave", "v2"),
        (V3, "v3"),
        (V3.replace(" fma", ""), "v2"),
        (V3 + " avx512f", "v3"),
        (V4, "v4"),
        (V4.replace(" movbe", ""), "v2"),
    ],
)
def test_a_cpus_level_is_the_best_that_it_has_all_flags_of(tmp_path: Path, flags: str, best: str) -> None:
    levels = machine_levels(machine="x86_64", cpu_facts=cpu(tmp_path, flags))
    assert list(levels)[-1] == best
    assert [level.vector_bits for level in levels.values()] == [128, 128, 256, 512][: len(levels)]


def test_without_linuxs_list_an_x86_cpu_counts_as_the_oldest(tmp_path: Path) -> None:
    assert list(machine_levels(machine="AMD64", cpu_facts=tmp_path / "none")) == ["v1"]


@pytest.mark.parametrize("machine", ["arm64", "aarch64"])
def test_every_arm_cpu_has_one_level(machine: str) -> None:
    assert list(machine_levels(machine=machine)) == ["arm64"]


def test_an_unknown_processor_has_no_level() -> None:
    assert machine_levels(machine="riscv64") == {}


def test_native_levels_of_different_cpus_have_different_names(tmp_path: Path) -> None:
    first = native_level(cpu_facts=cpu(tmp_path, V3))
    assert first == native_level(cpu_facts=cpu(tmp_path, V3))
    assert first.name != native_level(cpu_facts=cpu(tmp_path, V3, model="another")).name
    assert first.llvm_cpu is None
    assert first.name.startswith("native-")


def test_the_best_level_is_wanted_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LEVEL_VARIABLE, raising=False)
    best: CpuLevel = list(machine_levels().values())[-1]
    assert wanted_level() == best
    wanted_level.cache_clear()
    least = next(iter(machine_levels()))
    monkeypatch.setenv(LEVEL_VARIABLE, least)
    assert wanted_level().name == least


def test_a_level_that_this_machine_does_not_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LEVEL_VARIABLE, "v9")
    with pytest.raises(KernelSettingError, match=r"level=v9; it runs .*native"):
        wanted_level()
