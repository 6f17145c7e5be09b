"""So much at a time."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.slots import LONGEST, Slots


class SlotsTests(SynchronousTestCase):
    """One slot, and a line for two."""

    def setUp(self) -> None:
        """Nobody is there."""
        self.clock = Clock()
        self.slots = Slots(self.clock, 1, 2)
        self.begun: list[str] = []
        self.work: dict[str, Deferred[str]] = {}

    def run_one(self, name: str) -> "Deferred[str]":
        """Run some work that ends when the test says so."""

        async def work() -> str:
            self.begun.append(name)
            self.work[name] = Deferred()
            return await self.work[name]

        return Deferred.fromCoroutine(self.slots.run(work))

    def end(self, name: str) -> None:
        """End some work."""
        self.work[name].callback(name)
        self.clock.advance(0)

    def test_one_after_the_other(self) -> None:
        """In the order in which they came; each gets its own outcome."""
        running = {name: self.run_one(name) for name in "abc"}
        for name in "abc":
            self.assertEqual(self.begun[-1], name)
            self.end(name)
            self.assertEqual(self.successResultOf(running[name]), name)
        self.run_one("d")
        self.assertEqual(self.begun[-1], "d")

    def test_full(self) -> None:
        """When the line is; a slot that is free is not."""
        states = []
        for name in "abc":
            states.append(self.slots.is_full)
            self.run_one(name)
        self.assertEqual([*states, self.slots.is_full], [False, False, False, True])
        self.end("a")
        self.assertFalse(self.slots.is_full)

    def test_who_leaves_the_line(self) -> None:
        """Their work is never begun."""
        self.run_one("a")
        leaving, staying = self.run_one("b"), self.run_one("c")
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.assertFalse(self.slots.is_full)
        self.end("a")
        self.assertEqual(self.begun, ["a", "c"])
        self.assertNoResult(staying)

    def test_who_leaves_the_line_at_its_end(self) -> None:
        """The slot that was on its way to them is free."""
        self.run_one("a")
        leaving = self.run_one("b")
        self.work["a"].callback("a")
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.clock.advance(0)
        self.run_one("c")
        self.assertEqual(self.begun, ["a", "c"])

    def test_work_goes_on(self) -> None:
        """A slot is taken as long as its work lasts, whoever waits for it."""
        leaving, waiting = self.run_one("a"), self.run_one("b")
        leaving.cancel()
        self.failureResultOf(leaving, CancelledError)
        self.assertEqual(self.begun, ["a"])
        self.end("a")
        self.assertEqual(self.begun, ["a", "b"])
        self.assertNoResult(waiting)

    def test_failures(self) -> None:
        """They are the asker's; without one they are nobody's, and free the slot."""
        for is_waiting in (True, False):
            asking = self.run_one("a")
            if not is_waiting:
                asking.cancel()
                self.failureResultOf(asking, CancelledError)
            self.work["a"].errback(ZeroDivisionError())
            if is_waiting:
                self.failureResultOf(asking, ZeroDivisionError)
        self.run_one("b")
        self.assertEqual(self.begun, ["a", "a", "b"])

    def test_work_without_end(self) -> None:
        """It is given up some day."""
        self.run_one("a").addErrback(lambda _: None)
        self.run_one("b")
        self.clock.advance(LONGEST)
        self.clock.advance(0)
        self.assertEqual(self.begun, ["a", "b"])

    def test_work_that_ends_at_once(self) -> None:
        """A long line of it is no deep stack."""
        slots = Slots(self.clock, 1, 5_000)
        first: Deferred[Any] = Deferred()

        async def work(waiting: "Deferred[Any]") -> None:
            await waiting

        running = [Deferred.fromCoroutine(slots.run(lambda: work(first)))]
        running += [
            Deferred.fromCoroutine(slots.run(lambda: work(succeed(None))))
            for _ in range(5_000)
        ]
        first.callback(None)
        for _ in range(5_001):
            self.clock.advance(0)
        for each in running:
            self.successResultOf(each)
