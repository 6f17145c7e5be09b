"""What can go wrong between us and a directory, and the words for it."""

from ldaptor.protocols.ldap import ldaperrors
from OpenSSL import SSL
from twisted.python.failure import Failure

from mxisd.drivers.tls import CertificateRefused
from mxisd.errors import DeadlineExceeded, StoreUnavailable

SUCCESS = 0
REFERRAL = 10

CUT = (4, 11)
"""sizeLimitExceeded, adminLimitExceeded: there are more entries."""

NO_PAGES = (2, 11, 12, 53)
"""
What servers answer that do not want to page: protocolError, adminLimitExceeded,
unavailableCriticalExtension, unwillingToPerform.
"""

# What OpenSSL says to bytes that are no TLS.
_NO_TLS = (
    "http request",
    "packet length too long",
    "record layer failure",
    "unexpected message",
    "unknown protocol",
    "wrong version number",
)
# Servers differ in the alert for a client certificate that is not there, or is wrong.
_ABOUT_OUR_CERTIFICATE = ("certificate", "unknown ca", "access denied")


class ConnectionGone(StoreUnavailable):
    """The connection ended before the answer; another one may do better."""


class TimedOut(StoreUnavailable, DeadlineExceeded):
    """The server did not answer in time."""


class ServerHangs(TimedOut):
    """The server said nothing at all in all that time."""


class SearchRefused(StoreUnavailable):
    """The server answered, and what it said is neither success nor a list cut."""


class ListCut(StoreUnavailable):
    """The server answered some of the entries, and will not answer the others."""


def fresh(error: StoreUnavailable) -> StoreUnavailable:
    """A copy: an exception that is raised in several places gathers their traces."""
    return type(error)(str(error))


def code_name(code: int) -> str:
    """The name of a result code, as RFC 4511 has it."""
    known = ldaperrors.LDAPExceptionCollection.collection.get(code)
    return f"result code {code}" if known is None else known.name.decode()


def why_lost(
    reason: Failure, *, in_handshake: bool, is_secure: bool, was_mute: bool
) -> str:
    """
    Why a connection ended, with a guess for operators where there is one.

    :param in_handshake: Whether TLS was being negotiated.
    :param is_secure: Whether it had been.
    :param was_mute: Whether the server had not said anything (since then).
    """
    error = reason.value
    if isinstance(error, SSL.Error):
        return f"TLS failed: {_tls_words(error)}"
    if isinstance(error, CertificateRefused):
        return f"TLS failed: {error}"
    if in_handshake:
        return (
            "the server closed the connection instead of a TLS handshake; "
            "perhaps it speaks plain text on this port"
        )
    if was_mute and is_secure:
        return (
            "the server closed the connection right after the TLS handshake; perhaps "
            "it demands a (or another) client certificate: connection.certificateFile"
        )
    if was_mute:
        return (
            "the server closed the connection without an answer; "
            "perhaps it expects TLS on this port"
        )
    return "the server closed the connection"


def _tls_words(error: SSL.Error) -> str:
    known = error.args and error.args[0]
    detail = str(known[-1][-1]) if isinstance(known, list) and known else "cut short"
    if detail in _NO_TLS:
        return f"the server spoke plain text where TLS was expected ({detail})"
    if "alert" in detail and any(word in detail for word in _ABOUT_OUR_CERTIFICATE):
        return (
            f"the server does not accept our client certificate, or its lack: "
            f"see connection.certificateFile ({detail})"
        )
    return detail
