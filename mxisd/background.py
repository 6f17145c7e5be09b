"""Work that no request waits for."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

T = TypeVar("T")

log = Logger()


class BackgroundTasks(Service):
    """Owns every coroutine that nobody awaits: logs its failure, cancels it on stop."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._running: set[Deferred[Any]] = set()
        self._repeating: list[LoopingCall] = []
        self._first: list[Callable[[], None]] = []

    def spawn(self, coroutine: Coroutine[Any, Any, object], what: str) -> None:
        """
        Run a coroutine to its end.

        :param what: Names the task in the log if it fails.
        """
        self._start(coroutine).addErrback(_log_failure, what)

    def shield(self, coroutine: Coroutine[Any, Any, T]) -> "Deferred[T]":
        """
        Run a coroutine to its end even if whoever waits for it goes away.

        :return: Its outcome; cancelling this does not reach the coroutine.
        """
        waiter: Deferred[T] = Deferred(lambda _: None)
        running = self._start(coroutine)
        running.addCallbacks(
            lambda result: _hand_over(waiter, waiter.callback, result),
            lambda failure: _hand_over(waiter, waiter.errback, failure),
        )
        return waiter

    def every(
        self, seconds: float, work: Callable[[], Awaitable[object]], what: str
    ) -> None:
        """
        Repeat something from the start of the service to its stop; failures are logged.

        :param seconds: From one start to the next; a slow run delays the next.
        """

        async def attempt() -> None:
            try:
                await work()
            except CancelledError:
                raise
            except Exception:
                log.failure("{what} failed", what=what)

        loop = LoopingCall(lambda: self._start(attempt()))
        loop.clock = self._clock
        self._repeating.append(loop)
        if self.running:
            self._begin(loop, seconds)
        else:
            loop.interval = seconds

    def after_start(
        self, seconds: float, work: Callable[[], Awaitable[object]], what: str
    ) -> None:
        """Do something once, so long after the start of the service."""

        async def later() -> None:
            await deferLater(self._clock, seconds)
            await work()

        self._first.append(lambda: self.spawn(later(), what))

    def startService(self) -> None:
        """Start what repeats, and what comes first."""
        super().startService()
        for begin in self._first:
            begin()
        for loop in self._repeating:
            self._begin(loop, loop.interval or 0)

    def stopService(self) -> None:
        """Cancel what still runs."""
        super().stopService()
        for loop in self._repeating:
            if loop.running:
                loop.stop()
        for running in tuple(self._running):
            running.cancel()

    def _begin(self, loop: LoopingCall, seconds: float) -> None:
        loop.start(seconds, now=False).addErrback(_log_failure, "a repeated task")

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> "Deferred[T]":
        running = Deferred.fromCoroutine(coroutine)
        self._running.add(running)

        def done(outcome: Any) -> Any:
            self._running.discard(running)
            return outcome

        running.addBoth(done)
        return running


def _log_failure(failure: Failure, what: str) -> None:
    if not isinstance(failure.value, CancelledError):
        log.failure("{what} failed", failure, what=what)


def _hand_over(
    waiter: "Deferred[Any]", fire: Callable[[Any], None], outcome: Any
) -> None:
    if not waiter.called:
        fire(outcome)
    elif isinstance(outcome, Failure):
        _log_failure(outcome, "a request whose client went away")
