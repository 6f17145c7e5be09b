"""
Shows mails, and delivers none: for trying mxisd out.

    python contrib/show_mails.py [PORT]

listens on this machine only, on port 8025 unless told otherwise, and prints what comes.
"""

import sys
from email import message_from_bytes, policy
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.mail.smtp import ESMTP, IMessage, IMessageDelivery
from zope.interface import implementer

USUAL_PORT = 8025
SHOWN = ("From", "To", "Subject")


@implementer(IMessage)
class Shown:
    """A mail that is printed as soon as it is complete."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        """Take a line."""
        self._lines.append(line)

    def eomReceived(self) -> "Deferred[None]":
        """Print its text, as a person would read it."""
        mail = message_from_bytes(b"\n".join(self._lines), policy=policy.default)
        head = [f"{name}: {mail[name]}" for name in SHOWN]
        body = mail.get_body(("plain", "html"))
        print(*head, "", body.get_content() if body else "", sep="\n", flush=True)
        return succeed(None)

    def connectionLost(self) -> None:
        """Forget a mail that was not finished."""


@implementer(IMessageDelivery)
class Everybody:
    """Takes mails from anybody, to anybody."""

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        """Add nothing."""
        return b""

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        """Take it."""
        return origin

    def validateTo(self, user: Any) -> Any:
        """Take it."""
        return Shown


def protocol() -> ESMTP:
    """A connection."""
    made = ESMTP()
    made.delivery = Everybody()
    return made


def main() -> None:
    """Listen until somebody presses Ctrl-C."""
    port = sys.argv[1] if len(sys.argv) > 1 else str(USUAL_PORT)
    if not port.isdecimal():
        sys.exit("usage: show_mails.py [PORT]")
    factory = ServerFactory()
    factory.noisy = False
    factory.protocol = protocol  # type: ignore[assignment]
    try:
        reactor.listenTCP(int(port), factory, interface="127.0.0.1")  # type: ignore[attr-defined]
    except CannotListenError as error:
        sys.exit(f"show_mails: {error}")
    print(f"Mails to 127.0.0.1:{port} are shown here.", flush=True)
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
