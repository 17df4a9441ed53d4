from __future__ import annotations

import sys

import pytest

from consumer.bench.failures import BenchFailedError, needing_baselines
from consumer.errors import exit_status
from featurizer.errors import MissingExtraError


def test_a_missing_baseline_is_one_line_of_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    for name in [name for name in sys.modules if name.startswith("featurizer.reference")]:
        monkeypatch.delitem(sys.modules, name)
    advice = r"pip install 'genrestream\[bench\]'"
    with pytest.raises(MissingExtraError, match=advice) as caught, needing_baselines():
        import featurizer.reference  # noqa: F401, PLC0415
    assert "\n" not in str(caught.value)
    assert exit_status(caught.value) == 2


def test_a_missing_module_of_our_own_is_a_bug_and_stays_one() -> None:
    with pytest.raises(ModuleNotFoundError), needing_baselines():
        raise ModuleNotFoundError("No module named 'featurizer.nowhere'", name="featurizer.nowhere")


def test_a_failed_measurement_ends_with_status_one() -> None:
    assert exit_status(BenchFailedError("a track failed")) == 1
