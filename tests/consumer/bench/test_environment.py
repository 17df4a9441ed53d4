from __future__ import annotations

import json
import subprocess
from pathlib import Path

from consumer.bench.environment import commit, cpu_model, describe


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_a_commit_is_told_of_a_checkout_only_and_says_where_it_was_changed(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git(tmp_path, "init")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "one")
    clean = commit(tmp_path)
    assert clean is not None
    assert len(clean) == 40
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path) == f"{clean}-dirty"


def test_the_cpus_name_is_linuxs(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Abacus 9 @ 2 GHz\n")
    assert cpu_model(info) == "Abacus 9 @ 2 GHz"
    assert cpu_model(tmp_path / "none")


def test_the_environment_is_json_and_names_what_a_figure_depends_on() -> None:
    told = json.loads(json.dumps(describe()))
    assert {"commit", "cores", "cpu", "load_average", "platform", "versions"} <= told.keys()
    assert {"python", "numpy", "genrestream"} <= told["versions"].keys()
