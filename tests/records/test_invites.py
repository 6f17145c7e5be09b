"""Invites in SQLite, and in the database that the other tests use."""

from collections.abc import Coroutine
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mxisd.errors import RecordsUnavailable
from mxisd.records.chunks import CHUNK
from mxisd.records.deliveries import NEXT_DELIVERY, SERVERS
from mxisd.records.invites import PENDING
from mxisd.records.sqlite import SqliteRecords
from tests.records.instant import InstantDatabase
from tests.records.invite_contract import InvitesContract


class SqliteInvitesTests(InvitesContract, TestCase):
    """In our tables; the writer thread is real."""

    def setUp(self) -> None:
        """Open an empty file."""
        in_reactor = reactor.callFromThread  # type: ignore[attr-defined]
        self.records = SqliteRecords(self.mktemp(), in_reactor)
        self.records.startService()
        self.addCleanup(self.records.stopService)

    def database(self) -> Any:
        """The database under test."""
        return self.records.database

    def test_how_what_is_due_is_found(self) -> None:
        """Without going through all deliveries: it is done every second."""
        for sql, parameters in (
            (SERVERS, (5,)),
            (NEXT_DELIVERY, ("owner.org", 5)),
            (PENDING, (5, "", CHUNK)),
        ):
            plan = self.database().rows(f"EXPLAIN QUERY PLAN {sql}", *parameters)
            steps = [step for *_, step in plan]
            self.assertTrue(any("USING INDEX" in step for step in steps), sql)
            for step in steps:
                self.assertFalse(step.startswith(("SCAN deliv", "SCAN inv")), step)
                self.assertNotIn("RIGHT PART OF ORDER BY", step)


class InstantInvitesTests(InvitesContract, TestCase):
    """In memory, without a thread."""

    def setUp(self) -> None:
        """Begin empty."""
        self._database = InstantDatabase()

    def database(self) -> InstantDatabase:
        """The database under test."""
        return self._database

    async def test_a_transaction_ends_a_chunk(self) -> None:
        """Other writes have their turn before the next one."""
        await self.add_many(2 * CHUNK)
        await self.interrupted(self.invites.expire(2**50, None, 5))
        self.assertEqual(self.count("SELECT 1 FROM invites WHERE ended_ms = 5"), CHUNK)
        await self.invites.expire(2**50, None, 6)
        await self.interrupted(self.invites.purge_invites(6))
        self.assertEqual(self.count("SELECT 1 FROM invites"), CHUNK)

    async def interrupted(self, work: Coroutine[Any, Any, int]) -> None:
        """The database fails after one transaction."""
        self._database.works_for = 1
        await self.assertFailure(Deferred.fromCoroutine(work), RecordsUnavailable)
        self._database.works_for = None

    def count(self, question: str) -> int:
        """How many rows there are."""
        return len(self._database.rows(question))
