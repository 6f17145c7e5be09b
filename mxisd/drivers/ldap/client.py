"""
Asks one LDAP server: connects when there is a question, and again after a loss.

Searches share one connection, and the server's answers overtake each other on it. A
list is read page by page on a connection of its own, since a server keeps one list in
mind per connection. A user's password is tried on a connection of its own, because a
failed bind would leave the shared one anonymous.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ldaptor.protocols.ldap import ldaperrors
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.logger import Logger
from twisted.python.failure import Failure

from mxisd.drivers.ldap.connection import (
    ConnectionGone,
    LdapConnection,
    Page,
    Search,
    SearchAnswer,
)
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.server import Server, connected
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret

log = Logger()

IN_FLIGHT = 100
"""Searches on the way at once; servers hang up on who asks too many."""

PRIVATE = 16
"""Connections for logins and lists at once."""

BACK_OFF_FIRST = 0.1
BACK_OFF_LAST = 5.0
"""Seconds during which nobody tries again after a failed connection."""

SUCCESS = 0
_CUT = (4, 11)  # sizeLimitExceeded, adminLimitExceeded

Take = Callable[[Sequence[Entry]], Awaitable[None]]


class ListCut(StoreUnavailable):
    """The server answered some of the entries, and will not answer the others."""


class LdapClient:
    """Searches a directory, and tries passwords in it."""

    def __init__(self, reactor: Any, server: Server) -> None:
        self._reactor = reactor
        self._server = server
        self._shared: LdapConnection | None = None
        self._connecting: Deferred[Any] | None = None
        self._waiting: list[Deferred[LdapConnection]] = []
        self._back_off = _BackOff()
        self._in_flight = DeferredSemaphore(IN_FLIGHT)
        self._private = DeferredSemaphore(PRIVATE)

    async def search(self, search: Search) -> Sequence[Entry]:
        """
        Find entries.

        :raise ListCut: If there are more than the server answers at once.
        :raise StoreUnavailable: If it did not answer, or refused.
        """
        await self._in_flight.acquire()
        try:
            answer = await self._search_again(search)
        finally:
            self._in_flight.release()
        _demand_success(answer)
        return answer.entries

    async def each_page(self, search: Search, size: int, take: Take) -> None:
        """
        Hand over a long list, page by page; the next one is asked for after each.

        :raise ListCut: If the server ends the list early.
        :raise StoreUnavailable: If it did not answer, or refused.
        """
        await self._private.acquire()
        try:
            connection = await self._as_service()
            try:
                await _read_pages(connection, search, size, take)
            finally:
                connection.disconnect()
        finally:
            self._private.release()

    async def check(self, dn: bytes, password: Secret) -> int:
        """
        Try a password, on a connection that is not used for anything else.

        :param password: Not empty.
        :return: The server's result code.
        :raise StoreUnavailable: If there was no answer.
        """
        await self._private.acquire()
        try:
            connection = await connected(self._reactor, self._server)
            try:
                return await connection.bind(dn, password)
            finally:
                connection.disconnect()
        finally:
            self._private.release()

    async def close(self) -> None:
        """End what is under way."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._shared is not None:
            await self._shared.disconnect()

    # --- The shared connection --------------------------------------------------------

    async def _search_again(self, search: Search) -> SearchAnswer:
        try:
            return await (await self._share()).search(search)
        except ConnectionGone:
            # Most likely it was closed for idleness, or the server was restarted.
            return await (await self._share()).search(search)

    async def _share(self) -> LdapConnection:
        if self._shared is not None and self._shared.is_open:
            return self._shared
        self._back_off.check(self._reactor.seconds())
        # One Deferred for each who waits: whoever gives up does so alone.
        waiter: Deferred[LdapConnection] = Deferred()
        self._waiting.append(waiter)
        if self._connecting is None:
            self._connecting = Deferred.fromCoroutine(self._as_service())
            self._connecting.addCallbacks(self._shareable, self._not_shareable)
        return await waiter

    def _shareable(self, connection: LdapConnection) -> None:
        self._shared = connection
        self._back_off.succeeded()
        for waiter in self._awaited():
            waiter.callback(connection)

    def _not_shareable(self, failure: Failure) -> None:
        error = failure.value
        if not isinstance(error, StoreUnavailable):
            if not isinstance(error, CancelledError):
                log.failure("Connecting to {server}", failure, server=str(self._server))
            error = StoreUnavailable("connecting was given up")
        self._back_off.failed(error, self._reactor.seconds())
        for waiter in self._awaited():
            waiter.errback(_fresh(error))

    def _awaited(self) -> "list[Deferred[LdapConnection]]":
        self._connecting = None
        waiting, self._waiting = self._waiting, []
        return waiting

    # --- Connections ------------------------------------------------------------------

    async def _as_service(self) -> LdapConnection:
        connection = await connected(self._reactor, self._server)
        server = self._server
        if not server.bind_dn:
            return connection
        try:
            code = await connection.bind(server.bind_dn, server.bind_password)
            if code != SUCCESS:
                raise StoreUnavailable(
                    f"{server} refused connection.bindDn: {code_name(code)}"
                )
        except BaseException:
            connection.disconnect()
            raise
        return connection


class _BackOff:
    """Answers for a server that could not be reached a moment ago."""

    def __init__(self) -> None:
        self._error: StoreUnavailable | None = None
        self._until = 0.0
        self._delay = 0.0

    def check(self, now: float) -> None:
        """Raise the last failure again while it is fresh."""
        if self._error is not None and now < self._until:
            raise _fresh(self._error)

    def failed(self, error: StoreUnavailable, now: float) -> None:
        self._error = error
        self._delay = min(max(self._delay * 2, BACK_OFF_FIRST), BACK_OFF_LAST)
        self._until = now + self._delay

    def succeeded(self) -> None:
        self._error, self._delay = None, 0.0


def code_name(code: int) -> str:
    """The name of a result code, as RFC 4511 has it."""
    known = ldaperrors.LDAPExceptionCollection.collection.get(code)
    return f"result code {code}" if known is None else known.name.decode()


async def _read_pages(
    connection: LdapConnection, search: Search, size: int, take: Take
) -> None:
    cookie: bytes | None = b""
    while cookie is not None:
        answer = await connection.search(search, Page(size, cookie))
        _demand_success(answer)
        if cookie and answer.cookie is None:
            raise ListCut("the server forgot that it was answering a list")
        await take(answer.entries)
        cookie = answer.cookie or None


def _demand_success(answer: SearchAnswer) -> None:
    if answer.code in _CUT:
        raise ListCut(f"the server cut its answer: {code_name(answer.code)}")
    if answer.code != SUCCESS:
        raise StoreUnavailable(f"the server refused: {code_name(answer.code)}")


def _fresh(error: StoreUnavailable) -> StoreUnavailable:
    # One exception that is raised in several places would gather all their tracebacks.
    return type(error)(str(error))
