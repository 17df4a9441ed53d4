"""The filter of the synthesised instruments against scipy's, which a light installation does without."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from consumer.demo.instruments import SAMPLE_RATE, _filter


@pytest.mark.parametrize("n", [2_000, 44_100])
@pytest.mark.parametrize(("low", "high"), [(90.0, 5_000.0), (1_500.0, None), (7_000.0, None)])
def test_the_filter_equals_scipys(n: int, low: float, high: float | None) -> None:
    wave = np.random.default_rng(0).standard_normal(n)
    if high is None:
        sections = butter(2, low, btype="highpass", fs=SAMPLE_RATE, output="sos")
    else:
        sections = butter(2, (low, high), btype="bandpass", fs=SAMPLE_RATE, output="sos")
    np.testing.assert_allclose(_filter(wave, low=low, high=high), sosfilt(sections, wave), atol=1e-6)


def test_synthesis_needs_no_scipy() -> None:
    program = "import sys, consumer.demo.synthesis; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
