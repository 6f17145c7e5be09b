"""Whom certificates are for, and connections that nobody else may have."""

from pathlib import Path
from typing import Any

from cryptography.x509 import load_pem_x509_certificate
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

import mxisd
from mxisd.drivers.tls import CertificateRefused, ClientTls, verify_host
from mxisd.drivers.tls_files import context_trusting
from tests.drivers.tls_servers import Web, serve
from tests.tls import CertificateAuthority

SECRET = b"swordfish-7"


class HostTests(SynchronousTestCase):
    """Names in certificates."""

    def setUp(self) -> None:
        """Make an authority."""
        self.authority = CertificateAuthority(Path(self.mktemp()))

    def verify(self, host: str, *names: str) -> None:
        """Judge a certificate with these names."""
        issued = self.authority.issue(*names, common_name=host or "x")
        verify_host(load_pem_x509_certificate(issued.cert_file.read_bytes()), host)

    def test_right_names(self) -> None:
        """Case does not matter; a star is one whole label; addresses have a value."""
        for host, name in (
            ("example.org", "Example.ORG"),
            ("EXAMPLE.org", "example.org"),
            ("a.example.org", "*.example.org"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("my_host.example.org", "my_host.example.org"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:DB8::1", "2001:db8:0::1"),
        ):
            self.verify(host, name)
            self.verify(host, "other.test", "*", "*.org", name)

    def test_what_is_no_host_does_not_matter(self) -> None:
        """Active Directory writes such URIs; one service_identity stumbles over."""
        uri = "uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1000"
        self.verify("dc.example.org", uri, "dc.example.org")
        self.assertRaises(CertificateRefused, self.verify, "dc.example.org", uri)

    def test_other_names(self) -> None:
        """Neither part of a name, nor more, nor a star elsewhere."""
        for host, name in (
            ("example.org", "*.example.org"),
            ("a.b.example.org", "*.example.org"),
            ("example.org", "example.org.evil.test"),
            ("xn--bcher-kva.example.org", "*.example.org"),
            ("192.0.2.1", "192.0.2.2"),
            ("::1", "127.0.0.1"),
            ("127.0.0.1", "localhost"),
        ):
            error = self.assertRaises(CertificateRefused, self.verify, host, name)
            self.assertEqual(str(error), "the certificate is for another name")

    def test_no_names(self) -> None:
        """The subject is none, nor is what could be anybody's."""
        for names in ((), ("*",), ("*.org",), ("a.*.org",), ("*.*.org",), (" ",)):
            error = self.assertRaises(
                CertificateRefused, self.verify, "a.example.org", *names
            )
            self.assertEqual(str(error), "the certificate names no host")

    def test_hosts_that_cannot_be(self) -> None:
        """Nobody is verified then."""
        for host in ("", "a b", "1.2.3", "exam\0ple.org", "*.example.org"):
            self.assertRaises(CertificateRefused, self.verify, host, "example.org")

    def test_a_certificate_that_cannot_be_read(self) -> None:
        """Whatever the libraries raise, it is refused."""

        class Broken:
            @property
            def extensions(self) -> Any:
                raise KeyError

        broken: Any = Broken()
        error = self.assertRaises(CertificateRefused, verify_host, broken, "a.test")
        self.assertIn("cannot be verified (KeyError)", str(error))

    @given(st.text("*.ab-\0 :1", max_size=9).filter(lambda name: name != "a.b"))
    def test_any_name(self, name: str) -> None:
        """No other name is as good as ours."""
        if name.strip().lower() != "a.b":
            self.assertRaises(CertificateRefused, self.verify, "a.b", name)


class SourcesTests(SynchronousTestCase):
    def test_nobody_verifies_in_another_way(self) -> None:
        """Twisted's own ways take certificates whose names cannot be read."""
        root = Path(mxisd.__file__).parent
        own = (
            "optionsForClientTLS",
            "BrowserLikePolicyForHTTPS",
            " Agent(",
            "ClientTLS",
        )
        found = [
            (path.name, word)
            for path in root.rglob("*.py")
            for word in own
            if word in path.read_text(encoding="utf-8").replace("wrapClientTLS", "")
        ]
        self.assertEqual(found, [])


class _Telling(Protocol):
    """Tells a secret at once; ``over`` is why the connection ended, or ``None``."""

    transport: Any

    def __init__(self) -> None:
        self.over: Deferred[Any] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(SECRET)

    def dataReceived(self, data: bytes) -> None:
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(reason.value)


@implementer(IOpenSSLClientConnectionCreator)
class Careless:
    """Begins connections in whose certificates nobody is interested."""

    def __init__(self, inner: ClientTls) -> None:
        self._inner = inner

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """Begin one."""
        connection = self._inner.clientConnectionForTLS(protocol)
        connection.set_verify(SSL.VERIFY_NONE, lambda *_: True)
        return connection


class ConnectionTests(TestCase):
    """Connections over loopback."""

    timeout = 60

    def setUp(self) -> None:
        """Make an authority and what trusts it."""
        self.authority = CertificateAuthority(Path(self.mktemp()))
        self.context = context_trusting(str(self.authority.ca_file))

    async def ended(self, creator: Any, name: str) -> tuple[Any, bytes]:
        """Why a connection to who has this name ended, and what it was told."""
        server, port = serve(self, Web, self.authority.issue(name))
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        protocol = _Telling()
        await connectProtocol(wrapClientTLS(creator, endpoint), protocol)
        return await protocol.over, server.received

    async def test_names_in_other_scripts(self) -> None:
        """Configured as people write them, certified as the DNS has them."""
        for host in ("bücher.example", "BÜCHER.example", "xn--bcher-kva.example"):
            creator = ClientTls(host, self.context)
            _, told = await self.ended(creator, "xn--bcher-kva.example")
            self.assertEqual(told, SECRET, host)
        for host, name in (
            ("bücher.example", "bucher.example"),
            ("straße.example", "strasse.example"),
        ):
            why, told = await self.ended(ClientTls(host, self.context), name)
            self.assertIsInstance(why, CertificateRefused)
            self.assertEqual(told, b"")

    async def test_a_certificate_that_nobody_has_looked_at(self) -> None:
        """Should a library ever not ask us, the connection ends all the same."""
        careless = Careless(ClientTls("localhost", self.context))
        why, told = await self.ended(careless, "localhost")
        self.assertIsInstance(why, CertificateRefused)
        self.assertIn("was not verified", str(why))
        self.assertEqual(told, b"")
