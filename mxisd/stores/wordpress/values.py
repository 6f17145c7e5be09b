"""What WordPress holds -> values of ours."""

import re
from collections.abc import Iterator
from typing import Any

from mxisd.errors import StoreUnavailable
from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import IllegalThreePid, ThreePid

ROLES_LIMIT = 1000

_LENGTH = re.compile(rb"([0-9]{1,9}):")
_SCALAR = re.compile(rb"(?:([bi]):(-?[0-9]{1,20})|N);")


def text(value: Any) -> str | None:
    """The value as text; ``None`` for NULL, and for what is no text."""
    if isinstance(value, bytes | bytearray):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def threepid(medium: Any, address: Any, known: StoredAddresses) -> ThreePid | None:
    """The 3PID in canonical form; ``None`` if it is none."""
    known_medium, known_address = text(medium), text(address)
    if known_medium is None or known_address is None:
        return None
    try:
        return known.read(known_medium, known_address)
    except IllegalThreePid:
        return None


def user_id(login: Any, domain: str) -> UserId | None:
    """The user with a login; ``None`` where no Matrix user can be called so."""
    try:
        return UserId.unescaped(text(login) or "", domain)
    except IllegalIdentifier:
        return None


def roles(capabilities: Any) -> frozenset[str]:
    """
    The roles in the capabilities that WordPress keeps of a user.

    :param capabilities: An array as PHP writes it: ``a:1:{s:6:"editor";b:1;}``; blank
        if there is none.
    :raise StoreUnavailable: If it makes no sense: somebody may have roles all the same.
    """
    known = "" if capabilities is None else text(capabilities)
    if known is not None and not known.strip():
        return frozenset()
    try:
        return frozenset(_granted((known or "").encode()))
    except ValueError as error:
        raise StoreUnavailable(f"a user's capabilities are unreadable: {error}") from (
            error
        )


def _granted(source: bytes) -> Iterator[str]:
    """The keys that are true; no object of PHP's is ever made."""
    if not source.startswith(b"a:"):
        raise ValueError("no array")
    count, place = _length(source, 2)
    if count > ROLES_LIMIT or source[place : place + 1] != b"{":
        raise ValueError("no array of capabilities")
    place += 1
    for _ in range(count):
        key, place = _value(source, place)
        value, place = _value(source, place)
        if isinstance(key, bytes) and value not in (0, b"", b"0"):
            yield key.decode()
    if source[place:] != b"}":
        raise ValueError("the array does not end")


def _value(source: bytes, place: int) -> tuple[bytes | int, int]:
    if source.startswith(b"s:", place):
        length, start = _length(source, place + 2)
        end = start + 1 + length
        if source[start : start + 1] != b'"' or source[end : end + 2] != b'";':
            raise ValueError("no text")
        return source[start + 1 : end], end + 2
    match = _SCALAR.match(source, place)
    if match is None:
        raise ValueError("no value that is known")
    return int(match[2] or 0), match.end()


def _length(source: bytes, place: int) -> tuple[int, int]:
    match = _LENGTH.match(source, place)
    if match is None:
        raise ValueError("no length")
    return int(match[1]), match.end()
