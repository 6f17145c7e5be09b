"""How a start fails, and which signals the server takes."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import Application, Service
from twisted.internet.task import Clock
from twisted.logger import (
    ILogObserver,
    Logger,
    LogLevel,
    capturedLogs,
    formatEvent,
)
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.root import SIGNALS, Root, SignalsService, Terminal, UserService

log = Logger()


class Failing(Service):
    """Does something when it starts."""

    def __init__(self, step: str, act: Callable[[], None]) -> None:
        self._step = step
        self._act = act

    def privilegedStartService(self) -> None:
        """Start first."""
        if self._step == "privileged":
            self._act()

    def startService(self) -> None:
        """Start."""
        super().startService()
        if self._step == "start":
            self._act()


def refuse() -> None:
    """End the start as our services do."""
    log.warn("this is no reason")
    log.critical("server.port: {why}", why="taken")
    raise SystemExit(1)


@implementer(ILogObserver)
class Silent:
    """An observer."""

    def __call__(self, event: Any) -> None:
        """Take no notice."""


class RootTests(SynchronousTestCase):
    """The start."""

    def setUp(self) -> None:
        """A terminal that a test can read, and what twistd knows."""
        self.pid_file = Path(self.mktemp())
        self.pid_file.write_text("1")
        self.heard, self.pipe = os.pipe()
        self.screen, terminal = os.pipe()
        os.set_blocking(self.screen, False)
        for descriptor in (self.heard, self.screen):
            self.addCleanup(os.close, descriptor)
        self.twistd: dict[str, Any] = {"pidfile": str(self.pid_file)}
        kept = os.dup(2)
        os.dup2(terminal, 2)
        self.terminal = Terminal(self.twistd, has_log=False)
        os.dup2(kept, 2)
        os.close(kept)
        os.close(terminal)

    def start(self, *services: Service) -> None:
        """Start everything."""
        root = Root()
        root.terminal = self.terminal
        for service in services:
            service.setServiceParent(root)
        root.privilegedStartService()
        root.startService()

    def shown(self) -> str:
        """What the terminal shows; an error if nothing, and somebody still has it."""
        return os.read(self.screen, 1000).decode()

    def test_a_start_that_is_refused(self) -> None:
        """A daemon tells its parent, and the terminal; the pid file is removed."""
        for step in ("privileged", "start"):
            self.setUp()
            self.twistd["statusPipe"] = self.pipe
            self.assertRaises(SystemExit, self.start, Failing(step, refuse))
            self.assertEqual(self.shown(), "server.port: taken\n")
            self.assertEqual(self.shown(), "")
            self.assertTrue(os.read(self.heard, 100).startswith(b"1 "))
            self.assertEqual(os.read(self.heard, 100), b"")
            self.assertFalse(self.pid_file.exists())

    def test_in_the_foreground(self) -> None:
        """There is no parent, and there may be no pid file; nothing is shown twice."""
        os.close(self.pipe)
        self.terminal.release()
        self.terminal = Terminal(self.twistd, has_log=True)
        self.assertRaises(SystemExit, self.start, Failing("start", refuse))
        self.assertFalse(self.pid_file.exists())
        self.assertRaises(SystemExit, self.start, Failing("start", refuse))
        self.assertEqual(self.shown(), "")

    def test_a_good_start(self) -> None:
        """The terminal is let go, so that whoever reads it comes to an end."""
        os.close(self.pipe)
        self.start(Failing("never", refuse))
        self.assertEqual(self.shown(), "")
        self.assertTrue(self.pid_file.exists())

    def test_the_observer_is_brought_along(self) -> None:
        """The application logs with it."""
        os.close(self.pipe)
        self.terminal.release()
        root, application, observer = Root(), Application("mxisd"), Silent()
        root.log_observer = observer
        root.setServiceParent(application)
        self.assertIs(application.getComponent(ILogObserver), observer)


class UserTests(SynchronousTestCase):
    """Whose the process is."""

    def test_root(self) -> None:
        """It is warned of once, when it has become who it will be; others are not."""
        service = UserService(lambda: 0)
        with capturedLogs() as events:
            service.privilegedStartService()
            self.assertEqual(events, [])
            service.startService()
        (event,) = events
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertIn("runs as root", formatEvent(event))
        with capturedLogs() as events:
            UserService(lambda: 1000).startService()
        self.assertEqual(events, [])


class SignalsTests(SynchronousTestCase):
    """Real signals, sent to ourselves."""

    def setUp(self) -> None:
        """Take them."""
        self.reopened = 0
        self.former = [signal.getsignal(number) for number in SIGNALS]
        clock = Clock()
        clock.callFromThread = lambda act: act()  # type: ignore[attr-defined]
        self.service = SignalsService(self.reopen, clock)

    def reopen(self) -> None:
        """Count."""
        self.reopened += 1

    def test_each_opens_the_logs_anew(self) -> None:
        """As long as the service runs; then all is as it was before."""
        self.service.privilegedStartService()
        for number in SIGNALS:
            os.kill(os.getpid(), number)
        self.assertEqual(self.reopened, len(SIGNALS))
        self.service.stopService()
        after = [signal.getsignal(number) for number in SIGNALS]
        self.assertEqual(after, self.former)

    def test_signals_that_somebody_else_takes(self) -> None:
        """They stay where they are; ignored ones are nobody's."""
        taken: list[int] = []
        former = signal.signal(signal.SIGUSR1, lambda number, _: taken.append(number))
        self.addCleanup(signal.signal, signal.SIGUSR1, former)
        ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGHUP, ignored)
        self.service.privilegedStartService()
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGHUP)
        self.service.stopService()
        self.assertEqual((taken, self.reopened), ([signal.SIGUSR1], 1))
