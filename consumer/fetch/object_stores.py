"""Turns a scheme and a bucket into a client of its object store, as the operator configured it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from obstore import exceptions
from obstore.store import AzureStore, GCSStore, S3Store

from consumer.config import FetchSettings
from consumer.errors import SettingsError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

_CONNECT_SECONDS: Final = 5.0  # obstore's own default; a store that answers at all does so in milliseconds
_ENDPOINT_OPTIONS: Final = frozenset({"endpoint", "endpoint_url", "endpoint_url_s3"})
_ENDPOINT_VARIABLES: Final = {
    "s3": ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_ENDPOINT", "AZURE_STORAGE_ENDPOINT"),
}

Store = S3Store | GCSStore | AzureStore


def connect(settings: FetchSettings, *, scheme: str, bucket: str, max_retries: int = 0) -> Store:
    """Make the client of a bucket; nothing is asked of the store yet.

    No client follows a fork: its threads do not survive it.

    Parameters
    ----------
    settings : FetchSettings
        Its options and limits.
    scheme : {"s3", "gs", "az"}
        Which kind of store.
    bucket : str
        Its bucket or container.
    max_retries : int
        How often the client itself tries again.

    Raises
    ------
    SettingsError
        `fetch.store_options` are not understood.
    """
    options = {name: secret.get_secret_value() for name, secret in settings.store_options.items()}
    try:
        return _connect(settings, scheme, bucket, options if scheme == "s3" else {}, max_retries)
    # obstore raises its own classes, ValueError or TypeError, by the option that it does not like.
    except (exceptions.BaseError, ValueError, TypeError) as exc:
        found = re.search(r"key: '([^']*)'", str(exc))
        option = found[1] if found else "unknown"
        raise SettingsError(
            f"object store client cannot be made: scheme={scheme}, bucket={bucket!r}, option={option!r}; "
            "correct fetch.store_options or the environment"
        ) from exc


def _connect(
    limits: FetchSettings, scheme: str, bucket: str, options: dict[str, str], max_retries: int
) -> Store:
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=min(_CONNECT_SECONDS, limits.timeout_seconds)),
        # A read that stalls leaves the other attempts their share of the time.
        "read_timeout": timedelta(seconds=limits.timeout_seconds / limits.attempts),
        "timeout": timedelta(seconds=limits.timeout_seconds),
        # Plain http, and a private address, only where the operator asked for it.
        "allow_http": any(url.startswith("http://") for url in _endpoints(scheme, options)),
    }
    retries: RetryConfig = {
        "max_retries": max_retries,
        "retry_timeout": timedelta(seconds=limits.timeout_seconds),
    }
    if scheme == "gs":
        return GCSStore(bucket, client_options=client, retry_config=retries)
    if scheme == "az":
        return AzureStore(bucket, client_options=client, retry_config=retries)
    return S3Store(bucket, config=cast("S3Config", options), client_options=client, retry_config=retries)


def _endpoints(scheme: str, options: dict[str, str]) -> Iterator[str]:
    for name, value in options.items():
        if name.lower().removeprefix("aws_") in _ENDPOINT_OPTIONS:
            yield value
    for variable in _ENDPOINT_VARIABLES[scheme]:
        yield os.environ.get(variable, "")
