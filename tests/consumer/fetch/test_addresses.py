"""Checks which addresses audio may be fetched from, in every spelling that hides another."""

from __future__ import annotations

import pytest

from consumer.fetch.addresses import is_forbidden

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "2001:4860:4860::8888"]
WRAPPED_PUBLIC = ["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    "10.0.0.1",
    "172.31.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.0.9",
    "::1",
    "fd12::1",
]
WRAPPED_PRIVATE = [
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2002:a00:1::",
]
NEVER = [
    "0.0.0.0",  # noqa: S104 - refused here, not bound to
    "0.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:168.63.129.16",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "64:ff9b:1::1",
    "::",
    "2001::1",
    "2001:db8::1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "5f00::1",
    "100::1",
]
NO_ADDRESSES = ["", "localhost", "127.1", "0x7f000001", "2130706433", "127.0.0.1:80", "[::1]"]


@pytest.mark.parametrize("address", PUBLIC + WRAPPED_PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert not is_forbidden(address, allow_private=False)


@pytest.mark.parametrize("address", PRIVATE + WRAPPED_PRIVATE)
def test_private_addresses_are_allowed_by_the_setting_only(address: str) -> None:
    assert is_forbidden(address, allow_private=False)
    assert not is_forbidden(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER + NO_ADDRESSES)
def test_metadata_link_local_multicast_and_reserved_addresses_are_never_allowed(address: str) -> None:
    assert is_forbidden(address, allow_private=False)
    assert is_forbidden(address, allow_private=True)
