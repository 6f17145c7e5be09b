"""Invites; what is due for each of them is recorded with it."""

from collections.abc import Sequence

from zope.interface import implementer

from mxisd.model.identifiers import UserId
from mxisd.model.invites import Ending, Invite
from mxisd.model.threepids import ThreePid
from mxisd.ports import IInviteRecords
from mxisd.records.database import Database, Row, Transaction
from mxisd.records.deliveries import add_delivery
from mxisd.records.invite_messages import ADD_MESSAGE, MESSAGE_ENDED, NEEDLESS
from mxisd.records.invite_rows import ADD_INVITE, INVITE, SELECT, first, invite_row

TWIN = SELECT + (
    "WHERE medium = ? AND address = ? AND room_id = ? AND sender = ? "
    "AND ending IS NULL LIMIT 1"
)
LIVE_KEY = "SELECT 1 FROM invites WHERE key_public = ? AND ending IS NULL LIMIT 1"
PENDING = "SELECT DISTINCT medium, address, lowered FROM invites WHERE ending IS NULL"
PENDING_OF = (
    "SELECT token FROM invites WHERE medium = ? AND address = ? AND ending IS NULL"
)
PENDING_BEFORE = "SELECT token FROM invites WHERE created_ms <= ? AND ending IS NULL"
END = "UPDATE invites SET ended_ms = ?, ending = ?, owner = ? WHERE token = ?"


@implementer(IInviteRecords)
class InviteRecords:
    """Invites in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def invite(self, token: str) -> Invite | None:
        """Find an invite by key, at once; ended ones too."""
        return first(self._database.rows(INVITE, token))

    def twin(self, threepid: ThreePid, room_id: str, sender: UserId) -> Invite | None:
        """Find the pending invite of the same person to the same room, at once."""
        return first(self._database.rows(TWIN, *_twin_key(threepid, room_id, sender)))

    def is_live_key(self, public_key: bytes) -> bool:
        """Whether this is the ephemeral key of a pending invite, at once."""
        return bool(self._database.rows(LIVE_KEY, public_key))

    async def add_invite(self, invite: Invite, due_ms: int) -> Invite:
        """Remember an invite, and what is to be done about it."""

        async def work(tx: Transaction) -> Invite:
            key = _twin_key(invite.threepid, invite.room_id, invite.sender)
            twin = first(await tx.rows(TWIN, *key)) if invite.is_pending else None
            if twin is not None:
                return twin
            await tx.run(ADD_INVITE, *invite_row(invite))
            if invite.owner is None:
                await tx.run(ADD_MESSAGE, invite.token, due_ms)
            else:
                await add_delivery(tx, due_ms, invite.owner, invite.token)
            return invite

        return await self._database.transact(work)

    async def pending_threepids(self) -> frozenset[ThreePid]:
        """Tell whose owners are still unknown."""

        async def work(tx: Transaction) -> frozenset[ThreePid]:
            return frozenset(ThreePid(*row) for row in await tx.rows(PENDING))

        return await self._database.transact(work)

    async def resolve(self, threepid: ThreePid, owner: UserId, now_ms: int) -> int:
        """End all pending invites of an address, and queue their deliveries."""

        async def work(tx: Transaction) -> int:
            rows = await tx.rows(PENDING_OF, threepid.medium, threepid.address)
            await end_invites(tx, rows, Ending.RESOLVED, owner, now_ms)
            return len(rows)

        return await self._database.transact(work)

    async def expire(self, before_ms: int, owner: UserId | None, now_ms: int) -> int:
        """End the pending invites that are so old; tells how many."""

        async def work(tx: Transaction) -> int:
            rows = await tx.rows(PENDING_BEFORE, before_ms)
            await end_invites(tx, rows, Ending.EXPIRED, owner, now_ms)
            return len(rows)

        return await self._database.transact(work)


async def end_invites(
    tx: Transaction,
    rows: Sequence[Row],
    ending: Ending,
    owner: UserId | None,
    now_ms: int,
) -> None:
    """
    End invites, in a transaction that is under way.

    :param rows: Their tokens.
    :param owner: To whom they are delivered, if to anybody.
    """
    name = None if owner is None else str(owner)
    for (token,) in rows:
        await tx.run(END, now_ms, ending.value, name, token)
        await tx.run(MESSAGE_ENDED, now_ms, NEEDLESS, token)
        if owner is not None:
            await add_delivery(tx, now_ms, owner, token)


def _twin_key(threepid: ThreePid, room_id: str, sender: UserId) -> Row:
    return threepid.medium, threepid.address, room_id, str(sender)
