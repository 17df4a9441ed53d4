"""A prefix of a real S3 server is listed, read and written whole; what goes wrong keeps its secrets."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from consumer.config import FetchSettings
from consumer.errors import FetchError, FetchUnavailableError
from consumer.fetch.object_folder import ObjectFolder
from consumer.rollout.store_source import StoreSource
from tests.modelzoo.artifacts import linear_model, write_model

pytestmark = pytest.mark.slow  # the server takes seconds to import


@pytest.fixture(scope="module")
def settings() -> Iterator[FetchSettings]:
    """Run a real S3 server with one bucket, and give what reaches it."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes seconds

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    made = settings_for(port)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=k/20240101/us-east-1/s3/aws4_request"}
    connection.request("PUT", "/models", headers=signed)
    assert connection.getresponse().status == 200
    connection.close()
    yield made
    server.stop()


def settings_for(port: int) -> FetchSettings:
    options = {
        "endpoint": f"http://127.0.0.1:{port}",
        "region": "us-east-1",
        "access_key_id": "writer",
        "secret_access_key": "hunter2",
    }
    return FetchSettings(
        store_options={name: SecretStr(value) for name, value in options.items()}, timeout_seconds=5.0
    )


@pytest.mark.parametrize("url", ["s3://models", "s3://models/a/b", "s3://models/a/b/"])
def test_objects_are_written_read_and_listed_below_the_prefix(settings: FetchSettings, url: str) -> None:
    folder = ObjectFolder(url, settings=settings)
    folder.write("linear/latest", b"1.0.0\n")
    folder.write("linear/latest", b"1.1.0\n")
    folder.write("linear/1.0.0/model.onnx", b"graph")
    assert folder.read("linear/latest") == b"1.1.0\n"
    assert folder.read("linear/2.0.0/model.onnx") is None
    assert "linear" in folder.folders()
    assert folder.folders("linear") == ["1.0.0"]
    assert folder.folders("nothing") == []


def test_a_missing_bucket_and_a_server_that_is_away_are_errors_without_secrets(
    settings: FetchSettings,
) -> None:
    with pytest.raises(FetchError, match="no-such-bucket"):
        ObjectFolder("s3://no-such-bucket/a", settings=settings).folders()
    away = ObjectFolder("s3://models/a", settings=settings_for(1))
    for call in (lambda: away.read("x"), away.folders, lambda: away.write("x", b"")):
        with pytest.raises(FetchUnavailableError) as caught:
            call()
        assert "hunter2" not in str(caught.value)


def test_a_registry_lives_in_it(settings: FetchSettings, tmp_path: Path) -> None:
    folder = ObjectFolder("s3://models/registry", settings=settings)
    source = StoreSource(folder, cache=tmp_path / "cache")
    for number, version in enumerate(("1.0.0", "1.1.0")):
        source.push(write_model(tmp_path / version, version=version, model=linear_model(seed=number)))
    assert source.load("linear").manifest.version == "1.0.0"
    source.point("linear", version="1.1.0")
    other = StoreSource(folder, cache=tmp_path / "another machine")
    assert other.load("linear").model == linear_model(seed=1)
    assert [one.latest for one in other.models() if one.manifest.name == "linear"] == [False, True]
