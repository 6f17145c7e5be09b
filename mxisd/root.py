"""The server as ``twistd`` meets it: how its start fails, which signals it takes."""

import atexit
import gc
import os
import signal
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.logger import (
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    formatEvent,
    globalLogPublisher,
)

SIGNALS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Whoever moves log files away sends one of them; each would end the process."""

STANDARD_ERROR = 2

FAILED = b"1 the server did not start"
"""What a daemon tells the process that waits for it: 1 is for failure."""


ROOT = 0
AS_ROOT = (
    "the server runs as root, which it has no need of: give it a user of its own, by "
    "User= in a systemd unit or --uid and --gid of twistd"
)
NOT_ANOTHER_USER = "--uid, --gid: the server may not become that user"

log = Logger()


class Terminal:
    """
    Where whoever starts the server reads why it did not start.

    A daemon has no terminal any more when it finds out; this keeps it until then.
    """

    def __init__(self, twistd: Mapping[str, Any], *, has_log: bool) -> None:
        """
        Keep the terminal.

        :param twistd: twistd's own options, to which it adds while it starts.
        :param has_log: Whether the log is shown there; then nothing is said twice.
        """
        self._twistd = twistd
        self._kept: int | None = None
        if not has_log:
            # There may be none.
            with suppress(OSError):
                self._kept = os.dup(STANDARD_ERROR)

    def release(self) -> None:
        """Let go of it: whoever waits for the end of our output waits no longer."""
        if self._kept is not None:
            os.close(self._kept)
            self._kept = None

    def tell_failure(self, lines: Sequence[str]) -> None:
        """Say why the server does not start, and leave nothing behind."""
        if self._kept is not None:
            os.write(self._kept, "".join(f"{line}\n" for line in lines).encode())
        self.release()
        if pidfile := self._twistd.get("pidfile"):
            with suppress(OSError):
                os.unlink(pidfile)
        self._tell_parent()

    def _tell_parent(self) -> None:
        # twistd tells it of an Exception, of which there would be a traceback. Of a
        # SystemExit it does not, and the parent waits for ever.
        pipe = self._twistd.get("statusPipe")
        if pipe is not None:
            os.write(pipe, FAILED)
            os.close(pipe)


class Root(MultiService):
    """
    All services.

    :ivar log_observer: Its own, instead of the one that twistd would make.
    :ivar terminal: Where to say why the start failed.
    """

    log_observer: ILogObserver | None = None
    terminal: Terminal | None = None

    def setServiceParent(self, parent: object) -> None:
        """Join the application, and bring the log observer."""
        super().setServiceParent(parent)
        if self.log_observer is not None:
            parent.setComponent(ILogObserver, self.log_observer)  # type: ignore[attr-defined]

    def privilegedStartService(self) -> None:
        """Start what needs privileges."""
        with self._telling_failures():
            super().privilegedStartService()
        # In between, twistd exits by itself if it cannot become another user.
        atexit.register(self._exit_in_between)

    def startService(self) -> None:
        """Start; what is there by now is there for good."""
        atexit.unregister(self._exit_in_between)
        with self._telling_failures():
            super().startService()
        if self.terminal is not None:
            self.terminal.release()
        # Going through it again and again, the garbage collector would block the
        # reactor for 50 ms each time.
        gc.collect()
        gc.freeze()

    def _exit_in_between(self) -> None:
        log.critical(NOT_ANOTHER_USER)
        if self.terminal is not None:
            self.terminal.tell_failure([NOT_ANOTHER_USER])

    @contextmanager
    def _telling_failures(self) -> Iterator[None]:
        """Whoever ends the start has logged why, as critical."""
        lines: list[str] = []

        def note(event: LogEvent) -> None:
            if event.get("log_level") is LogLevel.critical:
                lines.append(formatEvent(event))

        observer: Any = note
        globalLogPublisher.addObserver(observer)
        try:
            yield
        except SystemExit:
            if self.terminal is not None:
                self.terminal.tell_failure(lines)
            raise
        finally:
            globalLogPublisher.removeObserver(observer)


class UserService(Service):
    """
    Warns of a server that is root.

    When it starts, twistd has become the user that ``--uid`` names.
    """

    def __init__(self, user_id: Callable[[], int] = os.geteuid) -> None:
        """
        Look later.

        :param user_id: Whose the process is.
        """
        self._user_id = user_id

    def startService(self) -> None:
        """Look."""
        super().startService()
        if self._user_id() == ROOT:
            log.warn(AS_ROOT)


class SignalsService(Service):
    """Opens the logs anew when a signal says so."""

    def __init__(self, reopen: Callable[[], None], reactor: Any) -> None:
        self._reopen = reopen
        self._reactor = reactor
        self._former: MutableMapping[int, Any] = {}

    def privilegedStartService(self) -> None:
        """Take the signals, unless somebody else has them."""
        for number in SIGNALS:
            former = signal.getsignal(number)
            if former in (signal.SIG_DFL, signal.SIG_IGN):
                self._former[number] = former
                signal.signal(number, self._take)

    def stopService(self) -> None:
        """Give them back."""
        super().stopService()
        for number, former in self._former.items():
            signal.signal(number, former)
        self._former.clear()

    def _take(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._reopen)
