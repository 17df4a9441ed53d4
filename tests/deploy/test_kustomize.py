"""Tests of what kustomize makes of base and overlay, against the schemas of Kubernetes and both operators."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from consumer.config import load_settings
from tests.deploy.go_modules import module_folder, tool
from tests.deploy.manifests import BASE, GPU, Document, base_as_written, container_of, documents, pod_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_000),  # tools are built once
]

KUSTOMIZE = ("sigs.k8s.io/kustomize/kustomize/v5", "v5.8.2")
DEFINITIONS = {
    "ScaledObject": ("github.com/kedacore/keda/v2", "v2.21.0", "config/crd/bases/keda.sh_scaledobjects.yaml"),
    "PodMonitor": (
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    ),
    "PrometheusRule": (
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
}


def _closed(schema: Any) -> Any:
    """Refuse fields that a schema does not name, as a strict API server does."""
    if isinstance(schema, list):
        return [_closed(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(inner) for name, inner in schema.items()}
    if isinstance(closed.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    if isinstance(closed.get("pattern"), str):
        # Go takes a flag anywhere, Python only in front.
        closed["pattern"] = closed["pattern"].replace("^(?i)", "(?i)^")
    return closed


def _definition(kind: str) -> tuple[str, Document]:
    module, version, path = DEFINITIONS[kind]
    definition = yaml.safe_load((module_folder(module, version=version) / path).read_text())
    (served,) = [one for one in definition["spec"]["versions"] if one["served"]]
    schema = served["schema"]["openAPIV3Schema"]
    top = {**schema["properties"], "metadata": {"type": "object"}}
    api = f"{definition['spec']['group']}/{served['name']}"
    return api, _closed({**schema, "properties": top})


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_custom_manifest_is_what_its_operator_takes(kind: str) -> None:
    api, schema = _definition(kind)
    document = base_as_written()[kind]
    assert document["apiVersion"] == api
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "spec": {**document["spec"], "misspelt": 1}}, schema)


@pytest.fixture(scope="module")
def kustomize() -> Path:
    found = shutil.which("kustomize")
    return Path(found) if found else tool(KUSTOMIZE[0], version=KUSTOMIZE[1])


def _rendered(kustomize: Path, folder: Path) -> dict[str, Document]:
    done = subprocess.run([kustomize, "build", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


@pytest.mark.parametrize("folder", [BASE, GPU], ids=["base", "gpu"])
def test_what_is_rendered_is_valid(kustomize: Path, folder: Path) -> None:
    rendered = _rendered(kustomize, folder)
    assert set(rendered) == {*base_as_written(), "ConfigMap"}
    for kind, document in rendered.items():
        if kind in DEFINITIONS:
            jsonschema.validate(document, _definition(kind)[1])
        else:
            kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("folder", [BASE, GPU], ids=["base", "gpu"])
def test_all_of_it_is_in_one_namespace_and_the_pods_read_the_same_settings(
    kustomize: Path, folder: Path, tmp_path: Path
) -> None:
    rendered = _rendered(kustomize, folder)
    named = {
        document["metadata"].get("namespace") for kind, document in rendered.items() if kind != "Namespace"
    }
    assert named == {rendered["Namespace"]["metadata"]["name"]}
    settings = rendered["ConfigMap"]
    for kind in ("StatefulSet", "Job"):
        (volume,) = [one for one in pod_of(rendered[kind])["volumes"] if one["name"] == "settings"]
        assert volume["configMap"]["name"] == settings["metadata"]["name"]
    ((name, text),) = settings["data"].items()
    (tmp_path / name).write_text(text)
    assert load_settings(tmp_path / name).kafka.group == "genrestream"


def test_the_overlay_puts_workers_on_cards_and_keeps_the_rest(kustomize: Path) -> None:
    base, gpu = _rendered(kustomize, BASE), _rendered(kustomize, GPU)
    worker = container_of(gpu["StatefulSet"])
    assert worker["image"].endswith("-cuda")
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == "1"
    kept = ("livenessProbe", "readinessProbe", "securityContext", "envFrom", "volumeMounts")
    assert all(worker[name] == container_of(base["StatefulSet"])[name] for name in kept)
    names = [variable["name"] for variable in worker["env"]]
    assert {"GENRESTREAM_WORKER__DEVICE", "GENRESTREAM_KAFKA__TRANSACTIONAL_ID"} <= set(names)
    assert names.index("POD_NAME") < names.index("GENRESTREAM_KAFKA__TRANSACTIONAL_ID")
    behaviour = gpu["ScaledObject"]["spec"]["advanced"]
    assert behaviour == base["ScaledObject"]["spec"]["advanced"]
