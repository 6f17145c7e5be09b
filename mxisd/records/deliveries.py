"""Deliveries of invites to homeservers."""

from collections.abc import Sequence

from zope.interface import implementer

from mxisd.model.identifiers import UserId
from mxisd.model.invites import Delivery, Verdict
from mxisd.ports import IDeliveryRecords
from mxisd.records.database import Database, Transaction
from mxisd.records.invite_rows import known

ADD_DELIVERY = (
    "INSERT INTO deliveries (token, owner, server, failures, due_ms) "
    "VALUES (?, ?, ?, 0, ?)"
)
# From server to server, in the order of the index: there may be very many deliveries
# for each of them, and this is asked every second.
SERVERS = (
    "WITH RECURSIVE waiting (server) AS (SELECT MIN(server) FROM deliveries "
    "WHERE outcome IS NULL UNION ALL SELECT (SELECT MIN(server) FROM deliveries "
    "WHERE outcome IS NULL AND server > waiting.server) FROM waiting "
    "WHERE server IS NOT NULL) "
    "SELECT server FROM (SELECT server, (SELECT MIN(due_ms) FROM deliveries "
    "WHERE outcome IS NULL AND deliveries.server = waiting.server) AS due_ms "
    "FROM waiting) AS next WHERE due_ms <= ? ORDER BY due_ms"
)
NEXT_DELIVERY = (
    "SELECT token, owner, failures, due_ms FROM deliveries "
    "WHERE server = ? AND outcome IS NULL AND due_ms <= ? ORDER BY due_ms LIMIT 1"
)
DELIVERY_FAILED = (
    "UPDATE deliveries SET failures = failures + 1, due_ms = ?, answer = ? "
    "WHERE token = ?"
)
POSTPONE = (
    "UPDATE deliveries SET due_ms = ?, answer = ? "
    "WHERE server = ? AND outcome IS NULL AND due_ms < ?"
)
DELIVERY_ANSWERED = (
    "UPDATE deliveries SET answer = ? WHERE token = ? AND outcome IS NULL"
)
DELIVERY_ENDED = (
    "UPDATE deliveries SET ended_ms = ?, outcome = ?, answer = ? WHERE token = ?"
)
# What has failed most often comes first: the time of its next try is everybody's.
EXPEDITE_DELIVERIES = (
    "UPDATE deliveries SET due_ms = ? - failures "
    "WHERE outcome IS NULL AND answer IS NOT NULL"
)


@implementer(IDeliveryRecords)
class DeliveryRecords:
    """Deliveries in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def servers_due(self, now_ms: int) -> Sequence[str]:
        """The servers for which something is due, the longest first, at once."""
        return [server for (server,) in self._database.rows(SERVERS, now_ms)]

    def next_delivery(self, server: str, now_ms: int) -> Delivery | None:
        """The delivery that has been due for a server longest, at once."""
        rows = self._database.rows(NEXT_DELIVERY, server, now_ms)
        if not rows:
            return None
        token, owner, failures, due_ms = rows[0]
        return Delivery(
            invite=known(self._database, token),
            owner=UserId.parse(owner),
            failures=failures,
            due_ms=due_ms,
        )

    async def delivery_failed(self, token: str, due_ms: int, answer: str) -> None:
        """Remember a failure, and when to try again."""
        await self._run(DELIVERY_FAILED, due_ms, answer, token)

    async def delivery_answered(self, token: str, answer: str) -> None:
        """Remember what came of a try that is counted already."""
        await self._run(DELIVERY_ANSWERED, answer, token)

    async def postpone_deliveries(self, server: str, due_ms: int, answer: str) -> None:
        """Let everything for a server wait, behind what is tried then."""
        await self._run(POSTPONE, due_ms + 1, answer, server, due_ms)

    async def delivery_ended(
        self, token: str, outcome: Verdict, now_ms: int, answer: str
    ) -> None:
        """Remember the end."""
        await self._run(DELIVERY_ENDED, now_ms, outcome.value, answer, token)

    async def expedite_deliveries(self, now_ms: int) -> None:
        """Make everything due that waits for another try."""
        await self._run(EXPEDITE_DELIVERIES, now_ms)

    async def _run(self, sql: str, *parameters: object) -> None:
        async def work(tx: Transaction) -> None:
            await tx.run(sql, *parameters)

        await self._database.transact(work)


async def add_delivery(tx: Transaction, due_ms: int, owner: UserId, token: str) -> None:
    """Queue a delivery, in a transaction that is under way."""
    server = owner.server_name.lower()
    await tx.run(ADD_DELIVERY, token, str(owner), server, due_ms)
