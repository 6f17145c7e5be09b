"""Logins at mail servers that offer several ways, some of which do not work."""

from base64 import b64decode
from pathlib import Path
from typing import Any

from twisted.internet import reactor as real_reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mxisd.drivers.smtp import (
    Encryption,
    MailFailed,
    MailServer,
    TokenCommand,
    TokenFile,
    send_mail,
    try_server,
)
from mxisd.drivers.smtp.conversation import Conversation
from mxisd.drivers.smtp.logins import log_in
from mxisd.errors import SenderUnavailable
from mxisd.model.secret import Secret
from tests.drivers.mail_servers import (
    LOGIN,
    PASSWORD,
    REFUSAL,
    TOKEN,
    LoginServer,
    until_closed,
)

reactor: Any = real_reactor
ALICE, BOB = "alice@example.org", "bob@example.org"
CRAM_MD5, PLAIN, LOGIN_WAY = b"CRAM-MD5", b"PLAIN", b"LOGIN"


class LoginCase(TestCase):
    """Logs in at a server on loopback."""

    def settings(self, server: LoginServer, **more: Any) -> MailServer:
        """How to get there."""
        port = reactor.listenTCP(0, server, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        usual: dict[str, Any] = {
            "password": Secret(PASSWORD),
            "encryption": Encryption.IF_OFFERED,
        }
        return MailServer(
            host="127.0.0.1",
            port=port.getHost().port,
            name="id.example.org",
            login=LOGIN,
            **(usual | more),
        )

    async def sent(self, server: LoginServer, **more: Any) -> None:
        """Send a mail."""
        settings = self.settings(server, **more)
        try:
            await send_mail(reactor, settings, ALICE, BOB, b"Subject: x\n\ny\n")
        finally:
            await until_closed(server)

    async def refused(self, server: LoginServer, **more: Any) -> MailFailed:
        """Why it was not sent; no secret is in it."""
        try:
            await self.sent(server, **more)
        except MailFailed as error:
            for secret in (LOGIN, PASSWORD, TOKEN, *filter(None, server.heard)):
                self.assertNotIn(secret, str(error))
            return error
        raise AssertionError("it was sent")


class PasswordTests(LoginCase):
    async def test_a_mechanism_that_does_not_work(self) -> None:
        """Another one is taken, whatever was said about CRAM-MD5, or 504 of any."""
        for offer, words, broken in (
            (b"CRAM-MD5 PLAIN LOGIN", b"AUTH CRAM-MD5", b"504 5.5.4 unknown"),
            (b"CRAM-MD5 PLAIN LOGIN", b"AUTH CRAM-MD5", REFUSAL),
            (b"PLAIN LOGIN", b"AUTH PLAIN", b"504 5.5.4 unknown"),
            (b"PLAIN CRAM-MD5", b"AUTH PLAIN", b"534 5.7.9 too weak"),
            (b"PLAIN LOGIN", b"AUTH PLAIN", b"538 5.7.11 not so"),
        ):
            server = LoginServer(offer=b"250 AUTH " + offer, replies={words: broken})
            await self.sent(server)
            self.assertIn(b"DATA", server.lines, words)
            self.assertEqual(server.connections, 1)

    async def test_every_mechanism(self) -> None:
        """With a login and a password that are not ASCII."""
        for mechanism in (CRAM_MD5, PLAIN, LOGIN_WAY):
            server = LoginServer(offer=b"250 AUTH " + mechanism)
            await self.sent(server)
            self.assertEqual(server.failed, [])

    async def test_a_wrong_password_is_one_failed_login(self) -> None:
        """Accounts are locked after some of them."""
        for offer, failed in (
            (b"CRAM-MD5 PLAIN LOGIN", [PLAIN]),
            (b"LOGIN PLAIN", [PLAIN]),
            (b"LOGIN", [LOGIN_WAY]),
            (b"CRAM-MD5", [CRAM_MD5]),
        ):
            server = LoginServer(offer=b"250 AUTH " + offer)
            error = await self.refused(server, password=Secret("wrong"))
            self.assertEqual(server.failed, failed)
            self.assertIn("refused login and password (535 5.7.8 not", str(error))
            self.assertEqual((error.key, error.means), ("login", SenderUnavailable))

    async def test_however_it_is_offered(self) -> None:
        """In any case, and with the sign that old servers have there."""
        for offer in (
            b"250 auth plain",
            b"250 AUTH=PLAIN LOGIN",
            b"250-AUTH=LOGIN\r\n250 ok",
        ):
            server = LoginServer(offer=offer)
            await self.sent(server)
            self.assertIn(b"DATA", server.lines, offer)

    async def test_no_mechanism_that_we_know(self) -> None:
        """Ours are told."""
        for offer in (b"250 AUTH GSSAPI", b"250 HELP"):
            error = await self.refused(LoginServer(offer=offer))
            self.assertIn("does not offer a login that we know (PLAIN", str(error))

    async def test_a_challenge_that_is_none(self) -> None:
        """The login is given up."""
        server = LoginServer(
            offer=b"250 AUTH CRAM-MD5", replies={b"AUTH CRAM-MD5": b"334 abc"}
        )
        error = await self.refused(server)
        self.assertIn("(501 5.7.0 given up)", str(error))

    async def test_refusals_that_quote_what_we_said(self) -> None:
        """Neither the password nor anything that it could be made of is told."""
        for mechanism in (CRAM_MD5, PLAIN, LOGIN_WAY):
            server = LoginServer(
                offer=b"250 AUTH " + mechanism, broken=frozenset({mechanism})
            )
            server.quotes = True
            error = await self.refused(server)
            self.assertIn("refused login and password (535", str(error))

    async def test_a_server_that_is_tried(self) -> None:
        """It learns of no message."""
        server = LoginServer()
        await try_server(reactor, self.settings(server))
        await until_closed(server)
        self.assertEqual(server.lines[-1], b"QUIT")
        self.assertFalse([each for each in server.lines if each.startswith(b"MAIL")])


class _Distant:
    """A transport to another machine."""

    disconnecting = False
    sends_at_once = False

    def __init__(self) -> None:
        self.written = b""

    def getPeer(self) -> IPv4Address:
        """Not ourselves."""
        return IPv4Address("TCP", "192.0.2.1", 587)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Remember."""
        self.sends_at_once = enabled

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.written += data


class InTheClearTests(SynchronousTestCase):
    """Passwords and tokens on their way to another machine, without TLS."""

    def setUp(self) -> None:
        """Be connected."""
        self.transport = _Distant()
        self.talk = Conversation(is_encrypted=False)
        self.talk.makeConnection(self.transport)
        self.assertTrue(self.transport.sends_at_once)

    def login(self, *offered: bytes, **more: Any) -> "Deferred[None]":
        """Log in at a server that offers this."""
        usual: dict[str, Any] = {
            "password": Secret(PASSWORD),
            "encryption": Encryption.IF_OFFERED,
        }
        server = MailServer(
            host="mx.example.org", port=587, name="x", login=LOGIN, **(usual | more)
        )
        return Deferred.fromCoroutine(log_in(self.talk, server, frozenset(offered)))

    def said(self) -> bytes:
        """What was said since it was asked last."""
        said, self.transport.written = self.transport.written, b""
        return said

    def test_they_are_not_said(self) -> None:
        """The key to change is told."""
        for offered, more in (
            ((PLAIN, LOGIN_WAY), {}),
            ((b"XOAUTH2",), {"token": _token}),
        ):
            error = self.failureResultOf(self.login(*offered, **more), MailFailed).value
            self.assertEqual((error.key, self.said()), ("tls", b""))
            self.assertIn("set tls to 2 or 3", str(error))

    def test_cram_md5_does_not_say_them(self) -> None:
        """So it is taken, and nothing else after it."""
        login = self.login(PLAIN, CRAM_MD5)
        self.assertEqual(self.said(), b"AUTH CRAM-MD5\r\n")
        self.talk.dataReceived(REFUSAL + b"\r\n")
        error = self.failureResultOf(login, MailFailed).value
        self.assertIn("by CRAM-MD5, and it offers no TLS", str(error))
        self.assertEqual(self.said(), b"")

    def test_who_writes_tls_0_wants_it(self) -> None:
        """What does not say the password is tried first."""
        login = self.login(PLAIN, CRAM_MD5, encryption=Encryption.NEVER)
        self.assertEqual(self.said(), b"AUTH CRAM-MD5\r\n")
        self.talk.dataReceived(b"334 PDE+\r\n")
        self.assertNotIn(PASSWORD, b64decode(self.said()).decode())
        self.talk.dataReceived(REFUSAL + b"\r\n")
        self.assertEqual(self.said(), b"AUTH PLAIN\r\n")
        self.talk.dataReceived(b"334 \r\n")
        self.assertIn(LOGIN, b64decode(self.said()).decode())
        self.talk.dataReceived(b"235 welcome\r\n")
        self.successResultOf(login)

    def test_tls_hides_them(self) -> None:
        """Then nothing is held back."""
        self.talk.is_encrypted = True
        self.login(PLAIN, CRAM_MD5)
        self.assertEqual(self.said(), b"AUTH PLAIN\r\n")


async def _token() -> Secret:
    return Secret(TOKEN)


class TokenTests(LoginCase):
    """XOAUTH2."""

    def setUp(self) -> None:
        """A file for a token, or a program."""
        self.path = Path(self.mktemp()).absolute()

    async def sent(self, server: LoginServer, **more: Any) -> None:
        """Without a password."""
        await super().sent(server, **{"password": Secret(""), **more})

    def server(self) -> LoginServer:
        """One that takes tokens."""
        return LoginServer(offer=b"250 AUTH PLAIN XOAUTH2")

    async def test_a_token_of_a_file(self) -> None:
        """It is read for each mail."""
        self.path.write_text("old\n")
        token, server = TokenFile(str(self.path)), self.server()
        error = await self.refused(server, token=token)
        self.assertEqual((error.key, server.failed), ("oauth2", [b"XOAUTH2"]))
        self.assertIn("refused login and token (535", str(error))
        # The server has told why, and waits for an answer.
        self.assertEqual(server.heard[-1], "")
        self.path.write_text(f"{TOKEN}\n")
        await self.sent(server, token=token)
        self.assertIn(b"DATA", server.lines)

    async def test_refusals_that_quote_the_token(self) -> None:
        """It is not told."""
        self.path.write_text("guppy.token")
        server = self.server()
        server.quotes = True
        error = await self.refused(server, token=TokenFile(str(self.path)))
        self.assertNotIn("guppy", str(error))

    async def test_a_token_of_a_program(self) -> None:
        """It is what the program prints."""
        command = TokenCommand(["/bin/sh", "-c", f"echo {TOKEN}"], reactor)
        await self.sent(self.server(), token=command)

    async def test_no_token(self) -> None:
        """Nothing is said of what was read or printed; the key is told."""
        self.path.write_text(f"{TOKEN} {TOKEN}")
        for token, key, words in (
            (TokenFile("/not/there"), "oauth2.tokenFile", "cannot be read: No such"),
            (TokenFile(str(self.path)), "oauth2.tokenFile", "has no token"),
            (self.shell("true"), "oauth2.tokenCommand", "has no token"),
            (
                self.shell(f"echo {TOKEN}; echo {TOKEN} >&2; exit 3"),
                "oauth2.tokenCommand",
                "ended with code 3",
            ),
            (
                self.shell("yes token"),
                "oauth2.tokenCommand",
                "printed more than 65536 bytes",
            ),
            (
                TokenCommand(["/not/there"], reactor),
                "oauth2.tokenCommand",
                "there is no such program",
            ),
        ):
            error = await self.refused(self.server(), token=token)
            self.assertEqual((error.key, error.means), (key, SenderUnavailable))
            self.assertIn(words, str(error))

    async def test_a_program_that_hangs(self) -> None:
        """It is ended with the attempt."""
        token = self.shell(f"echo $$ > {self.path}; exec sleep 99")
        error = await self.refused(self.server(), token=token, seconds=0.7)
        self.assertIn("not done within 0.7 s", str(error))
        pid = int(self.path.read_text())
        while Path(f"/proc/{pid}").exists():
            await deferLater(reactor, 0.05)

    async def test_no_such_mechanism(self) -> None:
        """Then no token is asked for."""
        token = TokenFile("/not/there")
        error = await self.refused(LoginServer(), token=token)
        self.assertIn("login that we know (XOAUTH2)", str(error))

    def shell(self, script: str) -> TokenCommand:
        """A program."""
        return TokenCommand(["/bin/sh", "-c", script], reactor)
