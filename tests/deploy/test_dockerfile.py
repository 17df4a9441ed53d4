"""Tests of the recipe of the image; its commands run in tests/broker/test_image.py."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from consumer.config import load_settings
from deploy.requirements import requirements
from tests.deploy.image_file import ImageFile, read_image_file
from tests.paths import REPOSITORY

DOCKERFILE = REPOSITORY / "deploy" / "Dockerfile"
TARGETS = ("cpu", "cuda")
COMPILERS = re.compile(r"\b(build-essential|g?cc|g\+\+|make|clang)\b")


@pytest.fixture(scope="module")
def image() -> ImageFile:
    return read_image_file(DOCKERFILE)


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint here: its package has no wheel for this platform")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_is_not_asleep(tmp_path: Path) -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint here: its package has no wheel for this platform")
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian:latest\nADD x /x\n")
    assert subprocess.run([hadolint, bad], capture_output=True, check=False).returncode != 0


def test_every_stage_stands_on_one_pinned_image(image: ImageFile) -> None:
    outside = {stage.base for stage in image.stages.values()} - set(image.stages)
    assert outside == {"${PYTHON_IMAGE}"}
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", image.arguments["PYTHON_IMAGE"])


def test_the_image_for_cpus_is_what_a_build_without_a_target_gives(image: ImageFile) -> None:
    assert list(image.stages)[-1] == "cpu"


@pytest.mark.parametrize("target", TARGETS)
def test_the_worker_is_no_superuser_and_its_number_is_fixed(image: ImageFile, target: str) -> None:
    assert image.last(target, "USER").rest == "10001:10001"
    assert image.inherited(target)[-1].name == "USER", "nothing may run after the superuser has gone"


@pytest.mark.parametrize("target", TARGETS)
def test_signals_reach_the_worker_because_no_shell_stands_before_it(image: ImageFile, target: str) -> None:
    assert image.last(target, "ENTRYPOINT").words == ["genrestream"]
    assert image.last(target, "CMD").words == ["worker"]
    assert image.last(target, "STOPSIGNAL").rest == "SIGTERM"


def test_nothing_is_installed_by_pip_and_no_compiler_is_in_the_image_for_cpus(image: ImageFile) -> None:
    ran = [one.rest for one in image.inherited("cpu") if one.name == "RUN"]
    assert not [command for command in ran if "pip" in command or COMPILERS.search(command)]


def test_nothing_is_added_from_addresses(image: ImageFile) -> None:
    instructions = [one for stage in image.stages.values() for one in stage.own]
    assert not [one for one in instructions if one.name == "ADD" or "http" in one.rest]


def test_every_dependency_is_pinned_and_none_is_compiled(image: ImageFile) -> None:
    installs = [
        one.rest
        for stage in image.stages.values()
        for one in stage.own
        if one.name == "RUN" and " install " in one.rest and "pip" in one.rest
    ]
    assert len(installs) == 4
    for command in installs:
        own_wheel = "--no-deps" in command
        assert own_wheel or {"--constraint", "--only-binary=:all:"} <= set(command.split())


@pytest.mark.parametrize("target", TARGETS)
def test_the_settings_that_the_image_makes_are_settings(
    image: ImageFile, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in image.environment(target).items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.serve.host == "0.0.0.0"  # noqa: S104 - a container's own address
    assert settings.log.format == "json"
    assert str(settings.serve.port) == image.last(target, "EXPOSE").rest


@pytest.mark.parametrize("target", TARGETS)
def test_kernels_are_looked_for_where_they_were_compiled(image: ImageFile, target: str) -> None:
    built = image.environment("build-cpu")["GENRESTREAM_KERNEL_CACHE"]
    copied = [one.rest.split()[-1] for one in image.inherited(target) if one.name == "COPY"]
    assert image.environment(target)["GENRESTREAM_KERNEL_CACHE"] == built
    assert [folder for folder in copied if Path(built).is_relative_to(folder)]


def test_the_context_holds_what_is_copied_and_little_else(image: ImageFile) -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        word
        for stage in image.stages.values()
        for one in stage.own
        if one.name == "COPY" and not one.rest.startswith("--from")
        for word in one.rest.split()[:-1]
    }
    assert "*" in lines
    assert copied == allowed
    assert not [path for path in copied if not (REPOSITORY / path).exists()]
    assert any(fnmatch("consumer/__pycache__", line) for line in lines)


def test_requirements_are_those_of_the_project_and_the_extra() -> None:
    found = requirements("cpu", project=REPOSITORY / "pyproject.toml")
    names = {re.split(r"[<>=\[;]", line)[0] for line in found}
    assert {"confluent-kafka", "onnxruntime", "numba"} <= names
    assert not names & {"torch", "pytest", "onnxruntime-gpu"}


def test_requirements_print_as_pip_reads_them() -> None:
    script = REPOSITORY / "deploy" / "requirements.py"
    done = subprocess.run(
        [sys.executable, script, "gpu"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines == requirements("gpu", project=REPOSITORY / "pyproject.toml")
    assert [line for line in lines if line.startswith("torch")]


def test_a_level_that_the_building_machine_lacks_is_left_out_and_any_other_failure_ends_the_build(
    image: ImageFile, tmp_path: Path
) -> None:
    own = image.stages["build-cpu"].own
    (recipe,) = [one.rest for one in own if one.name == "RUN" and "kernels build" in one.rest]
    (levels,) = [one.rest.partition("=")[2].strip('"') for one in own if one.name == "ARG"]
    # Stands for the command: it says which level it was asked for, and lacks the last two.
    program = tmp_path / "genrestream"
    program.write_text(
        '#!/bin/sh\necho "$*"\ncase "$*" in *v4*|*arm64*) exit 2;; *v3*) exit ${V3:-0};; esac\n'
    )
    program.chmod(0o755)
    command = recipe.replace("/opt/genrestream/bin/genrestream", str(program))
    seen = {"KERNEL_LEVELS": levels, "GENRESTREAM_KERNEL_CACHE": "/k"}

    def build(**more: str) -> tuple[int, list[str]]:
        done = subprocess.run(
            ["/bin/sh", "-c", command], env={**seen, **more}, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout.splitlines()

    each = [f"kernels build --level {level} --out /k" for level in ("v2", "v3", "v4", "arm64")]
    assert build() == (0, [*each, "kernels build --out /k"])
    assert build(V3="1") == (1, each[:2])
