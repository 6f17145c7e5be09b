# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""What operators see of our own tables, a page at a time."""

from collections.abc import Sequence
from enum import Enum
from typing import Generic, TypeVar

from attrs import frozen

from mxisd.model.identifiers import UserId
from mxisd.model.invites import Ending, Invite
from mxisd.model.sessions import ValidationSession
from mxisd.model.threepids import ThreePid

T = TypeVar("T")

PAGE_LIMIT = 1000
"""So many items are on a page at most."""

Cursor = tuple[int | str, str]
"""Where a page ended."""


class DeliveryState(Enum):
    """What became of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    REFUSED = "refused"
    REVOKED = "revoked"


class InviteState(Enum):
    """What became of an invite."""

    PENDING = "pending"
    RESOLVED = Ending.RESOLVED.value
    EXPIRED = Ending.EXPIRED.value
    REVOKED = Ending.REVOKED.value


class SessionState(Enum):
    """How far a validation session came."""

    OPEN = "open"
    VALIDATED = "validated"
    CLOSED = "closed"
    EXPIRED = "expired"


@frozen(kw_only=True)
class Wanted:
    """
    What is to be on a page; ``None`` is anything.

    :ivar user_id: The owner of bindings, the sender of invites, whom deliveries are
        about; sessions have none.
    :ivar state: That of an invite or a delivery; the others are not sought by it.
    :ivar after: Where the page before ended.
    """

    threepid: ThreePid | None = None
    user_id: UserId | None = None
    state: InviteState | DeliveryState | None = None
    after: Cursor | None = None
    limit: int = 100


@frozen
class Page(Generic[T]):
    """
    Some items.

    :ivar end: Where it ended; ``None`` if nothing follows.
    """

    items: Sequence[T]
    end: Cursor | None = None


@frozen(kw_only=True)
class Errand:
    """
    How somebody is told something: a person by a message, a homeserver by a delivery.

    :ivar recipient: The homeserver, or the medium.
    :ivar due_ms: When it is tried next, or was.
    :ivar outcome: ``None`` while it is tried.
    :ivar answer: The last one, or why there was none; ``None`` if all went well.
    """

    recipient: str
    failures: int
    due_ms: int
    ended_ms: int | None = None
    outcome: str | None = None
    answer: str | None = None


@frozen(kw_only=True)
class InviteOverview:
    """
    An invite, and what was done about it.

    :ivar message: To its addressee; ``None`` if there was nothing to say.
    :ivar delivery: To the owner's homeserver; ``None`` while nobody is known.
    """

    invite: Invite
    message: Errand | None
    delivery: Errand | None

    @property
    def state(self) -> InviteState:
        """What became of the invite."""
        ending = self.invite.ending
        return InviteState.PENDING if ending is None else InviteState(ending.value)


def state_of(session: ValidationSession, now_ms: int) -> SessionState:
    """How far a session came; what is over is over, however far that was."""
    if session.is_expired(now_ms):
        return SessionState.EXPIRED
    if session.is_validated:
        return SessionState.VALIDATED
    return SessionState.CLOSED if session.is_closed else SessionState.OPEN
