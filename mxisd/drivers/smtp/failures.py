"""What went wrong with a mail, and in which words of the server."""

import re
from collections.abc import Iterable, Sequence

from OpenSSL import SSL
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout

from mxisd.drivers.explanations import (
    no_connection,
    spoke_plain_text,
    tls_failed,
    tls_reason,
)
from mxisd.drivers.tls import CertificateRefused
from mxisd.errors import MessageNotSent, Unavailable

WORDS_LENGTH = 200

# Addresses, also in links and in return paths.
_ADDRESS_LIKE = re.compile(r"\S*(?:@|%40|=40)\S*", re.IGNORECASE)
_HIDDEN = "…"


class MailFailed(Unavailable):
    """
    A mail server did not take a message; no address and no secret is in the text.

    :ivar key: The key of the sender's section to look at; empty if it is none's fault.
    :ivar means: What it means for this message and others.
    """

    def __init__(
        self,
        text: str,
        *,
        key: str = "",
        means: type[MessageNotSent] = MessageNotSent,
    ) -> None:
        """Say what, and whose fault it is."""
        super().__init__(text)
        self.key = key
        self.means = means


def server_words(code: int, lines: Iterable[bytes], hidden: Sequence[str]) -> str:
    """
    What a server said, in brackets, without addresses and what is to be hidden.

    :param hidden: Secrets, names and addresses, in each form that the server was told.
    """
    text = b" ".join(lines).decode("utf-8", "replace")
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    text = _ADDRESS_LIKE.sub(_HIDDEN, text)
    for each in sorted(filter(None, hidden), key=len, reverse=True):
        text = _without(text, each)
    return f"({' '.join([f'{code:03d}', *text.split()])[:WORDS_LENGTH]})"


def _without(text: str, hidden: str) -> str:
    # A name of one letter stands within other words; there it tells nothing.
    pattern = rf"(?<![^\W_]){re.escape(hidden)}(?![^\W_])"
    return re.sub(pattern, _HIDDEN, text, flags=re.IGNORECASE)


def why_not_connected(error: BaseException) -> str:
    """Why there is no connection, or no longer one."""
    match error:
        case CertificateRefused():
            return f"TLS: {error}"
        case DNSLookupError():
            return "the name of the server does not resolve"
        case ConnectTimeout():
            return "no connection in time"
        case ConnectError():
            return no_connection(error)
        case SSL.Error():
            return f"TLS: {_why_no_tls(tls_reason(error))}"
    return "the server hung up"


def _why_no_tls(reason: str) -> str:
    if spoke_plain_text(reason):
        return f"{tls_failed(reason)}; STARTTLS is tls: 2, or 1"
    return reason or "the connection broke"
