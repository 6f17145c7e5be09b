"""What is said to a mail server, from its greeting to the end."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, TimeoutError

from mxisd.drivers.smtp.addresses import envelope_address
from mxisd.drivers.smtp.conversation import Conversation, Reply, connected
from mxisd.drivers.smtp.failures import MailFailed
from mxisd.drivers.smtp.greeting import greeted
from mxisd.drivers.smtp.logins import log_in
from mxisd.drivers.smtp.servers import Encryption, MailServer
from mxisd.drivers.tls import ClientTls
from mxisd.drivers.tls_files import TlsFiles, UnusableFile
from mxisd.errors import MessageNotSent, MessageRefused, SenderUnavailable

GOODBYE_SECONDS = 2.0
"""Nobody waits longer for the answer to a goodbye."""

GO_ON, CLOSING, LOGIN_REQUIRED = 354, 421, 530


@frozen
class _Letter:
    sender: str
    recipient: str
    mail: bytes


async def send_mail(
    reactor: Any, server: MailServer, sender: str, recipient: str, mail: bytes
) -> None:
    """
    Hand over one message.

    :param sender: The address of the envelope, like ``recipient``.
    :param mail: With LF at the end of each line.
    :raise MailFailed: If the server did not take it, or not in time.
    """
    letter = _Letter(envelope_address(sender), envelope_address(recipient), mail)
    await _Visit(reactor, server, letter).in_time()


async def try_server(reactor: Any, server: MailServer) -> None:
    """
    Do what is done for a message, but hand none over: connect, TLS, login.

    :raise MailFailed: If some of it does not work.
    """
    await _Visit(reactor, server, None).in_time()


class _Visit:
    """One connection, from its beginning to its end."""

    def __init__(
        self, reactor: Any, server: MailServer, letter: _Letter | None
    ) -> None:
        self._reactor = reactor
        self._server = server
        self._letter = letter
        self._means: type[MessageNotSent] = SenderUnavailable
        self._talk: Conversation | None = None

    async def in_time(self) -> None:
        visit = Deferred.fromCoroutine(self._run())
        visit.addTimeout(self._server.seconds, self._reactor)
        try:
            await visit
        except TimeoutError:
            raise self._late() from None

    def _late(self) -> MailFailed:
        seconds = f"within {self._server.seconds:g} s"
        if not self._is_mute:
            text = f"not done {seconds}"
            return MailFailed(text, key="timeout", means=self._means)
        text = f"no greeting {seconds}"
        if self._server.encryption is not Encryption.FROM_THE_START:
            text += "; perhaps TLS comes first on this port: that is tls: 3"
        return MailFailed(text, key="tls", means=self._means)

    @property
    def _is_mute(self) -> bool:
        """Whether somebody is there, and waits for us."""
        return self._talk is not None and not self._talk.has_heard

    async def _run(self) -> None:
        tls = _tls(self._server)
        self._talk = talk = await connected(self._reactor, self._server, tls)
        try:
            await self._say(talk, tls)
        except MailFailed:
            await self._goodbye(talk)
            raise
        else:
            await self._goodbye(talk)
        finally:
            talk.cut()

    async def _say(self, talk: Conversation, tls: ClientTls | None) -> None:
        talk.hidden += _hidden(self._server, self._letter)
        offers = await greeted(talk, self._server, tls)
        if self._server.login:
            await log_in(talk, self._server, offers.mechanisms)
        if self._letter is not None:
            await self._hand_over(talk, self._letter)

    async def _hand_over(self, talk: Conversation, letter: _Letter) -> None:
        reply = await talk.ask(b"MAIL FROM:<%b>" % letter.sender.encode())
        if not reply.is_good:
            key = "login" if reply.code == LOGIN_REQUIRED else ""
            raise talk.failed("the server refused the sender", reply, key=key)
        # From here on, another message may fare better.
        self._means = talk.means = MessageNotSent
        reply = await talk.ask(b"RCPT TO:<%b>" % letter.recipient.encode())
        if not reply.is_good:
            raise _refusal("the server refused the recipient", talk, reply)
        reply = await talk.ask(b"DATA")
        if reply.code != GO_ON:
            # Success is none here, either: nothing was handed over yet.
            raise _refusal("the server refused the message", talk, reply)
        reply = await talk.ask(dotted(letter.mail))
        if not reply.is_good:
            raise _refusal("the server refused the message", talk, reply)

    async def _goodbye(self, talk: Conversation) -> None:
        leaving = Deferred.fromCoroutine(talk.ask(b"QUIT"))
        leaving.addTimeout(GOODBYE_SECONDS, self._reactor)
        try:
            await leaving
        except (MailFailed, TimeoutError, CancelledError):
            return  # what was to be said is said: it must not be sent twice


def dotted(mail: bytes) -> bytes:
    """A message as it is sent: CRLF, a dot before each dot, and one at the end."""
    lines = mail.removesuffix(b"\n").split(b"\n")
    stuffed = [b"." + line if line.startswith(b".") else line for line in lines]
    return b"\r\n".join([*stuffed, b"."])


def _refusal(text: str, talk: Conversation, reply: Reply) -> MailFailed:
    means = MessageRefused if reply.code >= 500 else MessageNotSent
    if reply.code == CLOSING:
        means = SenderUnavailable
    return talk.failed(text, reply, means=means)


def _tls(server: MailServer) -> ClientTls | None:
    if server.encryption is Encryption.NEVER:
        return None
    files = TlsFiles(ca_file=server.ca_file)
    try:
        return ClientTls(server.host, files.context())
    except UnusableFile as error:
        text = f"{error.key} {error.problem}"
        raise MailFailed(text, key=error.key, means=SenderUnavailable) from error


def _hidden(server: MailServer, letter: _Letter | None) -> Iterator[str]:
    told = [server.login, server.password.value]
    if letter is not None:
        told += [letter.sender, letter.recipient]
    for each in told:
        local = each.rpartition("@")[0]
        yield from (each, local, local.partition("+")[0])
        yield b64encode(each.encode()).decode()
