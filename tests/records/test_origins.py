"""Whose an SQLite file is."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import RecordsUnavailable
from mxisd.records.migrations import migrations
from mxisd.records.origins import OURS, require_ours
from mxisd.records.sqlite import SqliteRecords, migrate
from tests.importing.files import MA1SD, MXISD, SYDENT

HALF_DONE = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=1")
connection.execute("BEGIN")
for statement in sys.argv[2].split(";"):
    connection.execute(statement)
connection.execute("CREATE TABLE filler (x)")
connection.execute("INSERT INTO filler VALUES (zeroblob(1000000))")
os.kill(os.getpid(), signal.SIGKILL)
"""


class OriginsTests(SynchronousTestCase):
    """What becomes of files of all sorts."""

    def setUp(self) -> None:
        """A place for one."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "mxisd.db"

    def fill(self, script: str) -> None:
        """Make a database by hand."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executescript(script)

    def opened(self) -> SqliteRecords:
        """What a server makes of it."""
        return SqliteRecords(str(self.path), lambda _: None)

    def refusal(self) -> str:
        """What a server says, which leaves everything as it was."""
        before = self.content()
        with self.assertRaises(RecordsUnavailable) as caught:
            self.opened()
        self.assertEqual(self.content(), before)
        self.assertEqual(os.listdir(self.path.parent), [self.path.name])
        return str(caught.exception)

    def content(self) -> str:
        """All bytes of the file, in short."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def number(self, pragma: str) -> int:
        """A number in the file's head."""
        with closing(sqlite3.connect(self.path)) as connection:
            return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    def test_files_of_other_identity_servers(self) -> None:
        """Each is called by its name, and the way to take it over is told."""
        for script, name in (
            (MXISD, "mxisd (Java)"),
            (MA1SD, "ma1sd"),
            (SYDENT, "sydent"),
        ):
            self.path.unlink(missing_ok=True)
            self.fill(script)
            refusal = self.refusal()
            self.assertIn(f"{self.path} is the database of {name},", refusal)
            self.assertIn("mxisd import", refusal)
            self.assertNotIn("\n", refusal)

    def test_any_other_database(self) -> None:
        """Tables, a version or a mark of somebody else's keep us out."""
        for script in (
            "CREATE TABLE photos (id)",
            "CREATE TABLE accounts (id); PRAGMA user_version=3",
            "CREATE TABLE photos (id); PRAGMA application_id=1",
        ):
            self.path.unlink(missing_ok=True)
            self.fill(script)
            self.assertIn("another program", self.refusal())

    def test_what_is_no_database(self) -> None:
        """A text, for example, stays what it is."""
        self.path.write_text("matrix:\n  domain: example.org\n" * 100)
        self.assertIn("is no SQLite database", self.refusal())

    def test_a_new_file_says_whose_it_is(self) -> None:
        """So does one that was there and had nothing in it, and each opens again."""
        for script in (None, "", "PRAGMA journal_mode=WAL"):
            self.path.unlink(missing_ok=True)
            if script is not None:
                self.path.touch()
                self.fill(script)
            for _ in range(2):
                self.opened()
            self.assertEqual(self.number("application_id"), OURS)

    def test_older_files_of_ours(self) -> None:
        """They are known by their tables, at every version, and marked."""
        steps = migrations()
        for last in range(1, len(steps) + 1):
            self.path.unlink(missing_ok=True)
            self.path.touch()
            migrate(self.path, steps[:last])
            self.assertEqual(self.number("application_id"), 0)
            self.opened()
            self.assertEqual(self.number("application_id"), OURS)

    def crash(self, script: str) -> None:
        """Fill a file, and die before the end."""
        ended = subprocess.run(
            [sys.executable, "-c", HALF_DONE, str(self.path), script], check=False
        )
        self.assertEqual(ended.returncode, -signal.SIGKILL)
        self.assertTrue(self.path.with_name(f"{self.path.name}-journal").exists())
        self.assertGreater(self.path.stat().st_size, 0)

    def test_a_first_start_that_was_killed(self) -> None:
        """What was half done is undone, and the next start goes on."""
        self.crash(";".join(migrations()[0].statements))
        self.opened()
        self.assertEqual(self.number("user_version"), migrations()[-1].number)

    def test_a_foreign_file_that_was_left_half_done(self) -> None:
        """It is as its own program would find it, and refused all the same."""
        self.fill(MA1SD)
        self.crash("INSERT INTO accepted VALUES (1, 'x', 'y', 2)")
        with self.assertRaises(RecordsUnavailable) as caught:
            require_ours(self.path)
        self.assertIn("ma1sd", str(caught.exception))
