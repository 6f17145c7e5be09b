# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""
Invites to people of whom only an address is known, and the news for homeservers.

Source: Identity Service API v1.19, "Invitation storage"; Server-Server API v1.19,
"Third-party invites".
"""

from collections.abc import Mapping, Set
from enum import Enum
from hmac import compare_digest
from typing import Any

from attrs import field, frozen

from mxisd.model.identifiers import UserId
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.model.threepids import EMAIL, ThreePid

FIRST_DELAY_MS = 5_000
LONGEST_DELAY_MS = 3_600_000
YOUNG_MS = 60_000
"""A homeserver may need so long to put an invite into its room."""

SHOWN_CHARACTERS = 3
EPHEMERAL_SERIAL = "0"
KEY_BYTES = 32
"""Of either half of an ephemeral key."""


# --- Invites --------------------------------------------------------------------------


@frozen(kw_only=True)
class Invitation:
    """
    What a homeserver asks for.

    :ivar spelling: The address as it was sent.
    :ivar facts: Everything else that was sent, by its key on the wire.
    :ivar languages: Of the one who asked, the most wanted first.
    """

    threepid: ThreePid
    spelling: str
    room_id: str
    sender: UserId
    facts: Mapping[str, str] = field(factory=dict)
    languages: tuple[str, ...] = ()


class Ending(Enum):
    """How an invite ended."""

    RESOLVED = "resolved"
    EXPIRED = "expired"
    REVOKED = "revoked"


@frozen(kw_only=True)
class Invite:
    """
    A stored invite.

    :ivar token: What names it, in the room and here.
    :ivar key: Its ephemeral key; ``None`` if another server made it, and only its
        addressee has the private half.
    :ivar key_id: The ID of our long-term key that the room was told of; ``None`` if
        another server told it, and not which.
    :ivar display_name: The address, redacted, for everybody in the room.
    :ivar ending: ``None`` while it is pending.
    :ivar owner: Whose the address turned out to be.
    """

    token: str = field(repr=False)
    threepid: ThreePid
    room_id: str
    sender: UserId
    facts: Mapping[str, str]
    languages: tuple[str, ...]
    key: SigningKey | None
    display_name: str
    created_ms: int
    ended_ms: int | None = None
    ending: Ending | None = None
    owner: UserId | None = None
    key_id: str | None = None

    @property
    def is_pending(self) -> bool:
        """Whether its addressee is still unknown."""
        return self.ending is None

    def has_key(self, private_key: str) -> bool:
        """Whether this is its ephemeral private key, in any base64 spelling."""
        given = key_bytes(private_key)
        if given is None or self.key is None:
            return False
        return compare_digest(given, self.key.seed)


def ephemeral_key(private_key: str) -> SigningKey | None:
    """
    The key with this private half.

    :param private_key: In any base64 spelling.
    :return: ``None`` if it is none.
    """
    seed = key_bytes(private_key)
    if seed is None or len(seed) != KEY_BYTES:
        return None
    return SigningKey(EPHEMERAL_SERIAL, seed)


@frozen
class BlockLists:
    """
    Whose invites are refused.

    :ivar homeservers: Server names in lower case.
    """

    homeservers: Set[str] = frozenset()
    senders: Set[str] = frozenset()
    rooms: Set[str] = frozenset()

    def refuse(self, sender: UserId, room_id: str) -> bool:
        """Whether an invite is not wanted."""
        return (
            sender.server_name.lower() in self.homeservers
            or str(sender) in self.senders
            or room_id in self.rooms
        )


def may_invite(roles: Set[str], required: Set[str]) -> bool:
    """
    Whether somebody with these roles may invite by address.

    :param required: ``invite.policy.ifSender.hasRole``: one of them is enough; empty:
        everybody may.
    """
    return not required or not roles.isdisjoint(required)


def redacted(threepid: ThreePid) -> str:
    """An address as it may be shown to everybody in a room: ``bob...@exa...``."""
    if threepid.medium != EMAIL:
        return _shortened(threepid.address)
    local, _at, domain = threepid.readable.partition("@")
    return f"{_shortened(local)}@{_shortened(domain)}"


def _shortened(text: str) -> str:
    if len(text) > SHOWN_CHARACTERS:
        return text[:SHOWN_CHARACTERS] + "..."
    return text[:1] + "..." if len(text) > 1 else "..."


# --- Deliveries -----------------------------------------------------------------------


class Verdict(Enum):
    """What the answer of a homeserver means."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    ELSEWHERE = "elsewhere"
    LATER = "later"


@frozen(kw_only=True)
class Delivery:
    """
    One message to a homeserver: this invite's addressee is that user.

    :ivar failures: How often it has been tried in vain.
    """

    invite: Invite
    owner: UserId
    failures: int
    due_ms: int

    def content(self, signed: Mapping[str, Any]) -> dict[str, Any]:
        """
        The body of the message.

        :param signed: :meth:`to_sign` with our signature.
        """
        whose = {
            "medium": self.invite.threepid.medium,
            "address": self.invite.threepid.written,
            "mxid": str(self.owner),
        }
        invite = {
            **whose,
            "room_id": self.invite.room_id,
            "sender": str(self.invite.sender),
            "signed": signed,
        }
        return {**whose, "invites": [invite]}

    def to_sign(self) -> dict[str, Any]:
        """What homeservers check: exactly these two."""
        return {"mxid": str(self.owner), "token": self.invite.token}


def verdict(status: int, age_ms: int) -> Verdict:
    """
    Tell what an HTTP status means.

    :param age_ms: How old the invite is.
    """
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status in (404, 405):
        return Verdict.ELSEWHERE
    if status == 403 and age_ms < YOUNG_MS:
        # The homeserver that asked may not have put the invite into the room yet.
        return Verdict.LATER
    return Verdict.REFUSED if status in (400, 403) else Verdict.LATER


def delay_ms(failures: int) -> int:
    """How long to wait after so many failures, at least one."""
    return int(min(FIRST_DELAY_MS << min(failures - 1, 20), LONGEST_DELAY_MS))
