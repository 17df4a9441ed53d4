"""Compiled kernels are found in the first place that has them or can be written, a read-only one included."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from featurizer import kernel_store as module
from featurizer.kernel_store import FOLDER_VARIABLE, KernelStore, kernel_store
from tests.paths import REPOSITORY


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    module._find.cache_clear()
    yield
    module._find.cache_clear()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put every place below one folder."""
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def unwritable(path: Path) -> Path:
    """Give a path below a file: nobody can make folders there, not even a superuser."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")
    return path / "kernels"


def warm(root: Path) -> KernelStore:
    """Build a warm store of the wanted level below `root`."""
    store = kernel_store()
    there = KernelStore(root / store.folder.name, "x")
    there.folder.mkdir(parents=True)
    with there.first_use():
        pass
    module._find.cache_clear()
    return there


def test_the_users_cache_is_the_usual_place(places: Path) -> None:
    store = kernel_store()
    assert store.origin == "user"
    assert store.folder.parent == places / "cache" / "genrestream" / "kernels"
    assert not store.is_warm


def test_a_setting_goes_first(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(places / "mine"))
    assert kernel_store().origin == "setting"
    assert kernel_store().folder.parent == places / "mine"


def test_what_an_image_carries_is_used_where_it_is_warm_and_never_written(places: Path) -> None:
    carried = places / "prefix" / "share" / "genrestream" / "kernels"
    assert kernel_store().origin == "user"
    assert not carried.exists()
    warm(carried)
    assert kernel_store().origin == "installation"
    assert kernel_store().is_warm


def test_a_setting_that_is_cold_and_cannot_be_written_is_passed_over_and_said(
    places: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(unwritable(places / "file")))
    assert kernel_store().origin == "user"
    assert [record.message for record in caplog.records if "cannot be written" in record.message]


def test_where_nothing_can_be_written_kernels_go_to_a_private_folder_that_children_inherit(
    places: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(unwritable(places / "file")))
    removed: list[Path] = []
    monkeypatch.setattr(module, "_remove_at_exit", removed.append)
    store = kernel_store()
    assert store.origin == "temporary"
    assert store.folder.is_dir()
    assert removed == [store.folder.parent]
    assert store.folder.parent.stat().st_mode & 0o077 == 0
    assert os.environ[FOLDER_VARIABLE] == str(store.folder.parent)
    assert len(caplog.records) == 1
    monkeypatch.delenv(FOLDER_VARIABLE)


def test_a_process_without_a_home_has_no_users_cache(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(module, "_remove_at_exit", lambda _root: None)

    def no_home(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    assert kernel_store().origin == "temporary"
    monkeypatch.delenv(FOLDER_VARIABLE)


def test_a_store_is_warm_for_the_sources_of_its_mark_only(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = kernel_store()
    warmth = [store.is_warm]
    with store.first_use():
        warmth.append(store.is_warm)
    warmth.append(store.is_warm)
    monkeypatch.setattr(module, "kernels_digest", lambda: "0" * 64)
    warmth.append(store.is_warm)
    assert warmth == [False, False, True, False]


def test_a_first_use_that_fails_leaves_the_store_cold(places: Path) -> None:
    store = kernel_store()

    def fail() -> None:
        with store.first_use():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not store.is_warm


def test_a_store_that_is_cleared_away_while_it_is_used_is_cold_again(places: Path) -> None:
    store = kernel_store()
    with store.first_use():
        shutil.rmtree(store.folder)
    assert not store.is_warm
    with store.first_use():
        pass


def test_one_process_compiles_while_the_others_wait(places: Path) -> None:
    store = kernel_store()
    program = (
        "import sys; from pathlib import Path; from featurizer.kernel_store import KernelStore\n"
        f"store = KernelStore(Path({str(store.folder)!r}), 'x'); print('asks', flush=True)\n"
        "with store.first_use(): print('in', flush=True)\n"
    )
    with store.first_use():
        other = subprocess.Popen(
            [sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "asks\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.3)
    assert other.communicate(timeout=30)[0] == "in\n"
    assert other.returncode == 0


def test_a_process_that_compiles_for_ever_does_not_hold_up_the_others_for_ever(
    places: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = kernel_store()
    monkeypatch.setattr("featurizer.kernel_store._MOST_WAIT_SECONDS", 0.2)
    with (store.folder / "lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with store.first_use():
            pass
    assert "going on without it" in caplog.text
