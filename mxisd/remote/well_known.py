"""
The delegation that a domain publishes in ``/.well-known/matrix/server``.

Source: Server-Server API v1.19, "Resolving server names"; RFC 9111 for life times.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime

from mxisd.drivers.http import HttpClient, HttpFailed, HttpReply, NotTried
from mxisd.errors import HomeserverUnavailable
from mxisd.model.identifiers import IllegalIdentifier, ServerName
from mxisd.remote.client import BadAnswer, json_object
from mxisd.remote.trails import Trail

LIMIT_BYTES = 50 << 10
SECONDS = 4
REMEMBERED = 10_000

MINUTE, HOUR = 60, 3600
DEFAULT_LIFE, SHORTEST_LIFE, LONGEST_LIFE = 24 * HOUR, 5 * MINUTE, 48 * HOUR
FIRST_PAUSE, LONGEST_PAUSE = MINUTE, HOUR

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,10})\"?", re.IGNORECASE)
_NOT_CACHED = re.compile(r"(?:^|[,\s])no-(?:store|cache)(?:$|[,\s])", re.IGNORECASE)


# --- Decisions ------------------------------------------------------------------------


def delegated_name(reply: HttpReply) -> ServerName:
    """
    The server to which a reply delegates.

    :raise BadAnswer: If the reply delegates to nobody.
    """
    if reply.status != 200:
        raise BadAnswer(f"HTTP {reply.status}")
    name = json_object(reply).get("m.server")
    if not isinstance(name, str):
        raise BadAnswer("m.server is not there, or not a text")
    try:
        return ServerName.parse(name)
    except IllegalIdentifier as error:
        raise BadAnswer(f"m.server is {error}") from error


def life_of(headers: Mapping[str, str], now: float) -> float:
    """
    How many seconds an answer may be remembered.

    :param now: Seconds since the epoch, for an answer without a ``Date``.
    """
    stated = _stated_life(headers, now)
    if stated is None:
        return DEFAULT_LIFE
    return min(max(stated, SHORTEST_LIFE), LONGEST_LIFE)


def pause_after(failures: int) -> float:
    """How many seconds not to ask again after so many failures in a row."""
    return float(min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE))


def _stated_life(headers: Mapping[str, str], now: float) -> float | None:
    control = headers.get("cache-control", "")
    if _NOT_CACHED.search(control):
        return 0
    max_age = _MAX_AGE.search(control)
    if max_age is not None:
        return int(max_age[1])
    if "expires" not in headers:
        return None
    expires = _seconds(headers["expires"])
    if expires is None:
        return 0  # RFC 9111: what is no date, "0" above all, is in the past.
    return expires - (_seconds(headers.get("date", "")) or now)


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


# --- Memory ---------------------------------------------------------------------------


@frozen
class _Known:
    name: ServerName | None
    until: float
    failures: int = 0


@define(eq=False)
class WellKnowns:
    """Asks domains for their delegation, and remembers the answers and failures."""

    _clock: IReactorTime
    _known: "OrderedDict[str, _Known]" = field(factory=OrderedDict, init=False)

    async def delegation(
        self, host: str, client: HttpClient, trail: Trail
    ) -> ServerName | None:
        """
        Find the server to which a host delegates.

        :return: ``None`` if it delegates to nobody, or could not be asked.
        :raise HomeserverUnavailable: If there was no room to ask: this tells nothing.
        """
        trail.begin(f"well-known of {host}")
        known = self._known.get(host)
        if known is not None and self._clock.seconds() < known.until:
            trail.end(f"remembered: {known.name or 'no delegation'}")
            return known.name
        fresh = await self._asked(host, client, trail, known)
        self._remember(host, fresh)
        return fresh.name

    async def _asked(
        self, host: str, client: HttpClient, trail: Trail, known: _Known | None
    ) -> _Known:
        url = f"https://{host}/.well-known/matrix/server"
        try:
            reply = await client.get_following(
                url, limit_bytes=LIMIT_BYTES, seconds=SECONDS
            )
            name = delegated_name(reply)
        except NotTried as error:
            trail.end(error)
            raise HomeserverUnavailable(f"{host} was not asked: {error}") from error
        except HttpFailed as error:
            trail.end(error)
            failures = 1 if known is None else known.failures + 1
            return _Known(None, self._clock.seconds() + pause_after(failures), failures)
        trail.end(f"delegates to {name}")
        now = self._clock.seconds()
        return _Known(name, now + life_of(reply.headers, now))

    def _remember(self, host: str, known: _Known) -> None:
        self._known.pop(host, None)
        self._known[host] = known
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
