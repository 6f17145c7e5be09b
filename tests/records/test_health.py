"""Whether our tables work, found out by working with them."""

from pathlib import Path
from typing import cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from mxisd.errors import RecordsUnavailable
from mxisd.records.database import Transaction
from mxisd.records.health import FILLER, FRESH_SECONDS, RecordsHealth
from mxisd.records.sqlite import SqliteRecords

WRITTEN = "SELECT checked_ms, length(filler) FROM health"


class HealthTests(TestCase):
    """A real file, in a thread of its own."""

    def setUp(self) -> None:
        """Open it, and listen to the log."""
        self.path = Path(self.mktemp())
        in_reactor = reactor.callFromThread  # type: ignore[attr-defined]
        self.records = SqliteRecords(str(self.path), in_reactor)
        self.records.startService()
        self.addCleanup(self.records.stopService)
        self.database, self.clock = self.records.database, Clock()
        self.health = RecordsHealth(self.database, self.clock)
        self.events: list[LogEvent] = []
        observer = cast(ILogObserver, self.events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    async def assert_unwell(self) -> None:
        """The check fails."""
        checking = Deferred.fromCoroutine(self.health.check())
        await self.assertFailure(checking, RecordsUnavailable)

    def lines(self) -> list[str]:
        """What the writer has logged."""
        ours = [e for e in self.events if "database" in str(e.get("log_format"))]
        return [formatEvent(event) for event in ours]

    async def pages(self, spare: int) -> None:
        """Leave room for some pages more, and no more."""

        async def work(tx: Transaction) -> None:
            ((count,),) = await tx.rows("PRAGMA page_count")
            await tx.rows(f"PRAGMA max_page_count={count + spare:d}")

        await self.database.transact(work)

    async def test_a_file_that_is_gone_or_closed(self) -> None:
        """Neither is well; one that is back again is."""
        await self.health.check()
        aside = self.path.with_name("aside")
        self.path.rename(aside)
        self.clock.advance(FRESH_SECONDS)
        await self.assert_unwell()
        aside.rename(self.path)
        await self.health.check()
        await self.records.stopService()
        await self.assert_unwell()

    async def test_well_means_that_something_was_written(self) -> None:
        """A row, which is not the one of the check before."""
        for seconds in (0, FRESH_SECONDS, FRESH_SECONDS):
            self.clock.advance(seconds)
            await self.health.check()
            now_ms = int(self.clock.seconds() * 1000)
            self.assertEqual(self.database.rows(WRITTEN), [(now_ms, 0)])

    async def test_questions_are_no_burden(self) -> None:
        """Many at once share a write, and it is good for some seconds."""
        many = [Deferred.fromCoroutine(self.health.check()) for _ in range(1000)]
        gone = many.pop()
        gone.cancel()
        gone.addErrback(lambda _: None)
        for each in many:
            await each
        self.clock.advance(FRESH_SECONDS - 0.1)
        await self.health.check()
        self.assertEqual(self.database.rows(WRITTEN), [(0, 0)])
        before = self.database.rows("PRAGMA data_version")
        await self.health.check()
        self.assertEqual(self.database.rows("PRAGMA data_version"), before)

    async def fill(self) -> None:
        """Have something fail that does not fit, and leave room for a few bytes."""
        await self.health.check()
        await self.pages(2)

        async def too_much(tx: Transaction) -> None:
            await tx.run("UPDATE health SET filler = ?", bytes(1_000_000))

        writing = Deferred.fromCoroutine(self.database.transact(too_much))
        await self.assertFailure(writing, RecordsUnavailable)

    async def test_many_who_ask_of_a_full_disk(self) -> None:
        """All of them hear of it."""
        await self.fill()
        await gatherResults(
            [Deferred.fromCoroutine(self.assert_unwell()) for _ in range(10)]
        )

    async def test_a_full_disk_is_not_well_because_of_empty_commits(self) -> None:
        """Once writing failed, neither nothing nor a few bytes make it well again."""
        await self.fill()

        async def nothing(tx: Transaction) -> None:
            await tx.run("DELETE FROM accounts WHERE token_hash = ?", b"nobody's")

        for _ in range(3):
            await self.database.transact(nothing)
            await self.assert_unwell()
        self.assertEqual(len(self.lines()), 1)
        await self.pages(1000)
        await self.health.check()
        self.assertEqual(self.database.rows(WRITTEN), [(0, len(FILLER))])
        failed, works = self.lines()
        self.assertIn("cannot be written", failed)
        self.assertIn("can be written again", works)
