"""Turns a file's text into made-up features, or into a crash, a hang or an error: what a child can do."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from featurizer.errors import MissingExtraError, NotAudioError
from featurizer.spec import GTZAN57
from training.featurizing.track import TrackFeatures, Work
from training.featurizing.walk import Track


def work(path: Path) -> TrackFeatures:
    """Do what the file says: a number is the first feature's value, its last digit the number of windows."""
    match path.read_text():
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            time.sleep(3_600)
        case "no audio":
            raise NotAudioError("no decoder\nknows it")
        case "surprise":
            raise ZeroDivisionError("never thought of")
        case "slow":
            time.sleep(0.1)
            return TrackFeatures(np.zeros((1, GTZAN57.width), np.float32))
        case number:
            features = np.empty((int(number[-1]), GTZAN57.width), dtype=np.float32)
            features[:] = np.arange(GTZAN57.width) + float(number)
            return TrackFeatures(features)
    raise AssertionError


def prepare() -> Work:
    """Load nothing."""
    return work


def prepare_in_vain() -> Work:
    """Lack a library."""
    raise MissingExtraError("numba is not installed:\npip install it")


def prepare_and_die() -> Work:
    """End before the first file."""
    os.kill(os.getpid(), signal.SIGKILL)
    return work


def write_folder(folder: Path, contents: dict[str, str]) -> Path:
    """Write files by their place."""
    for place, content in contents.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(content)
    return folder


def track_at(path: Path, *, genre: str = "rock") -> Track:
    """Describe a file as a walk would."""
    found = path.stat()
    return Track(
        path=path,
        place=path.name,
        name=path.stem,
        genre=genre,
        size_bytes=found.st_size,
        changed_ns=found.st_mtime_ns,
    )
