"""What the tests of the guard share."""

from collections.abc import Awaitable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mxisd.background import BackgroundTasks
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.resolver.guard import Guard
from mxisd.resolver.guarded import guarded
from tests.resolver.doubles import BOB

TIMEOUT = 5
SECRET_ADDRESS = "carol.secret@example.org"


def under_way(answer: Awaitable[Any]) -> "Deferred[Any]":
    """A question that was asked."""
    return Deferred.fromCoroutine(answer)  # type: ignore[arg-type]


class GuardTestCase(SynchronousTestCase):
    """A guard, and a listener to the log."""

    def setUp(self) -> None:
        """Guard a store called staff."""
        self.clock = Clock()
        self.guard = Guard("staff", self.clock, BackgroundTasks(self.clock), TIMEOUT)
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def guarded(self, **capabilities: Any) -> Any:
        """A store behind the guard."""
        return guarded(Store(**capabilities), self.guard)

    def lookup(self, store: object) -> "Deferred[Mapping[ThreePid, UserId]]":
        """Look Bob up through the guard."""
        return under_way(self.guarded(lookup=store).lookup.lookup(frozenset([BOB])))

    def warnings(self) -> list[Any]:
        """What was logged as a warning, or worse."""
        return [
            each
            for each in self.events
            if each.get("log_level", LogLevel.debug) >= LogLevel.warn
        ]
