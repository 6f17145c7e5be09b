"""A real mail server (aiosmtpd) in a thread of its own."""

import base64
import logging
import ssl
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from attrs import define, field, frozen

from tests.integration.server import free_port
from tests.tls import IssuedCertificate

TOKEN_USER, TOKEN = "tokens@example.org", "ya29.swordfish"


@frozen
class Delivered:
    """A message as it was taken."""

    sender: str
    recipients: Sequence[str]
    content: bytes
    was_encrypted: bool
    login: str | None


@define(eq=False)
class _Inbox:
    delivered: list[Delivered] = field(factory=list)
    failed: int = 0

    async def auth_CRAM__MD5(self, server: Any, args: Any) -> AuthResult:
        """Offer it, and have nothing that it works with."""
        challenge = base64.b64encode(b"<1@mail.example.org>").decode()
        await server.challenge_auth(challenge, encode_to_b64=False)
        self.failed += 1
        return AuthResult(success=False, handled=False)

    async def auth_XOAUTH2(self, server: Any, args: Any) -> AuthResult:
        """Judge a token."""
        said = await server.challenge_auth("", encode_to_b64=False)
        name, _, rest = said.decode().partition("\1auth=Bearer ")
        if name == f"user={TOKEN_USER}" and rest == f"{TOKEN}\1\1":
            return AuthResult(success=True, auth_data=TOKEN_USER)
        self.failed += 1
        await server.challenge_auth('{"status": "401"}')
        return AuthResult(success=False, handled=False)

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("nobody@"):
            return f"550 5.1.1 <{address}>: unknown"
        if address.startswith("later@"):
            return f"451 4.7.1 <{address}>: try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.delivered.append(
            Delivered(
                envelope.mail_from,
                tuple(envelope.rcpt_tos),
                envelope.original_content,
                session.ssl is not None,
                session.auth_data,
            )
        )
        return "250 2.0.0 taken"


class MailServer:
    """
    Takes mail on a free loopback port.

    :ivar delivered: What it took.
    """

    def __init__(
        self,
        *,
        certificate: IssuedCertificate | None = None,
        is_implicit: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        """
        Describe a server.

        :param certificate: For STARTTLS, which is required then.
        :param is_implicit: Whether TLS is spoken from the first byte instead.
        :param login: Name and password, without which nothing is taken.
        """
        self._inbox = _Inbox()
        self.delivered = self._inbox.delivered
        self.port = free_port()
        context = None if certificate is None else _context(certificate)
        options: dict[str, Any] = {}
        if login is not None:
            options["authenticator"] = _authenticator(self._inbox, *login)
            options["auth_required"] = True
            options["auth_require_tls"] = certificate is not None and not is_implicit
        if context is not None and is_implicit:
            options["ssl_context"] = context
        elif context is not None:
            options["tls_context"] = context
            options["require_starttls"] = True
        # It tells at length what clients dislike, which tests have them do.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module="aiosmtpd")
        self._controller = Controller(
            self._inbox, hostname="127.0.0.1", port=self.port, **options
        )

    @property
    def failed(self) -> int:
        """How many logins have failed."""
        return self._inbox.failed

    def start(self) -> "MailServer":
        """Listen."""
        self._controller.start()
        return self

    def stop(self) -> None:
        """Listen no more."""
        self._controller.stop()


def _context(certificate: IssuedCertificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_name(certificate.cert_file), _name(certificate.key_file))
    return context


def _name(path: Path) -> str:
    return str(path)


def _authenticator(inbox: _Inbox, name: str, password: str) -> Any:
    def judge(
        server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        expected = LoginPassword(name.encode(), password.encode())
        inbox.failed += data != expected
        return AuthResult(success=data == expected, auth_data=name, handled=False)

    return judge
