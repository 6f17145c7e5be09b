"""Validation sessions in SQLite, and in the double that stands in for it."""

from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mxisd.records.sessions import SessionRecords
from mxisd.records.sqlite import SqliteRecords
from tests.features.session_doubles import MemorySessions
from tests.records.session_contract import SessionsContract


class SqliteSessionsTests(SessionsContract, TestCase):
    """In our tables; the writer thread is real."""

    def setUp(self) -> None:
        """Open an empty file."""
        in_reactor = reactor.callFromThread  # type: ignore[attr-defined]
        self.records = SqliteRecords(self.mktemp(), in_reactor)
        self.records.startService()
        self.addCleanup(self.records.stopService)

    def sessions(self) -> SessionRecords:
        """The records under test."""
        return SessionRecords(self.records.database)

    async def test_the_client_secret_is_not_kept(self) -> None:
        """Whoever reads the file cannot act for the client."""
        await self.test_a_session_is_found()
        for path in Path(self.records.folder).glob("*"):
            if path.is_file():
                self.assertNotIn(b"monkeys", path.read_bytes())


class MemorySessionsTests(SessionsContract, TestCase):
    """In a dict."""

    def setUp(self) -> None:
        """Begin empty."""
        self._sessions = MemorySessions()

    def sessions(self) -> MemorySessions:
        """The records under test."""
        return self._sessions
