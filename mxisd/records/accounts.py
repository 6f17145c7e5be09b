"""Account tokens and accepted terms."""

from collections.abc import Set
from functools import lru_cache

from zope.interface import implementer

from mxisd.model.identifiers import UserId
from mxisd.ports import AccountRecord, IAccountRecords, ITermsRecords
from mxisd.records.chunks import CHUNK, in_chunks
from mxisd.records.database import Database, Transaction

ACCOUNT = "SELECT user_id, expires_ms FROM accounts WHERE token_hash = ?"
ADD_ACCOUNT = "INSERT INTO accounts (token_hash, user_id, expires_ms) VALUES (?, ?, ?)"
KEEP_NEWEST = (
    "DELETE FROM accounts WHERE user_id = ? AND token_hash NOT IN "
    "(SELECT token_hash FROM accounts WHERE user_id = ? "
    "ORDER BY expires_ms DESC, token_hash LIMIT ?)"
)
REMOVE_ACCOUNT = "DELETE FROM accounts WHERE token_hash = ?"
PURGE_ACCOUNTS = (
    "DELETE FROM accounts WHERE token_hash IN "
    "(SELECT token_hash FROM accounts WHERE expires_ms <= ? LIMIT ?)"
)
ACCEPTED_URLS = "SELECT url FROM accepted_terms WHERE user_id = ?"
ACCEPT_URL = (
    "INSERT INTO accepted_terms (user_id, url, accepted_ms) VALUES (?, ?, ?) "
    "ON CONFLICT (user_id, url) DO NOTHING"
)


@lru_cache(4096)
def _user_id(text: str) -> UserId:
    # On the way of every request with a token.
    return UserId.parse(text)


@implementer(IAccountRecords)
class AccountRecords:
    """Account tokens in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def account(self, token_hash: bytes) -> AccountRecord | None:
        """Find a token by key, at once."""
        rows = self._database.rows(ACCOUNT, token_hash)
        if not rows:
            return None
        user_id, expires_ms = rows[0]
        return AccountRecord(token_hash, _user_id(user_id), expires_ms)

    async def add_account(self, record: AccountRecord, most: int) -> None:
        """Remember a token, and forget its user's oldest ones."""
        user_id = str(record.user_id)

        async def work(tx: Transaction) -> None:
            await tx.run(KEEP_NEWEST, user_id, user_id, most - 1)
            await tx.run(ADD_ACCOUNT, record.token_hash, user_id, record.expires_ms)

        await self._database.transact(work)

    async def remove_account(self, token_hash: bytes) -> bool:
        """Forget a token; tells whether it was there."""

        async def work(tx: Transaction) -> int:
            return await tx.run(REMOVE_ACCOUNT, token_hash)

        return await self._database.transact(work) > 0

    async def purge_accounts(self, now_ms: int) -> int:
        """Forget what has expired; tells how many."""

        async def work(tx: Transaction) -> int:
            return await tx.run(PURGE_ACCOUNTS, now_ms, CHUNK)

        return await in_chunks(self._database, work)


@implementer(ITermsRecords)
class TermsRecords:
    """Accepted terms in our tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accepted_urls(self, user_id: UserId) -> frozenset[str]:
        """The URLs that a user has accepted, at once."""
        rows = self._database.rows(ACCEPTED_URLS, str(user_id))
        return frozenset(url for (url,) in rows)

    async def accept_urls(self, user_id: UserId, urls: Set[str], now_ms: int) -> None:
        """Remember an acceptance; repeating it changes nothing."""

        async def work(tx: Transaction) -> None:
            rows = [(str(user_id), url, now_ms) for url in sorted(urls)]
            await tx.run_many(ACCEPT_URL, rows)

        await self._database.transact(work)
