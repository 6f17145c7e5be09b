"""Clocks that work takes time by."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

TURNS = 10_000


class HeldReactor:
    """
    The real reactor, with real sockets and processes, whose time a test lets pass.

    What is to come in its next turn comes by itself.

    :ivar clock: That time.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.clock = Clock()
        self.seconds = self.clock.seconds
        self.advance = self.clock.advance

    def callLater(self, delay: float, act: Any, *args: Any, **named: Any) -> Any:
        """Make a call after some seconds of this time."""
        time = self.clock if delay else self._reactor
        return time.callLater(delay, act, *args, **named)

    def pass_by(self, seconds: float) -> None:
        """Let time pass bit by bit, as calls that lead to others need it."""
        self.clock.pump([0.1] * round(seconds * 10))

    def rest(self, seconds: float) -> "Deferred[None]":
        """Let the machine work for some real seconds; its time does not pass."""
        return deferLater(self._reactor, seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


class WorkingClock(Clock):
    """
    A reactor's time, where only work lets it pass, and calls come turn by turn.

    :ivar pace: What passes from one look at the clock to the next.
    """

    def __init__(self, pace: float = 0.0) -> None:
        super().__init__()
        self.pace = pace

    def seconds(self) -> float:
        """Look."""
        self.rightNow += self.pace
        return self.rightNow

    def work(self, seconds: float) -> None:
        """Keep everybody waiting for so long."""
        self.rightNow += seconds

    def turn(self) -> None:
        """Make the calls that are due, and not those that they ask for."""
        now = self.seconds()
        for call in [each for each in self.calls if each.getTime() <= now]:
            if call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)

    def turns(self, running: "Deferred[Any]") -> int:
        """Go on until something is through; tells how many turns that took."""
        for count in range(TURNS):
            if running.called:
                return count
            self.turn()
        raise AssertionError("it never ends")
