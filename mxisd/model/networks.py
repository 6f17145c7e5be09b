# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Which network addresses are one neighbour's.

Who has one IPv6 address has as many as they like: limits count networks.
"""

from ipaddress import IPv6Address, ip_network

from mxisd.model.requesters import Address, Origin

IPV6_NETWORK = 64
"""The smallest network that anybody is given."""

IPV6_SITE = 48
"""What providers give to whoever asks for more."""


def network_of(origin: Origin) -> str:
    """The network of a requester: an IPv4 address, or a /64 of IPv6."""
    return _prefix(origin, IPV6_NETWORK) or str(_unwrapped(origin))


def site_of(origin: Origin) -> str | None:
    """The /48 around it; ``None`` for IPv4."""
    return _prefix(origin, IPV6_SITE)


def _prefix(origin: Origin, length: int) -> str | None:
    address = _unwrapped(origin)
    if not isinstance(address, IPv6Address):
        return None
    return str(ip_network((address, length), strict=False))


def _unwrapped(origin: Origin) -> Address | None:
    address = origin.address
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
