"""
Which network addresses belong to the public Internet.

Own lists, and not :attr:`ipaddress.IPv4Address.is_global`: its meaning has changed
between releases of Python, and it lets multicast and tunnels through.

Source: IANA's registries of special-purpose IPv4 and IPv6 addresses.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from mxisd.model.requesters import Address, Network, contains

_SPECIAL_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_UNICAST_IPV6 = IPv6Network("2000::/3")
_SPECIAL_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def may_reach(address: Address, allowed: Sequence[Network]) -> bool:
    """
    Whether a server that somebody else named may be at this address.

    :param allowed: Networks that may be reached although they are not public.
    """
    if contains(allowed, address):
        return True
    inside = _carried(address)
    if inside:
        return all(may_reach(each, allowed) for each in inside)
    return _is_public(address)


def _carried(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses to which an IPv6 address really leads."""
    if isinstance(address, IPv4Address):
        return ()
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return address in _UNICAST_IPV6 and not contains(_SPECIAL_IPV6, address)
    return not contains(_SPECIAL_IPV4, address)
