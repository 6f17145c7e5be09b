"""One connection to an LDAP server: message IDs, time-outs, limits."""

import math
from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen
from ldaptor.protocols import pureber, pureldap
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mxisd.drivers.ldap.decoder import (
    BIND_RESPONSE,
    MESSAGE_LIMIT,
    PAGED_RESULTS,
    SEARCH_DONE,
    Answer,
    Aside,
    Entry,
    NotLdap,
    Result,
    Splitter,
    decode,
)
from mxisd.drivers.ldap.filters import Filter
from mxisd.errors import DeadlineExceeded, StoreUnavailable
from mxisd.model.secret import Secret

log = Logger()

SEARCH_LIMIT = 64 * 1024 * 1024
"""The largest answer to one search that is collected, in bytes."""

FAREWELL = 1.0
"""Seconds for a polite end before a connection is cut."""

_LAST_ID = 0x7FFFFFFF


class ConnectionGone(StoreUnavailable):
    """The connection ended before the answer; another one may do better."""


class TimedOut(StoreUnavailable, DeadlineExceeded):
    """The server did not answer in time."""


@frozen(kw_only=True)
class Search:
    """
    A search of a whole subtree.

    :ivar attributes: Those to answer with.
    """

    base: str
    filter: Filter
    attributes: Sequence[str]


@frozen
class Page:
    """
    How much of a list to answer.

    :ivar cookie: From the page before; empty for the first one.
    """

    size: int
    cookie: bytes = b""


@frozen
class SearchAnswer:
    """
    What a search found.

    :ivar code: The result code; 0 is success.
    :ivar cookie: For the next page; empty after the last one, ``None`` if the server
        did not page.
    """

    entries: Sequence[Entry]
    code: int
    cookie: bytes | None


@define(eq=False)
class _Operation:
    kind: int
    answer: "Deferred[Result]"
    messages_before: int
    limit: IDelayedCall
    entries: list[Entry] = field(factory=list)
    size: int = 0
    is_abandoned: bool = False


@implementer(IHandshakeListener)
class LdapConnection(Protocol):
    """
    Speaks LDAP over one transport.

    :ivar is_open: Whether requests can be sent.
    """

    def __init__(self, clock: IReactorTime, timeout: float, is_tls: bool) -> None:
        """
        Prepare a connection; a transport is attached by the endpoint.

        :param timeout: Seconds that a server has for each answer.
        :param is_tls: Whether a handshake comes first: nothing is sent before it.
        """
        self.is_open = False
        self._clock = clock
        self._timeout = timeout
        self._is_tls = is_tls
        self._ready: Deferred[None] = Deferred()
        self._closed: Deferred[None] = Deferred()
        self._splitter = Splitter(MESSAGE_LIMIT)
        self._operations: dict[int, _Operation] = {}
        self._last_id = 0
        self._received = 0
        self._reason: StoreUnavailable | None = None
        self._farewell: IDelayedCall | None = None

    # --- What callers use -------------------------------------------------------------

    async def ready(self) -> None:
        """
        Wait until requests can be sent; for one caller only.

        :raise StoreUnavailable: If it does not come to that.
        """
        await self._ready

    async def bind(self, dn: str | bytes, password: Secret) -> int:
        """
        Identify with a password, which must not be empty.

        :return: The result code. After a failure the connection is anonymous.
        :raise StoreUnavailable: If no answer came.
        """
        if not password:
            # A server takes this for an anonymous bind, and reports success.
            raise ValueError("a simple bind needs a password")
        request = pureldap.LDAPBindRequest(dn=dn, auth=password.value)
        result = await self._ask(request, BIND_RESPONSE).answer
        return result.code

    async def search(self, search: Search, page: Page | None = None) -> SearchAnswer:
        """
        Ask for entries.

        :raise StoreUnavailable: If no answer came.
        """
        request = pureldap.LDAPSearchRequest(
            baseObject=search.base,
            timeLimit=math.ceil(self._timeout),
            filter=search.filter,
            attributes=search.attributes,
        )
        controls = None if page is None else [_paging(page)]
        operation = self._ask(request, SEARCH_DONE, controls)
        result = await operation.answer
        return SearchAnswer(operation.entries, result.code, result.cookie)

    def disconnect(self) -> "Deferred[None]":
        """
        End politely.

        :return: Fires when the connection is closed; never fails.
        """
        closed: Deferred[None] = Deferred()
        self._closed.chainDeferred(closed)
        if self.is_open:
            self.is_open = False
            self._write(self._next_id(), pureldap.LDAPUnbindRequest())
            self._farewell = self._clock.callLater(FAREWELL, self._cut)
            _tcp(self.transport).loseConnection()
        elif self._farewell is None:
            self._cut()
        return closed

    # --- What the transport calls -----------------------------------------------------

    def connectionMade(self) -> None:
        """Start at once, unless a handshake comes first."""
        transport = _tcp(self.transport)
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        if not self._is_tls:
            self._open()

    def handshakeCompleted(self) -> None:
        """Start: the server's certificate has been verified."""
        self._open()

    def dataReceived(self, data: bytes) -> None:
        """Hand each complete message to the operation that waits for it."""
        self._received += 1
        try:
            for message in self._splitter.feed(data):
                self._deliver(decode(message), len(message))
        except NotLdap as error:
            self._fail(StoreUnavailable(f"the server does not speak LDAP: {error}"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell everybody who waits."""
        self.is_open = False
        if self._farewell is not None and self._farewell.active():
            self._farewell.cancel()
        why = self._reason or ConnectionGone(_words(reason))
        if not self._ready.called:
            self._ready.errback(why)
        operations, self._operations = self._operations, {}
        for operation in operations.values():
            if operation.limit.active():
                operation.limit.cancel()
            if not operation.answer.called:
                operation.answer.errback(type(why)(str(why)))
        self._closed.callback(None)

    # --- Inside -----------------------------------------------------------------------

    def _open(self) -> None:
        self.is_open = True
        if not self._ready.called:
            self._ready.callback(None)

    def _ask(
        self, request: Any, kind: int, controls: Sequence[Any] | None = None
    ) -> _Operation:
        if not self.is_open:
            raise ConnectionGone("the connection is closed")
        message_id = self._next_id()
        operation = _Operation(
            kind=kind,
            answer=Deferred(lambda _: self._abandon(message_id)),
            messages_before=self._received,
            limit=self._clock.callLater(self._timeout, self._expire, message_id),
        )
        self._operations[message_id] = operation
        self._write(message_id, request, controls)
        return operation

    def _write(
        self, message_id: int, request: Any, controls: Sequence[Any] | None = None
    ) -> None:
        message = pureldap.LDAPMessage(request, id=message_id, controls=controls)
        _tcp(self.transport).write(message.toWire())

    def _next_id(self) -> int:
        # ldaptor's own counter is shared by the process and never wraps.
        while True:
            self._last_id = self._last_id % _LAST_ID + 1
            if self._last_id not in self._operations:
                return self._last_id

    def _deliver(self, message: tuple[int, Answer], size: int) -> None:
        message_id, answer = message
        operation = self._operations.get(message_id)
        if message_id == 0:
            raise NotLdap("the server announced that it hangs up")
        if operation is None or isinstance(answer, Aside):
            return
        if isinstance(answer, Entry):
            self._collect(operation, answer, size)
        elif answer.kind != operation.kind:
            raise NotLdap("the answer to another question")
        else:
            del self._operations[message_id]
            operation.limit.cancel()
            if not operation.is_abandoned:
                operation.answer.callback(answer)

    def _collect(self, operation: _Operation, entry: Entry, size: int) -> None:
        operation.size += size
        if operation.size > SEARCH_LIMIT or operation.kind != SEARCH_DONE:
            raise NotLdap("more entries than anybody asked for")
        if not operation.is_abandoned:
            operation.entries.append(entry)

    def _abandon(self, message_id: int) -> None:
        """
        Tell the server that nobody waits any more.

        The operation stays known until its time is over: a server that sent nothing at
        all by then is given up.
        """
        operation = self._operations.get(message_id)
        if operation is not None and self.is_open:
            operation.is_abandoned = True
            operation.entries = []
            self._write(self._next_id(), pureldap.LDAPAbandonRequest(id=message_id))

    def _expire(self, message_id: int) -> None:
        operation = self._operations[message_id]
        late = TimedOut(f"no answer within {self._timeout:g} s")
        if self._received == operation.messages_before:
            self._fail(late)
            return
        if not operation.is_abandoned:
            self._abandon(message_id)
            operation.answer.errback(late)
        del self._operations[message_id]

    def _fail(self, why: StoreUnavailable) -> None:
        self._reason = self._reason or why
        self._cut()

    def _cut(self) -> None:
        self.is_open = False
        if self.transport is not None:
            _tcp(self.transport).abortConnection()


def _tcp(transport: Any) -> ITCPTransport:
    # Protocol.transport is declared far wider than what a stream endpoint attaches.
    return transport  # type: ignore[no-any-return]


def _paging(page: Page) -> tuple[bytes, bool, bytes]:
    value = pureber.BERSequence(
        [pureber.BERInteger(page.size), pureber.BEROctetString(page.cookie)]
    )
    # Not critical: a server that cannot page answers everything, or says that it cut.
    return PAGED_RESULTS, False, value.toWire()


def _words(reason: Failure) -> str:
    error = reason.value
    if isinstance(error, SSL.Error):
        known = error.args and error.args[0]
        detail = known[-1][-1] if isinstance(known, list) and known else "cut short"
        return f"TLS failed: {detail}"
    if type(error).__module__.startswith("service_identity"):
        return "TLS failed: the certificate is for another host name"
    return "the server closed the connection"
