"""What the driver does with files, as the ones that are there."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mxisd.drivers.sql.address import DatabaseAddress, Engine
from mxisd.drivers.sql.database import SqlDatabase, open_database
from mxisd.drivers.sql.errors import QueryWrong, TimedOut
from mxisd.errors import Misconfigured, StoreUnavailable

ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT max(i) FROM n"
)


class SqliteTests(TestCase):
    """A file with 2500 rows."""

    timeout = 60

    def setUp(self) -> None:
        """Make it."""
        self.path = Path(self.mktemp())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.fill(self.path, 2500)

    def fill(self, path: Path, count: int) -> None:
        """Make a file."""
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE t (a, b)")
            rows = [(f"a{i}", i) for i in range(count)]
            connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
            connection.commit()

    def database(self, **more: Any) -> SqlDatabase:
        """The file as the driver sees it."""
        address = DatabaseAddress(engine=Engine.SQLITE, database=str(self.path))
        database = open_database(reactor, evolve(address, **more), "staff")
        self.addCleanup(lambda: Deferred.fromCoroutine(database.close()))
        return database

    async def unavailable(self, answer: Any, words: str) -> None:
        """A question fails as it should."""
        with self.assertRaises(StoreUnavailable) as caught:
            await answer
        self.assertIn(words, str(caught.exception))

    async def test_files_that_are_no_database(self) -> None:
        """Somebody must act: the key is named, that of the store where it says so."""
        missing = self.path.with_name("missing")
        folder = self.path.parent
        text = self.path.with_name("text")
        text.write_text("no database" * 100)
        for path in (missing, folder, text):
            for key, expected in (("", "database"), ("connection", "connection")):
                address = DatabaseAddress(engine=Engine.SQLITE, database=str(path))
                database = open_database(reactor, address, "staff", key)
                self.addCleanup(database.close)
                with self.assertRaises(Misconfigured) as caught:
                    await database.rows("SELECT 1 FROM sqlite_master")
                self.assertEqual(caught.exception.path, expected, str(path))
                self.assertTrue(caught.exception.is_whole)

    async def test_a_list_is_not_cut(self) -> None:
        """One value with very many rows does not hide those of the others."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("UPDATE t SET a = 'crowd' WHERE b < 2000")
        query = "SELECT a, b FROM t WHERE a IN (??) ORDER BY b"
        wanted = ["crowd", "a2001", "a2499", "nobody"]
        for values in (wanted, wanted[::-1]):
            rows = await self.database().rows(query, [values], limit=40)
            self.assertEqual({row[0] for row in rows}, set(wanted[:3]))
            self.assertLess(len(rows), 100)
        rows = await self.database().rows(query, [["crowd"]], limit=40)
        self.assertEqual(len(rows), 40)
        query = f"SELECT * FROM ({query}) WHERE a IN (??)"
        rows = await self.database().rows(query, [wanted, wanted], limit=40)
        self.assertEqual({row[0] for row in rows}, set(wanted[:3]))

    async def test_questions(self) -> None:
        """Parameters, lists and limits."""
        database = self.database()
        rows = await database.rows("SELECT b FROM t WHERE a = ?", ["a7"])
        self.assertEqual(list(rows), [(7,)])
        query = "SELECT b FROM t WHERE a IN (??) ORDER BY b"
        rows = await database.rows(query, [["a8", "nobody", "a7\0", "a7"]])
        self.assertEqual(list(rows), [(7,), (8,)])
        self.assertEqual(len(await database.rows("SELECT a FROM t", limit=3)), 3)
        self.assertEqual(len(await database.rows("SELECT a FROM t")), 2500)

    async def test_impossible_values(self) -> None:
        """Match nothing, whatever the query."""
        database = self.database()
        for value in ("\0", "\ud800"):
            rows = await database.rows("SELECT 1 WHERE ? IS NOT NULL", [value])
            self.assertEqual(list(rows), [])

    async def test_columns(self) -> None:
        """Names in lower case; what is wrong is told in SQLite's words."""
        database = self.database()
        columns = await database.columns("SELECT a AS Uid, B FROM t WHERE a = ?", [""])
        self.assertEqual(list(columns), ["uid", "b"])
        for query, words in (
            ("SELECT x FROM t", "no such column: x"),
            ("SELECT a FROM nowhere", "no such table: nowhere"),
            ("SELEC a", "syntax error"),
            ("SELECT a FROM t WHERE a = ?", "must have no ?"),
        ):
            with self.assertRaises(QueryWrong) as caught:
                await database.columns(query, [])
            self.assertIn(words, str(caught.exception))

    async def test_nothing_is_written(self) -> None:
        """A file cannot be changed, nor made."""
        with self.assertRaises(QueryWrong):
            await self.database().rows("DELETE FROM t")
        missing = self.path.with_name("missing")
        database = self.database(database=str(missing))
        await self.unavailable(database.rows("SELECT 1"), "cannot be opened")
        self.assertFalse(missing.exists())

    async def test_another_file(self) -> None:
        """A file that is replaced is opened again, one that is deleted is missed."""
        database = self.database(connections=1)
        query = "SELECT count(*) FROM t"
        self.assertEqual(list(await database.rows(query)), [(2500,)])
        other = self.path.with_name("other")
        self.fill(other, 5)
        other.rename(self.path)
        self.assertEqual(list(await database.rows(query)), [(5,)])
        self.path.unlink()
        await self.unavailable(database.rows(query), "cannot be opened")
        self.fill(self.path, 6)
        self.assertEqual(list(await database.rows(query)), [(6,)])

    async def test_not_a_database(self) -> None:
        """Any other file is unavailable."""
        self.path.write_text("no database" * 1000)
        await self.unavailable(self.database().rows("SELECT 1 FROM t"), "no SQLite")

    async def test_locked(self) -> None:
        """A lock that lasts is no answer."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            database = self.database(timeout=0.2)
            await self.unavailable(database.rows("SELECT 1 FROM t"), "")

    async def test_endless_statement(self) -> None:
        """Is stopped, and its thread is free for the next one."""
        database = self.database(timeout=0.3, connections=1)
        with self.assertRaises(TimedOut):
            await database.rows(ENDLESS)
        patient = self.database(timeout=20, connections=1)
        self.assertEqual(list(await patient.rows("SELECT 1")), [(1,)])
        await database.close()

    async def test_batches(self) -> None:
        """A list comes in order, each batch when the last was taken."""
        sizes = []

        async def take(rows: Sequence[Any]) -> None:
            await deferLater(reactor, 0, lambda: None)
            sizes.append(len(rows))

        await self.database().each_batch("SELECT * FROM t", [], 1000, take)
        self.assertEqual(sizes, [1000, 1000, 500])

    async def test_failing_receiver(self) -> None:
        """Its error ends the list."""
        calls = []

        async def take(rows: Sequence[Any]) -> None:
            calls.append(rows)
            raise RuntimeError("full")

        with self.assertRaises(RuntimeError):
            await self.database().each_batch("SELECT * FROM t", [], 10, take)
        self.assertEqual(len(calls), 1)

    async def test_too_many_questions(self) -> None:
        """What cannot be asked soon is refused at once."""
        database = self.database(timeout=20, connections=1)
        waiting = [
            Deferred.fromCoroutine(database.rows("SELECT 1")) for _ in range(100)
        ]
        await self.unavailable(database.rows("SELECT 1"), "too many")
        answers = await gatherResults(waiting)
        self.assertEqual(len(answers), 100)

    async def test_closed(self) -> None:
        """A closed database says so, and can be closed again; a list in it ends."""
        database = self.database()

        async def take(rows: Sequence[Any]) -> None:
            await database.close()

        listing = database.each_batch("SELECT * FROM t", [], 10, take)
        await self.unavailable(listing, "closed")
        await self.unavailable(database.rows("SELECT 1"), "closed")
        await database.close()

    async def test_cancelled(self) -> None:
        """Who gives up is free at once, and leaves the others alone."""
        database = self.database(connections=1, timeout=20)
        waiting = Deferred.fromCoroutine(database.rows("SELECT 1"))
        other = Deferred.fromCoroutine(database.rows("SELECT 2"))
        waiting.addErrback(lambda _cancelled: None)
        waiting.cancel()
        self.assertEqual(list(await other), [(2,)])

    async def test_broken_text(self) -> None:
        """A text that is no Unicode is bytes, and spoils no other row."""
        database = self.database()
        rows = await database.rows("SELECT CAST(x'ff61' AS TEXT) UNION SELECT 'b'")
        self.assertEqual(set(rows), {(b"\xffa",), ("b",)})

    async def test_caseless(self) -> None:
        """Queries may fold letters that SQLite does not know."""
        rows = await self.database().rows("SELECT casefold('ÜNAL'), casefold(NULL)")
        self.assertEqual(list(rows), [("ünal", None)])
