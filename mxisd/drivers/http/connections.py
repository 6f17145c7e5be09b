"""How connections are made: where to, with which trust, and how long they may live."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IConnector,
    IHostnameResolver,
    IProtocol,
    IReactorPluggableNameResolver,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from mxisd.drivers.dns import DnsFailed
from mxisd.drivers.http.addresses import may_reach
from mxisd.drivers.http.failures import AddressRefused
from mxisd.drivers.names import NameResolver, Names
from mxisd.drivers.tls import ClientTls
from mxisd.drivers.tls_files import context_trusting
from mxisd.model.requesters import Network

CONNECT_SECONDS = 4


@frozen
class Route:
    """Where to connect, when that is not what the URL says."""

    host: str
    port: int


# --- Trust ----------------------------------------------------------------------------


@implementer(IPolicyForHTTPS)
@define(eq=False)
class Trust:
    """
    Judges certificates: by the system's authorities and some more, and by name.

    Reading the system's authorities takes 10 ms, and they take a megabyte: they are
    read once, when TLS is spoken for the first time.
    """

    _ca_file: str | None
    _context: SSL.Context | None = field(default=None, init=False)

    @classmethod
    def reading(cls, ca_file: Path | None) -> "Trust":
        """
        Trust the authorities in a PEM file too, if there is one.

        :raise UnusableFile: If it cannot be used.
        """
        trust = cls(None if ca_file is None else str(ca_file))
        if ca_file is not None:
            trust._read()
        return trust

    def creatorForNetloc(self, hostname: bytes, port: int) -> ClientTls:
        """Make connections that insist on a certificate for this host."""
        return ClientTls(hostname.decode("ascii"), self._context or self._read())

    def _read(self) -> SSL.Context:
        self._context = context_trusting(self._ca_file)
        return self._context


# --- Guard ----------------------------------------------------------------------------


@define(eq=False)
class Leash:
    """
    Holds the connections of one request, and cuts them.

    What the HTTP library can do is too polite for strangers: it asks TLS to close, and
    goes on reading until the peer agrees; and it takes any number of headers.

    :ivar limit_bytes: After so many bytes received a connection is cut.
    :ivar unresolved: Why there was no address to connect to, if that is known.
    """

    limit_bytes: int
    unresolved: DnsFailed | None = field(default=None, init=False)
    _held: "set[_Leashed]" = field(factory=set, init=False)

    def cut(self) -> None:
        """Cut what is open."""
        for connection in tuple(self._held):
            connection.cut()

    def note_unresolved(self, error: DnsFailed) -> None:
        """Take down why the name could not be resolved."""
        self.unresolved = error

    def wrap(self, factory: ClientFactory) -> "_LeashingFactory":
        """Hold what a factory connects."""
        return _LeashingFactory(factory, self)

    def hold(self, connection: "_Leashed") -> None:
        """Take a connection that was made."""
        self._held.add(connection)

    def release(self, connection: "_Leashed") -> None:
        """Let go of a connection that is closed."""
        self._held.discard(connection)


class _Leashed(ProtocolWrapper):
    factory: "_LeashingFactory"
    _received = 0

    def connectionMade(self) -> None:
        self.factory.leash.hold(self)

    def dataReceived(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self.factory.leash.limit_bytes:
            self.cut()
        else:
            super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.leash.release(self)
        super().connectionLost(reason)

    def cut(self) -> None:
        assert ITCPTransport.providedBy(self.transport)
        self.transport.abortConnection()


class _LeashingFactory(WrappingFactory):
    protocol = _Leashed
    noisy = False

    def __init__(self, wrapped: ClientFactory, leash: Leash) -> None:
        super().__init__(wrapped)
        self.leash = leash


@implementer(IReactorPluggableNameResolver)
class GuardedReactor:
    """
    The part of a reactor that an endpoint uses, for the connections of one request.

    The check sits in ``connectTCP``, after name resolution and with nothing in
    between: a name that resolves differently the second time gains nothing.
    """

    def __init__(
        self,
        reactor: Any,
        allowed: Sequence[Network] | None,
        leash: Leash,
        names: Names | None = None,
    ) -> None:
        """
        Guard a reactor.

        :param allowed: Networks that may be reached besides public addresses; ``None``
            is any.
        :param leash: Holds what is connected.
        :param names: How names are resolved; ``None``: as the reactor does.
        """
        self._reactor = reactor
        self._allowed = allowed
        self._leash = leash
        self._names = names
        self.seconds = reactor.seconds
        self.callLater = reactor.callLater
        self.installNameResolver = reactor.installNameResolver

    @property
    def nameResolver(self) -> IHostnameResolver:
        """The one for these connections, or whatever the reactor uses now."""
        if self._names is not None:
            return NameResolver(self._names, self._leash.note_unresolved)
        resolver: IHostnameResolver = self._reactor.nameResolver
        return resolver

    def connectTCP(
        self, host: str, port: int, factory: ClientFactory, *args: Any, **options: Any
    ) -> IConnector:
        """
        Connect.

        :param host: An address; a name is refused, as it would be resolved again.
        :raise AddressRefused: If that address must not be reached.
        """
        if not self._may_reach(host):
            raise AddressRefused(
                f"{host} is not a public address (see outbound.allowedCidr)"
            )
        leashed = self._leash.wrap(factory)
        connector: IConnector = self._reactor.connectTCP(
            host, port, leashed, *args, **options
        )
        return connector

    def _may_reach(self, host: str) -> bool:
        if self._allowed is None:
            return True
        try:
            return may_reach(ip_address(host), self._allowed)
        except ValueError:
            return False


# --- Endpoints ------------------------------------------------------------------------


@implementer(IStreamClientEndpoint)
@frozen
class _Quiet:
    """
    Connects without two lines in the log for each connection.

    Whoever gives up while a name is resolved is told so, and not that there is no such
    name.
    """

    _inner: IStreamClientEndpoint

    def connect(self, protocolFactory: Any) -> "Deferred[IProtocol]":
        protocolFactory.noisy = False
        connecting: Deferred[IProtocol] = self._inner.connect(protocolFactory)

        def give_up(connected: "Deferred[IProtocol]") -> None:
            connected.errback(CancelledError())
            connecting.cancel()

        def hand_over(outcome: Any) -> None:
            if not connected.called:
                connected.callback(outcome)

        connected: Deferred[IProtocol] = Deferred(give_up)
        connecting.addBoth(hand_over)
        return connected


@implementer(IAgentEndpointFactory)
@frozen
class Endpoints:
    """
    Turns URLs into endpoints.

    :ivar schemes: Which URLs may be asked: ``https``, and ``http`` perhaps.
    :ivar route: Where to connect whatever the URL says; the certificate is still for
        the URL's host.
    """

    reactor: Any
    trust: IPolicyForHTTPS
    schemes: frozenset[bytes]
    route: Route | None = None

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """Make the endpoint for a URL."""
        if uri.scheme not in self.schemes:
            raise SchemeNotSupported("scheme not allowed here")
        route = self.route or Route(uri.host.decode("ascii"), uri.port)
        plain = HostnameEndpoint(
            self.reactor, route.host, route.port, timeout=CONNECT_SECONDS
        )
        if uri.scheme == b"http":
            return _Quiet(plain)
        creator = self.trust.creatorForNetloc(uri.host, uri.port)
        return _Quiet(wrapClientTLS(creator, plain))
