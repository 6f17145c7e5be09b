"""A mail server that judges logins, and answers as the test says."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from attrs import define, field
from twisted.internet import reactor as real_reactor
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver

reactor: Any = real_reactor

LOGIN, PASSWORD, TOKEN = "mxisd@example.org", "swordfish-ü", "ya29.token"
CHALLENGE = b"<1.2@mail.example.org>"
REFUSAL = b"535 5.7.8 not accepted"


class _Conversation(LineReceiver):
    factory: "LoginServer"
    transport: Any
    _is_in = False
    _in_data = False
    _login = b""
    _given: list[bytes]

    def connectionMade(self) -> None:
        """Greet."""
        self.factory.connections += 1
        self.factory.open += 1
        self.sendLine(b"220 mail.example.org")

    def connectionLost(self, reason: Any = None) -> None:
        """Count."""
        self.factory.open -= 1

    def lineReceived(self, line: bytes) -> None:
        """Answer."""
        self.factory.lines.append(line)
        if self._login:
            self._continue(line)
        elif self._in_data:
            self._in_data = line != b"."
            if not self._in_data:
                self.sendLine(b"250 2.0.0 taken")
        else:
            self._answer(line)

    def _answer(self, line: bytes) -> None:
        word, _, rest = line.upper().partition(b" ")
        scripted = self.factory.replies.get(line.upper())
        if scripted is not None:
            self._login, self._given = (
                (rest, []) if scripted[:3] == b"334" else (b"", [])
            )
            self.sendLine(scripted)
        elif word == b"EHLO":
            self.sendLine(b"250-mail.example.org\r\n" + self.factory.offer)
        elif word == b"AUTH":
            self._begin(rest)
        elif word == b"MAIL" and not self._is_in:
            self.sendLine(b"530 5.7.0 log in")
        elif word == b"DATA":
            self._in_data = True
            self.sendLine(b"354 go on")
        else:
            self.sendLine(b"250 fine")

    def _begin(self, mechanism: bytes) -> None:
        self._login, self._given = mechanism, []
        challenges = {b"CRAM-MD5": b64encode(CHALLENGE), b"LOGIN": b"VXNlcm5hbWU6"}
        self.sendLine(b"334 " + challenges.get(mechanism, b""))

    def _continue(self, line: bytes) -> None:
        if line == b"*":
            self._login = b""
            self.sendLine(b"501 5.7.0 given up")
            return
        self.factory.heard.append(line.decode())
        self._given.append(b64decode(line))
        if self._login == b"LOGIN" and len(self._given) == 1:
            self.sendLine(b"334 UGFzc3dvcmQ6")
            return
        good = self._given == self._expected()
        self._is_in = good and self._login not in self.factory.broken
        if not self._is_in and self._login == b"XOAUTH2" and len(self._given) == 1:
            self.sendLine(b"334 " + b64encode(b'{"status":"401"}'))
            return
        if not self._is_in:
            self.factory.failed.append(self._login)
        self._login = b""
        self.sendLine(b"235 welcome" if self._is_in else self._refusal(line))

    def _refusal(self, line: bytes) -> bytes:
        if not self.factory.quotes:
            return REFUSAL
        said = b" ".join([line, *self._given, LOGIN.encode()])
        return REFUSAL + b" " + said.replace(b"\0", b" ").replace(b"\1", b" ")

    def _expected(self) -> list[bytes]:
        login, password = LOGIN.encode(), PASSWORD.encode()
        digest = hmac.new(password, CHALLENGE, "md5").hexdigest().encode()
        return {
            b"PLAIN": [b"\0" + login + b"\0" + password],
            b"LOGIN": [login, password],
            b"CRAM-MD5": [login + b" " + digest],
            b"XOAUTH2": [
                b"user=" + login + b"\1auth=Bearer " + TOKEN.encode() + b"\1\1"
            ],
        }[self._login]


@define(eq=False)
class LoginServer(Factory):
    """
    Takes mail of whoever logs in.

    :ivar offer: The last line of its answer to EHLO.
    :ivar replies: Answers to whole lines, in capitals, before all others.
    :ivar broken: Mechanisms by which nobody gets in.
    :ivar quotes: Whether it refuses logins with what it was told.
    :ivar lines: What it was told.
    :ivar heard: What it was told by whoever logged in.
    :ivar failed: The mechanism of each failed login.
    :ivar connections: How many there were; ``open`` ones are still there.
    """

    offer: bytes = b"250 AUTH CRAM-MD5 PLAIN LOGIN"
    replies: Mapping[bytes, bytes] = field(factory=dict)
    broken: frozenset[bytes] = frozenset()
    quotes: bool = False
    lines: list[bytes] = field(factory=list)
    failed: list[bytes] = field(factory=list)
    heard: list[str] = field(factory=list)
    connections: int = 0
    open: int = 0
    protocol: Any = _Conversation
    noisy = False


async def until_closed(server: LoginServer) -> None:
    """Wait until both sides have closed their connections."""
    while server.open:
        await deferLater(reactor, 0.01)
    await deferLater(reactor, 0.02)
