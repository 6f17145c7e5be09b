"""The connections that searches share."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mxisd.drivers.ldap.errors import fresh
from mxisd.drivers.ldap.failover import Opened, Servers
from mxisd.drivers.ldap.operations import Search, SearchAnswer
from mxisd.drivers.turns import Turns
from mxisd.errors import StoreUnavailable

log = Logger()

IN_FLIGHT = 100
"""Searches on the way at once; servers hang up on who asks too many."""

BUSY = 25
"""With so many on each connection, another one is made."""

GROW_AGAIN = 30.0
"""Seconds without a further connection after a server refused one."""


class Pool:
    """
    Up to so many connections as the service, with many searches on each at once.

    Answers overtake each other on a connection, so that the first one does nearly as
    much as several; more of them help with servers that work off a connection in turn.
    """

    def __init__(self, clock: Any, servers: Servers, size: int) -> None:
        """
        Begin empty; the first search connects.

        :param size: How many connections there may be.
        """
        self._clock = clock
        self._servers = servers
        self._size = size
        self._members: list[Opened] = []
        self._waiting: list[Deferred[Opened]] = []
        self._connecting: Deferred[Any] | None = None
        self._growing: Deferred[Any] | None = None
        self._grow_from = 0.0
        self._turns = Turns(clock, IN_FLIGHT)

    async def search(self, search: Search, size_limit: int = 0) -> SearchAnswer:
        """
        Ask, and once more if the connection is lost or its server hangs.

        :param size_limit: The most entries to answer; 0 for the server's own limit.
        :raise StoreUnavailable: If there was no answer.
        """
        async with self._turns.turn():
            try:
                return await self._search(search, size_limit)
            except StoreUnavailable as error:
                if not self._servers.may_retry(error):
                    raise
                return await self._search(search, size_limit)

    async def close(self) -> None:
        """End what is under way."""
        for attempt in (self._connecting, self._growing):
            if attempt is not None:
                attempt.cancel()
        for closed in [one.connection.disconnect() for one in self._members]:
            await closed

    async def _search(self, search: Search, size_limit: int) -> SearchAnswer:
        opened = await self._member()
        try:
            return await opened.connection.search(search, size_limit=size_limit)
        except StoreUnavailable as error:
            self._servers.report(opened, error)
            raise
        finally:
            self._retire()

    # --- Choosing ---------------------------------------------------------------------

    async def _member(self) -> Opened:
        """The connection with the least to do, at the server that is preferred now."""
        self._retire()
        current = self._servers.current
        usable = [one for one in self._members if one.address == current]
        if not usable:
            return await self._first()
        best = min(usable, key=lambda one: one.connection.in_flight)
        if best.connection.in_flight >= BUSY and len(usable) < self._size:
            self._grow(best)
        return best

    def _retire(self) -> None:
        """Part with what is lost, or idle at a server that is not asked now."""
        current = self._servers.current
        for one in list(self._members):
            is_idle = not one.connection.in_flight
            if not one.connection.is_open or (one.address != current and is_idle):
                self._members.remove(one)
                one.connection.disconnect()

    # --- Connecting -------------------------------------------------------------------

    async def _first(self) -> Opened:
        # One Deferred for each who waits: whoever gives up does so alone.
        waiter: Deferred[Opened] = Deferred()
        self._waiting.append(waiter)
        if self._connecting is None:
            self._connecting = Deferred.fromCoroutine(self._servers.connect())
            self._connecting.addCallbacks(self._connected, self._not_connected)
        return await waiter

    def _connected(self, opened: Opened) -> None:
        self._members.append(opened)
        for waiter in self._awaited():
            waiter.callback(opened)

    def _not_connected(self, failure: Failure) -> None:
        error = failure.value
        if not isinstance(error, StoreUnavailable):
            if not isinstance(error, CancelledError):
                log.failure("Connecting to a directory", failure)
            error = StoreUnavailable("connecting was given up")
        for waiter in self._awaited():
            waiter.errback(fresh(error))

    def _awaited(self) -> "list[Deferred[Opened]]":
        self._connecting = None
        waiting, self._waiting = self._waiting, []
        return waiting

    def _grow(self, model: Opened) -> None:
        if self._growing is None and self._clock.seconds() >= self._grow_from:
            another = self._servers.another(model.address)
            self._growing = Deferred.fromCoroutine(another)
            self._growing.addCallbacks(self._members.append, self._not_grown)
            self._growing.addBoth(self._grown)

    def _not_grown(self, failure: Failure) -> None:
        if not failure.check(StoreUnavailable, CancelledError):
            log.failure("Connecting to a directory", failure)
        self._grow_from = self._clock.seconds() + GROW_AGAIN

    def _grown(self, _result: object) -> None:
        self._growing = None
