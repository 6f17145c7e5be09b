"""What operators change in our tables by hand."""

from typing import Any

from zope.interface import implementer

from mxisd.model.identifiers import UserId
from mxisd.model.invites import Ending
from mxisd.model.overviews import DeliveryState
from mxisd.ports import IInterventions
from mxisd.records.database import Database, Transaction
from mxisd.records.invites import end_invites

PENDING = "SELECT token FROM invites WHERE token = ? AND ending IS NULL"
RESEND_MESSAGE = (
    "INSERT INTO invite_messages (token, failures, due_ms) VALUES (?, 0, ?) "
    "ON CONFLICT (token) DO UPDATE SET failures = 0, due_ms = excluded.due_ms, "
    "ended_ms = NULL, outcome = NULL, answer = NULL"
)
RESEND_DELIVERY = (
    "UPDATE deliveries SET failures = 0, due_ms = ?, ended_ms = NULL, outcome = NULL, "
    "answer = NULL WHERE token = ?"
)
REVOKE_DELIVERY = (
    "UPDATE deliveries SET ended_ms = ?, outcome = ? WHERE token = ? "
    "AND outcome IS NULL"
)
CLOSE_SESSION = "DELETE FROM sessions WHERE sid = ?"


@implementer(IInterventions)
class Interventions:
    """Changes that no request of a client makes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def revoke_invite(
        self, token: str, owner: UserId | None, now_ms: int
    ) -> bool:
        """End a pending invite; tells whether there was one."""

        async def work(tx: Transaction) -> bool:
            rows = await tx.rows(PENDING, token)
            await end_invites(tx, rows, Ending.REVOKED, owner, now_ms)
            return bool(rows)

        return await self._database.transact(work)

    async def resend_message(self, token: str, now_ms: int) -> bool:
        """Have the message of a pending invite sent again."""

        async def work(tx: Transaction) -> bool:
            rows = await tx.rows(PENDING, token)
            if rows:
                await tx.run(RESEND_MESSAGE, token, now_ms)
            return bool(rows)

        return await self._database.transact(work)

    async def resend_delivery(self, token: str, now_ms: int) -> bool:
        """Have a delivery tried again, whatever became of it."""
        return await self._has_changed(RESEND_DELIVERY, now_ms, token)

    async def revoke_delivery(self, token: str, now_ms: int) -> bool:
        """Try a delivery no more; tells whether it was still tried."""
        revoked = DeliveryState.REVOKED.value
        return await self._has_changed(REVOKE_DELIVERY, now_ms, revoked, token)

    async def close_session(self, sid: str) -> bool:
        """Forget a session, whoever still has its token."""
        return await self._has_changed(CLOSE_SESSION, sid)

    async def _has_changed(self, sql: str, *parameters: Any) -> bool:
        async def work(tx: Transaction) -> bool:
            return await tx.run(sql, *parameters) > 0

        return await self._database.transact(work)
