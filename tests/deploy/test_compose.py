"""Tests of the compose file: valid, hardened, and its worker's variables are settings that load."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from consumer.config import Settings, load_settings
from tests.deploy.go_modules import module_folder, tool
from tests.deploy.image_file import read_image_file
from tests.paths import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
SPEC = ("github.com/compose-spec/compose-go/v2", "v2.16.2")


def _without_defaults(value: str) -> str:
    """Take what `${NAME:-default}` gives where NAME is not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the worker of the compose file would load: the image's variables, then the service's."""
    image = read_image_file(DEPLOY / "Dockerfile").environment("cpu")
    for name, value in {**image, **SERVICES["worker"]["environment"]}.items():
        monkeypatch.setenv(name, _without_defaults(value))
    return load_settings()


@pytest.mark.slow
@pytest.mark.timeout(1_000)  # the tool is built once
def test_the_file_follows_the_compose_specification() -> None:
    schema = json.loads(
        (module_folder(SPEC[0], version=SPEC[1]) / "schema" / "compose-spec.json").read_text()
    )
    jsonschema.validate(COMPOSE, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**COMPOSE, "servces": {}}, schema)


@pytest.mark.slow
@pytest.mark.timeout(1_000)  # the tool is built once
def test_the_specifications_own_loader_takes_it() -> None:
    loader = tool(f"{SPEC[0]}/cmd", version=SPEC[1])
    done = subprocess.run(
        [loader, "-format", "json", "compose.yaml"], cwd=DEPLOY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) == set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name: str) -> None:
    tag = SERVICES[name]["image"].partition(":")[2]
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_may_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only") or name == "kafka"
    assert not service.get("privileged")


def test_only_loopback_is_published() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert not [port for port in ports if not port.startswith("127.0.0.1:")]


def test_what_is_mounted_is_there() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    missing = [
        source
        for source in mounted
        if not (source in COMPOSE["volumes"] or (source.startswith("./") and (DEPLOY / source).is_dir()))
    ]
    assert not missing


@pytest.mark.parametrize("name", OURS)
def test_ours_are_built_from_a_target_of_the_dockerfile(name: str) -> None:
    build = SERVICES[name]["build"]
    dockerfile = (DEPLOY / build["context"] / build["dockerfile"]).resolve()
    assert build["target"] in read_image_file(dockerfile).stages


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_the_awaited_can_reach(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        ends = SERVICES[other].get("restart") == "no"
        assert wait["condition"] == ("service_completed_successfully" if ends else "service_healthy")
        assert ends or "healthcheck" in SERVICES[other]


def test_every_service_that_stays_tells_how_it_is() -> None:
    staying = {name for name, service in SERVICES.items() if service["restart"] != "no"}
    assert staying - {name for name in staying if "healthcheck" in SERVICES[name]} == {"worker"}
    # The worker's check is the image's own.
    assert read_image_file(DEPLOY / "Dockerfile").last("cpu", "HEALTHCHECK").words


def test_the_worker_reads_what_the_store_announces(settings: Settings) -> None:
    store = SERVICES["store"]["environment"]
    assert settings.topics.uploads[store["VGW_EVENT_KAFKA_TOPIC"]] == "bucket_notification"
    assert settings.kafka.bootstrap_servers == store["VGW_EVENT_KAFKA_URL"]
    assert settings.kafka.bootstrap_servers in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_the_worker_may_fetch_from_the_bucket_that_is_made_and_nothing_else(settings: Settings) -> None:
    bucket = Path(SERVICES["bucket"]["entrypoint"][-1])
    assert str(bucket.parent) == SERVICES["store"]["environment"]["VGW_BACKEND_ARG"]
    assert settings.fetch.object_stores == (f"s3://{bucket.name}/",)
    assert not settings.fetch.file_roots
    assert not settings.fetch.http_hosts


def test_worker_and_store_share_credentials_and_address(settings: Settings) -> None:
    store = SERVICES["store"]["environment"]
    options = {name: value.get_secret_value() for name, value in settings.fetch.store_options.items()}
    assert options["endpoint"] == f"http://store{store['VGW_PORT']}"
    assert options["access_key_id"] == _without_defaults(store["ROOT_ACCESS_KEY_ID"])
    assert options["secret_access_key"] == _without_defaults(store["ROOT_SECRET_ACCESS_KEY"])


def test_topics_are_created_by_the_workers_settings() -> None:
    assert SERVICES["topics"]["environment"] == SERVICES["worker"]["environment"]
    assert SERVICES["topics"]["command"][:2] == ["topics", "create"]


def test_a_worker_is_given_longer_than_it_takes_to_drain(settings: Settings) -> None:
    grace = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace >= settings.worker.drain_seconds + 30


def test_the_cluster_has_an_id_that_kafka_takes() -> None:
    assert len(base64.urlsafe_b64decode(SERVICES["kafka"]["environment"]["CLUSTER_ID"] + "==")) == 16


def test_prometheus_finds_every_worker_and_grafana_finds_prometheus(settings: Settings) -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    found = {(name, one["port"]) for job in scraped for one in job["dns_sd_configs"] for name in one["names"]}
    assert ("worker", settings.serve.port) in found

    provisioning = DEPLOY / "grafana" / "provisioning"
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"

    (provider,) = yaml.safe_load((provisioning / "dashboards" / "genrestream.yaml").read_text())["providers"]
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted
