"""A CPU's processes live without PyTorch, librosa and scipy: in a process tree where importing them fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.audio import encode, music
from tests.paths import REPOSITORY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

FORBIDDEN = ("torch", "torchaudio", "triton", "librosa", "scipy")

PROGRAM = """
import json, sys
from pathlib import Path
from consumer.config import load_settings
from consumer.label import for_local_files, label_files
from consumer.audio_files import find_audio
from consumer.worker import open_pipeline

settings = for_local_files(load_settings(overrides={"worker": {"device": "cpu"}}))
with open_pipeline(settings) as pipeline:
    found = find_audio([Path(sys.argv[1])])
    (ended,) = label_files(found, engine=pipeline, settings=settings.worker)
    processes = ["self", *pipeline.pids]
    maps = {str(pid): Path(f"/proc/{pid}/maps").read_text() for pid in processes}
print(json.dumps({"label": ended.to_json(), "maps": maps, "modules": sorted(sys.modules)}))
"""


def test_a_cpu_labels_a_track_where_torch_librosa_and_scipy_cannot_be_imported(tmp_path: Path) -> None:
    for name in FORBIDDEN:
        (tmp_path / "path" / name).mkdir(parents=True)
        (tmp_path / "path" / name / "__init__.py").write_text(
            f"raise ImportError({name!r} + ' was imported')"
        )
    track = encode(music(6.0, 44_100, seed=1), 44_100, codec="mp3", path=tmp_path / "song.mp3")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(track)],
        cwd=REPOSITORY,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(Path.home()),
            "PYTHONPATH": f"{tmp_path / 'path'}:{REPOSITORY}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["label"]["windows"]["count"] == 2
    assert len(answer["maps"]) >= 3
    for pid, maps in answer["maps"].items():
        assert "numpy" in maps
        assert not [name for name in FORBIDDEN if f"/{name}/" in maps], pid
    assert not set(FORBIDDEN) & set(answer["modules"])
