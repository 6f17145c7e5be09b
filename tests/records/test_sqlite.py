"""Our records in SQLite."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from twisted.application.service import IService
from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mxisd.errors import RecordsUnavailable
from mxisd.model.identifiers import UserId
from mxisd.ports import AccountRecord
from mxisd.records.accounts import AccountRecords
from mxisd.records.database import Database, Transaction
from mxisd.records.migrations import Migration, migrations
from mxisd.records.sqlite import MEMORY, SqliteRecords, migrate
from tests.records.contract import AccountsContract, BindingsContract

ALICE = UserId.parse("@alice:example.org")

PREAMBLE = """
import os, sys
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from mxisd.model.identifiers import UserId
from mxisd.ports import AccountRecord
from mxisd.records.accounts import AccountRecords
from mxisd.records.sqlite import SqliteRecords

user_id = UserId.parse("@alice:example.org")
records = SqliteRecords(sys.argv[1], reactor.callFromThread)
accounts = AccountRecords(records.database)
"""

WRITER = """
async def write():
    for number in range(100_000):
        token = number.to_bytes(4, "big")
        owner = UserId.parse(f"@{number}:example.org")
        await accounts.add_account(AccountRecord(token, owner, 1), 1)
        print(number, flush=True)

records.startService()
ensureDeferred(write())
reactor.run()
"""

DAEMON = """
if os.fork():
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
os.chdir("/")

async def write():
    await accounts.add_account(AccountRecord(b"daemon", user_id, 1), 9)
    reactor.stop()

reactor.addSystemEventTrigger("before", "shutdown", records.stopService)
reactor.callLater(30, os._exit, 3)
records.startService()
ensureDeferred(write())
reactor.run()
os._exit(0)
"""


@contextmanager
def running(script: str, path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of its own that works with a database."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script, str(path)],
        stdout=subprocess.PIPE,
        env=environment,
    ) as process:
        yield process


class SqliteCase(TestCase):
    """A database in a file of its own."""

    def setUp(self) -> None:
        """Open it."""
        self.path = Path(self.mktemp(), "deep", "records.db")
        self.records = self.started()
        self.database: Database = self.records.database

    def made(self, path: str | None = None) -> SqliteRecords:
        """Create and migrate a database."""
        return SqliteRecords(
            path or str(self.path),
            reactor.callFromThread,  # type: ignore[attr-defined]
        )

    def started(self, path: str | None = None) -> SqliteRecords:
        """Open a database, and close it after the test."""
        records = self.made(path)
        records.startService()
        self.addCleanup(records.stopService)
        return records


class SqliteAccountsTests(AccountsContract, SqliteCase):
    """Accounts and terms in SQLite."""


class SqliteBindingsTests(BindingsContract, SqliteCase):
    """Bindings and peppers in SQLite."""


class SqliteRecordsTests(SqliteCase):
    """The file, and the process that holds it."""

    def test_it_is_a_service(self) -> None:
        """It starts and stops with the server."""
        verifyObject(IService, self.records)

    async def test_the_file_is_for_us_alone(self) -> None:
        """Neither the database nor what is beside it nor its folder is for others."""
        await self.add(b"hash")
        files = list(self.path.parent.glob("records.db*"))
        self.assertEqual(len(files), 3)
        for path in (self.path.parent, *files):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    async def add(self, token_hash: bytes) -> AccountRecord:
        """Write a row."""
        record = AccountRecord(token_hash, ALICE, 1)
        await AccountRecords(self.database).add_account(record, 9)
        return record

    async def test_rows_survive_closing(self) -> None:
        """What was acknowledged is there after a new start."""
        record = await self.add(b"hash")
        await self.records.stopService()
        again = AccountRecords(self.started().database)
        self.assertEqual(again.account(b"hash"), record)

    async def test_memory_is_a_private_file_that_goes(self) -> None:
        """``:memory:`` works like a file and leaves nothing behind."""
        records = self.started(MEMORY)
        accounts = AccountRecords(records.database)
        await accounts.add_account(AccountRecord(b"x", ALICE, 1), 9)
        ((_, _, file),) = records.database.rows("PRAGMA database_list")
        folder = Path(file).parent
        self.assertEqual(folder.stat().st_mode & 0o077, 0)
        await records.stopService()
        self.assertFalse(folder.exists())
        self.assertFalse(Path(MEMORY).exists())

    def test_a_file_that_vanishes_before_the_start_ends_the_server(self) -> None:
        """No server runs without its records, or on an empty file of chance."""
        path = Path(self.mktemp())
        records = self.made(str(path))
        path.unlink()
        with self.assertRaises(SystemExit):
            records.startService()
        self.assertFalse(path.exists())

    def test_acknowledged_rows_survive_a_kill(self) -> None:
        """A process that is killed while writing has kept its word."""
        path = Path(self.mktemp()).absolute()
        with running(WRITER, path) as process:
            assert process.stdout is not None
            acknowledged = [int(process.stdout.readline()) for _ in range(200)]
            process.send_signal(signal.SIGKILL)
            acknowledged += [
                int(line) for line in process.stdout if line.endswith(b"\n")
            ]
        accounts = AccountRecords(self.started(str(path)).database)
        for number in acknowledged:
            self.assertIsNotNone(accounts.account(number.to_bytes(4, "big")), number)

    def test_a_daemon_writes(self) -> None:
        """A process that forks and changes its folder finds its database again."""
        path = Path(self.mktemp())
        with running(DAEMON, path) as process:
            self.assertEqual(process.wait(60), 0)
        accounts = AccountRecords(self.started(str(path)).database)
        self.assertIsNotNone(accounts.account(b"daemon"))


class OpeningTests(SynchronousTestCase):
    """What can be wrong with a file before it is used."""

    def refused(self, path: Path) -> str:
        """The message with which a file is refused."""
        error = self.assertRaises(
            RecordsUnavailable, SqliteRecords, str(path), lambda _: None
        )
        self.assertIn(str(path), str(error))
        return str(error)

    def test_what_is_no_database_is_refused(self) -> None:
        """Another kind of file is left alone; so is a folder."""
        path = Path(self.mktemp())
        text = "no database at all, but long enough to be looked at " * 20
        path.write_text(text)
        self.refused(path)
        self.assertEqual(path.read_text(), text)
        folder = Path(self.mktemp())
        folder.mkdir()
        self.refused(folder)
        self.refused(path / "below")

    def test_a_newer_database_is_refused(self) -> None:
        """An older program does not touch what a newer one has changed."""
        path = Path(self.mktemp())
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version=9999")
        self.assertIn("newer", self.refused(path))
        tables = connection.execute("SELECT * FROM sqlite_master").fetchall()
        connection.close()
        self.assertEqual(tables, [])


class MigrationTests(SynchronousTestCase):
    """The steps from version to version."""

    def setUp(self) -> None:
        """A file without anything in it, and two steps."""
        self.path = Path(self.mktemp())
        self.first = Migration(1, "0001", ("CREATE TABLE a (x INTEGER)",))
        self.second = Migration(2, "0002", ("CREATE TABLE b (x INTEGER)",))

    def state(self) -> tuple[int, set[str]]:
        """The version and the tables of the file."""
        connection = sqlite3.connect(self.path)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        connection.close()
        return version, {name for (name,) in tables}

    def test_steps_are_numbered_without_gaps(self) -> None:
        """Each step follows the one before, and there is one."""
        numbers = [step.number for step in migrations()]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertTrue(all(step.statements or step.work for step in migrations()))

    def test_each_step_is_done_once(self) -> None:
        """What was done is not done again."""
        migrate(self.path, (self.first,))
        self.assertEqual(self.state(), (1, {"a"}))
        for _ in range(2):
            migrate(self.path, (self.first, self.second))
            self.assertEqual(self.state(), (2, {"a", "b"}))

    def test_a_step_in_python_is_part_of_the_transaction(self) -> None:
        """What a step does in Python is done with its statements, or not at all."""
        is_bad = True

        async def fill(tx: Transaction) -> None:
            await tx.run("INSERT INTO b VALUES (1)")
            if is_bad:
                raise ValueError("no such value")

        step = Migration(2, "0002", self.second.statements, fill)
        with self.assertRaises(ValueError):
            migrate(self.path, (self.first, step))
        self.assertEqual(self.state(), (1, {"a"}))
        is_bad = False
        for _ in range(2):
            migrate(self.path, (self.first, step))
        with closing(sqlite3.connect(self.path)) as connection:
            self.assertEqual(connection.execute("SELECT x FROM b").fetchall(), [(1,)])

    def test_a_failed_step_leaves_the_version_before(self) -> None:
        """A step is done whole or not at all, and can be tried again."""
        bad = Migration(2, "0002", (*self.second.statements, "nonsense"))
        with self.assertRaises(sqlite3.Error):
            migrate(self.path, (self.first, bad))
        self.assertEqual(self.state(), (1, {"a"}))
        migrate(self.path, (self.first, self.second))
        self.assertEqual(self.state(), (2, {"a", "b"}))
