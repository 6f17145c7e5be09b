"""A connection to a mail server: one question at a time, and its answer."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from mxisd.drivers.smtp.failures import MailFailed, server_words, why_not_connected
from mxisd.drivers.smtp.servers import Encryption, MailServer
from mxisd.drivers.tls import CertificateRefused, ClientTls
from mxisd.errors import MessageNotSent, SenderUnavailable

CONNECT_SECONDS = 10
NEXT_ADDRESS = 0.1
"""Seconds after which the next address of a name is tried beside the one before."""

MAX_LINES = 200
"""An answer is not longer."""


@frozen
class Reply:
    """
    An answer.

    :ivar code: Its three digits; the first one says whether all is well (2), the server
        waits for more (3), or what was asked was refused for now (4) or for good (5).
    :ivar lines: Its texts; they may quote anything.
    """

    code: int
    lines: Sequence[bytes]

    @property
    def is_good(self) -> bool:
        """Whether the server did what it was asked."""
        return 200 <= self.code < 300


class Conversation(LineReceiver):
    """
    What is said on a connection.

    :ivar hidden: What is told to nobody else: names, addresses, and secrets in each
        form that the server has heard.
    :ivar means: What it means when the server falls silent now.
    :ivar has_heard: Whether the server has said anything.
    """

    transport: Any

    def __init__(self, *, is_encrypted: bool) -> None:
        """Wait for the connection."""
        self.is_encrypted = is_encrypted
        self.hidden: list[str] = []
        self.means: type[MessageNotSent] = SenderUnavailable
        self.has_heard = False
        self._lines: list[bytes] = []
        self._replies: deque[Reply] = deque()
        self._waiting: Deferred[None] | None = None
        self._end: MailFailed | None = None

    # --- What we say ------------------------------------------------------------------

    async def ask(self, line: bytes) -> Reply:
        """
        Say a line, and wait for the answer.

        :raise MailFailed: If none comes.
        """
        self.sendLine(line)
        return await self.reply()

    async def reply(self) -> Reply:
        """
        Wait for an answer.

        :raise MailFailed: If none comes.
        """
        if not self._replies and self._end is None:
            self._waiting = Deferred()
            await self._waiting
        if self._replies:
            return self._replies.popleft()
        assert self._end is not None
        self._end.means = self.means
        raise self._end

    def start_tls(self, tls: ClientTls) -> None:
        """
        Go over to TLS.

        :raise MailFailed: If somebody has answered before it.
        """
        if self.clearLineBuffer() or self._replies:
            raise MailFailed("something was said before TLS", means=self.means)
        self.transport.startTLS(tls)
        self.is_encrypted = True

    def failed(self, text: str, reply: Reply, **more: Any) -> MailFailed:
        """A failure, with what the server said to it."""
        words = server_words(reply.code, reply.lines, self.hidden)
        return MailFailed(f"{text} {words}", **{"means": self.means, **more})

    def cut(self) -> None:
        """End the connection at once."""
        self.transport.abortConnection()

    # --- What we hear -----------------------------------------------------------------

    def connectionMade(self) -> None:
        """Let the end of a message not wait for the server's operating system."""
        self.transport.setTcpNoDelay(True)

    def lineReceived(self, line: bytes) -> None:
        """Keep a line of an answer; its last one has no dash behind the code."""
        self.has_heard = True
        code, more = line[:3], line[3:4] == b"-"
        self._lines.append(line[4:])
        if len(code) < 3 or not code.isdigit() or len(self._lines) > MAX_LINES:
            self._over(MailFailed("the server talks nonsense"))
            self.cut()
        elif not more:
            lines, self._lines = self._lines, []
            self._replies.append(Reply(int(code), lines))
            self._wake()

    def lineLengthExceeded(self, line: bytes) -> None:
        """End it."""
        self._over(MailFailed("the server talks nonsense"))
        self.cut()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell whoever waits."""
        error = reason.value
        assert error is not None
        is_tls = isinstance(error, CertificateRefused | SSL.Error)
        key = "tls" if is_tls else ""
        self._over(MailFailed(why_not_connected(error), key=key))

    def _over(self, end: MailFailed) -> None:
        self._end = self._end or end
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)


async def connected(
    reactor: Any, server: MailServer, tls: ClientTls | None
) -> Conversation:
    """
    Connect, to whichever of the server's addresses answers first.

    :raise MailFailed: If none does.
    """
    endpoint: Any = HostnameEndpoint(
        reactor,
        server.host,
        server.port,
        timeout=CONNECT_SECONDS,
        attemptDelay=NEXT_ADDRESS,
    )
    is_first = server.encryption is Encryption.FROM_THE_START
    if tls is not None and is_first:
        endpoint = wrapClientTLS(tls, endpoint)
    conversation = Conversation(is_encrypted=is_first)
    try:
        await _cancellable(connectProtocol(endpoint, conversation))
    except CancelledError:
        raise
    except Exception as error:
        reason = why_not_connected(error)
        raise MailFailed(reason, key="host", means=SenderUnavailable) from error
    return conversation


def _cancellable(connecting: "Deferred[Any]") -> "Deferred[Any]":
    """The same; an endpoint that is cancelled fails as if there were no such host."""

    def cancel(_: Any) -> None:
        waiting.errback(CancelledError())
        connecting.cancel()

    def tell(outcome: Any) -> None:
        if not waiting.called:
            waiting.callback(outcome)

    waiting: Deferred[Any] = Deferred(cancel)
    connecting.addBoth(tell)
    return waiting
