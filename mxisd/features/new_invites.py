"""New invites: their tokens, their keys, and what the room may see."""

from attrs import define
from twisted.internet.interfaces import IReactorTime

from mxisd.model.identifiers import UserId
from mxisd.model.invites import (
    EPHEMERAL_SERIAL,
    Ending,
    Invitation,
    Invite,
    redacted,
)
from mxisd.model.signing import SigningKey
from mxisd.ports import IKeyRing, IRandom

TOKEN_LENGTH = 64
SEED_BYTES = 32


@define(eq=False)
class NewInvites:
    """Makes invites of what homeservers ask for."""

    _key_ring: IKeyRing
    _random: IRandom
    _clock: IReactorTime

    def made(
        self, invitation: Invitation, owner: UserId | None, *, shows_all: bool
    ) -> Invite:
        """
        Make one; it is resolved if its owner is known.

        It remembers our key of today, which its room is told of: what homeservers hear
        in the end must be signed with that one.

        :param shows_all: Whether everybody in the room sees the whole address.
        """
        now_ms, threepid = int(self._clock.seconds() * 1000), invitation.threepid
        return Invite(
            token=self._random.alphanumeric(TOKEN_LENGTH),
            threepid=threepid,
            room_id=invitation.room_id,
            sender=invitation.sender,
            facts=invitation.facts,
            languages=invitation.languages,
            key=SigningKey(EPHEMERAL_SERIAL, self._random.token_bytes(SEED_BYTES)),
            display_name=threepid.readable if shows_all else redacted(threepid),
            created_ms=now_ms,
            ended_ms=None if owner is None else now_ms,
            ending=None if owner is None else Ending.RESOLVED,
            owner=owner,
            key_id=self._key_ring.current_key_id(),
        )
