# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""Who asks, and from where."""

import re
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

# Azure and IIS add the port; an IPv6 address then has brackets.
_WITH_PORT = re.compile(r"(?:\[([^][]+)\]|([0-9.]+))(?::[0-9]{1,5})?")
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)

MAX_HOPS = 20
"""So many forwarders are read of a header, which may hold thousands."""

OURSELVES = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts in URLs that do not leave this machine."""


@frozen
class Origin:
    """
    The network address a request came from, as far as it can be believed.

    :ivar address: The nearest address that no trusted proxy vouched away; ``None`` when
        it cannot be told (a unix socket, an unreadable header).
    :ivar is_claimed: Whether headers say that the request was forwarded, and nobody
        who is trusted says for whom: such a request never counts as near.
    """

    address: Address | None
    is_claimed: bool = False

    def is_within(self, networks: Sequence[Network]) -> bool:
        """Whether the request may count as coming from one of these networks."""
        if self.is_claimed or self.address is None:
            return False
        return contains(networks, self.address)


@frozen
class Forwarding:
    """
    What a request's headers say about whom it was forwarded for; empty: it was not.

    :ivar forwarded_for: The values of ``X-Forwarded-For``, in the order received.
    :ivar real_ip: Those of ``X-Real-IP``.
    :ivar forwarded: Those of ``Forwarded`` (RFC 7239).
    :ivar is_marked: Whether another header says so, without telling for whom.
    """

    forwarded_for: tuple[str, ...] = ()
    real_ip: tuple[str, ...] = ()
    forwarded: tuple[str, ...] = ()
    is_marked: bool = False


NOT_FORWARDED = Forwarding()


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
    peer: str, headers: Forwarding, trusted_proxies: Sequence[Network]
) -> Origin:
    """
    Tell where a request comes from.

    ``X-Forwarded-For`` is believed from trusted proxies only, read from right to left
    until an address that is not one of them. Whoever else forwards is no requester, but
    somebody between us and it, and nobody behind it is near. A proxy that sends another
    header instead may have passed on a client's own ``X-Forwarded-For``: neither where
    the two do not agree, nor where the other one is alone, is the request near.
    Of more than :data:`MAX_HOPS` hops the client cannot be told.

    :param peer: The other end of the TCP connection.
    """
    nearest = _address(peer)
    if headers == NOT_FORWARDED:
        return Origin(nearest)
    if nearest is None or not contains(trusted_proxies, nearest):
        return Origin(nearest, is_claimed=True)
    named = _otherwise_named(headers)
    if not headers.forwarded_for:
        only = named.pop() if len(named) == 1 else None
        return Origin(only, is_claimed=True)
    written = ",".join(headers.forwarded_for).rsplit(",", MAX_HOPS)
    hops = [_address(hop) for hop in written]
    place = _place_of_client(hops, trusted_proxies)
    client, before, seen = hops[place], set(hops[:place]), set(hops[place:])
    is_plain = before <= {client} and named <= seen - {None}
    return Origin(client, is_claimed=not is_plain)


def _place_of_client(
    hops: Sequence[Address | None], trusted_proxies: Sequence[Network]
) -> int:
    for place in range(len(hops) - 1, 0, -1):
        hop = hops[place]
        if hop is None or not contains(trusted_proxies, hop):
            return place
    return 0


def _otherwise_named(headers: Forwarding) -> set[Address | None]:
    """The client, as the other headers name it; ``None`` is what cannot be read."""
    named = set()
    if headers.real_ip:
        named.add(_address(headers.real_ip[-1]))
    if headers.forwarded:
        last = ",".join(headers.forwarded).rpartition(",")[2]
        match = _FOR.search(last)
        named.add(_address(match[1]) if match else None)
    return named


def _address(text: str) -> Address | None:
    text = text.strip().strip('"')
    match = _WITH_PORT.fullmatch(text)
    host = (match[1] or match[2]) if match else text
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
