"""What stands in the rows of others becomes our values, or is left out."""

from collections.abc import Set
from pathlib import Path
from typing import Any

from attrs import frozen

from mxisd.errors import MxisdError
from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.next_links import followable
from mxisd.model.secret import Secret
from mxisd.model.sessions import digest_of
from mxisd.model.threepids import IllegalThreePid, ThreePid, canonical


class LeftOut(MxisdError):
    """A row cannot be taken; the message says why, without an address in it."""


@frozen
class Circumstances:
    """
    What decides on rows besides their content.

    :ivar now_ms: Milliseconds since the epoch.
    :ivar token_life_ms: How long an account token is good here.
    :ivar allowed: The homeservers whose users may have an account; ``None``: all.
    :ivar next_link_hosts: Where sessions may lead, lower case; ``None``: anywhere.
    :ivar keys: The key store of mxisd or ma1sd.
    """

    now_ms: int
    token_life_ms: int
    allowed: Set[str] | None
    next_link_hosts: Set[str] | None
    keys: Path

    def check_user(self, user: UserId) -> None:
        """
        Let users pass who could register here.

        :raise LeftOut: If this is none of them.
        """
        if self.allowed is not None and user.server_name not in self.allowed:
            raise LeftOut("users of that homeserver may not register here")

    def past(self, time_ms: int) -> int:
        """A time that can have been: a clock may have been wrong."""
        return max(0, min(time_ms, self.now_ms))

    def next_link(self, value: Any) -> str | None:
        """A link that people may be led to; as in requests, others are dropped."""
        if isinstance(value, str) and followable(value, self.next_link_hosts):
            return value
        return None


def text(value: Any) -> str:
    """
    A text that is there, and has something in it.

    :raise LeftOut: If it is not.
    """
    if not isinstance(value, str) or not value:
        raise LeftOut("a value is missing, or is no text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise LeftOut("a text is not UTF-8") from error
    return value


def digest(secret: Any) -> bytes:
    """
    What is kept of a secret.

    :raise LeftOut: If there is none.
    """
    return digest_of(Secret(text(secret)))


def number(value: Any) -> int:
    """
    A whole number.

    :raise LeftOut: If it is none.
    """
    if not isinstance(value, int):
        raise LeftOut("a value is missing, or is no number")
    return value


def threepid(medium: Any, address: Any) -> ThreePid:
    """
    A 3PID in its canonical form.

    :raise LeftOut: If it is illegal.
    """
    try:
        return canonical(text(medium), text(address))
    except IllegalThreePid as error:
        raise LeftOut(str(error)) from error


def user_id(value: Any) -> UserId:
    """
    A user ID.

    :raise LeftOut: If it is illegal.
    """
    try:
        return UserId.parse(text(value))
    except IllegalIdentifier as error:
        raise LeftOut(str(error)) from error
