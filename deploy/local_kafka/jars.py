"""Turns the Maven project beside this file into a cached folder of jars: the class path of the broker."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_POM: Final = Path(__file__).with_name("pom.xml")
_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_MAVEN_SECONDS: Final = 480.0  # seconds: 43 MB take five on a fast line


class LocalKafkaError(Exception):
    """The local broker cannot be had: a tool is missing, or it did not start."""


def java() -> str:
    """Find the Java program: `$JAVA_HOME/bin/java`, else the one on the path.

    Raises
    ------
    LocalKafkaError
        There is none.
    """
    home = os.environ.get("JAVA_HOME")
    program = shutil.which(str(Path(home, "bin", "java"))) if home else None
    program = program or shutil.which("java")
    if program is None:
        raise LocalKafkaError("java not found: install Java 17 or newer (a headless runtime will do)")
    return program


def missing_tools() -> str | None:
    """Say in one line what keeps the broker from starting here, or None where nothing is missing."""
    try:
        java()
        if not _is_complete(folder()):
            _maven()
    except LocalKafkaError as exc:
        return str(exc)
    return None


def kafka_version() -> str:
    """Read the version of Apache Kafka from the Maven project."""
    found = ET.parse(_POM).findtext(".//{*}kafka.version")  # noqa: S314 - our own file
    if not found:
        raise LocalKafkaError(f"no kafka.version in {_POM}")
    return found


def folder() -> Path:
    """Give the folder of the jars: below `$GENRESTREAM_CACHE`, else below the repository's `.cache`."""
    cache = os.environ.get("GENRESTREAM_CACHE")
    root = Path(cache).expanduser() if cache else _REPOSITORY / ".cache"
    return root / f"kafka-{kafka_version()}"


def ensure_jars() -> Path:
    """Give the folder of the jars, fetching them where they are missing; safe to call from many processes.

    Raises
    ------
    LocalKafkaError
        Maven is missing or fails.
    """
    target = folder()
    if _is_complete(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(f"{target.name}.lock")):
        if not _is_complete(target):  # another process may have fetched them while we waited
            _fetch(target)
    return target


def _is_complete(target: Path) -> bool:
    # The folder appears by one rename and carries its project, so that a changed project is fetched anew.
    copy = target / _POM.name
    return copy.is_file() and copy.read_bytes() == _POM.read_bytes()


def _maven() -> str:
    program = shutil.which("mvn")
    if program is None:
        raise LocalKafkaError(
            f"mvn not found: install Maven 3 (needed once, to fetch Kafka {kafka_version()})"
        )
    return program


def _fetch(target: Path) -> None:
    program = _maven()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as scratch:
        jars = Path(scratch, "jars")
        command = [program, "--batch-mode", "--quiet", "--file", str(_POM), "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
        try:
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                timeout=_MAVEN_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as exc:
            raise LocalKafkaError(f"Maven did not finish within {_MAVEN_SECONDS:.0f} s: try again") from exc
        if done.returncode != 0:
            raise LocalKafkaError(
                f"Maven could not fetch Kafka {kafka_version()}: {_first_error(done.stdout)}"
            )
        shutil.copy2(_POM, jars / _POM.name)
        shutil.rmtree(target, ignore_errors=True)
        jars.rename(target)


def _first_error(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line]
    return (errors or lines or ["it said nothing"])[0].strip()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
