"""Turns audio into `gtzan57` features by librosa: the oracle of every back end and what benchmarks beat.

Only this package imports librosa. Nothing that labels music imports this package.
"""

from featurizer.reference.loading import load_windows
from featurizer.reference.naive import reference_features
from featurizer.reference.tuned import TunedLibrosa

__all__ = ["TunedLibrosa", "load_windows", "reference_features"]
