"""Reaching homeservers, wherever they are."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from attrs import define, evolve, field, frozen
from twisted.internet.interfaces import IReactorTime

from mxisd.drivers.http import HttpClient, HttpFailed, HttpReply, Route
from mxisd.errors import DeadlineExceeded, HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.ports import IRandom
from mxisd.remote.destinations import Destination
from mxisd.remote.discovery import ServerDiscovery
from mxisd.remote.lanes import Lane, Lanes
from mxisd.remote.trails import Trail
from mxisd.waiting import in_time

T = TypeVar("T")


class NotReached(Exception):
    """A homeserver gave no usable answer; the message tells what was tried."""


@frozen
class Way:
    """
    A way to a homeserver.

    :ivar step: How the operator's log calls it.
    :ivar base_url: What the paths of its API are appended to.
    :ivar host: The value of the ``Host`` header, if it is not the URL's host.
    :ivar route: Where to connect, if not to the URL's host.
    """

    step: str
    _client: HttpClient
    base_url: str
    host: str | None = None
    route: Route | None = None

    @classmethod
    def to(cls, destination: Destination, client: HttpClient) -> "Way":
        """The way to what discovery has found."""
        route, name = destination.route, destination.certified
        step = f"asking {route.host} port {route.port} as {name}"
        return cls(step, client, destination.base_url, destination.host, route)

    async def request(
        self,
        method: str,
        path: str,
        *,
        limit_bytes: int,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpReply:
        """
        Ask once.

        :param limit_bytes: How long the answer's body may be.
        :raise HttpFailed: If there is no complete answer.
        """
        host = {} if self.host is None else {"Host": self.host}
        return await self._client.request(
            method,
            self.base_url + path,
            limit_bytes=limit_bytes,
            seconds=seconds,
            headers={**host, **(headers or {})},
            body=body,
            route=self.route,
        )


def _lower_keys(urls: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): url for name, url in urls.items()}


@define(eq=False)
class Federation:
    """
    Finds homeservers, and tries each way to them.

    :ivar lanes: Through what servers are asked.
    :ivar overwrites: Base URLs of servers that are not to be searched for, by name.
    """

    _clock: IReactorTime
    lanes: Lanes
    _discovery: ServerDiscovery
    _overwrites: Mapping[str, str] = field(converter=_lower_keys)

    @classmethod
    def using(
        cls,
        reactor: Any,
        lanes: Lanes,
        random: IRandom,
        overwrites: Mapping[str, str],
    ) -> "Federation":
        """Put everything together, with an empty memory."""
        discovery = ServerDiscovery.using(reactor, random)
        return cls(reactor, lanes, discovery, overwrites)

    def with_others(self, others: Lane) -> "Federation":
        """
        Reach the same servers for other askers.

        :param others: To all servers that the operator did not name.
        """
        return evolve(self, lanes=self.lanes.with_others(others))

    async def reach(
        self,
        server_name: ServerName,
        attempt: Callable[[Way], Awaitable[T]],
        seconds: float,
    ) -> T:
        """
        Try one way after the other, until an attempt returns.

        :param attempt: Makes requests; :exc:`~mxisd.drivers.http.HttpFailed` sends it
            along the next way, and whatever else it raises ends the search.
        :param seconds: For finding the homeserver and all attempts together.
        :raise NotReached: If no attempt has returned in this time.
        """
        trail = Trail()
        trying = self._tried(server_name, attempt, trail)
        try:
            return await in_time(trying, seconds, self._clock)
        except (DeadlineExceeded, HomeserverUnavailable) as error:
            raise NotReached(str(trail)) from error

    async def _tried(
        self,
        server_name: ServerName,
        attempt: Callable[[Way], Awaitable[T]],
        trail: Trail,
    ) -> T:
        for way in await self._ways(server_name, trail):
            trail.begin(way.step)
            try:
                return await attempt(way)
            except HttpFailed as error:
                trail.end(error)
        raise HomeserverUnavailable(f"{server_name} did not answer")

    async def _ways(self, server_name: ServerName, trail: Trail) -> list[Way]:
        name = str(server_name).lower()
        overwrite = self._overwrites.get(name)
        if overwrite is not None:
            step = "asking at the URL of dns.overwrite"
            return [Way(step, self.lanes.own.client, overwrite.rstrip("/"))]
        lane = self.lanes.to(name)
        found = await self._discovery.destinations(server_name, lane, trail)
        return [Way.to(destination, lane.client) for destination in found]
