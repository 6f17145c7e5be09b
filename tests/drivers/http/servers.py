"""The other side for tests of outgoing HTTP: an internet in a box, and bad servers."""

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from zope.interface import implementer

from tests.tls import IssuedCertificate


@implementer(IHostResolution)
@define
class _Resolution:
    name: str

    def cancel(self) -> None:
        """Nothing is under way."""


@implementer(IHostnameResolver)
@define(eq=False)
class FakeNames:
    """
    A resolver of some names; an IP literal is itself.

    :ivar answers: For each name, what is answered the first time, the second time …;
        the last answer stays.
    """

    answers: dict[str, list[list[str]]] = field(factory=dict)

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Answer at once."""
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        for address in self._next(hostName):
            kind = IPv6Address if ":" in address else IPv4Address
            resolutionReceiver.addressResolved(kind("TCP", address, portNumber))
        resolutionReceiver.resolutionComplete()
        return resolution

    def _next(self, name: str) -> list[str]:
        if name.replace(".", "").isdigit() or ":" in name:
            return [name]
        answers = self.answers.get(name, [[]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@implementer(IReactorPluggableNameResolver)
class FakeInternet:
    """
    A reactor whose names and addresses are made up, and whose sockets are real.

    :ivar tried: Each address and port that was connected to.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._servers: dict[tuple[str, int], int] = {}
        self.nameResolver = FakeNames()
        self.tried: list[tuple[str, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Not wanted here."""
        raise NotImplementedError

    def name(self, name: str, *answers: str) -> None:
        """Let a name resolve to each address list in turn (``"a b"`` is two)."""
        self.nameResolver.answers[name] = [each.split() for each in answers]

    def server(self, address: str, port: int, loopback_port: int) -> None:
        """Put a server of this machine at a made-up place."""
        self._servers[address, port] = loopback_port

    def connectTCP(
        self, host: str, port: int, factory: Any, *args: Any, **options: Any
    ) -> Any:
        """Connect to what is there, or be refused."""
        self.tried.append((host, port))
        if (host, port) not in self._servers:
            raise ConnectionRefusedError
        there = self._servers[host, port]
        return self._reactor.connectTCP("127.0.0.1", there, factory, *args, **options)


class Answer(Resource):
    """Answers every GET alike, and remembers the requests."""

    isLeaf = True

    def __init__(self, body: bytes = b"{}", status: int = 200, **headers: str) -> None:
        super().__init__()
        self.body = body
        self.status = status
        self.headers = headers
        self.requests: list[Request] = []

    def render_GET(self, request: Request) -> bytes:
        """Answer."""
        self.requests.append(request)
        request.setResponseCode(self.status)
        for name, value in self.headers.items():
            request.setHeader(name.replace("_", "-"), value)
        return self.body


Speak = Callable[[Any], None]
"""Gets the transport when something has been received, and may write what it likes."""


class _Speaking(Protocol):
    def __init__(self, server: "SpeakingFactory") -> None:
        self._server = server
        self._spoken = False

    def connectionMade(self) -> None:
        self._server.open += 1

    def dataReceived(self, data: bytes) -> None:
        self._server.received += data
        if not self._spoken:
            self._spoken = True
            self._server.speak(self.transport)

    def connectionLost(self, reason: Any = None) -> None:
        self._server.open -= 1


class SpeakingFactory(Factory):
    """
    A server that says what it is told to, HTTP or not.

    :ivar open: How many connections are open.
    """

    noisy = False

    def __init__(self, speak: Speak) -> None:
        self.speak = speak
        self.received = b""
        self.open = 0

    def buildProtocol(self, addr: Any) -> Protocol:
        """Answer a connection."""
        return _Speaking(self)


def says(text: bytes, close: bool = False) -> Speak:
    """Say this, and hang up or not."""

    def speak(transport: Any) -> None:
        transport.write(text)
        if close:
            transport.loseConnection()

    return speak


def listen(case: Any, reactor: Any, factory: Any) -> int:
    """Listen on loopback until the test is over; returns the port."""
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    case.addCleanup(port.stopListening)
    return int(port.getHost().port)


def listen_tls(
    case: Any, reactor: Any, factory: Any, certificate: IssuedCertificate
) -> int:
    """Listen with TLS on loopback until the test is over; returns the port."""
    options = certificate.options()
    port = reactor.listenSSL(0, factory, options, interface="127.0.0.1")
    case.addCleanup(port.stopListening)
    return int(port.getHost().port)


class QuietSite(Site):
    """A site without an access log."""

    noisy = False

    def log(self, request: HttpRequest) -> None:
        """Say nothing: requests hold tokens, and logs are searched for them."""


def site(resource: Resource) -> Site:
    """A site whose log does not look like ours."""
    return QuietSite(resource)
