"""
Finding the homeserver behind a server name.

Source: Server-Server API v1.19, "Resolving server names".
"""

from attrs import define
from twisted.internet.interfaces import IReactorTime

from mxisd.drivers.dns import Dns, DnsCrowded, DnsFailed, SrvRecord
from mxisd.errors import HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.ports import IRandom
from mxisd.remote.destinations import Destination, by_default, by_services, straight_to
from mxisd.remote.lanes import Lane
from mxisd.remote.trails import Trail
from mxisd.remote.well_known import WellKnowns

SERVICES = ("_matrix-fed._tcp", "_matrix._tcp")
TARGETS = 4


@define(eq=False)
class ServerDiscovery:
    """Finds homeservers by well-known files and the DNS."""

    _well_knowns: WellKnowns
    _random: IRandom

    @classmethod
    def using(cls, clock: IReactorTime, random: IRandom) -> "ServerDiscovery":
        """Start with an empty memory."""
        return cls(WellKnowns(clock), random)

    async def destinations(
        self, name: ServerName, lane: Lane, trail: Trail
    ) -> tuple[Destination, ...]:
        """
        Find where a homeserver is.

        :param lane: Through what everything is asked.
        :param trail: Takes down what was tried.
        :return: At least one, best first; the next one is for when it does not answer.
        :raise HomeserverUnavailable: If the domain says that it offers no homeserver,
            or there was no room to ask.
        """
        straight = straight_to(name)
        if straight is not None:
            return (straight,)
        host = name.host.lower()
        delegated = await self._well_knowns.delegation(host, lane.client, trail)
        if delegated is None:
            return await self._by_dns(name.host, lane.dns, trail)
        straight = straight_to(delegated)
        if straight is not None:
            return (straight,)
        return await self._by_dns(delegated.host, lane.dns, trail)

    async def _by_dns(
        self, host: str, dns: Dns, trail: Trail
    ) -> tuple[Destination, ...]:
        for service in SERVICES:
            records = await _records(f"{service}.{host}", dns, trail)
            if records:
                found = by_services(host, records, self._draw)
                if not found:
                    trail.begin("services")
                    trail.end(f"{host} says that it offers none")
                    raise HomeserverUnavailable(f"{host} offers no federation")
                return found[:TARGETS]
        return (by_default(host),)

    def _draw(self, limit: int) -> int:
        # Eight bytes for at most some millions: the bias of the remainder is nil.
        return int.from_bytes(self._random.token_bytes(8)) % (limit + 1)


async def _records(name: str, dns: Dns, trail: Trail) -> tuple[SrvRecord, ...]:
    trail.begin(f"SRV {name}")
    try:
        records = await dns.services(name)
    except DnsCrowded as error:
        trail.end(error)
        raise HomeserverUnavailable(f"{name} was not asked for: {error}") from error
    except DnsFailed as error:
        # Some name servers fail on every SRV question; the next step may do.
        trail.end(error)
        return ()
    trail.end(f"{len(records)} found" if records else "none")
    return records
