"""
Where a homeserver is, once everything there is to know is known: pure decisions.

Source: Server-Server API v1.19, "Resolving server names"; RFC 2782.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from attrs import frozen

from mxisd.drivers.dns import SrvRecord
from mxisd.drivers.http import Route
from mxisd.model.identifiers import ServerName

DEFAULT_PORT = 8448

Draw = Callable[[int], int]
"""Draws an integer between 0 and a limit, both included."""


@frozen
class Destination:
    """
    One way to reach a homeserver.

    :ivar route: Where to connect.
    :ivar host: The value of the ``Host`` header.
    :ivar certified: Whose certificate it must show; an IPv6 address is in brackets.
    """

    route: Route
    host: str
    certified: str

    @property
    def base_url(self) -> str:
        """A URL whose host is the one that the certificate must be for."""
        return f"https://{self.certified}"


def straight_to(name: ServerName) -> Destination | None:
    """The destination of a name that says it all: an IP address, or with a port."""
    if name.port is None and not name.is_ip_literal:
        return None
    route = Route(name.host.strip("[]"), name.port or DEFAULT_PORT)
    return Destination(route, str(name), name.host)


def by_services(
    host: str, records: Sequence[SrvRecord], draw: Draw
) -> tuple[Destination, ...]:
    """
    The destinations that SRV records name, best first.

    :param host: Whose records they are; the certificate is for this name, not for the
        target's.
    :return: Empty if the records say that the service is not offered.
    """
    return tuple(
        Destination(Route(record.target, record.port), host, host)
        for record in in_order(records, draw)
        if record.target
    )


def by_default(host: str) -> Destination:
    """The destination when there is nothing but a name."""
    return Destination(Route(host, DEFAULT_PORT), host, host)


def in_order(records: Iterable[SrvRecord], draw: Draw) -> list[SrvRecord]:
    """Order SRV records: by priority, and by lot within one, heavier ones likelier."""
    ordered: list[SrvRecord] = []
    by_priority = sorted(records, key=lambda each: (each.priority, each.weight))
    for _, group in groupby(by_priority, key=lambda each: each.priority):
        left = list(group)
        while left:
            ordered.append(left.pop(_drawn(left, draw)))
    return ordered


def _drawn(records: Sequence[SrvRecord], draw: Draw) -> int:
    """The index of the first record whose running sum of weights reaches the draw."""
    lot = draw(sum(each.weight for each in records))
    for index, record in enumerate(records):
        lot -= record.weight
        if lot <= 0:
            return index
    return len(records) - 1
