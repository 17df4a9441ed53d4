"""Turns the Kubernetes manifests into documents by kind, and one pod's variables into what it would see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.paths import REPOSITORY

KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
GPU = KUBERNETES / "overlays" / "gpu"
_UNITS = {"": 1, "m": 1e-3, "Mi": 2**20, "Gi": 2**30}

Document = dict[str, Any]


def documents(text: str) -> dict[str, Document]:
    """Give the documents of one or more manifests by their kind, of which there is one each."""
    found = [document for document in yaml.safe_load_all(text) if document]
    by_kind = {str(document["kind"]): document for document in found}
    assert len(by_kind) == len(found)
    return by_kind


def base_as_written() -> dict[str, Document]:
    """Give the base's manifests, before kustomize."""
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    return documents("\n---\n".join((BASE / name).read_text() for name in kustomization["resources"]))


def pod_of(document: Document) -> Document:
    """Give the pod's specification of a StatefulSet or Job."""
    return dict(document["spec"]["template"]["spec"])


def container_of(document: Document) -> Document:
    """Give the only container."""
    (container,) = pod_of(document)["containers"]
    return dict(container)


def variables(container: Document, *, pod: str, namespace: str) -> dict[str, str]:
    """Give a pod's variables as the kubelet does: in order, `$(NAME)` replaced by what came before."""
    fields: Mapping[str, str] = {"metadata.name": pod, "metadata.namespace": namespace}
    seen: dict[str, str] = {}
    for variable in container["env"]:
        value = variable.get("value")
        if value is None:
            value = fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        seen[variable["name"]] = re.sub(r"\$\(([\w.]+)\)", lambda named: seen.get(named[1], named[0]), value)
    return seen


def quantity(text: str) -> float:
    """Give a resource quantity as a number: `2Gi` in bytes, `100m` in units."""
    number, unit = re.fullmatch(r"([\d.]+)(\w*)", text).groups()  # type: ignore[union-attr]  # ours are well formed
    return float(number) * _UNITS[unit]


def settings_file(folder: Path = BASE) -> Path:
    """Give the settings that the ConfigMap is made of."""
    generator = yaml.safe_load((folder / "kustomization.yaml").read_text())["configMapGenerator"][0]
    return folder / str(generator["files"][0])
