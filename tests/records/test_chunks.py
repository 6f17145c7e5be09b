"""Work on many rows, little by little."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import RecordsUnavailable
from mxisd.model.identifiers import UserId
from mxisd.ports import AccountRecord
from mxisd.records.accounts import AccountRecords
from mxisd.records.chunks import CHUNK
from mxisd.records.sessions import SessionRecords
from tests.records.instant import InstantDatabase
from tests.records.session_contract import SESSION

OWNER = UserId("owner", "example.org")


class ChunkTests(SynchronousTestCase):
    """Other writes have their turn between two transactions."""

    def setUp(self) -> None:
        """Begin empty."""
        self.database = InstantDatabase()

    def now(self, work: Any) -> Any:
        """What comes of work."""
        return self.successResultOf(Deferred.fromCoroutine(work))

    def interrupted(self, work: Any) -> None:
        """The database fails after one transaction."""
        self.database.works_for = 1
        self.failureResultOf(Deferred.fromCoroutine(work), RecordsUnavailable)
        self.database.works_for = None

    def test_accounts(self) -> None:
        """A thousand expired tokens are forgotten at once; in the end all are."""
        records = AccountRecords(self.database)
        for number in range(CHUNK + 3):
            token = number.to_bytes(32, "big")
            account = AccountRecord(token, OWNER, 1 + number % 2)
            self.now(records.add_account(account, most=CHUNK + 3))
        self.interrupted(records.purge_accounts(2))
        self.assertEqual(len(self.database.rows("SELECT 1 FROM accounts")), 3)
        self.assertEqual(self.now(records.purge_accounts(2)), 3)

    def test_sessions(self) -> None:
        """The same for sessions."""
        records = SessionRecords(self.database)
        for number in range(CHUNK + 3):
            session = evolve(SESSION, sid=f"s{number}", changed_ms=number % 2)
            self.now(records.add_session(session))
        self.interrupted(records.purge_sessions(1))
        self.assertEqual(len(self.database.rows("SELECT 1 FROM sessions")), 3)
        self.assertEqual(self.now(records.purge_sessions(1)), 3)
