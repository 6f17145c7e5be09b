"""A request whose body is read within limits."""

from io import BytesIO
from typing import Any

from twisted.web.http import Request

from mxisd.errors import BodyTooLarge
from mxisd.web.errors import refused
from mxisd.web.exchange import Reply

CHUNKS = 256
CHUNK_BYTES = 64
"""A body may have 256 chunks, and one more for each 64 bytes: each costs time."""

CHUNKS_TOO_SMALL = refused(BodyTooLarge("The body comes in too many small chunks."))


class Refused(Exception):
    """A request is refused while it is being read; whoever reads it stops at once."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class LimitedRequest(Request):
    """
    A request whose body is small, and that goes straight to the API.

    Forms, cookies and sessions of Twisted are left out.

    :ivar size: How many bytes of its body are there.
    """

    channel: Any
    content: Any
    size = 0
    started = 0.0
    _limit_bytes = 0
    _too_large: Reply
    _is_chunked = False
    _pieces = 0

    # The channel writes them, ready-made.
    has_standing_headers = True

    # Of any origin; then their standing headers have those of CORS.
    is_for_pages = True

    def gotLength(self, length: int | None) -> None:
        """Prepare for the body; called before any of it is read."""
        self.content = BytesIO()
        if length == 0:
            return
        self._is_chunked = length is None
        self.method, self.uri = self.channel.request_line()
        self.path = self.uri.partition(b"?")[0]
        resource = self.channel.site.resource
        self._limit_bytes, self._too_large = resource.allowance(self, length)
        self.channel.start_body()
        if length is not None and length > self._limit_bytes:
            self.channel.refuse(self._too_large)

    def parseCookies(self) -> None:
        """Take no notice of cookies."""

    def handleContentChunk(self, data: bytes) -> None:
        """
        Take a piece of the body.

        :raise Refused: If that is too much.
        """
        self.size += len(data)
        if self.size > self._limit_bytes:
            raise Refused(self._too_large)
        self._pieces += 1
        if self._is_chunked and self._pieces > CHUNKS + self.size // CHUNK_BYTES:
            raise Refused(CHUNKS_TOO_SMALL)
        self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Answer; everything is there now."""
        if self.channel.is_leaving:
            return
        site = self.channel.site
        self.content.seek(0)
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.started = site.reactor.seconds()
        site.resource.render(self)
