"""What can go wrong with an HTTP request, in words for the operator."""

from collections.abc import Iterator

from OpenSSL import SSL
from twisted.internet.defer import CancelledError
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
    DNSLookupError,
)
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.web.client import (
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
)
from twisted.web.error import SchemeNotSupported

from mxisd.drivers.dns import DnsCrowded, DnsFailed
from mxisd.drivers.explanations import no_connection, tls_failed, tls_reason
from mxisd.drivers.tls import CertificateRefused
from mxisd.errors import Unavailable


class HttpFailed(Unavailable):
    """A server gave no usable answer; the message never holds the URL."""


class NotConnected(HttpFailed):
    """No connection was made, so the server has seen nothing of the request."""


class TlsFailed(NotConnected):
    """Somebody is there whose certificate is not good, or who speaks no TLS."""


class NotTried(NotConnected):
    """There was no room for the question: this tells nothing about the server."""


class AddressRefused(ConnectError):
    """A connection to an address that is not public was not even tried."""


LIBRARY_ERRORS = (
    CancelledError,
    CertificateRefused,
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
    OSError,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
    SSL.Error,
    SchemeNotSupported,
)
"""What the agent and its endpoints fail with, but for what is wrong with a URL."""


def explained(error: Exception) -> Exception:
    """
    Turn a failure of the HTTP library into one of ours; raise it from the original.

    A cancelled request stays a cancelled request: whoever gave up must not be told
    that the server failed, lest another one be tried.
    """
    if isinstance(error, DnsCrowded):
        return NotTried(str(error))
    causes = list(_causes(error))
    if any(isinstance(e, CancelledError | ConnectingCancelledError) for e in causes):
        return CancelledError()
    for cause in causes:
        reason = _why_not_connected(cause)
        if reason is not None:
            is_tls = isinstance(cause, CertificateRefused | SSL.Error)
            return TlsFailed(reason) if is_tls else NotConnected(reason)
    return HttpFailed(f"the connection broke ({type(causes[-1]).__name__})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    yield error
    if isinstance(error, ResponseFailed | RequestTransmissionFailed):
        for failure in error.reasons:
            yield from _causes(failure.value)


def _why_not_connected(error: BaseException) -> str | None:
    match error:
        case AddressRefused():
            return str(error.osError)
        case DnsFailed():
            return str(error)
        case DNSLookupError():
            return "the name does not resolve"
        case SchemeNotSupported():
            return "only https is allowed"
        case ConnectTimeout():
            return "no connection in time"
        case ConnectError():
            return no_connection(error)
        case CertificateRefused():
            return f"TLS: {error}"
        case SSL.Error():
            return f"TLS: {tls_failed(tls_reason(error)) or 'the connection broke'}"
    return None
