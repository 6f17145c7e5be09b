"""Servers with TLS on loopback, which remember what they were told."""

from typing import Any, ClassVar

from attrs import define, field
from twisted.internet import reactor as real_reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.basic import LineReceiver

from mxisd.drivers.ldap.decoder import Splitter
from tests.drivers.ldap import answers
from tests.tls import IssuedCertificate

reactor: Any = real_reactor

EXTENDED = 0x77


class Remembering(Protocol):
    """
    One connection.

    :cvar is_secure: Whether TLS is spoken from the start.
    """

    factory: "TlsServer"
    transport: Any
    is_secure = True

    def connectionMade(self) -> None:
        """Be known."""
        self.factory.connections.add(self)

    def connectionLost(self, reason: Any = None) -> None:
        """Be forgotten."""
        self.factory.connections.discard(self)

    def remember(self, data: bytes) -> None:
        """Keep what came."""
        if self.is_secure:
            self.factory.received += data
        else:
            self.factory.in_clear += data

    def go_over_to_tls(self) -> None:
        """Do what the client has asked for."""
        self.transport.startTLS(self.factory.options)
        self.is_secure = True


@define(eq=False)
class TlsServer(Factory):
    """
    A server.

    :ivar received: What came by TLS.
    :ivar in_clear: What came before TLS was spoken.
    """

    protocol: Any
    options: Any
    received: bytes = b""
    in_clear: bytes = b""
    connections: set[Remembering] = field(factory=set)
    noisy = False

    def told(self, secret: bytes) -> bool:
        """Whether it has heard this in any way."""
        return secret in self.received + self.in_clear


def serve(
    case: Any, protocol: type[Remembering], certificate: IssuedCertificate
) -> tuple[TlsServer, int]:
    """Listen on loopback until the test is over; gives the port, too."""
    server = TlsServer(protocol, certificate.options())
    where = {"interface": "127.0.0.1"}
    if protocol.is_secure:
        port = reactor.listenSSL(0, server, server.options, **where)
    else:
        port = reactor.listenTCP(0, server, **where)

    def stop() -> Any:
        for connection in list(server.connections):
            connection.transport.abortConnection()
        return port.stopListening()

    case.addCleanup(stop)
    return server, port.getHost().port


class Web(Remembering):
    """Speaks HTTP, and answers everybody alike."""

    def dataReceived(self, data: bytes) -> None:
        """Answer."""
        self.remember(data)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
        self.transport.write(head + b"{}")


class Directory(Remembering):
    """Speaks LDAP, takes every password, and knows StartTLS."""

    def connectionMade(self) -> None:
        """Begin."""
        super().connectionMade()
        self._splitter = Splitter()

    def dataReceived(self, data: bytes) -> None:
        """Answer; the numbers of messages are small."""
        self.remember(data)
        for message in self._splitter.feed(data):
            start = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
            number, kind = message[start + 2], message[start + 3]
            if kind == EXTENDED:
                self.transport.write(answers.extended(number))
                self.go_over_to_tls()
            else:
                self.transport.write(answers.bound(number))


class PlainDirectory(Directory):
    """The same, in the clear until StartTLS."""

    is_secure = False


class Mail(Remembering, LineReceiver):
    """Speaks SMTP; by TLS it takes every login."""

    REPLIES: ClassVar = {
        b"AUTH": b"334 ",
        b"DATA": b"354 go on",
        b"STARTTLS": b"220 go on",
        b"QUIT": b"221 bye",
    }

    _is_login_next = False

    def connectionMade(self) -> None:
        """Greet."""
        super().connectionMade()
        self.sendLine(b"220 mail.test")

    def lineReceived(self, line: bytes) -> None:
        """Answer to a command; a line of a message is none."""
        self.remember(line + b"\n")
        word = line.upper().split(b" ")[0].split(b":")[0]
        if self._is_login_next:
            self._is_login_next = False
            self.sendLine(b"235 welcome")
        elif word == b"EHLO":
            offered = b"AUTH PLAIN" if self.is_secure else b"STARTTLS"
            self.sendLine(b"250-mail.test\r\n250 " + offered)
        elif word in (b"MAIL", b"RCPT", b".", *self.REPLIES):
            self.sendLine(self.REPLIES.get(word, b"250 fine"))
        self._is_login_next = word == b"AUTH"
        if word == b"STARTTLS":
            self.go_over_to_tls()


class PlainMail(Mail):
    """The same, in the clear until STARTTLS."""

    is_secure = False
