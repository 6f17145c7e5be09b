"""
Telling homeservers whose an address is.

Source: Server-Server API v1.19, "Third-party invites".
"""

import json
from collections.abc import Mapping
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpClient, HttpClients, HttpFailed
from mxisd.errors import HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.ports import IOnBind, IRandom
from mxisd.remote.destinations import Destination
from mxisd.remote.discovery import ServerDiscovery
from mxisd.remote.trails import Trail

ONBIND = "/_matrix/federation/v1/3pid/onbind"
METHODS = ("POST", "PUT")
"""The specification says PUT; homeservers have POST."""

ABSENT = frozenset({404, 405})
ANSWER_LIMIT_BYTES = 64 << 10
ATTEMPT_SECONDS = 30
TOTAL_SECONDS = 60

log = Logger()


def _lower_keys(urls: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): url for name, url in urls.items()}


@implementer(IOnBind)
@define(eq=False)
class OnBind:
    """
    Tells homeservers, wherever they are.

    :ivar overwrites: Base URLs of servers that are not to be searched for, by name in
        lower case.
    :ivar domain: ``matrix.domain``; its own server may be at any address.
    """

    _clock: IReactorTime
    _clients: HttpClients
    _discovery: ServerDiscovery
    _overwrites: Mapping[str, str] = field(converter=_lower_keys)
    _domain: str

    @classmethod
    def using(
        cls,
        reactor: Any,
        clients: HttpClients,
        dns: Dns,
        random: IRandom,
        *,
        overwrites: Mapping[str, str],
        domain: str,
    ) -> "OnBind":
        """Put everything together, with an empty memory."""
        discovery = ServerDiscovery.using(reactor, dns, random)
        return cls(reactor, clients, discovery, overwrites, domain)

    async def onbind(self, server_name: ServerName, content: dict[str, Any]) -> int:
        """Tell one; a minute at most."""
        trail = Trail()
        body = json.dumps(content).encode("ascii")
        telling = Deferred.fromCoroutine(self._tell(server_name, body, trail))
        telling.addTimeout(TOTAL_SECONDS, self._clock)
        try:
            return await telling
        except (TooLate, HttpFailed, HomeserverUnavailable) as error:
            log.debug(
                "Homeserver {server_name} could not be told of a binding: {trail}",
                server_name=str(server_name),
                trail=str(trail),
            )
            raise HomeserverUnavailable(
                f"{server_name} could not be told: {trail}"
            ) from error

    async def _tell(self, server_name: ServerName, body: bytes, trail: Trail) -> int:
        overwrite = self._overwrites.get(str(server_name).lower())
        if overwrite is not None:
            trail.begin("asking at the URL of dns.overwrite")
            url = overwrite.rstrip("/") + ONBIND
            return await self._send(self._clients.configured, url, body, trail)
        client = self._client_for(server_name)
        destinations = await self._discovery.destinations(server_name, client, trail)
        for destination in destinations[:-1]:
            try:
                return await self._send_to(destination, client, body, trail)
            except HttpFailed:
                # Being told twice does a homeserver no harm.
                continue
        return await self._send_to(destinations[-1], client, body, trail)

    async def _send_to(
        self, destination: Destination, client: HttpClient, body: bytes, trail: Trail
    ) -> int:
        route = destination.route
        trail.begin(f"asking {route.host} port {route.port} as {destination.certified}")
        url = destination.base_url + ONBIND
        return await self._send(
            client, url, body, trail, host={"Host": destination.host}, route=route
        )

    async def _send(
        self,
        client: HttpClient,
        url: str,
        body: bytes,
        trail: Trail,
        *,
        host: Mapping[str, str] | None = None,
        **options: Any,
    ) -> int:
        # No signature in a header: homeservers would look for keys that we do not have.
        headers = {"Content-Type": "application/json", **(host or {})}
        status = 404
        for method in METHODS:
            try:
                reply = await client.request(
                    method,
                    url,
                    limit_bytes=ANSWER_LIMIT_BYTES,
                    seconds=ATTEMPT_SECONDS,
                    headers=headers,
                    body=body,
                    **options,
                )
            except HttpFailed as error:
                trail.end(error)
                raise
            status = reply.status
            if status not in ABSENT:
                break
        return status

    def _client_for(self, server_name: ServerName) -> HttpClient:
        if str(server_name).lower() == self._domain.lower():
            return self._clients.configured
        return self._clients.guarded
