"""What each driver does with servers that show a good certificate, and a wrong one."""

import base64
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mxisd.drivers.http import HttpClient, HttpClients, http_clients
from mxisd.drivers.http.json_client import JsonClient
from mxisd.drivers.http.own_client import own_client
from mxisd.drivers.ldap.connecting import connected
from mxisd.drivers.ldap.server import Access, Address, Security
from mxisd.drivers.smtp import Encryption, MailServer, send_mail
from mxisd.drivers.tls_files import TlsFiles
from mxisd.errors import Unavailable
from mxisd.model.secret import Secret
from tests.drivers.tls_servers import (
    Directory,
    Mail,
    PlainDirectory,
    PlainMail,
    Remembering,
    Web,
    serve,
)
from tests.tls import CertificateAuthority, IssuedCertificate, wrong_certificates

PASSWORD = "swordfish-7"
AS_LOGIN = base64.b64encode(f"\0mxisd\0{PASSWORD}".encode())


class CertificateContract:
    """
    What holds for each driver.

    :cvar protocol: What the server speaks.
    :cvar secret: What nobody may hear but the right server.
    """

    timeout = 60
    protocol: type[Remembering]
    secret = PASSWORD.encode()

    def setUp(self: Any) -> None:
        """Make an authority that is trusted, and another one."""
        self.authority = CertificateAuthority(Path(self.mktemp()))
        self.stranger = CertificateAuthority(Path(self.mktemp()))

    async def ask(self, host: str, port: int) -> None:
        """Tell a server the secret, through the driver."""
        raise NotImplementedError

    async def test_good_certificates(self: Any) -> None:
        """Who has one hears the secret; what else is in it does no harm."""
        for host, names in (
            ("localhost", ["localhost"]),
            ("localhost", ["*.com", "other.test", "localhost"]),
            ("127.0.0.1", ["127.0.0.1"]),
        ):
            server, port = serve(self, self.protocol, self.authority.issue(*names))
            await self.ask(host, port)
            self.assertTrue(server.told(self.secret), names)

    async def test_wrong_certificates(self: Any) -> None:
        """Who shows one hears nothing; the operator hears what is wrong with it."""
        wrong = wrong_certificates("localhost", self.authority, self.stranger)
        for certificate, words in wrong:
            await self.assert_refused("localhost", certificate, words)

    async def test_wrong_addresses(self: Any) -> None:
        """A name is no address, nor is one address another, whatever it looks like."""
        for names in (["localhost"], ["127.0.0.2"], ["localhost", "127.0.0.2"]):
            certificate = self.authority.issue(*names, common_name="127.0.0.1")
            await self.assert_refused("127.0.0.1", certificate, "is for another name")

    async def assert_refused(
        self: Any, host: str, certificate: IssuedCertificate, words: str
    ) -> None:
        """Ask in vain."""
        server, port = serve(self, self.protocol, certificate)
        try:
            await self.ask(host, port)
        except Unavailable as error:
            self.assertIn(words, str(error))
            self.assertFalse(server.told(self.secret), words)
            self.assertEqual(server.received, b"", words)
        else:
            self.fail(f"accepted: a certificate that {words}")


class HttpCase(CertificateContract):
    """The HTTP clients; the secret is in the URL."""

    protocol = Web

    async def ask(self: Any, host: str, port: int) -> None:
        """Get something."""
        clients = http_clients(
            reactor,
            user_agent="mxisd/test",
            allowed=[ip_network("127.0.0.0/8")],
            ca_file=self.authority.ca_file,
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(clients.configured.close()))
        url = f"https://{host}:{port}/?{PASSWORD}"
        await self.client(clients).request("GET", url, limit_bytes=99, seconds=20)


class ConfiguredTests(HttpCase, TestCase):
    """The client for servers that the operator named."""

    def client(self, clients: HttpClients) -> HttpClient:
        """The one."""
        return clients.configured


class GuardedTests(HttpCase, TestCase):
    """The client for servers that strangers named."""

    def client(self, clients: HttpClients) -> HttpClient:
        """The other."""
        return clients.guarded


class OwnClientTests(CertificateContract, TestCase):
    """The client of a store that has files of its own."""

    protocol = Web

    async def ask(self, host: str, port: int) -> None:
        """Post something."""
        files = TlsFiles(ca_file=str(self.authority.ca_file))
        own = own_client(reactor, files, user_agent="mxisd/test")
        self.addCleanup(lambda: Deferred.fromCoroutine(own.close()))
        client = JsonClient(http=own.treq, clock=reactor)
        await client.post(f"https://{host}:{port}/", {"password": PASSWORD})


class LdapTests(CertificateContract, TestCase):
    """LDAP with TLS from the start; the secret is the service's password."""

    protocol = Directory
    security = Security.TLS

    async def ask(self, host: str, port: int) -> None:
        """Bind."""
        access = Access(
            security=self.security,
            ca_file=str(self.authority.ca_file),
            bind_dn="cn=mxisd",
            bind_password=Secret(PASSWORD),
            timeout=20,
        )
        connection = await connected(reactor, Address(host, port), access)
        await connection.disconnect()


class LdapStartTlsTests(LdapTests):
    """LDAP that goes over to TLS."""

    protocol = PlainDirectory
    security = Security.START_TLS


class MailTests(CertificateContract, TestCase):
    """SMTP with TLS from the start; the secret is the password of the login."""

    protocol = Mail
    encryption = Encryption.FROM_THE_START
    secret = AS_LOGIN

    async def ask(self, host: str, port: int) -> None:
        """Log in, and send a mail."""
        server = MailServer(
            host=host,
            port=port,
            encryption=self.encryption,
            name="id.example.org",
            login="mxisd",
            password=Secret(PASSWORD),
            ca_file=str(self.authority.ca_file),
        )
        sender, recipient = "mxisd@example.org", "alice@example.org"
        await send_mail(reactor, server, sender, recipient, b"Subject: x\n\ny\n")


class MailStartTlsTests(MailTests):
    """SMTP that goes over to TLS because it must."""

    protocol = PlainMail
    encryption = Encryption.START_TLS


class MailIfOfferedTests(MailTests):
    """SMTP that goes over to TLS because the server offers it."""

    protocol = PlainMail
    encryption = Encryption.IF_OFFERED
