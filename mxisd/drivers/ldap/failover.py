"""
Which of several servers is asked.

The addresses are in order of preference. A server that could not be reached is out, and
nobody waits for it again while another one answers; every half minute it is tried
behind the scenes, and when it accepts a bind it is in again.

A request has about as much time as one server (``Access.timeout``). So a server that
says nothing, to a connection or to a question, may use half of that if there are
others: then one of them still has the other half.
"""

from collections.abc import Awaitable, Sequence
from typing import Any

from attrs import define, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mxisd.drivers.ldap.connecting import connected
from mxisd.drivers.ldap.connection import LdapConnection
from mxisd.drivers.ldap.errors import ConnectionGone, ServerHangs, TimedOut, fresh
from mxisd.drivers.ldap.server import Access, AnyAddress
from mxisd.errors import Misconfigured, StoreUnavailable

log = Logger()

BACK_OFF_FIRST = 0.1
BACK_OFF_LAST = 5.0
"""Seconds during which nobody tries again after a failed connection."""

PROBE = 30.0
"""Seconds between two attempts to get back to a server that is preferred."""


@frozen
class Opened:
    """A connection, and where it leads."""

    address: AnyAddress
    connection: LdapConnection


@define(eq=False)
class _Server:
    """
    What is known about one address.

    :ivar error: Why it is out; ``None`` while it is in.
    :ivar until: When it may be tried again.
    """

    address: AnyAddress
    error: StoreUnavailable | None = None
    until: float = 0.0
    delay: float = 0.0

    def fail(self, error: StoreUnavailable, now: float) -> None:
        self.error = fresh(error)
        self.delay = min(max(self.delay * 2, BACK_OFF_FIRST), BACK_OFF_LAST)
        self.rest(now)

    def rest(self, now: float) -> None:
        self.until = now + self.delay

    def succeed(self) -> None:
        self.error, self.delay = None, 0.0

    def is_resting(self, now: float) -> bool:
        return self.error is not None and now < self.until


class Servers:
    """
    Makes connections to the best server that there is.

    :ivar access: How to get in.
    """

    def __init__(
        self,
        reactor: Any,
        name: str,
        addresses: Sequence[AnyAddress],
        access: Access,
    ) -> None:
        """
        Trust that all are there; nothing is connected yet.

        :param name: The store's, for the log.
        :param addresses: In order of preference; one at least.
        """
        self.access = access
        self._reactor = reactor
        self._name = name
        self._servers = [_Server(address) for address in addresses]
        self._told = addresses[0]
        self._next_probe: IDelayedCall | None = None
        self._probing: Deferred[None] | None = None
        self._is_closed = False

    @property
    def current(self) -> AnyAddress | None:
        """Where new work goes; ``None`` while no server answers."""
        return next((s.address for s in self._servers if s.error is None), None)

    def may_retry(self, error: StoreUnavailable) -> bool:
        """Whether a question that failed so may be asked again, at once."""
        if self._is_closed:
            return False
        others = len(self._servers) > 1
        return isinstance(error, ConnectionGone) or (
            isinstance(error, ServerHangs) and others
        )

    async def connect(self, *, as_service: bool = True) -> Opened:
        """
        Connect to the first server that lets us in.

        :param as_service: Whether to bind as the access says.
        :raise StoreUnavailable: If none does; names them all.
        """
        if self._is_closed:
            raise StoreUnavailable("the connections are closed")
        candidates = self._candidates()
        for server, is_last in candidates:
            if server.is_resting(self._reactor.seconds()):
                continue  # somebody else has found out in the meantime
            within = self.access.timeout / (1 if is_last else 2)
            try:
                connection = await self._connected(server.address, within, as_service)
            except StoreUnavailable as error:
                self._fail(server, error)
                continue
            if as_service:
                self._succeed(server)
            return Opened(server.address, connection)
        for server, _is_last in candidates:
            # The pause of the first one may be over when the last one fails.
            server.rest(self._reactor.seconds())
        raise self._nobody()

    async def another(self, address: AnyAddress) -> Opened:
        """
        Connect once more to a server that works; a failure says nothing about it.

        :raise StoreUnavailable: If it allows no more connections.
        """
        within = self.access.timeout
        return Opened(address, await self._connected(address, within, True))

    def report(self, opened: Opened, error: StoreUnavailable) -> None:
        """A question on this connection failed: learn from it."""
        if isinstance(error, ServerHangs):
            for server in self._servers:
                if server.address == opened.address and server.error is None:
                    self._fail(server, TimedOut(f"{opened.address}: {error}"))

    def close(self) -> None:
        """Connect to nobody any more."""
        self._is_closed = True
        if self._next_probe is not None:
            self._next_probe.cancel()
            self._next_probe = None
        if self._probing is not None:
            self._probing.cancel()

    # --- Inside -----------------------------------------------------------------------

    def _candidates(self) -> list[tuple[_Server, bool]]:
        """Those that are in, then those that are out; and which is the last one."""
        now = self._reactor.seconds()
        those_in = [s for s in self._servers if s.error is None]
        those_out = [
            s for s in self._servers if s.error is not None and not s.is_resting(now)
        ]
        found = those_in + those_out
        return [(server, server is found[-1]) for server in found]

    def _connected(
        self, address: AnyAddress, within: float, as_service: bool
    ) -> Awaitable[LdapConnection]:
        timeout = self.access.timeout
        return connected(
            self._reactor,
            address,
            self.access,
            within=within,
            patience=timeout if len(self._servers) == 1 else timeout / 2,
            as_service=as_service,
        )

    def _nobody(self) -> StoreUnavailable:
        errors = [s.error for s in self._servers if s.error is not None]
        words = "; ".join(str(error) for error in errors)
        if any(isinstance(error, TimedOut) for error in errors):
            return TimedOut(words)
        for error in errors:
            if isinstance(error, Misconfigured):
                text = words.removeprefix(f"{error.path}: ")
                return Misconfigured(error.path, text, is_whole=True)
        return StoreUnavailable(words)

    def _fail(self, server: _Server, error: StoreUnavailable) -> None:
        server.fail(error, self._reactor.seconds())
        self._probe_later()

    def _succeed(self, server: _Server) -> None:
        server.succeed()
        self._probe_later()
        if self.current != server.address or server.address == self._told:
            return
        self._told = server.address
        if server is self._servers[0]:
            log.info(
                "Store {store} now asks {server} again",
                store=self._name,
                server=str(server.address),
            )
            return
        log.warn(
            "Store {store} now asks {server}: {reason}",
            store=self._name,
            server=str(server.address),
            reason="; ".join(str(s.error) for s in self._servers if s.error),
        )

    # --- The way back -----------------------------------------------------------------

    def _probe_later(self) -> None:
        is_due = self._next_probe is None and self._probing is None
        if is_due and self._lost() and not self._is_closed:
            self._next_probe = self._reactor.callLater(PROBE, self._probe)

    def _lost(self) -> list[_Server]:
        """Those that are out, and would be preferred to the one in use."""
        current = self.current
        if current is None:
            return []  # then each request tries them
        addresses = [s.address for s in self._servers]
        return self._servers[: addresses.index(current)]

    def _probe(self) -> None:
        self._next_probe = None
        self._probing = Deferred.fromCoroutine(self._try_lost())
        self._probing.addErrback(self._report_probe)
        self._probing.addBoth(self._probed)

    async def _try_lost(self) -> None:
        for server in self._lost():
            if self._is_closed:
                return
            try:
                connection = await self._connected(
                    server.address, self.access.timeout, True
                )
            except StoreUnavailable as error:
                server.fail(error, self._reactor.seconds())
            else:
                connection.disconnect()
                self._succeed(server)
                return

    def _report_probe(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            log.failure("Trying the servers of {store}", failure, store=self._name)

    def _probed(self, _result: object) -> None:
        self._probing = None
        self._probe_later()
