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

from mxisd.drivers.http import HttpReply
from mxisd.errors import HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.model.signing import key_bytes, serial_of, signers
from mxisd.ports import IHomeserverKeys
from mxisd.remote.client import BadAnswer, json_object
from mxisd.remote.federation import Federation, NotReached, Way

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
    proved = signers(content, name, _keys(content.get("verify_keys")))
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


@implementer(IHomeserverKeys)
@define(eq=False)
class HomeserverKeys:
    """
    Knows the keys of homeservers, wherever they are.

    Anybody can make it ask: whoever uses it sees to it that they do not too often.

    :ivar remembered: How many homeservers are remembered.
    """

    _clock: IReactorTime
    _federation: Federation
    remembered: int = REMEMBERED
    _known: "OrderedDict[str, _Known]" = field(factory=OrderedDict, init=False)
    _turns: "WeakValueDictionary[str, DeferredLock]" = field(
        factory=WeakValueDictionary, init=False
    )

    def remembered_key(self, server_name: ServerName, key_id: str) -> bytes | None:
        """Find a key that an answer of before still holds for."""
        return self._remembered(self._known.get(str(server_name), _Known()), key_id)

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
                if known.failures or self._now_ms() >= known.found.until_ms:
                    # Keys that are over say nothing about those of now.
                    raise HomeserverUnavailable(f"{server_name} could not be asked")
                return None
            return (await self._asked(server_name, known)).keys.get(key_id)

    def _remembered(self, known: _Known, key_id: str) -> bytes | None:
        if self._now_ms() >= known.found.until_ms:
            return None
        return known.found.keys.get(key_id)

    async def _asked(self, server_name: ServerName, known: _Known) -> ServerKeys:
        try:
            found = await self._found(server_name)
        except NotReached as error:
            self._remember(server_name, self._after_failure(known))
            log.warn(
                "Homeserver {server_name} could not be asked for its keys: {trail}",
                server_name=str(server_name),
                trail=str(error),
            )
            raise HomeserverUnavailable(f"{server_name} could not be asked") from error
        self._remember(server_name, _Known(found, self._clock.seconds() + PAUSE))
        return found

    async def _found(self, server_name: ServerName) -> ServerKeys:
        async def ask(way: Way) -> ServerKeys:
            reply = await way.request(
                "GET", PATH, limit_bytes=LIMIT_BYTES, seconds=ATTEMPT_SECONDS
            )
            return server_keys(reply, str(server_name), self._now_ms())

        return await self._federation.reach(server_name, ask, TOTAL_SECONDS)

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

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)
