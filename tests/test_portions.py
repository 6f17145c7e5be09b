"""Long loops in portions."""

from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import DeadlineExceeded
from mxisd.portions import FEW_STEPS, PORTION_SECONDS, STEP, Portions
from tests.clocks import WorkingClock

FEW = FEW_STEPS * STEP
MANY = 20 * STEP
A_STEP = PORTION_SECONDS / 3.99  # four of them are just more than a portion


class PortionsTests(SynchronousTestCase):
    """Loops that let others have their turn."""

    def setUp(self) -> None:
        """Work takes time, and nothing else does."""
        self.clock = WorkingClock()
        self.portions = Portions(self.clock)
        self.done: list[int] = []

    def work(self, number: int) -> str:
        """Take a quarter of a portion for every step."""
        self.done.append(number)
        self.clock.work(A_STEP / STEP)
        return str(number)

    def begin(
        self, count: int, work: Callable[[int], Any] | None = None, **options: Any
    ) -> "Deferred[list[Any]]":
        """A loop over so many numbers."""
        loop = self.portions.mapped(work or self.work, range(count), **options)
        return Deferred.fromCoroutine(loop)

    def test_few_are_done_at_once(self) -> None:
        """Who asks for a few does not wait for a turn."""
        answer = self.successResultOf(self.begin(FEW))
        self.assertEqual(answer, [str(number) for number in range(FEW)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many_are_done_in_portions(self) -> None:
        """All are done, in order; no portion is longer than it should be."""
        running, portions = self.begin(MANY), []
        self.assertEqual(self.done, [])
        while not running.called:
            began, before = self.clock.seconds(), len(self.done)
            self.clock.turn()
            portions.append(len(self.done) - before)
            self.assertLess(self.clock.seconds() - began, PORTION_SECONDS + A_STEP)
        answer = self.successResultOf(running)
        self.assertEqual(answer, [str(number) for number in range(MANY)])
        self.assertEqual(portions, [4 * STEP] * 5 + portions[5:])

    def test_others_have_their_turn_in_between(self) -> None:
        """A call that was due meanwhile comes before the next portion."""
        running = self.begin(MANY)
        self.clock.turn()
        seen: list[int] = []
        self.clock.callLater(0, lambda: seen.append(len(self.done)))
        self.clock.turn()
        self.assertNoResult(running)
        self.assertLess(seen[0], MANY)
        running.cancel()
        self.failureResultOf(running, CancelledError)

    def test_several_share_a_portion(self) -> None:
        """Nobody waits until somebody else's long loop is through."""
        long, short = self.begin(10 * MANY), self.begin(FEW + 1)
        turns = 0
        while not short.called:
            before = self.clock.seconds()
            self.clock.turn()
            turns += 1
            self.assertLess(self.clock.seconds() - before, PORTION_SECONDS + A_STEP)
        self.assertLess(turns, 5)
        self.assertNoResult(long)
        long.cancel()
        self.failureResultOf(long, CancelledError)

    def test_cancelling_ends_the_loop(self) -> None:
        """Nothing more is done for somebody who has gone."""
        running = self.begin(MANY)
        self.clock.turn()
        running.cancel()
        self.failureResultOf(running, CancelledError)
        before = len(self.done)
        self.clock.turn()
        self.assertEqual((len(self.done), before > 0), (before, True))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelling_one_leaves_the_others(self) -> None:
        """Whoever still waits gets everything."""
        gone, staying = self.begin(MANY), self.begin(MANY, str)
        self.clock.turn()
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.clock.turns(staying)
        self.assertEqual(self.successResultOf(staying), list(map(str, range(MANY))))

    def test_an_error_ends_the_loop(self) -> None:
        """It reaches whoever waits, and what follows is not done."""
        for error in (ZeroDivisionError(), CancelledError()):

            def fail(number: int) -> None:
                self.done.append(number)
                raise error  # noqa: B023

            self.done.clear()
            running = self.begin(MANY, fail)
            self.clock.turn()
            self.failureResultOf(running, type(error))
            self.assertEqual(self.done, [0])
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_loop_ends_when_it_is_too_late(self) -> None:
        """A deadline holds for what we do ourselves, too."""
        running = self.begin(MANY, until=self.clock.seconds() + 2 * PORTION_SECONDS)
        self.clock.turns(running)
        self.failureResultOf(running, DeadlineExceeded)
        self.assertEqual(len(self.done), 8 * STEP)

    def test_a_clock_that_is_set_back(self) -> None:
        """A portion ends all the same."""

        def work(number: int) -> None:
            self.done.append(number)
            self.clock.work(-1)

        running = self.begin(MANY, work)
        self.clock.turn()
        self.assertEqual(len(self.done), STEP)
        running.cancel()
        self.failureResultOf(running, CancelledError)

    def test_each(self) -> None:
        """Some at a time, in order, none twice."""
        taken: list[Any] = []
        loop = self.portions.each(taken.append, range(MANY + 1), step=7)
        running = Deferred.fromCoroutine(loop)
        self.clock.turns(running)
        self.successResultOf(running)
        self.assertEqual([n for some in taken for n in some], list(range(MANY + 1)))
        self.assertEqual(max(map(len, taken)), 7)

    def test_a_turn_for_others(self) -> None:
        """Whoever loops by waiting goes on after everybody else."""
        order: list[str] = []

        async def loop() -> None:
            order.append("first")
            await self.portions.turn()
            order.append("last")

        self.clock.callLater(0, order.append, "others")
        running = Deferred.fromCoroutine(loop())
        self.clock.turn()
        self.successResultOf(running)
        self.assertEqual(order, ["first", "others", "last"])

    def test_steps_of_ones_own(self) -> None:
        """An iterator is gone through to its end."""
        clock, seen = Clock(), []

        def steps() -> Iterator[None]:
            for number in range(3):
                seen.append(number)
                yield

        running = Deferred.fromCoroutine(Portions(clock).run(steps()))
        clock.advance(0)
        self.successResultOf(running)
        self.assertEqual(seen, [0, 1, 2])
