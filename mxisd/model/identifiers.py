# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Matrix user IDs and server names.

Source: Matrix specification v1.19, appendices, "Identifier grammar".
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from attrs import frozen

USER_ID_MAX_BYTES = 255
SERVER_NAME_MAX_LENGTH = 255

_HOST_AND_PORT = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,255})(?::(?P<port>[0-9]{1,5}))?"
)
_LOCALPART = re.compile(r"[a-z0-9._=/+-]+")
_NEVER = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_UNESCAPED = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789._/+-")
_ESCAPED = re.compile(rb"=([0-9a-f]{2})")


class IllegalIdentifier(ValueError):
    """A text is not the identifier it should be; the message says why."""


@frozen
class ServerName:
    """
    The name of a homeserver: a host, and a port when one was written.

    :ivar host: A DNS name, an IPv4 address, or an IPv6 address in brackets.
    :ivar port: The explicit port, or ``None``.
    """

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> "ServerName":
        """
        Read a server name as the specification's grammar has it.

        :raise IllegalIdentifier: If it is not one.
        """
        match = _HOST_AND_PORT.fullmatch(text)
        if match is None or len(text) > SERVER_NAME_MAX_LENGTH:
            raise IllegalIdentifier("not a server name")
        host, port = match["host"], match["port"]
        if port is not None and not 0 < int(port) <= 65535:
            raise IllegalIdentifier("not a server name: the port is out of range")
        if host.startswith("["):
            _check_ipv6(host[1:-1])
        return cls(host, int(port) if port is not None else None)

    @property
    def is_ip_literal(self) -> bool:
        """Whether the host is an address rather than a DNS name."""
        if self.host.startswith("["):
            return True
        try:
            IPv4Address(self.host)
        except AddressValueError:
            return False
        return True

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


def _check_ipv6(text: str) -> None:
    try:
        IPv6Address(text)
    except AddressValueError as error:
        raise IllegalIdentifier("not a server name: bad IPv6 address") from error


@frozen
class UserId:
    """
    A Matrix user ID, ``@localpart:server_name``.

    Historical localparts (capitals, any code point but colon and NUL) are legal
    here, since homeservers still have such users.
    """

    localpart: str
    server_name: str

    @classmethod
    def parse(cls, text: str) -> "UserId":
        """
        Read a full user ID.

        :raise IllegalIdentifier: If the text is not a user ID of at most 255 bytes.
        """
        if not text.startswith("@"):
            raise IllegalIdentifier("a user ID starts with @")
        localpart, colon, server_name = text[1:].partition(":")
        if not colon or not localpart:
            raise IllegalIdentifier("a user ID looks like @localpart:server")
        ServerName.parse(server_name)
        _check_length(text)
        return cls(localpart, server_name)

    @classmethod
    def of(cls, localpart: str, server_name: str) -> "UserId":
        """
        Build the ID of a user that a store knows by this name; it is lower-cased.

        A name with characters that a localpart cannot have is escaped as a whole:
        ``Jörg`` becomes ``j=c3=b6rg``. One without stays as it is, since it may be
        escaped already.

        :raise IllegalIdentifier: If the name is empty, too long, has control
            characters, or begins as whole user IDs do.

        Source: Matrix specification v1.19, appendices, "Mapping from other character
        sets".
        """
        # The sign for Kelvin becomes a k: somebody else.
        lowered = localpart.strip().replace("\u212a", "\0").lower()
        if not lowered or lowered.startswith("@") or _NEVER.search(lowered):
            raise IllegalIdentifier("not a name")
        if len(lowered) > USER_ID_MAX_BYTES:
            raise IllegalIdentifier("a name that is too long for a user ID")
        if _LOCALPART.fullmatch(lowered) is None:
            lowered = _escaped(lowered)
        user_id = cls(lowered, server_name)
        _check_length(str(user_id))
        return user_id

    @classmethod
    def unescaped(cls, localpart: str, server_name: str) -> "UserId":
        """
        The same for stores that could not be asked by an escaped name.

        :raise IllegalIdentifier: Also if the name would have to be escaped.
        """
        user_id = cls.of(localpart, server_name)
        if user_id.localpart != localpart.strip().lower():
            raise IllegalIdentifier("not a legal localpart")
        return user_id

    @property
    def canonical(self) -> "UserId | None":
        """
        The user in the form that stores give; ``None`` if none can know such a user.

        Capitals are lowered. Blanks around a localpart are never taken away: with them
        it is somebody else.
        """
        if self.localpart != self.localpart.strip():
            return None
        try:
            return UserId.of(self.localpart, self.server_name)
        except IllegalIdentifier:
            return None

    @property
    def names(self) -> tuple[str, ...]:
        """What a store may call the user: the localpart, and what it stands for."""
        try:
            name = _unescaped(self.localpart)
            is_another = name != self.localpart
            stands_for = is_another and UserId.of(name, self.server_name) == self
        except (UnicodeError, IllegalIdentifier):
            stands_for = False
        return (self.localpart, name) if stands_for else (self.localpart,)

    def __str__(self) -> str:
        return f"@{self.localpart}:{self.server_name}"


def _escaped(name: str) -> str:
    return "".join(
        chr(byte) if byte in _UNESCAPED else f"={byte:02x}" for byte in name.encode()
    )


def _unescaped(localpart: str) -> str:
    raw = _ESCAPED.sub(
        lambda match: bytes.fromhex(match[1].decode()), localpart.encode()
    )
    return raw.decode()


def _check_length(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise IllegalIdentifier("a user ID is valid Unicode") from error
    if size > USER_ID_MAX_BYTES or "\0" in text:
        raise IllegalIdentifier("a user ID has at most 255 bytes and no NUL")
