"""Turns the synthetic windows into ``oracle.npz``: what librosa makes of each, and a checksum of them.

``python -m benchmarks.gpu.make_oracle`` in the project's own environment, which has librosa.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.gpu.synthesis import checksum, windows
from featurizer.reference import reference_features
from featurizer.spec import GTZAN57


def main() -> None:
    """Write the file beside this one."""
    samples, kinds = windows()
    features = np.stack([reference_features(window) for window in samples])
    np.savez_compressed(
        Path(__file__).with_name("oracle.npz"),
        features=features,
        kinds=np.array(kinds),
        checksum=checksum(samples),
        fingerprint=GTZAN57.fingerprint,
    )


if __name__ == "__main__":
    main()
