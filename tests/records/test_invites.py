"""Invites in SQLite, and in the database that the other tests use."""

from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

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


class InstantInvitesTests(InvitesContract, TestCase):
    """In memory, without a thread."""

    def setUp(self) -> None:
        """Begin empty."""
        self._database = InstantDatabase()

    def database(self) -> InstantDatabase:
        """The database under test."""
        return self._database
