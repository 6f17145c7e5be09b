"""Validation sessions."""

from collections.abc import Callable, Sequence

from zope.interface import implementer

from mxisd.model.secret import Secret
from mxisd.model.sessions import (
    TokenOutcome,
    Validated,
    ValidationSession,
    WrongToken,
)
from mxisd.model.threepids import ThreePid
from mxisd.ports import ISessionRecords
from mxisd.records.chunks import CHUNK, in_chunks
from mxisd.records.database import Database, Row, Transaction

SESSION_COLUMNS = (
    "sid, medium, address, lowered, secret_digest, token, changed_ms, send_attempt, "
    "next_link, wrong_tokens, validated_ms"
)
_SELECT = f"SELECT {SESSION_COLUMNS} FROM sessions "  # noqa: S608
SESSION = _SELECT + "WHERE sid = ?"
NEWEST_SESSION = _SELECT + (
    "WHERE medium = ? AND address = ? AND secret_digest = ? "
    "ORDER BY changed_ms DESC LIMIT 1"
)
ADD_SESSION = (
    "INSERT INTO sessions "
    "(sid, medium, address, lowered, secret_digest, token, changed_ms, "
    "send_attempt, next_link, wrong_tokens, validated_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
RECORD_SENT = "UPDATE sessions SET send_attempt = ?, next_link = ? WHERE sid = ?"
RECORD_OUTCOME = (
    "UPDATE sessions SET changed_ms = ?, wrong_tokens = ?, validated_ms = ? "
    "WHERE sid = ?"
)
PURGE_SESSIONS = (
    "DELETE FROM sessions WHERE sid IN "
    "(SELECT sid FROM sessions WHERE changed_ms <= ? LIMIT ?)"
)


@implementer(ISessionRecords)
class SessionRecords:
    """Sessions in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def session(self, sid: str) -> ValidationSession | None:
        """Find a session by key, at once; expired ones too."""
        return _first(self._database.rows(SESSION, sid))

    def newest_session(
        self, threepid: ThreePid, secret_digest: bytes
    ) -> ValidationSession | None:
        """Find the session that a client asked for last for an address, at once."""
        key = threepid.medium, threepid.address, secret_digest
        return _first(self._database.rows(NEWEST_SESSION, *key))

    async def add_session(self, session: ValidationSession) -> None:
        """Remember a session."""

        async def work(tx: Transaction) -> None:
            await tx.run(ADD_SESSION, *session_row(session))

        await self._database.transact(work)

    async def record_sent(self, session: ValidationSession) -> None:
        """Remember that a message went out: its attempt, and its next link."""

        async def work(tx: Transaction) -> None:
            await tx.run(
                RECORD_SENT, session.send_attempt, session.next_link, session.sid
            )

        await self._database.transact(work)

    async def judge(
        self, sid: str, on_token: Callable[[ValidationSession | None], TokenOutcome]
    ) -> TokenOutcome:
        """Have a token judged, and remember the outcome, in one transaction."""

        async def work(tx: Transaction) -> TokenOutcome:
            outcome = on_token(_first(await tx.rows(SESSION, sid)))
            if isinstance(outcome, Validated | WrongToken):
                await _record_token(tx, outcome.session)
            return outcome

        return await self._database.transact(work)

    async def purge_sessions(self, before_ms: int) -> int:
        """Forget those that were last changed so long ago; tells how many."""

        async def work(tx: Transaction) -> int:
            return await tx.run(PURGE_SESSIONS, before_ms, CHUNK)

        return await in_chunks(self._database, work)


async def _record_token(tx: Transaction, session: ValidationSession) -> None:
    await tx.run(
        RECORD_OUTCOME,
        session.changed_ms,
        session.wrong_tokens,
        session.validated_ms,
        session.sid,
    )


def _first(rows: Sequence[Row]) -> ValidationSession | None:
    return session_of(*rows[0]) if rows else None


def session_of(
    sid: str,
    medium: str,
    address: str,
    lowered: str | None,
    secret_digest: bytes,
    token: str,
    changed_ms: int,
    send_attempt: int | None,
    next_link: str | None,
    wrong_tokens: int,
    validated_ms: int | None,
) -> ValidationSession:
    """The session of a row with all :data:`SESSION_COLUMNS`."""
    return ValidationSession(
        sid=sid,
        threepid=ThreePid(medium, address, lowered),
        secret_digest=bytes(secret_digest),
        token=Secret(token),
        changed_ms=changed_ms,
        send_attempt=send_attempt,
        next_link=next_link,
        wrong_tokens=wrong_tokens,
        validated_ms=validated_ms,
    )


def session_row(session: ValidationSession) -> Row:
    """The parameters of :data:`ADD_SESSION`."""
    return (
        session.sid,
        session.threepid.medium,
        session.threepid.address,
        session.threepid.lowered,
        session.secret_digest,
        session.token.value,
        session.changed_ms,
        session.send_attempt,
        session.next_link,
        session.wrong_tokens,
        session.validated_ms,
    )
