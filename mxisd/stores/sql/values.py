"""What columns hold -> values of ours."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from attrs import frozen

from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import IllegalThreePid, ThreePid


def text(value: Any) -> str | None:
    """The value as text; ``None`` for NULL, and for what is no text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    return None


def threepid(medium: Any, address: Any, known: StoredAddresses) -> ThreePid | None:
    """The 3PID in canonical form; ``None`` if it is none."""
    known_medium, known_address = text(medium), text(address)
    if known_medium is None or known_address is None:
        return None
    try:
        return known.read(known_medium, known_address)
    except IllegalThreePid:
        return None


@frozen
class Naming:
    """
    How users are called in a column, or for a question mark.

    :ivar domain: Ours.
    :ivar is_localpart: Whether that is a localpart.
    """

    domain: str
    is_localpart: bool

    def user_id(self, value: Any) -> UserId | None:
        """The user that a column names, in canonical form; ``None`` if it does not."""
        name = (text(value) or "").strip()
        try:
            # No localpart has an @: then it is a user ID, whatever is said of it.
            if self.is_localpart and not name.startswith("@"):
                return UserId.of(name, self.domain)
            historical = UserId.parse(name)
            return UserId.of(historical.localpart, historical.server_name)
        except IllegalIdentifier:
            return None

    def values(self, user_id: UserId) -> Sequence[str]:
        """What to ask for; nothing for a user who cannot be in the database."""
        known = user_id.canonical
        if known is None:
            return ()
        if not self.is_localpart:
            return tuple(f"@{name}:{known.server_name}" for name in known.names)
        return known.names if known.server_name == self.domain else ()
