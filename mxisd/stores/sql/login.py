"""Passwords against the hashes in a database."""

from typing import Any

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.passwords import UNKNOWN_USER, FormRefused, is_right
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import IAuthenticator
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.secret import Secret
from mxisd.stores.sql.queries import Query, Row
from mxisd.stores.sql.values import Naming, text

log = Logger()

AT_ONCE = 2
"""Passwords that are judged at the same time: each keeps a processor busy."""

WAITING = 100
"""Passwords that may wait."""


@implementer(IAuthenticator)
class SqlAuthenticator:
    """
    Checks passwords in threads.

    :param naming: What the query's question marks are.
    :param answers: What its second column is, if there is one.
    """

    def __init__(
        self,
        *,
        reactor: Any,
        store: str,
        query: Query,
        naming: Naming,
        answers: Naming,
        pepper: Secret,
    ) -> None:
        self._reactor = reactor
        self._store = store
        self._query = query
        self._naming = naming
        self._answers = answers
        self._pepper = pepper
        self._turns = DeferredSemaphore(AT_ONCE)
        self._usual = Secret(UNKNOWN_USER)

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        """Fetch the hash, and judge; an unknown user takes as long as a known one."""
        if not password:
            return Refused()
        values = self._naming.values(user_id)
        if not values:
            return NoSuchUser()
        rows = [row for each in values for row in await self._query.repeated(each, 2)]
        if len(rows) > 1:
            log.warn("{store}: auth.query finds users twice", store=self._store)
            await self._spend_time(password)
            return Refused()
        if not rows:
            await self._spend_time(password)
            return NoSuchUser()
        return await self._judged(rows[0], user_id, password)

    async def _judged(self, row: Row, user_id: UserId, password: Secret) -> Verdict:
        stored = Secret((text(row[0]) or "").strip())
        is_good = await self._is_right(password, stored or self._usual)
        asked = user_id.canonical
        if asked is None or self._is_another(row, asked):
            return NoSuchUser()
        return Accepted(asked) if stored and is_good else Refused()

    def _is_another(self, row: Row, asked: UserId) -> bool:
        """Whether the database takes two users for one, as it may ü and u."""
        if len(row) < 2 or row[1] is None:
            return False
        return self._answers.user_id(row[1]) != asked

    async def _is_right(self, password: Secret, stored: Secret) -> bool:
        if len(self._turns.waiting) >= WAITING:
            raise StoreUnavailable("too many passwords wait to be checked already")
        try:
            is_good: bool = await self._turns.run(
                deferToThreadPool,
                self._reactor,
                self._reactor.getThreadPool(),
                is_right,
                password,
                stored,
                self._pepper,
            )
        except FormRefused as error:
            log.error(
                "{store}: a password is stored as {form}: nobody can log in with it",
                store=self._store,
                form=str(error),
            )
            await self._spend_time(password)
            return False
        self._usual = stored
        return is_good

    async def _spend_time(self, password: Secret) -> None:
        # As much as for somebody whose password is only wrong: who measures learns
        # nothing about who is there.
        await self._is_right(password, self._usual)
