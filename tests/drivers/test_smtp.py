"""Mail to a server that does what the test tells it."""

from collections.abc import Mapping
from typing import Any

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as real_reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IHostnameResolver,
    IReactorPluggableNameResolver,
)
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from mxisd.drivers.smtp import (
    Encryption,
    MailFailed,
    MailServer,
    envelope_address,
    send_mail,
)
from mxisd.drivers.smtp.sending import dotted
from mxisd.errors import MessageNotSent, MessageRefused, SenderUnavailable
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
        recipient: str = BOB,
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
            await send_mail(reactor, settings, ALICE, recipient, mail)
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

    async def refused(
        self,
        replies: Mapping[bytes, bytes],
        means: type[MessageNotSent] | None = None,
        **options: Any,
    ) -> str:
        """What is said when sending fails; nobody else learns the address."""
        try:
            await self.sent(replies, **options)
        except MailFailed as error:
            if means is not None:
                self.assertIs(error.means, means)
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
        for more in ({"encryption": Encryption.START_TLS}, {"login": "mxisd"}):
            text = await self.refused({b"EHLO": b"502 what?"}, **more)
            self.assertIn("refused EHLO (502 what?)", text)
        text = await self.refused({b"EHLO": b"502 what?", b"HELO": b"502 no"})
        self.assertIn("refused HELO (502 no)", text)

    async def test_a_recipient_that_is_refused(self) -> None:
        """For good or for now; the server's words are told, without the address."""
        for reply, means, words in (
            (
                b"550 5.1.1 <bob@example.org>: unknown",
                MessageRefused,
                "550 5.1.1 … unk",
            ),
            (b"451 4.7.1 bob@example.org: later", MessageNotSent, "451 4.7.1 … later"),
            (b"550 no bob here", MessageRefused, "550 no … here"),
            (b"550 see https://x/?a=BOB%40example.org", MessageRefused, "550 see …"),
            (b"550-5.1.1 no\r\n550 named Bob", MessageRefused, "550 5.1.1 no named …)"),
            (b"421 4.3.2 closing", SenderUnavailable, "421 4.3.2 closing"),
        ):
            text = await self.refused({b"RCPT": reply}, means)
            self.assertIn(f"refused the recipient ({words}", text)

    async def test_parts_of_an_address(self) -> None:
        """What is before a plus is somebody's name, too."""
        text = await self.refused(
            {b"RCPT": b"550 neither bob nor bob+tea here"},
            recipient="bob+tea@example.org",
        )
        self.assertIn("(550 neither … nor … here)", text)

    async def test_a_message_that_is_refused(self) -> None:
        """Before it is sent, and after."""
        spam = b"554 5.7.1 spam for bob"
        for command, means in (
            (b"MAIL", SenderUnavailable),
            (b"DATA", MessageRefused),
            (b".", MessageRefused),
        ):
            text = await self.refused({command: spam}, means)
            self.assertIn("(554 5.7.1 spam for …)", text)

    async def test_a_message_that_is_not_asked_for(self) -> None:
        """Who answers DATA with success has not had the message: it is not sent."""
        text = await self.refused({b"DATA": b"250 fine"}, MessageNotSent)
        self.assertIn("refused the message (250 fine)", text)

    async def test_answers_to_nothing(self) -> None:
        """Of whoever answers more than was asked, no mail is taken for sent."""
        endless = b"\r\n".join([b"250 fine"] * 99)
        text = await self.refused({b"MAIL": endless}, MessageNotSent)
        self.assertIn("refused the message (250 fine)", text)

    async def test_a_server_that_knows_no_measure(self) -> None:
        """Of a long answer the beginning is told; one without end is none."""
        text = await self.refused({b"RCPT": b"550 " + b"long words " * 999})
        self.assertLess(len(text), 300)
        endless = b"250-more\r\n" * 999 + b"250 end"
        text = await self.refused({b"MAIL": endless}, SenderUnavailable)
        self.assertIn("talks nonsense", text)
        text = await self.refused({b"MAIL": b"250 " + b"x" * 99999}, SenderUnavailable)
        self.assertIn("talks nonsense", text)

    async def test_a_server_that_serves_nobody(self) -> None:
        """What it says is told."""
        text = await self.refused({b"": b"421 4.3.2 too busy"}, SenderUnavailable)
        self.assertIn("serves nobody now (421 4.3.2 too busy)", text)

    async def test_a_goodbye_that_nobody_answers(self) -> None:
        """The mail is taken; it would be sent twice."""
        for reply in (SILENCE, HANG_UP, b"500 what?"):
            await self.sent({b"QUIT": reply}, seconds=0.5)

    async def test_whoever_is_refused_says_goodbye(self) -> None:
        """Servers write down who does not."""
        await self.refused({b"RCPT": b"550 no"})
        self.assertEqual(self.server.lines[-1], b"QUIT")

    async def test_a_server_that_is_no_mail_server(self) -> None:
        """It is refused."""
        await self.refused({b"": b"HTTP/1.1 400 Bad Request"})

    async def test_a_silent_server(self) -> None:
        """Wherever it falls silent, there is an end, and the connection is cut."""
        for command in (b"", b"EHLO", b"RCPT", b"."):
            means = MessageNotSent if command in (b"RCPT", b".") else SenderUnavailable
            text = await self.refused({command: SILENCE}, means, seconds=0.5)
            self.assertIn(" within 0.5 s", text)

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
        self.assertEqual(str(caught.exception), "no connection (Connection refused)")

    async def test_tls_too_early(self) -> None:
        """A port for STARTTLS, and ``tls: 3``."""
        with self.assertRaises(MailFailed) as caught:
            await self.sent({}, encryption=Encryption.FROM_THE_START)
        self.assertEqual(caught.exception.key, "tls")
        self.assertIn("spoke plain text", str(caught.exception))
        self.assertIn("tls: 2", str(caught.exception))

    async def test_tls_too_late(self) -> None:
        """A port where TLS is first waits for us; perhaps it is one."""
        text = await self.refused({b"": SILENCE}, seconds=0.5)
        self.assertIn("no greeting", text)
        self.assertIn("tls: 3", text)
        text = await self.refused({b"EHLO": SILENCE}, seconds=0.5)
        self.assertNotIn("tls: 3", text)

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

    async def test_words_before_tls(self) -> None:
        """Somebody in between may have said them."""
        replies = {
            b"EHLO": b"250-x\r\n250 starttls",
            b"STARTTLS": b"220 go on\r\n250 and do what I say",
        }
        text = await self.refused(replies, encryption=Encryption.START_TLS)
        self.assertIn("said before TLS", text)


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
    @given(st.text(alphabet=".\na", max_size=20))
    def test_the_message_comes_back(self, text: str) -> None:
        """Only the last line is a dot alone, and whoever takes it undoes the rest."""
        sent = dotted(text.encode()).split(b"\r\n")
        self.assertEqual(sent.index(b"."), len(sent) - 1)
        lines = [line.removeprefix(b".") for line in sent[:-1]]
        self.assertEqual(b"\n".join(lines).decode(), text.removesuffix("\n"))


class _Addresses:
    """Resolves every name to the same addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    def resolveHostName(
        self, receiver: Any, name: str, portNumber: int = 0, *_: Any, **__: Any
    ) -> Any:
        """Tell them."""
        receiver.resolutionBegan(self)
        for each in self.addresses:
            kind = IPv6Address if ":" in each else IPv4Address
            receiver.addressResolved(kind("TCP", each, portNumber))
        receiver.resolutionComplete()
        return self

    def cancel(self) -> None:
        """Nothing is under way."""


class NameTests(TestCase):
    """Mail servers that have several addresses, or none."""

    def resolve_to(self, *addresses: str) -> None:
        """Let names have these addresses."""
        former = reactor.installNameResolver(_Addresses(*addresses))
        self.addCleanup(reactor.installNameResolver, former)

    def settings(self, port: int, **more: Any) -> MailServer:
        """A server with a name."""
        return MailServer(
            host="mx.example.org",
            port=port,
            encryption=Encryption.NEVER,
            name="x",
            **more,
        )

    async def test_addresses_that_are_dead(self) -> None:
        """Of either family: another one is taken, and soon."""
        for addresses in (("::1", "127.0.0.1"), ("127.0.0.2", "127.0.0.1")):
            self.resolve_to(*addresses)
            server = Scripted(POLITE)
            port = reactor.listenTCP(0, server, interface="127.0.0.1")
            begun = reactor.seconds()
            settings = self.settings(port.getHost().port)
            await send_mail(reactor, settings, ALICE, BOB, MAIL)
            self.assertLess(reactor.seconds() - begun, 5)
            self.assertIn(b"DATA", server.lines)
            await port.stopListening()
            while server.open:
                await deferLater(reactor, 0.01)

    async def test_no_address(self) -> None:
        """It is told, with the key."""
        self.resolve_to()
        with self.assertRaises(MailFailed) as caught:
            await send_mail(reactor, self.settings(25), ALICE, BOB, MAIL)
        error = caught.exception
        self.assertIn("does not resolve", str(error))
        self.assertEqual((error.key, error.means), ("host", SenderUnavailable))

    async def test_whoever_gives_up_is_not_told_that_it_failed(self) -> None:
        """Also while the connection is being made."""
        self.resolve_to("192.0.2.1")
        sending = Deferred.fromCoroutine(
            send_mail(_Deaf(), self.settings(25), ALICE, BOB, MAIL)
        )
        sending.cancel()
        with self.assertRaises(CancelledError):
            await sending

    async def test_a_connection_that_takes_too_long(self) -> None:
        """The time is over, and nothing else went wrong."""
        deaf = _Deaf()
        sending = Deferred.fromCoroutine(
            send_mail(deaf, self.settings(25, seconds=3), ALICE, BOB, MAIL)
        )
        deaf.advance(4)
        with self.assertRaises(MailFailed) as caught:
            await sending
        self.assertIn("not done within 3 s", str(caught.exception))


@implementer(IHostnameResolver)
class _Literals:
    """Takes names for addresses."""

    def resolveHostName(
        self, resolutionReceiver: Any, hostName: str, *args: Any, **kwargs: Any
    ) -> Any:
        """Resolve."""
        resolutionReceiver.resolutionBegan(None)
        resolutionReceiver.addressResolved(IPv4Address("TCP", hostName, 25))
        resolutionReceiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class _Deaf(MemoryReactorClock):
    """Nobody answers; that of Twisted 24.7 has no names of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.nameResolver = _Literals()

    def installNameResolver(self, resolver: Any) -> Any:
        """Nobody needs this."""
        raise NotImplementedError
