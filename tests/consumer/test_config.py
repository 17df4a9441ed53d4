"""Settings: where they come from, what is refused, and that secrets stay secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumer.config import load_settings, printable
from consumer.errors import SettingsError
from featurizer.window_policy import ALL, WindowPolicy


@pytest.fixture(autouse=True)
def _no_ambient_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENRESTREAM_CONFIG", raising=False)


def _toml(folder: Path, text: str) -> Path:
    path = folder / "genrestream.toml"
    path.write_text(text)
    return path


def test_the_command_line_beats_the_environment_which_beats_the_file_leaf_by_leaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _toml(tmp_path, '[kafka]\ngroup = "file"\nslot = 1\nbootstrap_servers = "file:1"\n')
    monkeypatch.setenv("GENRESTREAM_KAFKA__GROUP", "environment")
    monkeypatch.setenv("GENRESTREAM_KAFKA__SLOT", "2")
    settings = load_settings(path, overrides={"kafka": {"group": "command line"}})
    assert (settings.kafka.group, settings.kafka.slot) == ("command line", 2)
    assert settings.kafka.bootstrap_servers == "file:1"


def test_the_environment_can_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENRESTREAM_CONFIG", str(_toml(tmp_path, '[kafka]\ngroup = "named"\n')))
    assert load_settings().kafka.group == "named"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[kafka", "not TOML"),
        ("[kafka]\nslot = -1\n", r"kafka\.slot"),
        ('[kafka]\nbootstrap_server = "typo"\n', r"kafka\.bootstrap_server"),
        ("[kafak]\n", "kafak"),
        ('[decode]\nwindow_policy = "spread"\n', r"decode\.window_policy: .*spread:N"),
        ("[decode]\nwindow_policy = 3\n", r"decode\.window_policy"),
        ("[early_stop]\nconfidence = 1.5\n", r"early_stop\.confidence"),
        ('[topics]\nlabels = "track-uploads"\n', "must differ"),
        ('[topics.uploads]\n"x" = "no-such-adapter"\n', "uploads"),
    ],
)
def test_a_bad_file_is_refused_with_the_setting_at_fault(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(_toml(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not found"):
        load_settings(tmp_path / "absent.toml")


def test_secrets_are_masked_where_settings_are_printed() -> None:
    settings = load_settings(
        overrides={
            "kafka": {"properties": {"sasl.password": "hunter2", "ssl.key.pem": "hunter2", "linger.ms": 5}},
            "fetch": {"store_options": {"secret_access_key": "hunter2", "region": "hunter2"}},
        }
    )
    assert "hunter2" not in repr(printable(settings))
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.kafka)
    assert printable(settings)["kafka"]["properties"]["linger.ms"] == 5


def test_settings_cannot_be_changed_after_loading() -> None:
    with pytest.raises(Exception, match="frozen"):
        load_settings().kafka.group = "other"  # type: ignore[misc]  # the point of the test


def test_the_window_policy_is_plain_text_in_a_file_and_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _toml(tmp_path, '[decode]\nwindow_policy = "first:7"\n')
    assert load_settings(path).decode.window_policy == WindowPolicy("first", 7)
    monkeypatch.setenv("GENRESTREAM_DECODE__WINDOW_POLICY", "spread:10")
    settings = load_settings(path)
    assert settings.decode.window_policy == WindowPolicy("spread", 10)
    assert printable(settings)["decode"]["window_policy"] == "spread:10"
    assert load_settings(overrides=printable(settings)) == settings
    assert load_settings(overrides={"decode": {"window_policy": "all"}}).decode.window_policy == ALL


def test_early_stop_is_off_until_a_confidence_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().early_stop.confidence is None
    monkeypatch.setenv("GENRESTREAM_EARLY_STOP__CONFIDENCE", "0.8")
    assert load_settings().early_stop.confidence == 0.8
