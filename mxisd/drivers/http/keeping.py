"""
Which connections are kept for the next request, and which requests may be repeated.

The HTTP library keeps a connection unless its server says ``close`` in lower case, and
sends a request over one that is dead already without telling.
"""

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure

# Not exported by twisted.web.client, which has only a factory of its own for it.
from twisted.web._newclient import HTTP11ClientProtocol
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    RequestTransmissionFailed,
    ResponseNeverReceived,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import (
    IAgent,
    IAgentEndpointFactory,
    IBodyProducer,
    IResponse,
)
from zope.interface import implementer

from mxisd.drivers.http.bounds import BytesBody

KEPT_CONNECTIONS = 8
KEPT_SECONDS = 60

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS"})


def may_be_repeated(method: bytes, body: IBodyProducer | None) -> bool:
    """
    Whether a server may hear a request twice.

    Source: RFC 9110, section 9.2.2; a body may say that a POST only asks.
    """
    if body is None or isinstance(body, BytesBody):
        return method in IDEMPOTENT or (body is not None and body.is_repeatable)
    return False  # It may be used up.


# --- Connections ----------------------------------------------------------------------


class DeadConnection(Exception):
    """A kept connection ended before the first byte of an answer came."""


class _Line(HTTP11ClientProtocol):
    """
    A connection that is kept only where its server means that, and that says how it
    ended.
    """

    _requests = 0
    broke: Failure | None = None

    def __init__(self, keep: Callable[["_Line"], None]) -> None:
        super().__init__(self._end_or_keep)
        self._keep = keep

    def request(self, request: Any) -> "Deferred[IResponse]":
        self._requests += 1
        asked: Deferred[IResponse] = super().request(request)
        asked.addCallback(lambda response: _WholeResponse(response, self))
        if self._requests > 1:
            asked.addErrback(_call_dead)
        return asked

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not reason.check(ConnectionDone):
            self.broke = reason
        super().connectionLost(reason)

    def _end_or_keep(self, _: Any) -> None:
        if self._means_to_stay():
            self._keep(self)
        else:
            assert self.transport is not None
            self.transport.loseConnection()

    def _means_to_stay(self) -> bool:
        """Whether the server keeps the connection (RFC 9112, section 9.3)."""
        # The library keeps these headers out of the response.
        parser: Any = self._parser
        values = parser.connHeaders.getRawHeaders(b"connection", ())
        options = {each.strip().lower() for each in b",".join(values).split(b",")}
        if b"close" in options:
            return False
        return parser.response.version[1:] >= (1, 1) or b"keep-alive" in options


def _call_dead(failure: Failure) -> Any:
    error = failure.value
    if not isinstance(error, RequestTransmissionFailed | ResponseNeverReceived):
        return failure
    if any(reason.check(CancelledError) for reason in error.reasons):
        return failure
    raise DeadConnection from error


class _LineFactory(Factory):
    def __init__(self, keep: Callable[[_Line], None], metadata: str) -> None:
        self._keep = keep

    def buildProtocol(self, addr: Any) -> _Line:
        return _Line(self._keep)


class Connections(HTTPConnectionPool):
    """
    The connections of one client.

    :ivar persistent: Whether any of them is kept.
    """

    _factory: Any = _LineFactory
    maxPersistentPerHost = KEPT_CONNECTIONS
    cachedConnectionTimeout = KEPT_SECONDS
    retryAutomatically = False  # RepeatingAgent knows better.

    async def close(self) -> None:
        """Close those that are kept, and those that come back later."""
        # A question that was cancelled may be answered all the same: its connection
        # returns to a pool that nobody will look into again.
        self.cachedConnectionTimeout = 0
        await self.closeCachedConnections()


# --- Answers --------------------------------------------------------------------------


class _WholeResponse(proxyForInterface(IResponse)):  # type: ignore[misc]
    """A response whose body fails if the connection broke instead of ending."""

    def __init__(self, original: IResponse, line: _Line) -> None:
        super().__init__(original)
        self._line = line

    def deliverBody(self, protocol: IProtocol) -> None:
        """Deliver the body."""
        self.original.deliverBody(_Whole(protocol, self._line))


class _Whole(Protocol):
    """
    Passes a body on.

    A body without a length ends with the connection; whether that was the server's
    doing, the library does not tell.
    """

    def __init__(self, inner: IProtocol, line: _Line) -> None:
        self._inner = inner
        self._line = line

    def connectionMade(self) -> None:
        assert self.transport is not None
        self._inner.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._inner.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(PotentialDataLoss) and self._line.broke is not None:
            reason = self._line.broke
        self._inner.connectionLost(reason)


# --- Requests -------------------------------------------------------------------------


@implementer(IAgent)
@frozen
class RepeatingAgent:
    """
    Asks over kept connections what may be asked twice, and all else over new ones.

    A kept connection may be dead, which shows only when it is used; what was asked
    over it is asked once more, over a new one.
    """

    _kept: IAgent
    _new: IAgent

    @classmethod
    def over(
        cls, reactor: Any, endpoints: IAgentEndpointFactory, kept: Connections
    ) -> "RepeatingAgent":
        """Put one together."""
        new = Connections(reactor, persistent=False)
        return cls(
            Agent.usingEndpointFactory(reactor, endpoints, kept),
            Agent.usingEndpointFactory(reactor, endpoints, new),
        )

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> "Deferred[IResponse]":
        """Send a request."""
        if not may_be_repeated(method, bodyProducer):
            return self._new.request(method, uri, headers, bodyProducer)

        def again(failure: Failure) -> "Deferred[IResponse]":
            failure.trap(DeadConnection)
            return self._new.request(method, uri, headers, bodyProducer)

        asked = self._kept.request(method, uri, headers, bodyProducer)
        return asked.addErrback(again)
