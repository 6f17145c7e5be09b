"""The greeting: what a mail server offers, and TLS."""

from collections.abc import Iterator

from attrs import frozen

from mxisd.drivers.smtp.conversation import Conversation, Reply
from mxisd.drivers.smtp.failures import MailFailed
from mxisd.drivers.smtp.servers import Encryption, MailServer
from mxisd.drivers.tls import ClientTls
from mxisd.errors import SenderUnavailable

GREETING, READY_FOR_TLS = 220, 220


@frozen
class Offers:
    """
    What a server offers.

    :ivar mechanisms: To log in, in capitals.
    """

    starttls: bool = False
    mechanisms: frozenset[bytes] = frozenset()


async def greeted(
    talk: Conversation, server: MailServer, tls: ClientTls | None
) -> Offers:
    """
    Exchange greetings, and go over to TLS as the server's ``encryption`` says.

    :raise MailFailed: If that is not possible.
    """
    reply = await talk.reply()
    if reply.code != GREETING:
        raise talk.failed("the server serves nobody now", reply)
    offers = await _hello(talk, server)
    if talk.is_encrypted or tls is None:
        return offers
    if offers.starttls:
        await _start_tls(talk, tls)
        return await _hello(talk, server)
    if server.encryption is Encryption.START_TLS:
        text = "the server does not offer STARTTLS, and tls: 2 insists on it"
        raise MailFailed(text, key="tls", means=SenderUnavailable)
    return offers


async def _hello(talk: Conversation, server: MailServer) -> Offers:
    name = server.name.encode()
    reply = await talk.ask(b"EHLO " + name)
    if reply.is_good:
        return _offers(reply)
    # Whoever knows no EHLO has neither logins nor TLS to offer.
    needs_tls = server.encryption is Encryption.START_TLS and not talk.is_encrypted
    if server.login or needs_tls:
        raise talk.failed("the server refused EHLO", reply)
    reply = await talk.ask(b"HELO " + name)
    if not reply.is_good:
        raise talk.failed("the server refused HELO", reply)
    return Offers()


async def _start_tls(talk: Conversation, tls: ClientTls) -> None:
    reply = await talk.ask(b"STARTTLS")
    if reply.code != READY_FOR_TLS:
        text = "the server offers STARTTLS, and then refuses it"
        raise talk.failed(text, reply, key="tls")
    talk.start_tls(tls)


def _offers(reply: Reply) -> Offers:
    # Some servers write "AUTH=PLAIN", as a draft of long ago had it.
    words = [line.upper().replace(b"=", b" ", 1).split() for line in reply.lines[1:]]
    named = [each for each in words if each]
    return Offers(
        starttls=any(name == b"STARTTLS" for name, *_ in named),
        mechanisms=frozenset(_mechanisms(named)),
    )


def _mechanisms(named: list[list[bytes]]) -> Iterator[bytes]:
    for name, *values in named:
        if name == b"AUTH":
            yield from values
