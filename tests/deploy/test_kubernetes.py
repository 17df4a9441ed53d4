"""Tests of the base's promises: what the pods may do, how they end, who they are, how many there are."""

from __future__ import annotations

import json
import math
from typing import Any

import kubernetes_validate
import pytest
import yaml

from consumer.config import Settings, load_settings
from consumer.kafka.properties import transactional_id
from consumer.loop import kafka_loop
from consumer.pipeline import pipeline
from tests.deploy.image_file import read_image_file
from tests.deploy.manifests import (
    BASE,
    GPU,
    Document,
    base_as_written,
    container_of,
    pod_of,
    quantity,
    settings_file,
    variables,
)
from tests.paths import REPOSITORY

MANIFESTS = base_as_written()
WORKER, JOB, SCALER = MANIFESTS["StatefulSet"], MANIFESTS["Job"], MANIFESTS["ScaledObject"]
CUSTOM_KINDS = ("PodMonitor", "PrometheusRule", "ScaledObject")
CORE_KINDS = [kind for kind in MANIFESTS if kind not in CUSTOM_KINDS]
SECRETS = {
    "GENRESTREAM_FETCH__STORE_OPTIONS__ACCESS_KEY_ID": "an id",
    "GENRESTREAM_FETCH__STORE_OPTIONS__SECRET_ACCESS_KEY": "a secret",
    "GENRESTREAM_KAFKA__PROPERTIES__sasl.password": "a password",
}


def _settings(monkeypatch: pytest.MonkeyPatch, *, pod: str, namespace: str = "genrestream") -> Settings:
    """What a pod loads: the image's variables, the ConfigMap's file, the pod's and the Secret's."""
    image = read_image_file(REPOSITORY / "deploy" / "Dockerfile").environment("cpu")
    seen = variables(container_of(WORKER), pod=pod, namespace=namespace)
    mounts = {mount["name"]: mount["mountPath"] for mount in container_of(WORKER)["volumeMounts"]}
    assert seen["GENRESTREAM_CONFIG"] == f"{mounts['settings']}/{settings_file().name}"
    for name, value in {**image, **seen, **SECRETS}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GENRESTREAM_CONFIG", str(settings_file()))
    return load_settings()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    return _settings(monkeypatch, pod="genrestream-worker-0")


@pytest.mark.parametrize("kind", CORE_KINDS)
def test_a_manifest_is_what_kubernetes_takes(kind: str) -> None:
    kubernetes_validate.validate(MANIFESTS[kind], kubernetes_validate.latest_version(), strict=True)


def test_a_manifest_with_a_misspelt_field_is_refused() -> None:
    wrong = {**WORKER, "spec": {**WORKER["spec"], "podManagmentPolicy": "Parallel"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_the_pod_and_the_secret_make_the_settings(settings: Settings) -> None:
    assert settings.kafka.properties["sasl.password"] == "a password"
    assert settings.fetch.store_options["access_key_id"].get_secret_value() == "an id"
    assert settings.fetch.store_options["region"].get_secret_value() == "us-east-1"


def test_each_pod_has_a_transactional_id_of_its_own_that_outlives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def id_of(pod: str, namespace: str) -> str:
        with monkeypatch.context() as patch:
            return transactional_id(_settings(patch, pod=pod, namespace=namespace).kafka)

    # A StatefulSet names its pods by their place: the second has this name before and after a restart.
    assert id_of("genrestream-worker-1", "a") == id_of("genrestream-worker-1", "a")
    places = [(f"genrestream-worker-{place}", namespace) for place in range(3) for namespace in ("a", "b")]
    assert len({id_of(pod, namespace) for pod, namespace in places}) == len(places)


def test_a_pod_is_given_longer_than_its_worker_takes_to_end(settings: Settings) -> None:
    ending = (
        settings.worker.drain_seconds
        + kafka_loop._FLUSH_SECONDS
        + kafka_loop._LAST_FLUSH_SECONDS
        + pipeline._CLOSE_SECONDS
    )
    assert pod_of(WORKER)["terminationGracePeriodSeconds"] >= ending + 10


@pytest.mark.parametrize("document", [WORKER, JOB], ids=["worker", "topics"])
def test_a_pod_may_do_no_more_than_it_must(document: Document) -> None:
    pod, container = pod_of(document), container_of(document)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not [volume for volume in pod["volumes"] if "hostPath" in volume]


@pytest.mark.parametrize("document", [WORKER, JOB], ids=["worker", "topics"])
def test_a_pod_runs_as_the_images_user(document: Document) -> None:
    user = read_image_file(REPOSITORY / "deploy" / "Dockerfile").last("cpu", "USER").rest
    context = pod_of(document)["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == user


def test_probes_and_scrapes_reach_the_port_that_the_worker_serves(settings: Settings) -> None:
    container = container_of(WORKER)
    (port,) = container["ports"]
    assert port == {"name": "metrics", "containerPort": settings.serve.port}
    assert settings.serve.host == "0.0.0.0"  # noqa: S104 - the pod's own address
    probes = {name: container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")}
    assert probes["livenessProbe"] == {"path": "/healthz", "port": "metrics"}
    assert probes["readinessProbe"] == {"path": "/readyz", "port": "metrics"}
    assert MANIFESTS["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["port"] == "metrics"
    assert MANIFESTS["NetworkPolicy"]["spec"]["ingress"][0]["ports"] == [{"port": "metrics"}]


def _room(document: Document) -> tuple[float, float, int]:
    limits = container_of(document)["resources"]["limits"]
    (spool,) = [volume for volume in pod_of(document)["volumes"] if volume["name"] == "spool"]
    children = math.ceil(quantity(limits["cpu"]))
    return quantity(limits["memory"]), quantity(spool["emptyDir"]["sizeLimit"]), children


@pytest.mark.parametrize("file", [BASE / "worker.yaml", GPU / "worker.yaml"], ids=["cpu", "gpu"])
def test_children_at_their_limits_fit_into_the_pod(file: Any, settings: Settings) -> None:
    memory, spool, children = _room(yaml.safe_load(file.read_text()))
    assert settings.decode.processes == 0, "one child for each core of the limit"
    assert children * settings.decode.max_memory_bytes <= 0.75 * memory
    assert (children + 1) * settings.fetch.max_bytes <= spool


def test_every_selector_finds_the_workers() -> None:
    labels = WORKER["spec"]["template"]["metadata"]["labels"]
    selectors = [
        WORKER["spec"]["selector"]["matchLabels"],
        MANIFESTS["Service"]["spec"]["selector"],
        MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["PodMonitor"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        *(spread["labelSelector"]["matchLabels"] for spread in pod_of(WORKER)["topologySpreadConstraints"]),
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    assert WORKER["spec"]["serviceName"] == MANIFESTS["Service"]["metadata"]["name"]
    jobs = JOB["spec"]["template"]["metadata"]["labels"]
    assert not MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= jobs.items()
    assert MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= jobs.items()


def test_kafka_may_be_reached_and_metadata_services_may_not(settings: Settings) -> None:
    rules = MANIFESTS["NetworkPolicy"]["spec"]["egress"]
    port = int(settings.kafka.bootstrap_servers.rpartition(":")[2])
    assert any(port in [one["port"] for one in rule["ports"]] for rule in rules)
    blocks = [to["ipBlock"] for rule in rules for to in rule["to"] if "ipBlock" in to]
    assert "169.254.0.0/16" in blocks[0]["except"]


@pytest.mark.parametrize(
    "file", [BASE / "scaled_object.yaml", GPU / "scaled_object.yaml"], ids=["cpu", "gpu"]
)
def test_workers_are_scaled_by_the_lag_of_their_own_group(file: Any, settings: Settings) -> None:
    scaler = yaml.safe_load(file.read_text())["spec"]
    (trigger,) = scaler["triggers"]
    assert trigger["metadata"]["consumerGroup"] == settings.kafka.group
    assert trigger["metadata"]["topic"] in settings.topics.uploads
    assert trigger["metadata"]["bootstrapServers"] == settings.kafka.bootstrap_servers
    topics = [
        json.loads(line) for line in (REPOSITORY / "deploy/topics/topics.jsonl").read_text().splitlines()
    ]
    partitions = {topic["topic"]: topic["partitions"] for topic in topics}
    assert scaler["maxReplicaCount"] <= partitions[trigger["metadata"]["topic"]]


def test_the_number_of_workers_is_left_to_the_scaler() -> None:
    assert "replicas" not in WORKER["spec"]
    target = SCALER["spec"]["scaleTargetRef"]
    assert target == {
        "apiVersion": WORKER["apiVersion"],
        "kind": WORKER["kind"],
        "name": WORKER["metadata"]["name"],
    }


def test_the_job_makes_as_many_partitions_as_there_may_be_workers() -> None:
    arguments = container_of(JOB)["args"]
    partitions = int(arguments[arguments.index("--partitions") + 1])
    assert arguments[:2] == ["topics", "create"]
    assert SCALER["spec"]["maxReplicaCount"] <= partitions


def test_workers_on_cards_insist_on_them() -> None:
    worker = yaml.safe_load((GPU / "worker.yaml").read_text())
    container = container_of(worker)
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {"name": "GENRESTREAM_WORKER__DEVICE", "value": "cuda"} in container["env"]
    assert pod_of(worker)["tolerations"]
