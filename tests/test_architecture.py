"""The rules of the house that a linter does not know: who may import what, and what a module looks like."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.paths import REPOSITORY

PACKAGES: Final = ("consumer", "featurizer", "modelzoo", "training")
FORBIDDEN_NAMES: Final = {"utils", "util", "helpers", "common", "base", "misc"}

# Each edge library and the places that may import it. FFmpeg also writes the files of benchmarks; training
# measures graphs that are no artifacts, and takes the published split's lists from torchaudio.
EDGE_LIBRARIES: Final[dict[str, tuple[str, ...]]] = {
    "confluent_kafka": ("consumer.kafka",),
    "onnxruntime": ("modelzoo.scorer", "training.benchmark.graphs"),
    "torchaudio": ("featurizer.gpu", "training.published_split"),
    "prometheus_client": ("consumer.metrics", "consumer.model_metrics"),
    "obstore": ("consumer.fetch.objects", "consumer.fetch.object_stores", "consumer.fetch.object_folder"),
    "httpx": ("consumer.fetch.web",),
    "soundfile": ("featurizer.decode_soundfile",),
    "pyarrow": ("consumer.tables_file", "training.featurizing.write", "training.table_file"),
    "opentelemetry": ("consumer.tracing",),
    "jinja2": ("consumer.replay.churn_page", "training.report.page"),
    "av": ("featurizer.decode_av", "featurizer.av_frames", "consumer.bench.encoding"),
    "soxr": ("featurizer.resample",),
    "librosa": ("featurizer.reference", "training.richer.features"),
    "numba": ("featurizer.cpu",),
    "llvmlite": ("featurizer.cpu",),
    "torch": ("featurizer.gpu", "featurizer.featurizer", "training"),
    "torchvision": ("training.models.images",),
    "optuna": ("training.search", "training.cli.search"),
    "matplotlib": ("training.report", "training.explore"),
    "lightgbm": ("training.models.tabular",),
    "xgboost": ("training.models.tabular",),
    "PIL": ("training.inputs.images",),
}


def _modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            parts = path.relative_to(REPOSITORY).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__"), path


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _imports(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return frozenset(found)


def _within(module: str, place: str) -> bool:
    return module == place or module.startswith(place + ".")


@pytest.mark.parametrize("library", EDGE_LIBRARIES)
def test_an_edge_library_is_imported_in_one_place_only(library: str) -> None:
    importers = {
        module for module, path in _modules() if any(_within(name, library) for name in _imports(path))
    }
    places = EDGE_LIBRARIES[library]
    strangers = {module for module in importers if not any(_within(module, place) for place in places)}
    assert importers, f"nobody imports {library}: drop it here and in pyproject.toml"
    assert not strangers


def test_the_model_zoo_sees_of_the_featurizer_its_spec_and_errors_only() -> None:
    seen = {
        name
        for module, path in _modules()
        if _within(module, "modelzoo")
        for name in _imports(path)
        if _within(name, "featurizer")
    }
    assert seen <= {"featurizer.spec", "featurizer.errors"}


def test_every_module_opens_with_one_sentence() -> None:
    lacking = []
    for module, path in _modules():
        first = (ast.get_docstring(_parsed(path)) or "").split("\n\n")[0].strip()
        if not first.endswith("."):
            lacking.append(module)
    assert not lacking


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    assert not [module for module, _ in _modules() if FORBIDDEN_NAMES & set(module.split("."))]


def test_every_package_of_tests_can_be_told_from_the_package_it_tests() -> None:
    folders = {path.parent for path in (REPOSITORY / "tests").rglob("test_*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]
