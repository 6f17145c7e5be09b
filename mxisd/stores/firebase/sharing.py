"""One piece of work for everybody who waits for its result."""

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mxisd.errors import StoreUnavailable

T = TypeVar("T")

log = Logger()


class Shared(Generic[T]):
    """
    Starts work when somebody wants its result; who comes meanwhile gets the same.

    Who leaves does not end it: what took too long for one is there for the next.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._is_running = False
        self._running: Deferred[T] | None = None
        self._waiting: list[Deferred[T]] = []

    def start(self) -> None:
        """Start, if it is not under way; nobody needs to wait."""
        if self._is_running:
            return
        self._is_running = True
        self._running = Deferred.fromCoroutine(self._work())
        self._running.addBoth(self._ended)

    def result(self) -> "Deferred[T]":
        """The result; everybody has a Deferred of their own."""
        waiter: Deferred[T] = Deferred(self._waiting.remove)
        self._waiting.append(waiter)
        self.start()
        return waiter

    def stop(self) -> None:
        """End it; who waits learns that the store has stopped."""
        if self._running is not None:
            self._running.cancel()

    def _ended(self, outcome: T | Failure) -> None:
        self._is_running, self._running = False, None
        if isinstance(outcome, Failure) and outcome.check(CancelledError):
            outcome = Failure(StoreUnavailable("the store has stopped"))
        waiting, self._waiting = self._waiting, []
        if isinstance(outcome, Failure) and not waiting:
            if not outcome.check(StoreUnavailable):
                log.failure("Work that nobody waits for failed", outcome)
            return
        for waiter in waiting:
            if isinstance(outcome, Failure):
                waiter.errback(outcome)
            else:
                waiter.callback(outcome)
