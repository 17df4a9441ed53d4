"""Turns a command line into a run of `genrestream-train`, or says which extra has to be installed for it."""

from __future__ import annotations

import sys
from typing import Final, NoReturn

from featurizer.errors import MissingExtraError

_PACKAGES: Final = {
    "PIL",
    "lightgbm",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "optuna",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "torch",
    "torchaudio",
    "torchvision",
    "xgboost",
}


def main() -> None:
    """Run `genrestream-train`; exit status 2 where a library is missing."""
    try:
        from training.cli import main as run  # noqa: PLC0415 - its libraries may not be there

        run()
    except ModuleNotFoundError as exc:
        library = (exc.name or "").partition(".")[0]
        if library not in _PACKAGES:
            raise
        _refuse(f"{library} is not installed: pip install 'genrestream[train,cpu]', or [train,gpu] for a GPU")
    except MissingExtraError as exc:
        _refuse(str(exc))


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"genrestream-train: {why}\n")
    sys.exit(2)
