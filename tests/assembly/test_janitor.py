"""How what is over is forgotten: by the server as it is assembled."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from mxisd.assembly import assemble
from mxisd.assembly.survey import survey
from mxisd.model.invites import Ending
from mxisd.model.sessions import KEPT_MS
from mxisd.records.accounts import ADD_ACCOUNT
from mxisd.records.invite_rows import ADD_INVITE, invite_row
from mxisd.records.sessions import ADD_SESSION
from tests.config.fakes import loaded
from tests.records.invite_contract import INVITE, OWNER

CONFIGURATION = """
matrix: {{domain: example.org}}
server: {{hostname: 127.0.0.1, port: 0}}
key: {{path: ':memory:'}}
storage: {{provider: {{sqlite: {{database: {folder}/mxisd.db}}}}}}
hashing: {{directory: {folder}}}
logging: {{access: ''}}
invite: {{keepEnded: 60}}
"""
HOUR = 3600
PATIENCE = 60
TABLES = ("accounts", "sessions", "invites")


@define(eq=False)
class HastyReactor:
    """The reactor, but for the time, which passes when a test says so."""

    clock: Clock = field(factory=Clock)

    def seconds(self) -> float:
        """What the clock shows."""
        return float(self.clock.seconds())

    def callLater(self, *call: Any, **options: Any) -> Any:
        """Call when the clock shows it."""
        return self.clock.callLater(*call, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


class JanitorTests(TestCase):
    """Everything that ends."""

    timeout = 120

    def setUp(self) -> None:
        """Start a server on tables with what is over, and what is not."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.reactor = HastyReactor()
        self.reactor.clock.advance(2 * KEPT_MS / 1000)
        config = loaded(CONFIGURATION.format(folder=self.folder)).config
        self.service: Any = assemble(survey(config, {}, self.reactor).parts)
        self.fill(int(self.reactor.seconds() * 1000))
        self.service.privilegedStartService()
        self.service.startService()

    def tearDown(self) -> Any:
        """Stop it."""
        return self.service.stopService()

    def fill(self, now_ms: int) -> None:
        """Write what is over, and what is not."""
        ended = evolve(INVITE, ending=Ending.RESOLVED, owner=OWNER, ended_ms=1)
        with self.records() as records:
            for time_ms in (1, 2 * now_ms):
                name = str(time_ms)
                session = (name, "email", "a", None, b"", "t", time_ms, 1, None, 0)
                invite = evolve(ended, token=name, ended_ms=time_ms)
                records.execute(ADD_ACCOUNT, (name.encode(), "@a:b", time_ms))
                records.execute(ADD_SESSION, (*session, None))
                records.execute(ADD_INVITE, invite_row(invite))

    def records(self) -> sqlite3.Connection:
        """The tables."""
        connection = sqlite3.connect(self.folder / "mxisd.db", timeout=30)
        self.addCleanup(connection.close)
        return connection

    def left(self) -> dict[str, int]:
        """How many of each there are."""
        records = self.records()
        return {
            table: records.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in TABLES
        }

    def test_the_janitor_comes_every_hour(self) -> "Deferred[None]":
        """And forgets tokens, sessions and invites that are over, and no others."""
        return Deferred.fromCoroutine(self.pass_an_hour())

    async def pass_an_hour(self) -> None:
        """See what is left."""
        self.assertEqual(self.left(), dict.fromkeys(TABLES, 2))
        self.reactor.clock.advance(HOUR)
        expected = dict.fromkeys(TABLES, 1)
        deadline = time.monotonic() + PATIENCE
        while self.left() != expected and time.monotonic() < deadline:
            await deferLater(reactor, 0.05)
        self.assertEqual(self.left(), expected)
