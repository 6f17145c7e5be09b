"""What starts and stops with the server."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.application.service import IService, MultiService, Service
from twisted.internet import reactor as _real_reactor
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mxisd.background import BackgroundTasks
from mxisd.resolver.guard import Guard
from mxisd.services import (
    READY_SECONDS,
    STOP_SECONDS,
    HashIndexService,
    ListeningService,
    StoreService,
)
from tests.integration.server import PATIENCE, free_port

real_reactor: Any = _real_reactor

RACE = """
import socket, sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from mxisd.services import ListeningService

port, ready, other = int(sys.argv[1]), Deferred(), socket.socket()
other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
other.bind(("127.0.0.1", port))
service = ListeningService(reactor, Factory(), "127.0.0.1", port, ready)
service.privilegedStartService()
service.startService()
other.listen()
reactor.callLater(0, ready.callback, None)
reactor.run()
"""

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
                bug, warning = self.warnings()
                self.assertEqual(warning["store"], "staff")
                self.assertIn(type(error).__name__, warning["reason"])
                self.assertIn("in step\n", bug["trace"])
                self.assertNotIn("s3cret", str(self.warnings()))

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
            bug, warning = self.warnings()
            self.assertIn("services.py", bug["trace"])
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


@define(eq=False)
class Index:
    """An index whose start the test ends."""

    starting: Deferred[None] = field(factory=Deferred)
    done: list[str] = field(factory=list)

    async def start(self) -> None:
        """Start."""
        await self.starting

    async def refresh(self) -> None:
        """List."""
        self.done.append("refresh")

    async def retry(self) -> None:
        """List again."""
        self.done.append("retry")

    async def rotate_if_due(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Close."""
        self.done.append("close")


class HashIndexServiceTests(SynchronousTestCase):
    """When the index is open."""

    def setUp(self) -> None:
        """Start it."""
        self.clock = Clock()
        self.background = BackgroundTasks(self.clock)
        self.background.startService()
        self.index = Index()
        index: Any = self.index
        self.service = HashIndexService(index, self.background, 180)
        self.service.startService()

    def test_it_says_when_it_is_open(self) -> None:
        """Before it lists the stores, which takes its time."""
        self.assertNoResult(self.service.opened)
        seen: list[list[str]] = []
        self.service.opened.addCallback(lambda _: seen.append(list(self.index.done)))
        self.index.starting.callback(None)
        self.assertEqual((seen, self.index.done), ([[]], ["refresh"]))

    def test_what_it_does_all_the_time(self) -> None:
        """It lists the stores now and then, and looks for those that failed."""
        self.index.starting.callback(None)
        self.clock.pump([60] * 3)
        self.assertEqual(self.index.done[0], "refresh")
        self.assertEqual(sorted(self.index.done[1:]), ["refresh", *["retry"] * 3])

    def test_it_says_when_it_cannot_be_opened(self) -> None:
        """The failure is logged, and nobody waits for ever."""
        self.index.starting.errback(ZeroDivisionError())
        self.successResultOf(self.service.opened)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_stop_before_it_is_open(self) -> None:
        """It is no failure."""
        self.service.stopService()
        self.background.stopService()
        self.successResultOf(self.service.opened)
        self.assertEqual(self.index.done, ["close"])


class PortClock(Clock):
    """Time that the test moves, and real ports."""

    adoptStreamPort = real_reactor.adoptStreamPort


class ListeningServiceTests(TestCase):
    """When the server listens."""

    def setUp(self) -> None:
        """A server that is not ready, on a free port."""
        self.port = free_port()
        self.ready: Deferred[None] = Deferred()
        self.reactor = PortClock()
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def service(self, of: Any) -> ListeningService:
        """Make it."""
        site: Any = Factory.forProtocol(Protocol)
        service = ListeningService(of, site, "127.0.0.1", self.port, self.ready)
        self.addCleanup(service.stopService)
        return service

    def started(self, of: Any) -> ListeningService:
        """Start it."""
        service = self.service(of)
        service.privilegedStartService()
        service.startService()
        return service

    def is_listening(self) -> bool:
        """Whether anybody can connect."""
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def logged(self, level: Any) -> list[str]:
        """What was logged at a level by us."""
        return [
            formatEvent(event)
            for event in self.events
            if event["log_level"] is level
            and event["log_namespace"] == "mxisd.services"
        ]

    async def test_it_listens_when_it_is_ready(self) -> None:
        """Before that nobody can connect, and after it the log says so."""
        service = self.started(real_reactor)
        self.assertFalse(self.is_listening())
        self.assertEqual(self.logged(LogLevel.info), [])
        self.ready.callback(None)
        self.assertTrue(self.is_listening())
        expected = [f"Listening on 127.0.0.1:{self.port}"]
        self.assertEqual(self.logged(LogLevel.info), expected)
        await service.stopService()
        self.assertFalse(self.is_listening())

    def test_it_does_not_wait_for_ever(self) -> None:
        """After half a minute lookups by hash are refused, and all else is served."""
        self.started(self.reactor)
        self.reactor.advance(READY_SECONDS - 1)
        self.assertFalse(self.is_listening())
        self.reactor.advance(1)
        self.assertTrue(self.is_listening())
        self.assertEqual(len(self.logged(LogLevel.warn)), 1)
        self.ready.callback(None)

    def test_a_stop_before_it_listens(self) -> None:
        """It never does, and the port is free again."""
        self.started(self.reactor).stopService()
        self.ready.callback(None)
        self.assertFalse(self.is_listening())
        self.assertEqual(self.logged(LogLevel.critical), [])
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", self.port))

    def test_a_port_that_is_taken(self) -> None:
        """The start ends with one line."""
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", self.port))
            taken.listen()
            service = self.service(self.reactor)
            self.assertRaises(SystemExit, service.privilegedStartService)
        (line,) = self.logged(LogLevel.critical)
        self.assertTrue(line.startswith("server.port: "), line)

    def test_a_port_that_another_one_takes_meanwhile(self) -> None:
        """The server ends with one line and an exit code, though it runs already."""
        search = os.pathsep.join(filter(None, sys.path))
        done = subprocess.run(
            [sys.executable, "-c", RACE, str(self.port)],
            env={**os.environ, "PYTHONPATH": search},
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        (line,) = done.stderr.decode().splitlines()
        self.assertTrue(line.startswith("server.port: "), line)
