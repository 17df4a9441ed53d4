"""Every public exception of the serving packages has a row that says what to do about it."""

from __future__ import annotations

import inspect

import pytest

import consumer.errors
import featurizer.errors
import modelzoo.errors
from consumer.errors import (
    DISPOSITIONS,
    AudioNotFoundError,
    DecoderCrashedError,
    Disposition,
    FatalError,
    FetchTimeoutError,
    ForbiddenUriError,
    TwinFencedError,
    disposition,
    exit_status,
    reason,
)


def _public_exceptions() -> list[type[BaseException]]:
    modules = (consumer.errors, featurizer.errors, modelzoo.errors)
    found = {
        cls
        for module in modules
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, BaseException) and cls.__module__ == module.__name__
    }
    return sorted(found, key=lambda cls: cls.__qualname__)


@pytest.mark.parametrize("cls", _public_exceptions(), ids=lambda cls: cls.__name__)
def test_every_public_exception_has_a_row_of_its_own_or_its_parents(cls: type[BaseException]) -> None:
    own_bases = [base for base in cls.__mro__ if base not in (Exception, BaseException, object)]
    assert any(base in DISPOSITIONS for base in own_bases)
    assert isinstance(disposition(cls("x")), Disposition)


def test_reasons_are_unique_snake_case_words() -> None:
    reasons = [reason(cls("x")) for cls in _public_exceptions()]
    assert len(set(reasons)) == len(reasons)
    assert all(word.replace("_", "").isalnum() and word == word.lower() for word in reasons)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ForbiddenUriError("x"), Disposition.DEAD_LETTER),
        (AudioNotFoundError("x"), Disposition.DEAD_LETTER),
        (featurizer.errors.NotAudioError("x"), Disposition.DEAD_LETTER),
        (FetchTimeoutError("x"), Disposition.RETRY),
        (DecoderCrashedError("x"), Disposition.RETRY),
        (ZeroDivisionError("a bug of ours"), Disposition.RETRY),
        (TwinFencedError("x"), Disposition.FATAL),
        (modelzoo.errors.ModelNotFoundError("x"), Disposition.FATAL),
    ],
)
def test_disposition_is_the_nearest_rows(error: BaseException, expected: Disposition) -> None:
    assert disposition(error) is expected


def test_fatal_causes_have_exit_statuses_of_their_own() -> None:
    statuses = {
        reason(cls("x")): exit_status(cls("x")) for cls in _public_exceptions() if issubclass(cls, FatalError)
    }
    assert statuses["bad_settings"] == 2
    assert statuses["fenced_by_twin"] == 3
    assert statuses["broker_authorization"] == 5
    assert exit_status(modelzoo.errors.FingerprintMismatchError("x")) == 4
    assert exit_status(featurizer.errors.DeviceUnavailableError("x")) == 4
    assert exit_status(featurizer.errors.MissingExtraError("x")) == 2
    assert exit_status(featurizer.errors.KernelSettingError("x")) == 2
