"""
One connection and its requests, with limits.

Twisted's own channel reads bodies without end, waits for ever for a slow sender as long
as a byte comes now and then, answers all requests that came in one piece before it lets
anybody else have a turn, and answers its own errors without a body.
"""

from enum import Enum
from math import inf
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.http_headers import Headers

from mxisd.web import messages
from mxisd.web.exchange import Reply
from mxisd.web.heads import BadHead, is_legal_line, target_of, wants_close
from mxisd.web.request import Refused

if TYPE_CHECKING:
    from mxisd.web.site import IdentitySite

IDLE_SECONDS = 60.0
HEAD_SECONDS = 10.0
WINDOW_SECONDS = 10.0
MIN_BYTES_PER_SECOND = 1000
"""A body, and who reads an answer, must get on as fast."""

LINGER_SECONDS = 2.0
ABORT_SECONDS = 5.0
DISCARD_BYTES = 4 * 1024 * 1024
MAX_HEADERS = 100
MAX_HEADER_BYTES = 16 * 1024

PIPELINED = 8
"""So many requests that came in one piece are answered before others have a turn."""

MALFORMED = messages.error(400, "M_UNKNOWN", "This is not HTTP.")
BAD_HEADER = messages.error(400, "M_UNKNOWN", "A header is not as HTTP has it.")
TOO_SLOW = messages.error(408, "M_UNKNOWN", "The request took too long to arrive.")
TLS_HANDSHAKE = b"\x16"
"""TLS begins with it, and HTTP never does."""

URL_TOO_LONG = messages.error(414, "M_TOO_LARGE", "The URL is too long.")
HEAD_TOO_LARGE = messages.error(
    431, "M_TOO_LARGE", "The headers are too many, or too large."
)


class Phase(Enum):
    """What a connection is doing."""

    IDLE = "waiting for a request"
    HEAD = "the head of a request is coming in"
    BODY = "the body of a request is coming in"
    ANSWERING = "a request is being answered"
    SENDING = "an answer is there, and the client has not yet read it"
    LEAVING = "refused; the rest is read and thrown away, so that the refusal arrives"
    CLOSED = "closed on our side"


class LimitedChannel(HTTPChannel):
    """
    A connection with limits on time and size.

    Time is kept by the site, which calls :meth:`overdue`: a timer per request would
    cost more than the rest of the limits.

    :ivar due: When :meth:`overdue` is to be called, in seconds of the reactor.
    """

    maxHeaders = MAX_HEADERS
    totalHeadersSize = MAX_HEADER_BYTES

    site: "IdentitySite"
    transport: Any
    phase = Phase.IDLE
    due = inf
    _discarded = 0
    _judged = 0
    _answered = 0
    _is_resting = False

    def request_line(self) -> tuple[bytes, bytes]:
        """Method and URI of the request that is being read; else ``-``."""
        # Both are gone once the request is there as a whole.
        return getattr(self, "_command", b"-"), getattr(self, "_path", b"-")

    @property
    def is_leaving(self) -> bool:
        """Whether the request was refused already."""
        return self.phase is Phase.LEAVING

    def start_body(self) -> None:
        """Expect a body, at a speed that makes sense."""
        self._judged = 0
        self._enter(Phase.BODY, WINDOW_SECONDS)

    def connectionMade(self) -> None:
        """Begin to wait for a request."""
        super().connectionMade()
        self.site.connections.add(self, self.transport.getPeer())
        self._enter(Phase.IDLE, IDLE_SECONDS)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Tell the request that is being answered."""
        self._enter(Phase.CLOSED, inf)
        self.site.connections.discard(self)
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        """Read; the time for a request starts with its first byte."""
        if self.phase is Phase.LEAVING:
            self._discard(len(data))
            return
        if self.phase is Phase.IDLE:
            self._enter(Phase.HEAD, HEAD_SECONDS)
        if not self._busyReceiving:
            self._answered = 0
        try:
            super().dataReceived(data)
        except Refused as refusal:
            self.refuse(refusal.reply)
        except ValueError:
            # int() refuses a Content-Length of thousands of digits.
            self.refuse(MALFORMED)
        if self._is_resting:
            self._networkProducer.pauseProducing()
        elif self._is_hopeless():
            self.refuse(MALFORMED)

    def headerReceived(self, line: bytes) -> bool:
        """Read a header; old Twisteds take signs that it may not have."""
        if not is_legal_line(line):
            self.refuse(BAD_HEADER)
            return False
        return bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:
        """Judge the head as a whole, and go on with its path."""
        headers = self.requests[-1].requestHeaders
        method, target = self.request_line()
        try:
            self._path = target_of(method, target, self._version, headers)
        except BadHead as error:
            self.refuse(messages.error(400, "M_UNKNOWN", str(error)))
        else:
            super().allHeadersReceived()

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """Whether the connection goes on; if not, the client is told so."""
        values = request.requestHeaders.getRawHeaders(b"Connection", ())
        if version == b"HTTP/1.1" and not wants_close(values):
            return True
        request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return False

    def rawDataReceived(self, data: bytes) -> None:
        """Read a body, or keep what comes while another request is answered."""
        if self._handlingRequest:
            # Twisted adds up the lengths of all pieces for each that comes.
            self._dataBuffer = [b"".join(self._dataBuffer)]
        super().rawDataReceived(data)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse an overlong request line or header."""
        self.refuse(self._too_large())

    def allContentReceived(self) -> None:
        """Stop the time; how long an answer takes is the endpoint's business."""
        if self.phase is not Phase.LEAVING:
            self.phase, self.due = Phase.ANSWERING, inf
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """Wait for the next request, or go on with it if it is there."""
        has_more = bool(self._buffer) or any(self._dataBuffer)
        self._answered += 1
        if not self.persistent or self._waitingForTransport:
            seconds = request.sentLength / MIN_BYTES_PER_SECOND
            self._enter(Phase.SENDING, IDLE_SECONDS + seconds)
        else:
            self._wait(has_more)
        if has_more and (self._waitingForTransport or self._answered >= PIPELINED):
            self._rest()
        super().requestDone(request)

    def resumeProducing(self) -> None:
        """Go on when the client has read what was sent."""
        super().resumeProducing()
        if self.phase is Phase.SENDING:
            self._wait(bool(self._buffer))
        if self._is_resting:
            self._go_on()

    def writeHeaders(
        self, version: bytes, code: bytes, reason: bytes, headers: Headers
    ) -> None:
        """Write a reply's head in one piece: Twisted's many pieces cost time each."""
        standing = self.site.standing_headers(self.requests[0].is_for_pages)
        lines = [b"%s %s %s" % (version, code, reason), standing]
        for name, values in headers.getAllRawHeaders():
            lines.extend(b"%s: %s" % (name, value) for value in values)
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n")

    def refuse(self, reply: Reply) -> None:
        """
        Answer before the request was read, and hang up soon.

        Whoever is still sending would see a reset instead of the answer if the
        connection were closed at once.
        """
        if self.phase not in (Phase.LEAVING, Phase.CLOSED):
            self._enter(Phase.LEAVING, LINGER_SECONDS)
            # Twisted's parser would go on with what it has already.
            self.paused = True
            method, uri = self.request_line()
            path = uri.partition(b"?")[0]
            self.transport.write(self.site.plain(reply, method, path))
            self.site.log_refusal(method, path, reply)

    def give_way(self) -> None:
        """Close an idle connection, since others need its descriptor."""
        self._enter(Phase.CLOSED, ABORT_SECONDS)
        self.loseConnection()
        # The reactor would take this step after all those who come now.
        if IReadWriteDescriptor.providedBy(self.transport):
            reason = self.transport.doWrite()
            if reason:
                self.transport.connectionLost(Failure(reason))

    def overdue(self) -> None:
        """Act on a time that is up."""
        if self.phase is Phase.BODY and self._gets_on():
            self._enter(Phase.BODY, WINDOW_SECONDS)
        elif self.phase in (Phase.HEAD, Phase.BODY):
            self.refuse(TOO_SLOW)
        elif self.phase in (Phase.SENDING, Phase.CLOSED):
            self.due = inf
            self.transport.abortConnection()
        else:
            self._enter(Phase.CLOSED, ABORT_SECONDS)
            self.loseConnection()

    def _gets_on(self) -> bool:
        """Whether enough of the body has come since this was last asked."""
        size = self.requests[-1].size
        fresh, self._judged = size - self._judged, size
        return bool(fresh >= WINDOW_SECONDS * MIN_BYTES_PER_SECOND)

    def _wait(self, has_more: bool) -> None:
        """Wait for a request, or for the rest of one that has begun."""
        if has_more:
            self._enter(Phase.HEAD, HEAD_SECONDS)
        else:
            self._enter(Phase.IDLE, IDLE_SECONDS)

    def _rest(self) -> None:
        """Let others have their turn; until then, what comes stays where it is."""
        self._is_resting = self.paused = True
        if not self._waitingForTransport:
            self.site.reactor.callLater(0, self._go_on)

    def _go_on(self) -> None:
        is_open = self.phase not in (Phase.LEAVING, Phase.CLOSED)
        if is_open and not self._waitingForTransport:
            self._is_resting = self.paused = False
            self._networkProducer.resumeProducing()
            self.dataReceived(b"")

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > DISCARD_BYTES:
            self.due = inf
            self.transport.abortConnection()

    def _enter(self, phase: Phase, seconds: float) -> None:
        if phase is Phase.IDLE:
            self.site.connections.idle(self)
        elif self.phase is Phase.IDLE:
            self.site.connections.busy(self)
        self.phase = phase
        self.due = self.site.reactor.seconds() + seconds

    def _respondToBadRequestAndDisconnect(self) -> None:
        # Twisted's way out for everything malformed; its own answer has no body.
        is_large = self._receivedHeaderSize > self.totalHeadersSize
        is_large = is_large or self._receivedHeaderCount > self.maxHeaders
        self.refuse(self._too_large() if is_large else MALFORMED)

    def _too_large(self) -> Reply:
        # Where there is no method yet, it is the request line.
        return HEAD_TOO_LARGE if hasattr(self, "_command") else URL_TOO_LONG

    def _is_hopeless(self) -> bool:
        # No whole line will come of a bare line feed, or of TLS; nobody has to wait.
        if self._busyReceiving or not self.line_mode:
            return False
        return b"\n" in self._buffer or self._buffer.startswith(TLS_HANDSHAKE)

    def _send100Continue(self) -> None:
        if self.phase is not Phase.LEAVING:
            super()._send100Continue()
