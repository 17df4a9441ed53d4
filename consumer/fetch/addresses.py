"""Turns the address of a host into a yes or no to fetching audio from there."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host and port, best first; raises OSError where there are none."""

Address = IPv4Address | IPv6Address

_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, GCP, and most others
        "169.254.170.2",  # AWS containers
        "168.63.129.16",  # Azure's host agent: a public address
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # GCP over IPv6
    )
)
"""Cloud metadata services: they hand credentials to whoever asks, so no setting allows them."""

_NEVER: Final[tuple[IPv4Network | IPv6Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # "this" host: Linux connects to loopback
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "64:ff9b:1::/48",  # NAT64 of a local network: the embedded address lies at a length we cannot know
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
"""Link-local, multicast, reserved, documentation: no audio is served from there, private network or not."""

_PRIVATE: Final[tuple[IPv4Network | IPv6Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


def is_forbidden(text: str, *, allow_private: bool) -> bool:
    """Say whether no connection may be opened to an address.

    The ranges are listed here because `ipaddress` of Python 3.11 calls some of them global. Addresses of IPv4
    in any IPv6 wrapping (mapped, compatible, 6to4, NAT64) are judged by what they wrap as well.

    Parameters
    ----------
    text : str
        An IP address in its canonical spelling, as a resolver returns it; anything else is forbidden.
    allow_private : bool
        Whether private, shared and loopback addresses are allowed. Nothing else becomes allowed by it.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return True
    if _judged_forbidden(address, allow_private=allow_private):
        return True
    inner = _wrapped(address)
    return inner is not None and _judged_forbidden(inner, allow_private=allow_private)


def _judged_forbidden(address: Address, *, allow_private: bool) -> bool:
    if address in _METADATA or address.is_multicast or _in_any(address, _NEVER):
        return True
    if _in_any(address, _PRIVATE):
        return not allow_private
    # The rest of what IANA calls not global, by newer Pythons' lists too; the wrapped are judged inside.
    return not address.is_global and _wrapped(address) is None


def _in_any(address: Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _wrapped(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    compatible = address in _IPV4_COMPATIBLE and int(address) > 1
    if address in _NAT64 or compatible:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
