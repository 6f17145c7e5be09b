"""Logins: which mechanisms are tried, in which order, and when no other one is."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any

from attrs import frozen
from twisted.mail.interfaces import IClientAuthentication
from twisted.mail.smtp import (
    CramMD5ClientAuthenticator,
    LOGINAuthenticator,
    PLAINAuthenticator,
)
from zope.interface import implementer

from mxisd.drivers.smtp.conversation import Conversation, Reply
from mxisd.drivers.smtp.failures import MailFailed
from mxisd.drivers.smtp.servers import Encryption, MailServer
from mxisd.errors import SenderUnavailable

CRAM_MD5 = b"CRAM-MD5"
GO_ON = 334
STEPS = 3
"""So many questions a mechanism has at most."""


@implementer(IClientAuthentication)
@frozen
class _XOAuth2:
    user: bytes

    def getName(self) -> bytes:
        return b"XOAUTH2"

    def challengeResponse(self, secret: bytes, challenge: bytes) -> bytes:
        # The second question is why the token was refused.
        if challenge:
            return b""
        return b"user=" + self.user + b"\1auth=Bearer " + secret + b"\1\1"


async def log_in(
    talk: Conversation, server: MailServer, offered: frozenset[bytes]
) -> None:
    """
    Log in.

    A password that the server refuses is not tried by another mechanism, but for
    CRAM-MD5: servers offer that, and have no password that it works with. A mechanism
    that is refused before anything was said, such as with 504, is no failed login.

    :param offered: The names of mechanisms.
    :raise MailFailed: If that is not possible, or the server refuses.
    """
    mechanisms = _suitable(talk, server, offered)
    secret = (server.password if server.token is None else await server.token()).value
    talk.hidden.append(secret)
    for mechanism in mechanisms:
        was_judged, reply = await _attempt(talk, mechanism, secret.encode())
        if reply.is_good:
            return
        if was_judged and mechanism.getName() != CRAM_MD5:
            break
    kind = "password" if server.token is None else "token"
    text = f"the server refused login and {kind}"
    if not _may_be_heard(talk, server):
        text += " by CRAM-MD5, and it offers no TLS for other ways"
    raise talk.failed(text, reply, key=_key(server))


def _suitable(
    talk: Conversation, server: MailServer, offered: frozenset[bytes]
) -> Sequence[Any]:
    known = list(_known(talk, server))
    found = [each for each in known if each.getName() in offered]
    if not found:
        names = ", ".join(each.getName().decode() for each in known)
        text = f"the server does not offer a login that we know ({names})"
        raise MailFailed(text, key=_key(server), means=SenderUnavailable)
    if not _may_be_heard(talk, server):
        found = [each for each in found if each.getName() == CRAM_MD5]
    if not found:
        text = (
            "the server offers no TLS, and without it no password and no token goes to "
            "another machine: set tls to 2 or 3, or to 0 to send them in the clear"
        )
        raise MailFailed(text, key="tls", means=SenderUnavailable)
    return found


def _known(talk: Conversation, server: MailServer) -> Iterator[Any]:
    """The mechanisms, the one to try first first."""
    user = server.login.encode()
    if server.token is not None:
        yield _XOAuth2(user)
        return
    # Where nobody listens, those come first that all servers judge in the same way: a
    # wrong password is one failed login then.
    is_open = not talk.is_encrypted and not _is_near(talk)
    if is_open:
        yield CramMD5ClientAuthenticator(user)
    yield PLAINAuthenticator(user)
    yield LOGINAuthenticator(user)
    if not is_open:
        yield CramMD5ClientAuthenticator(user)


def _may_be_heard(talk: Conversation, server: MailServer) -> bool:
    """Whether a password may be said as it is."""
    # "tls: 0" is no default: somebody wrote it.
    in_clear = server.encryption is Encryption.NEVER
    return talk.is_encrypted or in_clear or _is_near(talk)


def _is_near(talk: Conversation) -> bool:
    return ip_address(talk.transport.getPeer().host).is_loopback


def _key(server: MailServer) -> str:
    return "login" if server.token is None else "oauth2"


async def _attempt(
    talk: Conversation, mechanism: Any, secret: bytes
) -> tuple[bool, Reply]:
    """Whether the server has judged anything yet, and its last answer."""
    reply = await talk.ask(b"AUTH " + mechanism.getName())
    step = 0
    while reply.code == GO_ON and step < STEPS:
        step += 1
        answer = _answer(mechanism, secret, reply)
        talk.hidden.append(answer.decode())
        reply = await talk.ask(answer)
    return step > 0, reply


def _answer(mechanism: Any, secret: bytes, reply: Reply) -> bytes:
    try:
        challenge = b64decode(b"".join(reply.lines))
    except NotBase64:
        return b"*"  # gives up; the server refuses then
    return b64encode(mechanism.challengeResponse(secret, challenge))
