"""E-mails with everything that belongs to one (RFC 5322, RFC 2047, MIME)."""

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime
from typing import Any

from attrs import frozen

from mxisd.notify.facts import header_line

# ASCII and LF only: a mail server need not know 8BITMIME, and SMTP makes the CR.
POLICY: Any = default.clone(cte_type="7bit")

_OURS = frozenset(
    {
        "auto-submitted",
        "bcc",
        "cc",
        "date",
        "delivered-to",
        "from",
        "message-id",
        "mime-version",
        "received",
        "return-path",
        "sender",
        "to",
    }
)


@frozen(kw_only=True)
class Envelope:
    """
    What is written on an e-mail by us.

    :ivar sender: An address in ASCII, like ``recipient``.
    :ivar message_id: Unique, without the domain.
    :ivar domain: Ours.
    :ivar language: That of the message, if it is known.
    """

    sender: str
    sender_name: str
    recipient: str
    message_id: str
    domain: str
    sent_at: float
    language: str | None = None


def is_ours(name: str) -> bool:
    """Whether a header is ours to write, whatever a template has there."""
    lowered = name.lower()
    return lowered in _OURS or lowered.startswith(("content-", "resent-"))


def new_mail(subject: str, text: str, html: str | None) -> EmailMessage:
    """Make an e-mail of a subject and texts; no text at all if there is HTML only."""
    mail = EmailMessage(policy=POLICY)
    mail["Subject"] = header_line(subject)
    if text:
        mail.set_content(text, cte="quoted-printable")
        if html is not None:
            mail.add_alternative(html, subtype="html", cte="quoted-printable")
    else:
        mail.set_content(html or "", subtype="html", cte="quoted-printable")
    return mail


def put_text(part: Any, text: str) -> None:
    """Replace the text of a part of an e-mail; its type stays."""
    subtype = part.get_content_subtype()
    part.set_content(text, subtype=subtype, cte="quoted-printable")


def finished(mail: EmailMessage, envelope: Envelope) -> bytes:
    """The e-mail with our headers, as it is sent; LF ends its lines."""
    mail["From"] = _address(envelope.sender, envelope.sender_name)
    mail["To"] = _address(envelope.recipient)
    mail["Date"] = format_datetime(datetime.fromtimestamp(envelope.sent_at, UTC))
    mail["Message-ID"] = f"<{envelope.message_id}@{envelope.domain}>"
    # No out-of-office replies, of any kind of server.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    if envelope.language is not None:
        mail["Content-Language"] = envelope.language
    return mail.as_bytes()


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(header_line(name), local, domain)
