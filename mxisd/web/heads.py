"""
Heads of requests, where Twisted takes more than HTTP allows, or less.

What a proxy before us reads otherwise than we do can be smuggled past it.

Source: RFC 9112, sections 3.2 (targets, Host), 6 (the length of a body), 9.6 (close).
"""

import re
from collections.abc import Iterable

from twisted.web.http_headers import Headers

# A name may have a list's comma, say the RFCs; then it is two names that were joined.
_HOST = rb"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+;=%-]{1,255})(?::[0-9]*)?"
_HOST_OR_NONE = re.compile(rb"(?:%s)?" % _HOST)
_ABSOLUTE = re.compile(rb"https?://(%s)([/?].*)?" % _HOST, re.IGNORECASE)
_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00\r\n]*")


class BadHead(Exception):
    """A head that is no HTTP; the message is for the client."""


def is_legal_line(line: bytes) -> bool:
    """Whether a header has a name, and nothing that others may take for its end."""
    return _LINE.fullmatch(line) is not None


def target_of(method: bytes, target: bytes, version: bytes, headers: Headers) -> bytes:
    """
    Judge a head, and tell which path it is for.

    :param target: As in the request line. The host of a whole URL takes the place of
        the header's, which is worth nothing then.
    :return: Path and query.
    :raise BadHead: If target, host or framing are not as they have to be.
    """
    _check_host(version, headers)
    _check_framing(version, headers)
    if target.startswith(b"/"):
        return target
    match = _ABSOLUTE.fullmatch(target)
    if match is not None:
        headers.setRawHeaders(b"Host", [match[1]])
        rest: bytes = match[2] or b""
        return rest if rest.startswith(b"/") else b"/" + rest
    if method == b"CONNECT" or (method, target) == (b"OPTIONS", b"*"):
        return target
    raise BadHead("The request is for neither a path nor a URL.")


def wants_close(connection: Iterable[bytes]) -> bool:
    """
    Whether a connection is to end with the answer.

    :param connection: The values of the header, each a list with commas.
    """
    options = b",".join(connection).lower().split(b",")
    return any(option.strip() == b"close" for option in options)


def _check_host(version: bytes, headers: Headers) -> None:
    hosts = headers.getRawHeaders(b"Host", ())
    if not hosts and version == b"HTTP/1.1":
        raise BadHead("The header Host is missing.")
    if len(hosts) > 1:
        raise BadHead("The header Host is there more than once.")
    if hosts and _HOST_OR_NONE.fullmatch(hosts[0]) is None:
        raise BadHead("The header Host names no host.")


def _check_framing(version: bytes, headers: Headers) -> None:
    codings = headers.getRawHeaders(b"Transfer-Encoding", ())
    if not codings:
        return
    if version != b"HTTP/1.1":
        raise BadHead("Chunks are of HTTP/1.1.")
    if [coding.lower() for coding in codings] != [b"chunked"]:
        raise BadHead("A body comes in chunks or as it is, and in no other coding.")
