"""Answers that end: no more bytes than wanted, and not later than promised."""

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer, IDelayedCall, IProtocol
from twisted.internet.protocol import Protocol
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from mxisd.drivers.http.failures import HttpFailed


@implementer(IBodyProducer)
@frozen
class BytesBody:
    """
    A request's body that is all there.

    :ivar is_repeatable: Whether the server may hear it twice although the method is
        POST: it only asks.
    """

    _content: bytes
    is_repeatable: bool = False

    @property
    def length(self) -> int:
        """The number of bytes."""
        return len(self._content)

    def startProducing(self, consumer: IConsumer) -> "Deferred[None]":
        """Send everything at once."""
        consumer.write(self._content)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing is left to pause."""

    def resumeProducing(self) -> None:
        """Nothing is left to resume."""

    def stopProducing(self) -> None:
        """Nothing is left to stop."""


class Question(bytes):
    """
    The body of a POST that only asks, so that its server may hear it twice.

    This is how to say so through ``treq``, which takes bytes.
    """

    def __conform__(self, interface: Any) -> BytesBody | None:
        """Become a body, for the HTTP library."""
        return BytesBody(self, True) if interface is IBodyProducer else None


class BodyCollector(Protocol):
    """Joins a body; ``body`` fires when it is complete."""

    def __init__(self) -> None:
        self.body: Deferred[bytes] = Deferred(lambda _: self._hang_up())
        self._pieces: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        """Keep a piece."""
        self._pieces.append(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Tell that it is complete, or why not."""
        if self.body.called:
            return
        # A server may end a body of unknown length by hanging up.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.body.callback(b"".join(self._pieces))
        else:
            self.body.errback(reason)

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


class _Counting(Protocol):
    """Passes a body on, up to a number of bytes and until a time."""

    def __init__(self, inner: IProtocol, limit_bytes: int) -> None:
        self._inner = inner
        self._left = limit_bytes
        self._limit_bytes = limit_bytes
        self._timer: IDelayedCall | None = None
        self._over = False

    def until(self, clock: Any, deadline: float) -> "_Counting":
        left = max(0.0, deadline - clock.seconds())
        self._timer = clock.callLater(left, self._stop, "the answer took too long")
        return self

    def connectionMade(self) -> None:
        assert self.transport is not None
        self._inner.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._stop(f"the answer is longer than {self._limit_bytes} bytes")
        elif not self._over:
            self._inner.dataReceived(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._end(reason)

    def _stop(self, why: str) -> None:
        self._end(Failure(HttpFailed(why)))
        if self.transport is not None:
            self.transport.loseConnection()

    def _end(self, reason: Failure) -> None:
        if self._over:
            return
        self._over = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._inner.connectionLost(reason)


class _BoundedResponse(proxyForInterface(IResponse)):  # type: ignore[misc]
    """A response whose body ends in time, or fails."""

    def __init__(
        self, original: IResponse, limit_bytes: int, clock: Any, deadline: float
    ) -> None:
        super().__init__(original)
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._deadline = deadline

    def deliverBody(self, protocol: IProtocol) -> None:
        """Deliver the body, as long as it is neither too long nor too late."""
        counting = _Counting(protocol, self._limit_bytes)
        self.original.deliverBody(counting.until(self._clock, self._deadline))


@implementer(IAgent)
class BoundedAgent:
    """
    An agent whose every answer is bounded in size and time.

    Compressed answers are neither asked for nor taken: a bound on what is received
    says nothing about what comes out of it.
    """

    def __init__(
        self,
        clock: Any,
        inner: IAgent,
        *,
        user_agent: str,
        limit_bytes: int,
        seconds: float,
    ) -> None:
        self._clock = clock
        self._inner = inner
        self._user_agent = user_agent
        self._limit_bytes = limit_bytes
        self._seconds = seconds

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> "Deferred[IResponse]":
        """Send a request; its answer's head and body share one deadline."""
        deadline = self._clock.seconds() + self._seconds
        sent = Headers() if headers is None else headers.copy()
        sent.removeHeader("Accept-Encoding")
        sent.setRawHeaders("User-Agent", [self._user_agent])
        answer = self._inner.request(method, uri, sent, bodyProducer)
        answer.addTimeout(self._seconds, self._clock, self._too_late)
        return answer.addCallback(self._bounded, deadline)

    def _bounded(self, response: IResponse, deadline: float) -> IResponse:
        bounded = _BoundedResponse(response, self._limit_bytes, self._clock, deadline)
        encodings = response.headers.getRawHeaders("Content-Encoding", [])
        if any(each.lower() != "identity" for each in encodings):
            bounded.deliverBody(_Unwanted())
            raise HttpFailed("the answer is compressed, which nobody asked for")
        return bounded

    def _too_late(self, result: Any, seconds: float) -> Any:
        if isinstance(result, Failure):
            raise HttpFailed(f"no answer within {seconds:g} s") from result.value
        return result


class _Unwanted(Protocol):
    """Hangs up on a body."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()
