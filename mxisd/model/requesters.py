# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""Who asks, and from where."""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

from attrs import frozen

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

OURSELVES = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts in URLs that do not leave this machine."""


@frozen
class Origin:
    """
    The network address a request came from, as far as it can be believed.

    :ivar address: The nearest address that no trusted proxy vouched away; ``None`` when
        it cannot be told (a unix socket, an unreadable header).
    :ivar is_claimed: Whether somebody who is no trusted proxy sent a forwarding header:
        such a request never counts as near.
    """

    address: Address | None
    is_claimed: bool = False

    def is_within(self, networks: Sequence[Network]) -> bool:
        """Whether the request may count as coming from one of these networks."""
        if self.is_claimed or self.address is None:
            return False
        return contains(networks, self.address)


@frozen
class Account:
    """A user who registered with us: an account token's owner."""

    user_id: str
    origin: Origin


@frozen
class Stranger:
    """Somebody of whom only the network address is known (the v1 API)."""

    origin: Origin


@frozen
class Ourselves:
    """A task of our own, such as resolving pending invites."""


Requester = Account | Stranger | Ourselves


def contains(networks: Sequence[Network], address: Address) -> bool:
    """Whether one of the networks holds the address; IPv4 inside IPv6 is unwrapped."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(
        address.version == network.version and address in network
        for network in networks
    )


def origin_of(
    peer: str, forwarded_for: Sequence[str], trusted_proxies: Sequence[Network]
) -> Origin:
    """
    Tell where a request comes from.

    ``X-Forwarded-For`` is believed from trusted proxies only, read from right to left
    until an address that is not one of them.

    :param peer: The other end of the TCP connection.
    :param forwarded_for: The header's values in the order received.
    """
    nearest = _address(peer)
    if not forwarded_for:
        return Origin(nearest)
    if nearest is None or not contains(trusted_proxies, nearest):
        return Origin(nearest, is_claimed=True)
    for hop in reversed(",".join(forwarded_for).split(",")):
        nearest = _address(hop)
        if nearest is None or not contains(trusted_proxies, nearest):
            break
    return Origin(nearest)


def _address(text: str) -> Address | None:
    try:
        return ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
