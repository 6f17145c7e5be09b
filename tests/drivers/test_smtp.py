"""Mail to a server that does what the test tells it."""

from collections.abc import Mapping
from typing import Any

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as real_reactor
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mxisd.drivers.smtp import (
    Encryption,
    MailFailed,
    MailServer,
    _Sender,
    envelope_address,
    send_mail,
)
from mxisd.model.secret import Secret

reactor: Any = real_reactor

ALICE, BOB = "alice@example.org", "bob@example.org"
MAIL = b"Subject: Tea\n\nAt five.\n.\n.hidden\n"
PASSWORD = "swordfish-7"
POLITE: Mapping[bytes, bytes] = {
    b"": b"220 mail.example.org",
    b"EHLO": b"250-mail.example.org\r\n250 8BITMIME",
    b"MAIL": b"250 2.1.0 fine",
    b"RCPT": b"250 2.1.5 fine",
    b"DATA": b"354 go on",
    b".": b"250 2.0.0 taken",
    b"RSET": b"250 fine",
    b"QUIT": b"221 bye",
}
SILENCE, HANG_UP = b"silence", b"hang up"


class _Conversation(LineReceiver):
    factory: "Scripted"
    _in_data = False

    def connectionMade(self) -> None:
        self.factory.open += 1
        self._answer(b"")

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.open -= 1

    def lineReceived(self, line: bytes) -> None:
        self.factory.lines.append(line)
        if self._in_data:
            if line == b".":
                self._in_data = False
                self._answer(b".")
            return
        self._answer(line.upper().split(b" ")[0].split(b":")[0])

    def _answer(self, command: bytes) -> None:
        reply = self.factory.replies.get(command, b"500 5.5.1 what?")
        if reply == HANG_UP:
            assert self.transport is not None
            self.transport.loseConnection()
        elif reply != SILENCE:
            self._in_data = reply.startswith(b"354")
            self.sendLine(reply)


@define(eq=False)
class Scripted(Factory):
    """
    A mail server.

    :ivar replies: By the first word of a command; a connection is the empty one.
    :ivar lines: What it was told.
    :ivar open: How many connections there are.
    """

    replies: Mapping[bytes, bytes]
    lines: list[bytes] = field(factory=list)
    open: int = 0
    protocol: Any = _Conversation
    noisy = False


class ScriptedTests(TestCase):
    """What servers may do, and what is said about it."""

    def setUp(self) -> None:
        """Watch the log."""
        self.logged: list[str] = []
        observer: Any = lambda event: self.logged.append(repr(event))  # noqa: E731
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    async def sent(
        self,
        replies: Mapping[bytes, bytes],
        encryption: Encryption = Encryption.NEVER,
        seconds: float = 30,
        login: str = "",
        mail: bytes = MAIL,
    ) -> Scripted:
        """A server, after it was sent a mail."""
        server = Scripted({**POLITE, **replies})
        port = reactor.listenTCP(0, server, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        settings = MailServer(
            host="127.0.0.1",
            port=port.getHost().port,
            encryption=encryption,
            name="id.example.org",
            login=login,
            password=Secret(PASSWORD if login else ""),
            seconds=seconds,
        )
        self.server = server
        try:
            await send_mail(reactor, settings, ALICE, BOB, mail)
        finally:
            await self.until_closed(server)
        return server

    async def until_closed(self, server: Scripted) -> None:
        """Wait until both sides have closed their connections."""
        deadline = reactor.seconds() + 20
        while server.open and reactor.seconds() < deadline:
            await deferLater(reactor, 0.01)
        self.assertEqual(server.open, 0)
        await deferLater(reactor, 0.05)

    async def refused(self, replies: Mapping[bytes, bytes], **options: Any) -> str:
        """What is said when sending fails; nobody else learns the address."""
        try:
            await self.sent(replies, **options)
        except MailFailed as error:
            text = str(error)
            self.assertIsNone(error.__cause__)
            for secret in (BOB, "bob", PASSWORD):
                self.assertNotIn(secret, text)
                self.assertNotIn(secret, "\n".join(self.logged))
            return text
        raise AssertionError("it was sent")

    async def test_a_mail_arrives(self) -> None:
        """With CRLF, and no dot of it is taken for the end, or lost."""
        server = await self.sent({})
        self.assertEqual(server.lines[0], b"EHLO id.example.org")
        self.assertEqual(server.lines[1], b"MAIL FROM:<alice@example.org>")
        self.assertEqual(server.lines[2], b"RCPT TO:<bob@example.org>")
        start = server.lines.index(b"DATA") + 1
        received = server.lines[start : server.lines.index(b".", start)]
        self.assertEqual(
            received, [b"Subject: Tea", b"", b"At five.", b"..", b"..hidden"]
        )

    async def test_long_mails_arrive(self) -> None:
        """A dot at the start of whatever piece is sent at a time stays one."""
        mail = MAIL + b"." * ((1 << 14) - len(MAIL) - 1) + b"\n" + b".\nend\n"
        server = await self.sent({}, mail=mail)
        start = server.lines.index(b"DATA") + 1
        received = server.lines[start : server.lines.index(b".", start)]
        self.assertEqual(received[-2:], [b"..", b"end"])

    async def test_an_old_server_is_greeted_again(self) -> None:
        """One that knows HELO only gets its mail."""
        server = await self.sent({b"EHLO": b"502 what?", b"HELO": b"250 hello"})
        self.assertIn(b"HELO id.example.org", server.lines)

    async def test_a_recipient_that_is_refused(self) -> None:
        """The codes are told, and not the text, which has the address in it."""
        for reply, words in (
            (b"550 5.1.1 <bob@example.org>: unknown", "(550 5.1.1)"),
            (b"451 4.7.1 bob@example.org: later", "(451 4.7.1)"),
            (b"550 no bob here", "(550)"),
        ):
            text = await self.refused({b"RCPT": reply})
            self.assertIn(f"refused the recipient {words}", text)

    async def test_a_message_that_is_refused(self) -> None:
        """Before it is sent, and after."""
        for command in (b"MAIL", b"DATA", b"."):
            text = await self.refused({command: b"554 5.7.1 spam for bob"})
            self.assertIn("554 5.7.1", text)

    async def test_a_server_that_serves_nobody(self) -> None:
        """The code of its greeting is told."""
        text = await self.refused({b"": b"421 4.3.2 too busy"})
        self.assertIn("serves nobody now (421 4.3.2)", text)

    async def test_a_server_that_is_no_mail_server(self) -> None:
        """It is refused."""
        await self.refused({b"": b"HTTP/1.1 400 Bad Request"})

    async def test_a_silent_server(self) -> None:
        """Wherever it falls silent, there is an end, and the connection is cut."""
        for command in (b"", b"EHLO", b"RCPT", b"."):
            text = await self.refused({command: SILENCE}, seconds=0.5)
            self.assertTrue("silent" in text or "0.5 s" in text, text)

    async def test_a_server_that_hangs_up(self) -> None:
        """Wherever it does."""
        for command in (b"", b"EHLO", b"MAIL", b"DATA", b"."):
            text = await self.refused({command: HANG_UP})
            self.assertIn("hung up", text)

    async def test_nobody_there(self) -> None:
        """A port that nobody listens on."""
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        server = MailServer(
            host="127.0.0.1", port=number, encryption=Encryption.NEVER, name="x"
        )
        with self.assertRaises(MailFailed) as caught:
            await send_mail(reactor, server, ALICE, BOB, MAIL)
        self.assertIn("no connection", str(caught.exception))

    async def test_starttls_that_is_not_offered(self) -> None:
        """It is an error where it is required, and nothing of the message is told."""
        text = await self.refused({}, encryption=Encryption.START_TLS)
        self.assertIn("STARTTLS", text)
        self.assertNotIn(b"DATA", self.server.lines)
        self.assertFalse([each for each in self.server.lines if b"RCPT" in each])
        await self.sent({}, encryption=Encryption.IF_OFFERED)

    async def test_starttls_that_is_refused(self) -> None:
        """Offered, and then denied: nobody goes on in the clear."""
        replies = {b"EHLO": b"250-x\r\n250 STARTTLS", b"STARTTLS": b"454 not now"}
        for encryption in (Encryption.IF_OFFERED, Encryption.START_TLS):
            text = await self.refused(replies, encryption=encryption)
            self.assertIn("STARTTLS", text)
            self.assertNotIn(b"DATA", self.server.lines)

    async def test_a_login_that_is_not_offered(self) -> None:
        """Without it nothing is sent, nor the password."""
        text = await self.refused({}, login="mxisd")
        self.assertIn("does not offer a login", text)

    async def test_a_login_that_is_refused(self) -> None:
        """The code is told; the password is nowhere."""
        replies = {
            b"EHLO": b"250-x\r\n250 AUTH PLAIN",
            b"AUTH": b"535 5.7.8 not you, mxisd",
        }
        text = await self.refused(replies, login="mxisd")
        self.assertIn("refused login and password", text)


class AddressTests(SynchronousTestCase):
    """What may stand in a command."""

    def test_good_addresses(self) -> None:
        """They stay as they are; a domain becomes ASCII."""
        for address, expected in (
            (BOB, BOB),
            ("bob+tag@example.org", "bob+tag@example.org"),
            ("o'neill@example.org", "o'neill@example.org"),
            ("bob@bücher.example", "bob@xn--bcher-kva.example"),
            ("bob@faß.example", "bob@xn--fa-hia.example"),
            ("bob@βόλος.example", "bob@xn--nxasmm1c.example"),
        ):
            self.assertEqual(envelope_address(address), expected)

    def test_bad_addresses(self) -> None:
        """Whatever could end a command, or an address in one, is refused."""
        for address in (
            "",
            "bob",
            "@example.org",
            "bob@",
            "a@x>\r\nRCPT TO:<evil@example.org",
            "<bob@example.org>",
            '"bob smith"@example.org',
            "bob@example.org\n",
            "bob\0@example.org",
            "bjørn@example.org",
            "a" * 65 + "@example.org",
            "a,b@example.org",
            "bob@" + "ü" * 70 + ".example",
            "bob@b\u00adücher.example",
        ):
            with self.assertRaises(MailFailed, msg=address) as caught:
                envelope_address(address)
            self.assertNotIn("bob", str(caught.exception))

    @given(st.text(max_size=40) | st.from_regex(r"[^@]{1,9}@[^@]{1,9}"))
    def test_any_text(self, text: str) -> None:
        """It is refused, or it is one plain word."""
        try:
            address = envelope_address(text)
        except MailFailed:
            return
        self.assertRegex(address, r"\A[!-~]+@[A-Za-z0-9.-]+\Z")
        self.assertFalse(set(address) & set('<>\r\n\0 ,;:"()[]\\'))


class StuffingTests(SynchronousTestCase):
    @given(st.lists(st.text(alphabet=".\na", max_size=6), max_size=8))
    def test_pieces_do_not_matter(self, texts: list[str]) -> None:
        """However a message is cut up, it is stuffed as in one piece."""
        pieces = [each.encode() for each in texts if each]
        sender = _Sender(None, None, None, b"x", 4)
        sent = b"".join(sender.transformChunk(each) for each in pieces)
        whole = b"\r\n".join(
            b"." + line if line.startswith(b".") else line
            for line in b"".join(pieces).split(b"\n")
        )
        self.assertEqual(sent, whole)
