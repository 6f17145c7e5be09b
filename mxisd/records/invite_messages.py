"""Messages to people about invites."""

from collections.abc import Sequence

from zope.interface import implementer

from mxisd.model.invites import Invite
from mxisd.ports import IInviteMessageRecords
from mxisd.records.database import Database, Transaction
from mxisd.records.invite_rows import known

ADD_MESSAGE = "INSERT INTO invite_messages (token, failures, due_ms) VALUES (?, 0, ?)"
DUE_MESSAGES = (
    "SELECT m.token, m.failures FROM invite_messages m "
    "JOIN invites i ON i.token = m.token "
    "WHERE m.outcome IS NULL AND m.due_ms <= ? {} ORDER BY m.due_ms LIMIT ?"
)
NOT_BY = "AND i.medium <> ?"
MESSAGE_FAILED = (
    "UPDATE invite_messages SET failures = failures + 1, due_ms = ?, answer = ? "
    "WHERE token = ?"
)
MESSAGE_ENDED = (
    "UPDATE invite_messages SET ended_ms = ?, outcome = ? "
    "WHERE token = ? AND outcome IS NULL"
)
EXPEDITE_MESSAGES = (
    "UPDATE invite_messages SET due_ms = ? WHERE outcome IS NULL AND failures > 0"
)
NEEDLESS = "needless"


@implementer(IInviteMessageRecords)
class InviteMessageRecords:
    """Messages about invites in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due_messages(
        self, now_ms: int, limit: int, without: Sequence[str] = ()
    ) -> Sequence[tuple[Invite, int]]:
        """What is due, and how often it has failed, at once."""
        sql = DUE_MESSAGES.format(" ".join([NOT_BY] * len(without)))
        return [
            (known(self._database, token), failures)
            for token, failures in self._database.rows(sql, now_ms, *without, limit)
        ]

    async def message_failed(self, token: str, due_ms: int, answer: str) -> None:
        """Remember a failure, and when to try again."""
        await self._run(MESSAGE_FAILED, due_ms, answer, token)

    async def message_ended(self, token: str, outcome: str, now_ms: int) -> None:
        """Remember the end."""
        await self._run(MESSAGE_ENDED, now_ms, outcome, token)

    async def expedite_messages(self, now_ms: int) -> None:
        """Make everything due that waits for another try."""
        await self._run(EXPEDITE_MESSAGES, now_ms)

    async def _run(self, sql: str, *parameters: object) -> None:
        async def work(tx: Transaction) -> None:
            await tx.run(sql, *parameters)

        await self._database.transact(work)
