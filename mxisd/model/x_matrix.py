# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Requests that a homeserver has signed, with the header ``Authorization: X-Matrix``.

Source: Server-Server API v1.19, "Request authentication"; MSC1915 and MSC3383.
"""

import re
from collections.abc import Mapping, Set
from typing import Any

from attrs import frozen

from mxisd.model.identifiers import IllegalIdentifier, ServerName
from mxisd.model.signing import is_signed_by, serial_of

SCHEME = "x-matrix"
MAX_LENGTH = 4096

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"\\]+)'
_PARAMETER = re.compile(rf"(?P<name>{_NAME})[ \t]*=[ \t]*(?:{_VALUE})[ \t]*(?:,|$)")
_BETWEEN = re.compile(r"[ \t,]*")
_ESCAPED = re.compile(r"\\(.)")

# What Synapse signs on unbind, and what the federation specification describes.
_DESTINATION_MEMBERS = ("destination_is", "destination")


class IllegalXMatrix(ValueError):
    """A header that cannot be read; the message says why."""


@frozen
class XMatrix:
    """
    What a homeserver states about a request that it sends.

    :ivar origin: The homeserver, as it spells itself.
    :ivar key_id: Which of its keys it signed with, such as ``ed25519:a_1``.
    :ivar signature: In base64.
    :ivar destination: The server that the request is for; old ones do not tell.
    """

    origin: str
    key_id: str
    signature: str
    destination: str | None = None


@frozen
class SignedRequest:
    """
    The parts of a request that are signed.

    :ivar uri: Path and query, as the homeserver sent them.
    """

    method: str
    uri: str
    content: Mapping[str, Any]


def is_x_matrix(value: str) -> bool:
    """Whether an ``Authorization`` header is a homeserver's."""
    return value.strip().partition(" ")[0].lower() == SCHEME


def parse_x_matrix(value: str) -> XMatrix:
    """
    Read a header.

    :raise IllegalXMatrix: If something in it is missing, wrong or there twice.
    """
    scheme, _, text = value.strip().partition(" ")
    if scheme.lower() != SCHEME or len(text) > MAX_LENGTH:
        raise IllegalXMatrix("not a header of this scheme, or too long")
    found = _parameters(text)
    missing = [name for name in ("origin", "key", "sig") if not found.get(name)]
    if missing:
        raise IllegalXMatrix(f"{missing[0]} is missing")
    _check(found)
    return XMatrix(
        found["origin"], found["key"], found["sig"], found.get("destination")
    )


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = _end_of(_BETWEEN.match(text))
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None:
            raise IllegalXMatrix("the parameters cannot be read")
        name = match["name"].lower()
        if name in found:
            raise IllegalXMatrix("a parameter is there twice")
        quoted = match["quoted"]
        found[name] = match["bare"] if quoted is None else _ESCAPED.sub(r"\1", quoted)
        at = _end_of(_BETWEEN.match(text, match.end()))
    return found


def _end_of(match: "re.Match[str] | None") -> int:
    return match.end() if match is not None else 0


def _check(found: Mapping[str, str]) -> None:
    try:
        origin = ServerName.parse(found["origin"])
    except IllegalIdentifier as error:
        raise IllegalXMatrix("origin is not a server name") from error
    if str(origin) != found["origin"]:
        raise IllegalXMatrix("the port in origin has leading zeros")
    if serial_of(found["key"]) is None:
        raise IllegalXMatrix("key is not an Ed25519 key ID")


def is_genuine(
    header: XMatrix, public_key: bytes, request: SignedRequest, our_names: Set[str]
) -> bool:
    """
    Whether a homeserver's key has signed a request to us.

    :param our_names: What we are called, in lower case, without a slash at the end. A
        request to another server is none to us: whoever got it could send it on.
    """
    if header.destination is None:
        destinations = sorted(our_names)
    elif header.destination.lower().rstrip("/") in our_names:
        destinations = [header.destination]
    else:
        return False
    return any(
        _is_signed(header, public_key, request, {member: destination})
        for destination in destinations
        for member in _DESTINATION_MEMBERS
    )


def _is_signed(
    header: XMatrix,
    public_key: bytes,
    request: SignedRequest,
    destination: Mapping[str, str],
) -> bool:
    signed = {
        "method": request.method,
        "uri": request.uri,
        "origin": header.origin,
        "content": request.content,
        "signatures": {header.origin: {header.key_id: header.signature}},
        **destination,
    }
    return is_signed_by(signed, header.origin, header.key_id, public_key)
