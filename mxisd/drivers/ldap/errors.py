"""What can go wrong between us and a directory, and the words for it."""

from ldaptor.protocols.ldap import ldaperrors
from OpenSSL import SSL
from twisted.python.failure import Failure

from mxisd.drivers.explanations import tls_failed, tls_reason
from mxisd.drivers.tls import CertificateRefused
from mxisd.errors import DeadlineExceeded, Misconfigured, StoreUnavailable

SUCCESS = 0
REFERRAL = 10

CUT = (4, 11)
"""sizeLimitExceeded, adminLimitExceeded: there are more entries."""

NO_PAGES = (2, 11, 12, 53)
"""
What servers answer that do not want to page: protocolError, adminLimitExceeded,
unavailableCriticalExtension, unwillingToPerform.
"""

BASE_KEY = "connection.baseDNs"

_ENCRYPT = ("tls", "the server demands encryption: write tls or startTls: true")
_UNKNOWN = (
    "bindPassword",
    "the server refuses this password, or does not know bindDn",
)
_SHUT = ("bindDn", "the server does not let this account in: locked, or expired?")
_BIND_REFUSED = {
    7: ("bindDn", "the server takes no logins by password"),
    8: _ENCRYPT,
    13: _ENCRYPT,
    19: _SHUT,
    32: _UNKNOWN,
    34: ("bindDn", "the server does not take it for a name"),
    48: _UNKNOWN,
    49: _UNKNOWN,
    50: _SHUT,
    53: _SHUT,
}
_NO_SUCH_BASE = {
    32: "it is not there, or bindDn may not see it",
    34: "it is no name of an entry",
}
_SEARCH_REFUSED = {
    8: _ENCRYPT,
    13: _ENCRYPT,
    50: ("bindDn", "this account may not"),
}

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
    problem = error.problem if isinstance(error, Misconfigured) else str(error)
    return retold(error, problem)


def retold(error: StoreUnavailable, text: str) -> StoreUnavailable:
    """The same kind of error in other words."""
    if isinstance(error, Misconfigured):
        return Misconfigured(error.path, text, is_whole=error.is_whole)
    return type(error)(text)


def bind_refused(code: int, words: str) -> StoreUnavailable:
    """
    Why the service account is not let in.

    :param words: The server's own.
    :return: ``Misconfigured`` where somebody must act, or else an outage.
    """
    said = f"{code_name(code)}: {words}" if words else code_name(code)
    if code not in _BIND_REFUSED:
        return StoreUnavailable(f"connection.bindDn was refused: {said}")
    key, problem = _BIND_REFUSED[code]
    return Misconfigured(f"connection.{key}", f"{problem} ({said})", is_whole=True)


def search_refused(code: int, base: str, key: str) -> StoreUnavailable:
    """
    Why a subtree is not searched.

    :param key: Where it is configured; empty if it is not.
    """
    whole = key == BASE_KEY
    if key and code in _NO_SUCH_BASE:
        text = f"{base} cannot be searched: {_NO_SUCH_BASE[code]} ({code_name(code)})"
        return Misconfigured(key, text, is_whole=whole)
    if key and code in _SEARCH_REFUSED:
        other, problem = _SEARCH_REFUSED[code]
        text = f"{base} cannot be searched: {problem} ({code_name(code)})"
        return Misconfigured(f"connection.{other}", text, is_whole=whole)
    return SearchRefused(f"the server refused: {code_name(code)}")


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
    detail = tls_reason(error) or "cut short"
    if "alert" in detail and any(word in detail for word in _ABOUT_OUR_CERTIFICATE):
        return (
            f"the server does not accept our client certificate, or its lack: "
            f"see connection.certificateFile ({detail})"
        )
    return tls_failed(detail)
