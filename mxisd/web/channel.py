"""
One connection and its requests, with limits.

Twisted's own channel reads bodies without end, waits for ever for a slow sender as long
as a byte comes now and then, and answers its own errors without a body.
"""

from enum import Enum
from io import BytesIO
from math import inf
from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.http_headers import Headers

from mxisd.errors import BodyTooLarge
from mxisd.web import messages
from mxisd.web.errors import refused
from mxisd.web.exchange import Reply

if TYPE_CHECKING:
    from mxisd.web.site import IdentitySite

IDLE_SECONDS = 60.0
READ_SECONDS = 10.0
LINGER_SECONDS = 2.0
ABORT_SECONDS = 5.0
DISCARD_BYTES = 4 * 1024 * 1024
MAX_HEADERS = 100
MAX_HEADER_BYTES = 16 * 1024

MALFORMED = messages.error(400, "M_UNKNOWN", "This is not HTTP.")
TOO_SLOW = messages.error(408, "M_UNKNOWN", "The request took too long to arrive.")
HEAD_TOO_LARGE = messages.error(431, "M_TOO_LARGE", "The headers are too large.")
BODY_TOO_LARGE = refused(BodyTooLarge("The body is too large."))


class Phase(Enum):
    """What a connection is doing."""

    IDLE = "waiting for a request"
    READING = "a request is coming in"
    ANSWERING = "a request is being answered"
    LEAVING = "refused; the rest is read and thrown away, so that the refusal arrives"
    CLOSED = "closed on our side"


class LimitedRequest(Request):
    """
    A request whose body is small, and that goes straight to the API.

    Forms, cookies and sessions of Twisted are left out.
    """

    channel: Any
    content: Any
    limit_bytes = 0
    started = 0.0
    _size = 0

    # The channel writes them, ready-made.
    has_standing_headers = True

    # Of any origin; then their standing headers have those of CORS.
    is_for_pages = True

    def gotLength(self, length: int | None) -> None:
        """Prepare for the body; called before any of it is read."""
        self.content = BytesIO()
        if length == 0:
            return
        self.limit_bytes = self.channel.limit_bytes()
        if length is not None and length > self.limit_bytes:
            self.channel.refuse(BODY_TOO_LARGE)

    def parseCookies(self) -> None:
        """Take no notice of cookies."""

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        if self.channel.phase is Phase.LEAVING:
            return
        self._size += len(data)
        if self._size > self.limit_bytes:
            self.channel.refuse(BODY_TOO_LARGE)
        else:
            self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Answer; everything is there now."""
        if self.channel.phase is Phase.LEAVING:
            return
        site = self.channel.site
        self.content.seek(0)
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.started = site.reactor.seconds()
        site.resource.render(self)


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

    def limit_bytes(self) -> int:
        """The largest body that the route of the current request takes."""
        return self.site.resource.limit_bytes(self._command, self._path)

    def connectionMade(self) -> None:
        """Begin to wait for a request."""
        super().connectionMade()
        self.site.channels.add(self)
        self._enter(Phase.IDLE, IDLE_SECONDS)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Tell the request that is being answered."""
        self.site.channels.discard(self)
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        """Read; the time for a request starts with its first byte."""
        if self.phase is Phase.IDLE:
            self._enter(Phase.READING, READ_SECONDS)
        elif self.phase is Phase.LEAVING:
            self._discard(len(data))
            return
        try:
            super().dataReceived(data)
        except ValueError:
            # int() refuses a Content-Length of thousands of digits.
            self.refuse(MALFORMED)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse an overlong request line or header."""
        self.refuse(HEAD_TOO_LARGE)

    def allContentReceived(self) -> None:
        """Stop the time; how long an answer takes is the endpoint's business."""
        if self.phase is not Phase.LEAVING:
            self.phase, self.due = Phase.ANSWERING, inf
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """Wait for the next request."""
        self._enter(Phase.IDLE, IDLE_SECONDS)
        super().requestDone(request)

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
            # Both are gone once the request is there as a whole.
            method, uri = getattr(self, "_command", b"-"), getattr(self, "_path", b"-")
            path = uri.partition(b"?")[0]
            self.transport.write(self.site.plain(reply, path))
            self.site.log_refusal(method, path, reply)

    def overdue(self) -> None:
        """Act on a time that is up."""
        if self.phase is Phase.READING:
            self.refuse(TOO_SLOW)
        elif self.phase is Phase.CLOSED:
            self.due = inf
            self.transport.abortConnection()
        else:
            self._enter(Phase.CLOSED, ABORT_SECONDS)
            self.loseConnection()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > DISCARD_BYTES:
            self.due = inf
            self.transport.abortConnection()

    def _enter(self, phase: Phase, seconds: float) -> None:
        self.phase = phase
        self.due = self.site.reactor.seconds() + seconds

    def _respondToBadRequestAndDisconnect(self) -> None:
        # Twisted's way out for everything malformed; its own answer has no body.
        self.refuse(MALFORMED)

    def _send100Continue(self) -> None:
        if self.phase is not Phase.LEAVING:
            super()._send100Continue()
