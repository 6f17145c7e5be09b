"""
The keys with which homeservers sign: asked for, checked, remembered.

Source: Server-Server API v1.19, "Retrieving server keys".
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from attrs import define, evolve, field, frozen
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpClient, HttpClients, HttpFailed, HttpReply, Route
from mxisd.errors import DeadlineExceeded, HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.model.signing import is_signed_by, key_bytes, serial_of
from mxisd.ports import IHomeserverKeys, IRandom
from mxisd.remote.client import BadAnswer, json_object
from mxisd.remote.discovery import ServerDiscovery
from mxisd.remote.trails import Trail
from mxisd.waiting import in_time

PATH = "/_matrix/key/v2/server"
LIMIT_BYTES = 50 << 10
MAX_KEYS = 32
KEY_BYTES = 32
ATTEMPT_SECONDS = 6
TOTAL_SECONDS = 10

LONGEST_LIFE_MS = 7 * 24 * 3600 * 1000
"""Keys are asked for anew after a week, whatever the homeserver promises."""

PAUSE = 60.0
"""So long a homeserver is not asked again for a key that it did not have."""

FIRST_FAILURE_PAUSE, LONGEST_FAILURE_PAUSE = 5.0, 300.0
REMEMBERED = 5_000
AT_A_TIME = 100

log = Logger()


# --- Decisions ------------------------------------------------------------------------


@frozen
class ServerKeys:
    """
    The keys that a homeserver uses.

    :ivar keys: Public keys by key ID.
    :ivar until_ms: When they have to be asked for again.
    """

    keys: Mapping[str, bytes]
    until_ms: float


def server_keys(reply: HttpReply, name: str, now_ms: int) -> ServerKeys:
    """
    Read the keys out of a homeserver's answer.

    Only those count that it uses today, and that have signed the answer themselves.

    :param name: Whose keys they must be, letter by letter.
    :raise BadAnswer: If the answer is somebody else's, is over, or has no such key.
    """
    if reply.status != 200:
        raise BadAnswer(f"HTTP {reply.status}")
    content = json_object(reply)
    if content.get("server_name") != name:
        raise BadAnswer("the keys are another server's")
    until_ms = content.get("valid_until_ts")
    if not isinstance(until_ms, int) or isinstance(until_ms, bool):
        raise BadAnswer("valid_until_ts is not there, or not a whole number")
    if until_ms <= now_ms:
        raise BadAnswer("the keys are no longer valid")
    keys = _keys(content.get("verify_keys"))
    proved = {k: key for k, key in keys.items() if is_signed_by(content, name, k, key)}
    if not proved:
        raise BadAnswer("no key has signed the answer")
    return ServerKeys(proved, min(until_ms, now_ms + LONGEST_LIFE_MS))


def _keys(entries: Any) -> Mapping[str, bytes]:
    if not isinstance(entries, dict) or len(entries) > MAX_KEYS:
        raise BadAnswer(f"verify_keys is not there, or has more than {MAX_KEYS} keys")
    found = {key_id: _key(key_id, entry) for key_id, entry in entries.items()}
    return {key_id: key for key_id, key in found.items() if key is not None}


def _key(key_id: str, entry: Any) -> bytes | None:
    text = entry.get("key") if isinstance(entry, dict) else None
    if not isinstance(text, str) or serial_of(key_id) is None:
        return None
    key = key_bytes(text)
    return key if key is not None and len(key) == KEY_BYTES else None


# --- Asking ---------------------------------------------------------------------------


@frozen
class _Known:
    """What is remembered of a homeserver; times are the reactor's."""

    found: ServerKeys = ServerKeys({}, 0)
    asked_again_from: float = 0
    failures: int = 0


@frozen
class _Way:
    """A client and a URL to ask, and how the log calls them."""

    step: str
    client: HttpClient
    url: str
    headers: Mapping[str, str] | None = None
    route: Route | None = None


def _lower_keys(urls: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): url for name, url in urls.items()}


@implementer(IHomeserverKeys)
@define(eq=False)
class HomeserverKeys:
    """
    Knows the keys of homeservers, wherever they are.

    :ivar overwrites: Base URLs of servers that are not to be searched for, by name.
    :ivar domain: ``matrix.domain``; its own server may be at any address.
    :ivar remembered: How many homeservers are remembered.
    :ivar at_a_time: How many are asked at a time, since anybody can make us ask.
    """

    _clock: IReactorTime
    _clients: HttpClients
    _discovery: ServerDiscovery
    _overwrites: Mapping[str, str] = field(converter=_lower_keys)
    _domain: str
    remembered: int = REMEMBERED
    at_a_time: int = AT_A_TIME
    _known: "OrderedDict[str, _Known]" = field(factory=OrderedDict, init=False)
    _turns: "WeakValueDictionary[str, DeferredLock]" = field(
        factory=WeakValueDictionary, init=False
    )
    _under_way: int = field(default=0, init=False)

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
    ) -> "HomeserverKeys":
        """Put everything together, with an empty memory."""
        discovery = ServerDiscovery.using(reactor, dns, random)
        return cls(reactor, clients, discovery, overwrites, domain)

    async def verify_key(self, server_name: ServerName, key_id: str) -> bytes | None:
        """Find a public key that a homeserver uses today; ten seconds at most."""
        # Many questions about one homeserver wait for one answer.
        turn = self._turns.setdefault(str(server_name), DeferredLock())
        async with turn:
            known = self._known.get(str(server_name), _Known())
            key = self._remembered(known, key_id)
            if key is not None:
                return key
            if self._clock.seconds() < known.asked_again_from:
                if known.failures:
                    raise HomeserverUnavailable(f"{server_name} could not be asked")
                return None
            return (await self._asked(server_name, known)).keys.get(key_id)

    def _remembered(self, known: _Known, key_id: str) -> bytes | None:
        if self._now_ms() >= known.found.until_ms:
            return None
        return known.found.keys.get(key_id)

    async def _asked(self, server_name: ServerName, known: _Known) -> ServerKeys:
        if self._under_way >= self.at_a_time:
            raise HomeserverUnavailable("too many homeservers are asked right now")
        trail = Trail()
        self._under_way += 1
        try:
            asking = self._found(server_name, trail)
            found = await in_time(asking, TOTAL_SECONDS, self._clock)
        except (DeadlineExceeded, HttpFailed, HomeserverUnavailable) as error:
            self._remember(server_name, self._after_failure(known))
            log.warn(
                "Homeserver {server_name} could not be asked for its keys: {trail}",
                server_name=str(server_name),
                trail=str(trail),
            )
            raise HomeserverUnavailable(f"{server_name} could not be asked") from error
        finally:
            self._under_way -= 1
        self._remember(server_name, _Known(found, self._clock.seconds() + PAUSE))
        return found

    def _after_failure(self, known: _Known) -> _Known:
        pause = FIRST_FAILURE_PAUSE * 2 ** min(known.failures, 10)
        again = self._clock.seconds() + min(pause, LONGEST_FAILURE_PAUSE)
        # Keys that are good stay so while their homeserver is down.
        return evolve(known, asked_again_from=again, failures=known.failures + 1)

    def _remember(self, server_name: ServerName, known: _Known) -> None:
        self._known.pop(str(server_name), None)
        self._known[str(server_name)] = known
        if len(self._known) > self.remembered:
            self._known.popitem(last=False)

    async def _found(self, server_name: ServerName, trail: Trail) -> ServerKeys:
        for way in await self._ways(server_name, trail):
            trail.begin(way.step)
            try:
                reply = await self._asked_by(way)
                return server_keys(reply, str(server_name), self._now_ms())
            except HttpFailed as error:
                trail.end(error)
        raise HomeserverUnavailable(f"{server_name} has no keys for us")

    async def _ways(self, server_name: ServerName, trail: Trail) -> list[_Way]:
        overwrite = self._overwrites.get(str(server_name).lower())
        if overwrite is not None:
            url = overwrite.rstrip("/") + PATH
            step = "asking at the URL of dns.overwrite"
            return [_Way(step, self._clients.configured, url)]
        client = self._client_for(server_name)
        return [
            _Way(
                f"asking {each.route.host} port {each.route.port} as {each.certified}",
                client,
                each.base_url + PATH,
                {"Host": each.host},
                each.route,
            )
            for each in await self._discovery.destinations(server_name, client, trail)
        ]

    async def _asked_by(self, way: _Way) -> HttpReply:
        return await way.client.request(
            "GET",
            way.url,
            limit_bytes=LIMIT_BYTES,
            seconds=ATTEMPT_SECONDS,
            headers=way.headers,
            route=way.route,
        )

    def _client_for(self, server_name: ServerName) -> HttpClient:
        if str(server_name).lower() == self._domain.lower():
            return self._clients.configured
        return self._clients.guarded

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)
