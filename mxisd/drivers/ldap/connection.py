"""One connection to an LDAP server."""

from collections.abc import Sequence
from typing import Any

from attrs import evolve
from ldaptor.protocols import pureldap
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mxisd.drivers.ldap.decoder import (
    BIND_RESPONSE,
    EXTENDED_RESPONSE,
    MESSAGE_LIMIT,
    SEARCH_DONE,
    Answer,
    NotLdap,
    Result,
    Splitter,
    decode,
)
from mxisd.drivers.ldap.errors import (
    NO_PAGES,
    SUCCESS,
    ConnectionGone,
    TimedOut,
    code_name,
    why_lost,
)
from mxisd.drivers.ldap.operations import (
    Page,
    Scope,
    Search,
    SearchAnswer,
    paging,
    search_request,
)
from mxisd.drivers.ldap.pending import Operation, Pending
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret

__all__ = [
    "ConnectionGone",
    "LdapConnection",
    "Page",
    "Scope",
    "Search",
    "SearchAnswer",
    "TimedOut",
]

FAREWELL = 1.0
"""Seconds for a polite end before a connection is cut."""


@implementer(IHandshakeListener)
class LdapConnection(Protocol):
    """
    Speaks LDAP over one transport.

    :ivar is_open: Whether requests can be sent.
    """

    def __init__(
        self,
        clock: IReactorTime,
        timeout: float,
        *,
        is_tls: bool = False,
        patience: float | None = None,
    ) -> None:
        """
        Prepare a connection; a transport is attached by the endpoint.

        :param timeout: Seconds that a server has for each answer.
        :param is_tls: Whether a handshake comes first: nothing is sent before it.
        :param patience: Seconds without a single byte after a question, after which
            the server counts as dead; ``timeout`` if not given.
        """
        self.is_open = False
        self._clock = clock
        self._timeout = timeout
        self._is_in_handshake = is_tls
        self._is_upgrading = False
        self._is_secure = False
        self._is_mute = True
        self._ready: Deferred[None] = Deferred()
        self._closed: Deferred[None] = Deferred()
        self._splitter = Splitter(MESSAGE_LIMIT)
        self._pending = Pending(
            clock,
            timeout,
            min(timeout, patience or timeout),
            abandon=self._send_abandon,
            fail=self._fail,
        )
        self._reason: StoreUnavailable | None = None
        self._farewell: IDelayedCall | None = None

    # --- What callers use -------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """How many operations the server is, or may still be, at work on."""
        return len(self._pending)

    async def ready(self) -> None:
        """
        Wait until requests can be sent; for one caller only.

        :raise StoreUnavailable: If it does not come to that.
        """
        await self._ready

    async def start_tls(self, options: Any) -> None:
        """
        Go over to TLS; when this returns, the server's certificate is verified.

        :param options: An ``IOpenSSLClientConnectionCreator``.
        :raise StoreUnavailable: If it does not come to that; nothing else may be sent.

        Source: RFC 4511, section 4.14.
        """
        self._is_upgrading = True
        request = pureldap.LDAPStartTLSRequest()
        result = await self._ask(request, EXTENDED_RESPONSE).answer
        self.is_open = False
        if result.code != SUCCESS:
            raise StoreUnavailable(
                f"the server refused StartTLS: {code_name(result.code)}"
            )
        self._ready = Deferred()
        self._is_in_handshake = True
        _stream(self.transport).startTLS(options)
        await self._ready

    async def bind(self, name: str | bytes, password: Secret) -> Result:
        """
        Identify with a password, which must not be empty.

        :return: With any code but success, the connection is anonymous from now on.
        :raise StoreUnavailable: If no answer came.
        """
        if not password:
            # A server takes this for an anonymous bind, and reports success.
            raise ValueError("a simple bind needs a password")
        request = pureldap.LDAPBindRequest(dn=name, auth=password.value)
        return await self._ask(request, BIND_RESPONSE).answer

    async def search(
        self, search: Search, page: Page | None = None, size_limit: int = 0
    ) -> SearchAnswer:
        """
        Ask for entries.

        A server that refuses to page is asked again without.

        :param size_limit: The most entries to answer; 0 for the server's own limit.
        :raise StoreUnavailable: If no answer came.
        """
        if page is None and size_limit:
            # Samba heeds the size of a page, and no other limit.
            page = Page(size_limit)
        answer = await self._searched(search, page, size_limit)
        is_first = page is not None and not page.cookie
        if is_first and answer.code in NO_PAGES and not answer.entries:
            code = answer.code
            answer = await self._searched(search, None, size_limit)
            return evolve(answer, refused_pages=code)
        return answer

    async def _searched(
        self, search: Search, page: Page | None, size_limit: int
    ) -> SearchAnswer:
        request = search_request(search, size_limit, self._timeout)
        controls = None if page is None else [paging(page)]
        operation = self._ask(request, SEARCH_DONE, controls)
        result = await operation.answer
        return SearchAnswer(
            entries=operation.entries,
            code=result.code,
            cookie=result.cookie,
            references=operation.references,
            referrals=result.referrals,
        )

    def disconnect(self) -> "Deferred[None]":
        """
        End politely.

        :return: Fires when the connection is closed; never fails.
        """
        closed: Deferred[None] = Deferred()
        self._closed.chainDeferred(closed)
        if self.is_open:
            self.is_open = False
            self._write(self._pending.next_id(), pureldap.LDAPUnbindRequest())
            self._farewell = self._clock.callLater(FAREWELL, self._cut)
            _stream(self.transport).loseConnection()
        elif self._farewell is None:
            self._cut()
        return closed

    # --- What the transport calls -----------------------------------------------------

    def connectionMade(self) -> None:
        """Start at once, unless a handshake comes first."""
        if ITCPTransport.providedBy(self.transport):
            transport = _stream(self.transport)
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
        if not self._is_in_handshake:
            self._open()

    def handshakeCompleted(self) -> None:
        """Start: the server's certificate has been verified."""
        self._is_in_handshake = self._is_upgrading = False
        self._is_secure = self._is_mute = True
        self._open()

    def dataReceived(self, data: bytes) -> None:
        """Hand each complete message to the operation that waits for it."""
        self._is_mute = False
        self._pending.note_bytes(len(data))
        try:
            messages = self._splitter.feed(data)
            if self._is_upgrading and messages:
                self._demand_nothing_more(messages)
            for message in messages:
                self._deliver(decode(message), len(message))
        except NotLdap as error:
            self._fail(StoreUnavailable(f"the server does not speak LDAP: {error}"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell everybody who waits."""
        self.is_open = False
        if self._farewell is not None and self._farewell.active():
            self._farewell.cancel()
        words = why_lost(
            reason,
            in_handshake=self._is_in_handshake,
            is_secure=self._is_secure,
            was_mute=self._is_mute,
        )
        why = self._reason or ConnectionGone(words)
        if not self._ready.called:
            self._ready.errback(why)
        self._pending.lose(why)
        self._closed.callback(None)

    # --- Inside -----------------------------------------------------------------------

    def _open(self) -> None:
        self.is_open = True
        if not self._ready.called:
            self._ready.callback(None)

    def _ask(
        self, request: Any, kind: int, controls: Sequence[Any] | None = None
    ) -> Operation:
        if not self.is_open:
            raise ConnectionGone("the connection is closed")
        message_id, operation = self._pending.add(kind)
        self._write(message_id, request, controls)
        return operation

    def _write(
        self, message_id: int, request: Any, controls: Sequence[Any] | None = None
    ) -> None:
        message = pureldap.LDAPMessage(request, id=message_id, controls=controls)
        _stream(self.transport).write(message.toWire())

    def _send_abandon(self, message_id: int) -> None:
        if self.is_open:
            request = pureldap.LDAPAbandonRequest(id=message_id)
            self._write(self._pending.next_id(), request)

    def _demand_nothing_more(self, messages: Sequence[bytes]) -> None:
        # Whoever sits in between could send answers in the clear behind this one.
        if len(messages) > 1 or self._splitter.has_rest:
            raise NotLdap("it sent more than its answer to StartTLS")

    def _deliver(self, message: tuple[int, Answer], size: int) -> None:
        message_id, answer = message
        if message_id == 0:
            self._fail(ConnectionGone("the server announced that it hangs up"))
        else:
            self._pending.deliver(message_id, answer, size)

    def _fail(self, why: StoreUnavailable) -> None:
        self._reason = self._reason or why
        self._cut()

    def _cut(self) -> None:
        self.is_open = False
        if self.transport is not None:
            _stream(self.transport).abortConnection()


def _stream(transport: Any) -> Any:
    # Protocol.transport is declared far wider than what a stream endpoint attaches.
    return transport
