"""Turns."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.turns import Turns
from mxisd.errors import StoreUnavailable

MANY = 2000


class TurnsTests(SynchronousTestCase):
    """Two at a time."""

    def setUp(self) -> None:
        """Nobody is at it."""
        self.clock = Clock()
        self.turns = Turns(self.clock, 2)
        self.begun = 0

    def work(self, until: "Deferred[None] | None" = None) -> "Deferred[None]":
        """Take a turn, until something happens; without it, fail at once."""

        async def working() -> None:
            async with self.turns.turn():
                self.begun += 1
                if until is None:
                    raise StoreUnavailable("down")
                await until

        return Deferred.fromCoroutine(working())

    def test_so_many_at_a_time(self) -> None:
        """The third begins when one of two has ended; whoever comes then waits, too."""
        ends: list[Deferred[None]] = [Deferred() for _ in range(4)]
        working = [self.work(end) for end in ends[:3]]
        self.assertEqual(self.begun, 2)
        ends[0].callback(None)
        self.successResultOf(working[0])
        self.clock.advance(0)
        self.assertEqual(self.begun, 3)
        working.append(self.work(ends[3]))
        self.clock.advance(0)
        self.assertEqual(self.begun, 3)

    def test_where_there_is_room_nobody_waits(self) -> None:
        """Nor is anything left to be done later."""
        self.failureResultOf(self.work(), StoreUnavailable)
        self.assertEqual((self.begun, self.clock.getDelayedCalls()), (1, []))

    def test_all_in_line_fail(self) -> None:
        """Any number of them, one after the other, each for its own reason."""
        ends: list[Deferred[None]] = [Deferred(), Deferred()]
        working = [self.work(end) for end in ends]
        failing = [self.work() for _ in range(MANY)]
        for end in ends:
            end.callback(None)
        self.clock.pump([0] * MANY)
        for each in working:
            self.successResultOf(each)
        for other in failing:
            self.failureResultOf(other, StoreUnavailable)

    def test_whoever_leaves_the_line(self) -> None:
        """At any time: the turn is the next one's."""
        end: Deferred[None] = Deferred()
        self.work(end), self.work(Deferred())
        waiting: list[Any] = [self.work(Deferred()) for _ in range(3)]
        waiting[0].cancel()
        self.failureResultOf(waiting[0], CancelledError)
        end.callback(None)
        waiting[1].cancel()  # when it was about to begin
        self.failureResultOf(waiting[1], CancelledError)
        self.clock.advance(0)
        self.assertEqual(self.begun, 3)
