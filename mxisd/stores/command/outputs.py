"""What the output of programs says, before it is judged, whatever its form."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from attrs import frozen

Owner = tuple[str, str]
"""The type of an ID, and its value."""

RawThreePid = tuple[str, str]
"""Medium and address as they were printed."""

Row = tuple[RawThreePid, Owner]


class Nonsense(ValueError):
    """Output that is not as it should be; the message says what, without values."""


@frozen(kw_only=True)
class Login:
    """
    What is said to a password.

    :ivar is_right: ``None`` if the exit code alone decides.
    :ivar is_refused: Whether the user is known, and the password wrong.
    """

    is_right: bool | None = None
    is_refused: bool = False
    owner: Owner | None = None
    display_name: str | None = None
    threepids: Sequence[RawThreePid | None] = ()


@frozen
class Hits:
    """
    What a search found.

    :ivar entries: Users as they were printed, with their names; ``None`` for what is
        no entry.
    """

    entries: Sequence[tuple[str, str | None] | None] = ()
    is_limited: bool = False


class Output(Protocol):
    """
    A form of output; blank output is legal everywhere and means "nothing".

    Each method raises :class:`Nonsense`.
    """

    def login(self, text: str) -> Login:
        """What is said to a password."""

    def hits(self, text: str) -> Hits:
        """What a search found."""

    def owner(self, text: str) -> Owner | None:
        """Whose a 3PID is."""

    def rows(self, text: str) -> Iterator[Row | None]:
        """Many 3PIDs with their owners; ``None`` for each that is no such thing."""

    def display_name(self, text: str) -> str | None:
        """A user's name."""

    def threepids(self, text: str) -> Sequence[RawThreePid | None] | None:
        """A user's 3PIDs, with ``None`` for what is none; ``None`` for no user."""

    def roles(self, text: str) -> Sequence[str] | None:
        """A user's roles; ``None`` for no user."""
