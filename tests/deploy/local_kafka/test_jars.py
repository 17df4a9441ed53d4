from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local_kafka.jars import LocalKafkaError, ensure_jars, folder, java, kafka_version, missing_tools
from tests.paths import REPOSITORY

pytestmark = pytest.mark.slow  # waits for locks

FAKE_MAVEN = """#!/bin/sh
echo called >> "$CALLS"
sleep 0.2
for argument in "$@"; do
  case "$argument" in -DoutputDirectory=*) out="${argument#*=}";; esac
done
mkdir -p "$out" && echo jar > "$out/kafka.jar"
"""


def _program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path on which only the shell's own tools and what a test adds are found."""
    found = tmp_path / "bin"
    found.mkdir()
    for name in ("sh", "sleep", "mkdir"):
        (found / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(found))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("GENRESTREAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return found


def test_the_jars_lie_in_a_folder_of_their_version(tools: Path, tmp_path: Path) -> None:
    assert folder() == tmp_path / "cache" / f"kafka-{kafka_version()}"


def test_missing_java_is_said_in_one_line(tools: Path) -> None:
    with pytest.raises(LocalKafkaError, match="install Java 17"):
        java()
    assert "java not found" in str(missing_tools())


def test_missing_maven_is_said_in_one_line_unless_the_jars_are_there(tools: Path) -> None:
    _program(tools, "java", "#!/bin/sh\n")
    with pytest.raises(LocalKafkaError, match="install Maven 3"):
        ensure_jars()
    assert "mvn not found" in str(missing_tools())
    _program(tools, "mvn", FAKE_MAVEN)
    ensure_jars()
    (tools / "mvn").unlink()
    assert missing_tools() is None
    assert (ensure_jars() / "kafka.jar").is_file()


def test_java_home_wins_over_the_path(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tools, "java", "#!/bin/sh\n")
    (tmp_path / "jdk").mkdir()
    _program(tmp_path / "jdk" / "bin", "java", "#!/bin/sh\n")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert java() == str(tmp_path / "jdk" / "bin" / "java")


def test_processes_that_start_together_fetch_once(tools: Path, tmp_path: Path) -> None:
    _program(tools, "mvn", FAKE_MAVEN)
    script = "from deploy.local_kafka.jars import ensure_jars; print(ensure_jars())"

    def run(_: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(run, range(3))) == {str(folder())}
    assert (tmp_path / "calls").read_text() == "called\n"


def test_a_changed_project_is_fetched_anew(tools: Path, tmp_path: Path) -> None:
    _program(tools, "mvn", FAKE_MAVEN)
    (ensure_jars() / "pom.xml").write_text("<project/>")
    ensure_jars()
    assert (tmp_path / "calls").read_text() == "called\ncalled\n"


def test_a_failed_fetch_says_why_and_leaves_nothing(tools: Path, tmp_path: Path) -> None:
    _program(tools, "mvn", "#!/bin/sh\necho '[INFO] hello'; echo '[ERROR] no route to host'; exit 1\n")
    with pytest.raises(LocalKafkaError, match=r"could not fetch Kafka .*no route to host"):
        ensure_jars()
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]
