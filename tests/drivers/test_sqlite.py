"""The SQLite driver: a writer thread, and reads at once."""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mxisd.drivers.sqlite import KEYS_AT_ONCE, SqliteDatabase
from mxisd.drivers.sqlite_writer import (
    GROUP_LIMIT,
    QUEUE_LIMIT,
    Transaction,
    Work,
    drive,
)
from mxisd.errors import RecordsUnavailable

T = TypeVar("T")

COUNT = "SELECT count(*) FROM things"
ADD = "INSERT INTO things VALUES (?, ?)"


class DatabaseCase(TestCase):
    """A database with one table."""

    busy_timeout = 5.0

    def setUp(self) -> None:
        """Open it."""
        self.path = Path(self.mktemp()).absolute()
        with sqlite3.connect(self.path) as connection:
            connection.execute(
                "CREATE TABLE things (key BYTEA PRIMARY KEY, value TEXT)"
            )
        connection.close()
        self.database = self.opened()

    def opened(self) -> SqliteDatabase:
        """Open the file, and close it after the test."""
        database = SqliteDatabase(
            self.path,
            reactor.callFromThread,  # type: ignore[attr-defined]
            self.busy_timeout,
        )
        database.open()
        self.addCleanup(database.close)
        return database

    def start(self, work: Work[T]) -> "Deferred[T]":
        """Have work done, without waiting."""
        return Deferred.fromCoroutine(self.database.transact(work))

    def add(self, key: bytes, value: str = "") -> "Deferred[int]":
        """Add a row, without waiting."""
        return self.start(lambda tx: tx.run(ADD, key, value))

    def count(self) -> int:
        """How many rows there are."""
        return int(self.database.rows(COUNT)[0][0])

    def refused(self, done: "Deferred[Any]") -> "Deferred[RecordsUnavailable]":
        """Expect a write to be unavailable, with its cause."""

        def check(error: RecordsUnavailable) -> RecordsUnavailable:
            self.assertIsInstance(error.__cause__, (sqlite3.Error, OSError))
            return error

        refused: Deferred[Any] = self.assertFailure(done, RecordsUnavailable)
        return refused.addCallback(check)

    def hold(self) -> tuple[threading.Event, "Deferred[None]"]:
        """
        Make the writer wait until the event is set.

        What is queued meanwhile is taken together afterwards.
        """
        begun, event = threading.Event(), threading.Event()

        async def work(tx: Transaction) -> None:
            begun.set()
            event.wait(10)

        held = self.start(work)
        begun.wait(10)
        return event, held


class WritingTests(DatabaseCase):
    """Jobs and the transactions that they share."""

    async def test_what_is_written_is_read(self) -> None:
        """A row is there for everybody once its job is answered."""
        self.assertEqual(await self.add(b"\0\xff", "é"), 1)
        query = "SELECT value FROM things WHERE key = ?"
        self.assertEqual(self.database.rows(query, b"\0\xff"), [("é",)])

    async def test_a_transaction_reads_its_own_writes(self) -> None:
        """Work sees what it wrote; nobody else does before the commit."""
        seen = []

        async def work(tx: Transaction) -> Sequence[Any]:
            await tx.run_many(ADD, [(b"a", "1"), (b"b", "2")])
            seen.append(self.count())
            return await tx.rows(COUNT)

        self.assertEqual(await self.start(work), [(2,)])
        self.assertEqual((seen, self.count()), ([0], 2))

    async def test_jobs_that_wait_together_are_committed_together(self) -> None:
        """One commit serves a group, and the order of jobs is kept."""
        seen = []

        async def look(tx: Transaction) -> None:
            # The other connection sees no job of a group that is open.
            seen.append(((await tx.rows(COUNT))[0][0], self.count()))

        event, held = self.hold()
        jobs = [self.add(bytes([n])) for n in range(GROUP_LIMIT - 1)]
        looks = [self.start(look), self.start(look)]
        event.set()
        await held
        for job in jobs:
            await job
        for each in looks:
            await each
        most = GROUP_LIMIT - 1
        self.assertEqual(seen, [(most, 0), (most, most)])

    async def test_an_error_rolls_back_its_own_job_only(self) -> None:
        """Jobs that are committed together fail apart."""
        event, held = self.hold()
        jobs = [self.add(bytes([n])) for n in (1, 2, 2, 3)]
        event.set()
        await held
        for job in (jobs[0], jobs[1], jobs[3]):
            await job
        error = await self.refused(jobs[2])
        self.assertIsInstance(error.__cause__, sqlite3.IntegrityError)
        self.assertEqual(self.count(), 3)

    async def test_work_that_raises_writes_nothing(self) -> None:
        """A transaction is whole or not there, and its own error comes through."""

        async def work(tx: Transaction) -> None:
            await tx.run(ADD, b"half", "")
            raise ZeroDivisionError

        await self.assertFailure(self.start(work), ZeroDivisionError)
        self.assertEqual(self.count(), 0)

    async def test_work_that_waits_for_others_is_refused(self) -> None:
        """The writer thread waits for nobody, and goes on."""

        async def work(tx: Transaction) -> None:
            await tx.run(ADD, b"half", "")
            await Deferred()

        await self.assertFailure(self.start(work), RuntimeError)
        self.assertEqual(self.count(), 0)
        await self.add(b"next")

    async def test_who_goes_away_stops_nothing(self) -> None:
        """A cancelled write is written, and its neighbours are answered."""
        event, held = self.hold()
        first, gone, last = (self.add(bytes([n])) for n in range(3))
        gone.cancel()
        await self.assertFailure(gone, CancelledError)
        event.set()
        await held
        await first
        await last
        self.assertEqual(self.count(), 3)

    async def test_a_full_queue_is_unavailable(self) -> None:
        """Who comes when too many wait is told at once; nobody before is lost."""
        event, held = self.hold()
        jobs = [self.add(n.to_bytes(2, "big")) for n in range(QUEUE_LIMIT)]
        late = self.add(b"late")
        await self.assertFailure(late, RecordsUnavailable)
        event.set()
        await held
        for job in jobs:
            await job
        self.assertEqual(self.count(), QUEUE_LIMIT)


class TroubleTests(DatabaseCase):
    """A file that fails."""

    busy_timeout = 0.1

    async def test_a_short_foreign_lock_is_waited_for(self) -> None:
        """Another process that writes for a moment is no trouble."""
        self.busy_timeout = 5.0
        self.database = self.opened()
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        writing = self.add(b"patient")
        reactor.callLater(0.2, other.rollback)
        await writing
        self.assertEqual(self.count(), 1)

    async def test_a_long_foreign_lock_makes_writes_unavailable(self) -> None:
        """Writes are refused, reads go on, and afterwards all is well."""
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        await self.refused(self.add(b"early"))
        self.assertEqual(self.count(), 0)
        other.rollback()
        await self.add(b"late")
        self.assertEqual(self.count(), 1)

    async def test_a_full_disk_keeps_what_was_promised(self) -> None:
        """Nobody in a group that did not fit is told it was written."""

        async def fill(tx: Transaction) -> None:
            pages = (await tx.rows("PRAGMA page_count"))[0][0]
            await tx.rows(f"PRAGMA max_page_count={pages}")

        async def empty(tx: Transaction) -> None:
            await tx.rows("PRAGMA max_page_count=1000000")

        await self.add(b"kept")
        await self.start(fill)
        event, held = self.hold()
        small, large = self.add(b"small"), self.add(b"large", "x" * 1_000_000)
        event.set()
        await held
        error = await self.refused(large)
        self.assertIn("full", str(error))
        promised = [b"kept"]
        try:
            await small
        except RecordsUnavailable:
            pass
        else:
            promised.append(b"small")
        rows = self.database.rows("SELECT key FROM things ORDER BY key")
        self.assertEqual(rows, [(key,) for key in promised])
        await self.start(empty)
        await self.add(b"large", "x" * 1_000_000)

    async def test_a_deleted_file_takes_no_promises(self) -> None:
        """What nobody would find again is refused; reads go on."""
        await self.add(b"kept")
        self.assertEqual(self.count(), 1)
        self.path.unlink()
        error = await self.refused(self.add(b"lost"))
        self.assertIn(str(self.path), str(error))
        self.assertEqual(self.count(), 1)

    async def test_a_replaced_file_takes_no_promises(self) -> None:
        """A backup that was put back is used after a restart, not mixed."""
        other = self.path.with_name("other")
        other.write_bytes(self.path.read_bytes())
        other.rename(self.path)
        error = await self.refused(self.add(b"lost"))
        self.assertIn("restart", str(error))

    async def test_trouble_is_logged_once(self) -> None:
        """The operator reads when writing failed first, and when it works again."""
        events: list[LogEvent] = []
        observer = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        aside = self.path.with_name("aside")
        self.path.rename(aside)
        for _ in range(3):
            await self.refused(self.add(b"lost"))
        aside.rename(self.path)
        await self.add(b"found")
        ours = [
            e for e in events if e.get("log_namespace") == "mxisd.drivers.sqlite_writer"
        ]
        levels = [event["log_level"].name for event in ours]
        self.assertEqual(levels, ["error", "info"])

    async def test_a_corrupt_file_is_unavailable(self) -> None:
        """Pages of nonsense are neither read nor written."""
        await self.add(b"page")
        await self.database.close()
        size = self.path.stat().st_size
        with self.path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (size - 4096))
        self.database = self.opened()
        with self.assertRaises(RecordsUnavailable):
            self.count()
        await self.refused(self.add(b"more"))


class LifeTests(DatabaseCase):
    """Opening and closing."""

    async def test_closing_commits_what_was_accepted(self) -> None:
        """A stop loses no write that was taken on, and answers each before its end."""
        jobs = [self.add(n.to_bytes(2, "big")) for n in range(1000)]
        await self.database.close()
        self.assertTrue(all(job.called for job in jobs))
        for job in jobs:
            await job
        self.database = self.opened()
        self.assertEqual(self.count(), 1000)

    async def test_closing_leaves_one_file(self) -> None:
        """The write-ahead log is merged into the file at the end."""
        await self.add(b"row")
        await self.database.close()
        files = list(self.path.parent.glob(f"{self.path.name}*"))
        self.assertEqual(files, [self.path])

    async def test_what_is_not_open_is_unavailable(self) -> None:
        """Before and after its life a database says so; closing twice is harmless."""
        fresh = SqliteDatabase(self.path, lambda _: None)
        await self.database.close()
        await self.database.close()
        for database in (fresh, self.database):
            with self.assertRaises(RecordsUnavailable):
                database.rows(COUNT)
            late = Deferred.fromCoroutine(
                database.transact(lambda tx: tx.run(ADD, b"late", ""))
            )
            await self.assertFailure(late, RecordsUnavailable)

    def test_a_missing_file_is_not_made(self) -> None:
        """Opening creates no empty database with a mode of its own."""
        path = Path(self.mktemp()).absolute()
        with self.assertRaises(RecordsUnavailable):
            SqliteDatabase(path, lambda _: None).open()
        self.assertFalse(path.exists())

    def test_odd_names_are_names(self) -> None:
        """Nothing in a path is taken for a parameter."""
        path = Path(self.mktemp() + "?mode=memory&x=%41#é").absolute()
        path.touch()
        database = SqliteDatabase(
            path,
            reactor.callFromThread,  # type: ignore[attr-defined]
        )
        database.open()
        self.addCleanup(database.close)
        self.assertTrue(path.with_name(path.name + "-shm").exists())

    async def test_readers_cannot_write(self) -> None:
        """The connection of the reactor thread is for reading only."""
        with self.assertRaises(RecordsUnavailable):
            self.database.rows(ADD, b"x", "")
        self.assertEqual(self.count(), 0)


class KeysTests(DatabaseCase):
    """Lists of keys."""

    async def test_lists_of_every_length(self) -> None:
        """Each row is found once, whatever the number of keys and their order."""

        def keys(count: int) -> list[bytes]:
            return [n.to_bytes(2, "big") for n in range(count)]

        most = 2 * KEYS_AT_ONCE + 1
        rows = [(key, key.hex()) for key in keys(most)]
        await self.start(lambda tx: tx.run_many(ADD, rows))
        query = "SELECT key FROM things WHERE value <> ? AND key = ANY(?)"
        for count in (0, 1, 2, 3, 7, 8, 9, KEYS_AT_ONCE, KEYS_AT_ONCE + 1, most):
            wanted = [b"absent", *reversed(keys(count))]
            found = self.database.rows_among(query, wanted, "")
            self.assertEqual(sorted(found), [(key,) for key in keys(count)])

    def test_no_keys_find_nothing(self) -> None:
        """An empty list is no error."""
        query = "SELECT key FROM things WHERE key = ANY(?)"
        self.assertEqual(self.database.rows_among(query, []), [])


class DriveTests(SynchronousTestCase):
    """Coroutines that never wait."""

    def test_results_and_errors_come_through(self) -> None:
        """Driving is calling."""

        async def answer() -> int:
            return 42

        async def fail() -> None:
            raise KeyError

        self.assertEqual(drive(answer()), 42)
        with self.assertRaises(KeyError):
            drive(fail())
