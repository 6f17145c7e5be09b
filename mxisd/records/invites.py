"""Invites; what is due for each of them is recorded with it."""

from collections.abc import Sequence

from zope.interface import implementer

from mxisd.model.identifiers import UserId
from mxisd.model.invites import Ending, Invite
from mxisd.model.threepids import ThreePid
from mxisd.ports import IInviteRecords, Pending, Place
from mxisd.records.chunks import CHUNK, in_chunks
from mxisd.records.database import Database, Row, Transaction
from mxisd.records.deliveries import add_delivery
from mxisd.records.invite_messages import ADD_MESSAGE, MESSAGE_ENDED, NEEDLESS
from mxisd.records.invite_rows import (
    ADD_INVITE,
    INVITE,
    TWINS,
    first,
    invite_row,
    twin_key,
)

# One without a key would be of no use to a room: people could not accept it any more.
TWIN = TWINS + " AND key_seed IS NOT NULL LIMIT 1"
LIVE_KEY = (
    "SELECT 1 FROM invites WHERE key_public = ? AND ending IS NULL "
    "UNION ALL SELECT 1 FROM adopted_keys WHERE key_public = ? LIMIT 1"
)
ADOPT_KEY = "INSERT INTO adopted_keys (key_public) VALUES (?)"
PENDING = (
    "SELECT created_ms, token, medium, address, lowered FROM invites "
    "WHERE ending IS NULL AND (created_ms, token) > (?, ?) "
    "ORDER BY created_ms, token LIMIT ?"
)
PENDING_OF = (
    "SELECT token FROM invites WHERE medium = ? AND address = ? AND ending IS NULL"
)
PENDING_BEFORE = (
    "SELECT token FROM invites WHERE created_ms <= ? AND ending IS NULL LIMIT ?"
)
END = "UPDATE invites SET ended_ms = ?, ending = ?, owner = ? WHERE token = ?"

# Invites of other servers have no message here: theirs was sent when they were made.
_TOLD = (
    "FROM invites i LEFT JOIN invite_messages m ON m.token = i.token "
    "WHERE i.token = ? AND i.ending IS NULL AND "
    "CASE WHEN m.token IS NULL THEN i.created_ms ELSE m.ended_ms END <= ?"
)
IS_TOLD = f"SELECT 1 {_TOLD}"
TELL_AGAIN = (
    "INSERT INTO invite_messages (token, failures, due_ms) "
    f"SELECT i.token, 0, ? {_TOLD} "
    "ON CONFLICT (token) DO UPDATE SET failures = 0, due_ms = excluded.due_ms, "
    "ended_ms = NULL, outcome = NULL, answer = NULL"
)

PURGE = (
    "DELETE FROM invites WHERE token IN (SELECT token FROM invites WHERE ended_ms <= ? "
    "AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.token = invites.token "
    "AND deliveries.outcome IS NULL) LIMIT ?)"
)


@implementer(IInviteRecords)
class InviteRecords:
    """Invites in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def invite(self, token: str) -> Invite | None:
        """Find an invite by key, at once; ended ones too."""
        return first(self._database.rows(INVITE, token))

    def twin(self, threepid: ThreePid, room_id: str, sender: UserId) -> Invite | None:
        """
        Find the pending invite of the same person to the same room, at once.

        Those whose keys are not here are not given out a second time.
        """
        return first(self._database.rows(TWIN, *twin_key(threepid, room_id, sender)))

    def is_live_key(self, public_key: bytes) -> bool:
        """Whether a pending invite may have this ephemeral key, at once."""
        return bool(self._database.rows(LIVE_KEY, public_key, public_key))

    async def add_invite(self, invite: Invite, due_ms: int) -> Invite:
        """Remember an invite, and what is to be done about it."""

        async def work(tx: Transaction) -> Invite:
            key = twin_key(invite.threepid, invite.room_id, invite.sender)
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

    def is_told(self, token: str, before_ms: int) -> bool:
        """Whether a pending invite's message ended by then, at once."""
        return bool(self._database.rows(IS_TOLD, token, before_ms))

    async def tell_again(self, token: str, before_ms: int, now_ms: int) -> bool:
        """Have the message sent again if it ended by then."""

        async def work(tx: Transaction) -> bool:
            return await tx.run(TELL_AGAIN, now_ms, token, before_ms) > 0

        return await self._database.transact(work)

    async def pending_threepids(self, after: Place | None = None) -> Pending:
        """Tell whose owners are still unknown: of a thousand invites, oldest first."""

        async def work(tx: Transaction) -> Pending:
            rows = await tx.rows(PENDING, *(after or (0, "")), CHUNK)
            end = rows[-1][:2] if len(rows) == CHUNK else None
            return Pending(frozenset(ThreePid(*row[2:]) for row in rows), end)

        return await self._database.transact(work)

    async def resolve(self, threepid: ThreePid, owner: UserId, now_ms: int) -> int:
        """End all pending invites of an address, and queue their deliveries."""

        async def work(tx: Transaction) -> int:
            rows = await tx.rows(PENDING_OF, threepid.medium, threepid.address)
            await end_invites(tx, rows, Ending.RESOLVED, owner, now_ms)
            return len(rows)

        return await self._database.transact(work)

    async def expire(self, before_ms: int, owner: UserId | None, now_ms: int) -> int:
        """End the pending invites that are so old, little by little; tells how many."""

        async def work(tx: Transaction) -> int:
            rows = await tx.rows(PENDING_BEFORE, before_ms, CHUNK)
            await end_invites(tx, rows, Ending.EXPIRED, owner, now_ms)
            return len(rows)

        return await in_chunks(self._database, work)

    async def purge_invites(self, before_ms: int) -> int:
        """Forget those that ended so long ago, but for what is to be delivered."""

        async def work(tx: Transaction) -> int:
            return await tx.run(PURGE, before_ms, CHUNK)

        return await in_chunks(self._database, work)


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
