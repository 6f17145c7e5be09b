"""Questions to homeservers: so far, whose OpenID token this is."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpClient, HttpClients, HttpFailed, HttpReply
from mxisd.errors import HomeserverRejectedToken, HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.model.secret import Secret
from mxisd.ports import IHomeserver, IRandom
from mxisd.remote.client import BadAnswer, json_object
from mxisd.remote.destinations import Destination
from mxisd.remote.discovery import ServerDiscovery
from mxisd.remote.trails import Trail

USERINFO = "/_matrix/federation/v1/openid/userinfo"
USERINFO_LIMIT_BYTES = 5 << 10
ATTEMPT_SECONDS = 6
TOTAL_SECONDS = 10

REFUSALS = frozenset({"M_UNKNOWN_TOKEN", "M_FORBIDDEN"})

log = Logger()


def openid_subject(reply: HttpReply) -> str:
    """
    The user to whom a homeserver says that a token belongs.

    :raise HomeserverRejectedToken: If it says that it does not know the token.
    :raise BadAnswer: If it says anything else.
    """
    if reply.status == 401 or (
        400 <= reply.status < 500 and _errcode(reply) in REFUSALS
    ):
        raise HomeserverRejectedToken("The homeserver does not know this token.")
    if reply.status != 200:
        raise BadAnswer(f"HTTP {reply.status}")
    subject = json_object(reply).get("sub")
    if not isinstance(subject, str):
        raise BadAnswer("sub is not there, or not a text")
    return subject


def _errcode(reply: HttpReply) -> object:
    try:
        code = json_object(reply).get("errcode")
    except BadAnswer:
        return None
    return code if isinstance(code, str) else None


def _lower_keys(urls: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): url for name, url in urls.items()}


@implementer(IHomeserver)
@define(eq=False)
class Homeservers:
    """
    Asks homeservers, wherever they are.

    :ivar overwrites: Base URLs of servers that are not to be searched for, by name.
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
    ) -> "Homeservers":
        """Put everything together, with an empty memory."""
        discovery = ServerDiscovery.using(reactor, dns, random)
        return cls(reactor, clients, discovery, overwrites, domain)

    async def openid_user(self, server_name: ServerName, token: Secret) -> str:
        """Ask a homeserver whose OpenID token this is; ten seconds at most."""
        trail = Trail()
        asking = Deferred.fromCoroutine(self._subject(server_name, token, trail))
        asking.addTimeout(TOTAL_SECONDS, self._clock)
        try:
            return await asking
        except (TooLate, HttpFailed, HomeserverUnavailable) as error:
            log.warn(
                "Homeserver {server_name} could not be asked for the owner of an "
                "OpenID token: {trail}",
                server_name=str(server_name),
                trail=str(trail),
            )
            raise HomeserverUnavailable(f"{server_name} could not be asked") from error

    async def _subject(
        self, server_name: ServerName, token: Secret, trail: Trail
    ) -> str:
        path = f"{USERINFO}?access_token={_quoted(token)}"
        overwrite = self._overwrites.get(str(server_name).lower())
        if overwrite is not None:
            trail.begin("asking at the URL of dns.overwrite")
            url = overwrite.rstrip("/") + path
            return await self._ask(self._clients.configured, url, trail)
        client = self._client_for(server_name)
        destinations = await self._discovery.destinations(server_name, client, trail)
        for destination in destinations[:-1]:
            try:
                return await self._ask_at(destination, client, path, trail)
            except HttpFailed:
                continue
        return await self._ask_at(destinations[-1], client, path, trail)

    async def _ask_at(
        self, destination: Destination, client: HttpClient, path: str, trail: Trail
    ) -> str:
        route = destination.route
        trail.begin(f"asking {route.host} port {route.port} as {destination.certified}")
        url = destination.base_url + path
        return await self._ask(
            client, url, trail, headers={"Host": destination.host}, route=route
        )

    async def _ask(
        self, client: HttpClient, url: str, trail: Trail, **options: Any
    ) -> str:
        try:
            reply = await client.request(
                "GET",
                url,
                limit_bytes=USERINFO_LIMIT_BYTES,
                seconds=ATTEMPT_SECONDS,
                **options,
            )
            return openid_subject(reply)
        except HttpFailed as error:
            trail.end(error)
            raise

    def _client_for(self, server_name: ServerName) -> HttpClient:
        if str(server_name).lower() == self._domain.lower():
            return self._clients.configured
        return self._clients.guarded


def _quoted(token: Secret) -> str:
    try:
        return quote(token.value, safe="")
    except UnicodeEncodeError:
        # Without the cause: it holds the token.
        message = "No homeserver makes such a token."
        raise HomeserverRejectedToken(message) from None
