"""A message to a mail server, by SMTP; each has a connection of its own."""

import re
from enum import Enum
from io import BytesIO
from typing import Any

from attrs import frozen
from OpenSSL import SSL
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import (
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
)
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.protocol import connectionDone
from twisted.mail.smtp import (
    AUTHDeclinedError,
    AuthenticationError,
    AUTHRequiredError,
    EHLORequiredError,
    ESMTPSender,
    ESMTPSenderFactory,
    SMTPClientError,
    SMTPConnectError,
    SMTPDeliveryError,
    SMTPTimeoutError,
    TLSError,
    TLSRequiredError,
)
from twisted.python.failure import Failure

from mxisd.drivers.tls import CertificateRefused, ClientTls
from mxisd.drivers.tls_files import TlsFiles, UnusableFile
from mxisd.errors import Unavailable
from mxisd.model.domains import IllegalDomain, a_label
from mxisd.model.secret import Secret

CONNECT_SECONDS = 10

# Letters, digits and signs of RFC 5322's atoms, and no quoted local parts: nothing here
# can end a command or an address within one.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}")
_STATUS = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?= |$)")


class MailFailed(Unavailable):
    """A mail server did not take a message; no address is in the text."""


class Encryption(Enum):
    """When TLS is spoken."""

    NEVER = 0
    IF_OFFERED = 1
    START_TLS = 2
    FROM_THE_START = 3


@frozen(kw_only=True)
class MailServer:
    """
    Where a mail server is, and how to get in.

    :ivar name: What we call ourselves (EHLO).
    :ivar login: Empty: nobody logs in.
    :ivar ca_file: A PEM file of the authorities to trust instead of the system's; read
        for each message, so that a renewed one is noticed.
    :ivar seconds: For a message, from the connection to the last answer.
    """

    host: str
    port: int
    encryption: Encryption
    name: str
    login: str = ""
    password: Secret = Secret("")
    ca_file: str | None = None
    seconds: float = 20.0


def envelope_address(address: str) -> str:
    """
    The form of an address that a mail server is given; a domain is its A-label.

    :raise MailFailed: If there is none: signs that do not belong there, or a local part
        that is not ASCII.
    """
    local, _, domain = address.rpartition("@")
    try:
        name = domain if domain.isascii() else a_label(domain)
    except IllegalDomain as error:
        raise MailFailed("the domain of the address is no name") from error
    result = f"{local}@{name}"
    if not _ADDRESS.fullmatch(result):
        raise MailFailed("the address has characters that mail servers do not take")
    return result


async def send_mail(
    reactor: Any, server: MailServer, sender: str, recipient: str, mail: bytes
) -> None:
    """
    Hand over one message.

    :param sender: The address of the envelope, like ``recipient``.
    :param mail: With LF at the end of each line.
    :raise MailFailed: If the server did not take it, or not in time.
    """
    addresses = envelope_address(sender), envelope_address(recipient)
    connection = _Connection(reactor, server)
    sending = connection.send(*addresses, mail)
    sending.addTimeout(server.seconds, reactor)
    try:
        await sending
    except TimeoutError:
        raise MailFailed(f"not done within {server.seconds:g} s") from None
    except (SMTPClientError, ConnectError, ConnectionClosed) as error:
        # Without the cause: what servers say quotes the address.
        raise MailFailed(connection.refusal or _reason(error)) from None


class _Connection:
    def __init__(self, reactor: Any, server: MailServer) -> None:
        self._reactor = reactor
        self._server = server
        self._connector: Any = None
        self._factory: Any = None

    def send(self, sender: str, recipient: str, mail: bytes) -> "Deferred[Any]":
        server = self._server
        trust = self._trust()
        done: Deferred[Any] = Deferred(lambda _: self._cut())
        self._factory = _Factory(
            server.login.encode() if server.login else None,
            server.password.value.encode() if server.login else None,
            sender,
            recipient,
            BytesIO(mail),
            done,
            retries=0,
            timeout=server.seconds,
            contextFactory=trust,
            requireAuthentication=bool(server.login),
            requireTransportSecurity=server.encryption is Encryption.START_TLS,
            heloFallback=not server.login,
        )
        self._factory.domain = server.name
        where = (server.host, server.port, self._factory)
        if server.encryption is Encryption.FROM_THE_START:
            self._connector = self._reactor.connectSSL(
                *where, trust, timeout=CONNECT_SECONDS
            )
        else:
            self._connector = self._reactor.connectTCP(*where, timeout=CONNECT_SECONDS)
        return done

    @property
    def refusal(self) -> str:
        """Why the server's certificate was not accepted, if it was not."""
        return str(self._factory.refusal)

    def _trust(self) -> Any:
        if self._server.encryption is Encryption.NEVER:
            return None
        files = TlsFiles(ca_file=self._server.ca_file)
        try:
            return ClientTls(self._server.host, files.context())
        except UnusableFile as error:
            raise MailFailed(str(error)) from error

    def _cut(self) -> None:
        self._factory.sendFinished = True
        protocol = self._factory.currentProtocol
        if protocol is not None and protocol.transport is not None:
            # It would tell its failure to a Deferred that is gone.
            protocol.setTimeout(None)
            protocol.transport.abortConnection()
        else:
            self._connector.disconnect()


class _Sender(ESMTPSender):
    # The log would have the password in it.
    debug = False
    _is_line_start = True

    def transformChunk(self, chunk: bytes) -> bytes:
        # The library forgets a dot that a chunk begins with: it would end the message.
        dot = b"." if self._is_line_start and chunk.startswith(b".") else b""
        self._is_line_start = chunk.endswith(b"\n")
        stuffed: bytes = super().transformChunk(chunk)
        return dot + stuffed

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # Twisted before 26 tells nobody.
        if isinstance(reason.value, CertificateRefused):
            self.factory.refusal = f"TLS: {reason.value}"
        super().connectionLost(reason)


class _Factory(ESMTPSenderFactory):
    protocol = _Sender
    noisy = False
    refusal = ""


# --- Words for what went wrong --------------------------------------------------------


def _reason(error: Exception) -> str:
    match error:
        case TLSRequiredError():
            return "the server does not offer STARTTLS, and tls: 2 insists on it"
        case TLSError():
            return "the server offers STARTTLS, and then refuses it"
        case AUTHRequiredError() | EHLORequiredError():
            return "the server does not offer a login that we know"
        case AUTHDeclinedError() | AuthenticationError():
            return f"the server refused login and password{_code(error)}"
        case SMTPTimeoutError():
            return "the server fell silent"
        case SMTPDeliveryError():
            return _why_refused(error)
        case SMTPConnectError() if error.code > 0:
            return f"the server serves nobody now{_code(error)}"
    return _why_not_connected(error)


def _why_refused(error: SMTPDeliveryError) -> str:
    answers: Any = error.addresses or ()
    refused = [each for each in answers if not 200 <= each[1] < 300]
    if refused:
        _, code, text = refused[0]
        return f"the server refused the recipient{_status(code, text)}"
    return f"the server refused the message{_code(error)}"


def _code(error: Any) -> str:
    return _status(error.code, error.resp)


def _status(code: int, text: Any) -> str:
    # The text itself may quote anything.
    raw = text if isinstance(text, bytes) else str(text).encode()
    enhanced = _STATUS.match(raw)
    more = f" {enhanced[0].decode()}" if enhanced else ""
    return f" ({code}{more})"


def _why_not_connected(error: BaseException) -> str:
    cause = error.__cause__ or error
    match cause:
        case DNSLookupError():
            return "the name of the server does not resolve"
        case ConnectTimeout():
            return "no connection in time"
        case ConnectError():
            return f"no connection ({cause.osError or type(cause).__name__})"
        case SSL.Error():
            return f"TLS: {_tls_reason(cause)}"
        case ConnectionClosed() | SMTPConnectError():
            # The latter, without a cause, is what Twisted before 26 makes of it.
            return "the server hung up"
    return f"the server talks nonsense ({type(cause).__name__})"


def _tls_reason(error: SSL.Error) -> str:
    queue = error.args[0] if error.args else ()
    if isinstance(queue, list) and queue:
        return str(queue[-1][-1])
    return "the connection broke"
