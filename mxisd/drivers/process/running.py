"""A program that runs, until it is gone."""

import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

GRACE = 2.0
"""Seconds between the polite request to end and the other one."""

STDERR_KEPT = 16384
"""So many bytes of diagnostics are kept, from the beginning."""

Take = Callable[[bytes], Awaitable[None]]


@frozen(kw_only=True)
class Program:
    """
    What to run.

    :ivar argv: The program's path, or its name in ``PATH``, and its arguments.
    :ivar env: Joins the server's own environment.
    :ivar seconds: How long it may run; while its output is streamed, how long it may
        be silent.
    :ivar output_bytes: The most that it may print, to stdout or to stderr.
    """

    argv: Sequence[str] = field(repr=False)
    env: Mapping[str, str] = field(factory=dict, repr=False)
    stdin: bytes = field(default=b"", repr=False)
    seconds: float = 10.0
    output_bytes: int = 4 * 1024 * 1024


@frozen(kw_only=True)
class Finished:
    """
    How it went.

    :ivar code: The exit code; ``None`` if the program did not come to its end.
    :ivar trouble: Why it did not, in words; empty otherwise.
    :ivar stdout: What it printed; empty if that was streamed.
    :ivar stderr: The beginning of its diagnostics.
    """

    code: int | None
    trouble: str = ""
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)


class Running(ProcessProtocol):
    """
    A program that runs.

    :ivar answer: How it went; perhaps known before the program is gone.
    """

    def __init__(self, reactor: Any, program: Program, take: Take | None) -> None:
        """Wait for the process to be spawned."""
        self.answer: Deferred[Finished] = Deferred(lambda _: self._end())
        self._reactor = reactor
        self._program = program
        self._take = take
        self._taking: Deferred[None] | None = None
        self._pid = 0
        self._is_gone = False
        self._waiting: list[Deferred[None]] = []
        self._timer: Any = None
        self._killing: Any = None
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._stderr_size = 0

    def gone(self) -> "Deferred[None]":
        """Fires when the process has ended and was reaped."""
        waiting: Deferred[None] = Deferred()
        if self._is_gone:
            waiting.callback(None)
        else:
            self._waiting.append(waiting)
        return waiting

    def stop(self, trouble: str) -> None:
        """Answer at once, and end the process."""
        self._finish(None, trouble)
        self._end()

    # --- What the process does --------------------------------------------------------

    def connectionMade(self) -> None:
        """Feed it, and watch the time."""
        transport: Any = self.transport
        self._pid = transport.pid
        self._start_timer()
        transport.write(self._program.stdin)
        transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        """Keep or hand on what it prints."""
        if self._killing is not None:
            return
        if self._take is not None:
            self._hand_on(self._take, data)
        else:
            self._stdout += data
            self._check_size(len(self._stdout))

    def errReceived(self, data: bytes) -> None:
        """Keep the beginning of its diagnostics."""
        self._stderr += data[: STDERR_KEPT - len(self._stderr)]
        self._stderr_size += len(data)
        self._check_size(self._stderr_size)

    def processEnded(self, reason: Failure) -> None:
        """Say how it went, and end what it has left behind."""
        self._is_gone = True
        self._stop_timer()
        if self._killing is not None:
            # It went when it was told to; what it has started may not.
            self._signal(signal.SIGKILL)
            if self._killing.active():
                self._killing.cancel()
        error: Any = reason.value
        if isinstance(error, ProcessTerminated) and error.signal is not None:
            self._finish(None, f"was ended by signal {error.signal}")
        else:
            self._finish(error.exitCode, "")
        for each in self._waiting:
            each.callback(None)

    # --- Output -----------------------------------------------------------------------

    def _check_size(self, size: int) -> None:
        limit = self._program.output_bytes
        if size > limit and not self.answer.called:
            self.stop(f"printed more than {limit} bytes")

    def _hand_on(self, take: Take, data: bytes) -> None:
        async def taken() -> None:
            await take(data)

        # The pipe is read again when this part is done with: so a list of any length
        # needs no memory.
        transport: Any = self.transport
        transport.pauseProducing()
        self._stop_timer()
        self._taking = Deferred.fromCoroutine(taken())
        self._taking.addCallbacks(self._taken, self._not_taken)
        if self._killing is not None:
            # The taker itself has had it ended.
            self._leave_taker()

    def _taken(self, _: None) -> None:
        self._taking = None
        if self._killing is None:
            transport: Any = self.transport
            transport.resumeProducing()
            self._start_timer()

    def _not_taken(self, failure: Failure) -> None:
        self._taking = None
        if not self.answer.called:
            self.answer.errback(failure)
        self._end()
        self._watch_for_end()

    def _finish(self, code: int | None, trouble: str) -> None:
        if not self.answer.called:
            stdout, stderr = bytes(self._stdout), bytes(self._stderr)
            self.answer.callback(
                Finished(code=code, trouble=trouble, stdout=stdout, stderr=stderr)
            )

    # --- The end ----------------------------------------------------------------------

    def _start_timer(self) -> None:
        seconds = self._program.seconds
        words = "no end after" if self._take is None else "printed nothing for"
        trouble = f"{words} {seconds:g} s"
        self._timer = self._reactor.callLater(seconds, self.stop, trouble)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _end(self) -> None:
        if self._is_gone or self._killing is not None:
            return
        self._stop_timer()
        self._killing = self._reactor.callLater(GRACE, self._kill)
        self._signal(signal.SIGTERM)
        self._leave_taker()

    def _leave_taker(self) -> None:
        if self._taking is not None:
            self._watch_for_end()
            self._taking.cancel()

    def _watch_for_end(self) -> None:
        # Nothing is handed on any more, but the end of the pipe must be seen.
        transport: Any = self.transport
        transport.resumeProducing()

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        # Whoever has left the group may still hold the pipes.
        transport: Any = self.transport
        for pipe in list(transport.pipes.values()):
            pipe.connectionLost(Failure(ConnectionDone()))

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._pid, number)
        except ProcessLookupError:
            # There is no group: not yet, not any more, or for want of setsid.
            self._signal_alone(number)
        except PermissionError:
            # It is another user's now, who alone can end it.
            return

    def _signal_alone(self, number: int) -> None:
        transport: Any = self.transport
        if transport.pid is not None:
            os.kill(transport.pid, number)
