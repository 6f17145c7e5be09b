"""Why there is no connection, in the words that all drivers have for it."""

import os
from errno import ECONNREFUSED

from OpenSSL import SSL
from twisted.internet.error import ConnectError, ConnectionRefusedError

# What OpenSSL says to bytes that are no TLS.
_NO_TLS = frozenset(
    {
        "http request",
        "packet length too long",
        "record layer failure",
        "unexpected message",
        "unknown protocol",
        "wrong version number",
    }
)


def no_connection(error: ConnectError) -> str:
    """Why nobody was reached."""
    reason = error.osError
    if reason is None and isinstance(error, ConnectionRefusedError):
        reason = ECONNREFUSED
    if isinstance(reason, int):
        # Twisted keeps the number alone.
        reason = os.strerror(reason)
    return f"no connection ({reason or type(error).__name__})"


def tls_reason(error: SSL.Error) -> str:
    """OpenSSL's own words, such as "certificate verify failed"; empty: it has none."""
    queue = error.args[0] if error.args else ()
    return str(queue[-1][-1]) if isinstance(queue, list) and queue else ""


def spoke_plain_text(reason: str) -> bool:
    """Whether these words are about a server that spoke no TLS."""
    return reason in _NO_TLS


def tls_failed(reason: str) -> str:
    """What went wrong with TLS, after :func:`tls_reason`."""
    if spoke_plain_text(reason):
        return f"the server spoke plain text where TLS was expected ({reason})"
    return reason
