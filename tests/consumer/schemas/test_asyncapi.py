"""Tests of the AsyncAPI document: valid by AsyncAPI's own schema, and every topic is in it."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import tarfile
from typing import Any, Final

import jsonschema
import pytest

from consumer.loop.provenance import REDRIVEN
from consumer.schemas.generate import read_document
from consumer.topic_settings import TopicSettings
from consumer.topics import definitions
from tests.paths import REPOSITORY

PACKAGE: Final = "@asyncapi/specs@6.11.1"
CACHE: Final = REPOSITORY / ".cache" / "tools" / "asyncapi"
DOCUMENT: Final = read_document("asyncapi")


def _specification() -> dict[str, Any]:
    """Give AsyncAPI's JSON Schema of its version 3.0.0, fetched where it is not in the cache; else skip."""
    if not list(CACHE.glob("asyncapi-specs-*.tgz")):
        _fetch()
    (packed,) = CACHE.glob("asyncapi-specs-*.tgz")
    with tarfile.open(packed) as archive:
        member = archive.extractfile("package/schemas/3.0.0-without-$id.json")
        assert member is not None
        found: dict[str, Any] = json.load(member)
    return found


def _fetch() -> None:
    if shutil.which("npm") is None:
        pytest.skip(f"no npm here to fetch {PACKAGE}")
    CACHE.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(
        ["npm", "pack", "--silent", PACKAGE],
        cwd=CACHE,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if packed.returncode:
        pytest.skip(f"npm cannot fetch {PACKAGE}: {packed.stderr.strip()[-200:]}")


def _errors(document: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft7Validator(schema)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]


def _messages(channel: dict[str, Any]) -> dict[str, Any]:
    return {name: DOCUMENT["components"]["messages"][name] for name in channel["messages"]}


@pytest.mark.slow
def test_the_document_follows_the_specification() -> None:
    schema = _specification()
    assert _errors(DOCUMENT, schema) == []
    wrong = copy.deepcopy(DOCUMENT)
    wrong["operations"]["uploads"]["action"] = "publish"  # as in AsyncAPI 2
    assert _errors(wrong, schema)


def test_it_says_what_it_must_without_the_specification_at_hand() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT["info"]) >= {"title", "version"}
    for name, operation in DOCUMENT["operations"].items():
        assert operation["action"] in {"send", "receive"}, name
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in DOCUMENT["channels"]
    for channel in DOCUMENT["channels"].values():
        for name, reference in channel["messages"].items():
            assert reference == {"$ref": f"#/components/messages/{name}"}
            assert "payload" in _messages(channel)[name] or "headers" in _messages(channel)[name]


def test_every_topic_that_is_created_is_a_channel_with_an_operation() -> None:
    channels = {channel["address"]: name for name, channel in DOCUMENT["channels"].items()}
    assert set(channels) == {definition.name for definition in definitions(TopicSettings())}
    described = {operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()}
    assert described == {f"#/channels/{name}" for name in channels.values()}


def test_dead_letters_tell_a_redrive_from_a_letter() -> None:
    messages = _messages(DOCUMENT["channels"]["deadLetters"])
    assert set(messages) == {"deadLetter", "redriveMarker"}
    assert REDRIVEN in messages["redriveMarker"]["headers"]["required"]
