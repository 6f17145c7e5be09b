"""What starts and stops with the server."""

from collections.abc import Callable
from typing import Any

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mxisd.background import BackgroundTasks
from mxisd.resolver.guard import Guard
from mxisd.services import STOP_SECONDS, StoreService

ERRORS = (KeyError("s3cret"), SystemExit(), GeneratorExit(), CancelledError())


class Scripted(Service):
    """Does what the test says, and remembers what was asked of it."""

    def __init__(self, **steps: Callable[[], Any]) -> None:
        self.steps = steps
        self.done: list[str] = []

    def _do(self, step: str) -> Any:
        self.done.append(step)
        return self.steps.get(step, lambda: None)()

    def privilegedStartService(self) -> None:
        """Start first."""
        self._do("privileged")

    def startService(self) -> None:
        """Start."""
        self._do("start")

    def stopService(self) -> Any:
        """Stop."""
        return self._do("stop")


def raising(error: BaseException) -> Callable[[], Any]:
    """A step that fails."""

    def step() -> Any:
        raise error

    return step


class StoreServiceTests(SynchronousTestCase):
    """A store's service cannot keep the server from starting, or stopping."""

    def setUp(self) -> None:
        """A server, and a listener to the log."""
        self.clock = Clock()
        self.guard = Guard("staff", self.clock, BackgroundTasks(self.clock), 5)
        self.server = MultiService()
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def started(self, inner: Service) -> StoreService:
        """The store's service, started."""
        service = StoreService(inner, self.guard, self.clock)
        service.setServiceParent(self.server)
        self.server.privilegedStartService()
        self.server.startService()
        return service

    def warnings(self) -> list[Any]:
        """What was logged as a warning, or worse."""
        return [e for e in self.events if e.get("log_level") >= LogLevel.warn]

    def test_a_good_service_starts_and_stops(self) -> None:
        """Each step is carried out once, in its order."""
        inner = Scripted()
        service = self.started(inner)
        self.assertTrue(verifyObject(IService, service))
        self.assertTrue(service.running)
        self.successResultOf(self.server.stopService())
        self.assertEqual(inner.done, ["privileged", "start", "stop"])
        self.assertEqual(self.warnings(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_service_that_does_not_start_is_named(self) -> None:
        """The server goes on, and the store counts as not answering."""
        for step in ("privileged", "start"):
            for error in ERRORS:
                self.setUp()
                self.started(Scripted(**{step: raising(error)}))
                self.assertFalse(self.guard.is_answering)
                (warning,) = self.warnings()
                self.assertEqual(warning["store"], "staff")
                self.assertIn(type(error).__name__, warning["reason"])
                self.assertNotIn("s3cret", str(warning))

    def test_an_operator_who_gives_up_is_obeyed(self) -> None:
        """Ctrl-C during the start is no failure of the store."""
        inner = Scripted(start=raising(KeyboardInterrupt()))
        self.assertRaises(KeyboardInterrupt, self.started, inner)

    def test_a_service_that_fails_to_stop_is_named(self) -> None:
        """The server stops all the same."""

        async def failing() -> None:
            raise ZeroDivisionError

        for step in (
            *map(raising, ERRORS),
            lambda: fail(ZeroDivisionError()),
            failing,
        ):
            self.setUp()
            self.started(Scripted(stop=step))
            self.successResultOf(self.server.stopService())
            (warning,) = self.warnings()
            self.assertEqual(warning["store"], "staff")

    def test_a_service_that_never_stops_is_left(self) -> None:
        """After five seconds, even if it does not let go of its Deferred."""

        def refuse(_: object) -> None:
            raise ZeroDivisionError

        for forever in (Deferred[None](), Deferred[None](refuse)):
            self.setUp()
            self.started(Scripted(stop=lambda: forever))  # noqa: B023
            stopped = self.server.stopService()
            self.clock.advance(STOP_SECONDS - 1)
            self.assertNoResult(stopped)
            self.clock.advance(1)
            self.successResultOf(stopped)
            self.assertEqual(len(self.warnings()), 1)
            self.flushLoggedErrors()

    def test_a_service_may_take_a_moment_to_stop(self) -> None:
        """Connections are closed in order."""
        for ending in (Deferred[None](), succeed(None)):
            self.setUp()
            self.started(Scripted(stop=lambda: ending))  # noqa: B023
            stopped = self.server.stopService()
            if not ending.called:
                self.assertNoResult(stopped)
                ending.callback(None)
            self.successResultOf(stopped)
            self.assertEqual(self.warnings(), [])
