"""A long track is read in blocks: memory does not grow with its length, nor with what its header claims."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from featurizer.track import TrackReader
from tests import audio

# Sixteen windows wait for a batch (4 MiB), are joined and handed over, beside a few blocks of 0.5 MiB.
MOST_ALLOCATED_BYTES = 20 * 2**20
MOST_GROWTH_BYTES = 48 * 2**20


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def write_long(codec: str, path: Path, *, short: bytes) -> None:
    """Write twenty minutes of sound; AAC frames may simply be repeated."""
    if codec == "aac":
        path.write_bytes(short * 375)
        return
    second = audio.stereo(audio.chord(1.0, 44_100), audio.noise(1.0, 44_100))
    with soundfile.SoundFile(path, "w", samplerate=44_100, channels=2, format=codec.upper()) as file:
        for _ in range(1_200):
            file.write(second)


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="needs Linux's /proc to see resident memory"
)
@pytest.mark.parametrize("codec", ["wav", "flac", "aac"])
def test_twenty_minutes_take_no_more_memory_than_one(
    codec: str, tmp_path: Path, piece: Callable[[audio.Codec], bytes]
) -> None:
    path = tmp_path / "long"
    write_long(codec, path, short=piece("aac"))
    before, n_windows, most_resident = resident_bytes(), 0, 0
    tracemalloc.start()

    with TrackReader(path) as reader:
        for windows in reader.windows():
            n_windows += len(windows)
            most_resident = max(most_resident, resident_bytes())
    _, most_allocated = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert n_windows == pytest.approx(400, rel=0.03)
    assert most_allocated < MOST_ALLOCATED_BYTES
    assert most_resident - before < MOST_GROWTH_BYTES


def test_header_that_claims_two_weeks_allocates_little(
    piece: Callable[[audio.Codec], bytes],
) -> None:
    content = bytearray(piece("flac"))
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    tracemalloc.start()

    with TrackReader(io.BytesIO(content)) as reader:
        windows = np.concatenate(list(reader.windows()))
    _, most_allocated = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(windows) == 1
    assert most_allocated < MOST_ALLOCATED_BYTES
