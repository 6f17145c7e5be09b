"""Tests of shared work."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import StoreUnavailable
from mxisd.stores.firebase.sharing import Shared


class SharedTests(SynchronousTestCase):
    """One piece of work, and several who want its result."""

    def setUp(self) -> None:
        """Have work that ends when the test says so."""
        self.begun: list[Deferred[int]] = []
        self.shared = Shared(self.work)

    async def work(self) -> int:
        """Wait for the test."""
        self.begun.append(Deferred())
        return await self.begun[-1]

    def test_everybody_gets_the_result(self) -> None:
        """The work is done once; who comes afterwards has it done again."""
        waiting = [self.shared.result() for _ in range(3)]
        self.assertEqual(len(self.begun), 1)
        self.begun[0].callback(5)
        self.assertEqual([self.successResultOf(each) for each in waiting], [5, 5, 5])
        self.assertNoResult(self.shared.result())
        self.assertEqual(len(self.begun), 2)

    def test_everybody_gets_the_failure(self) -> None:
        """And the next one gets a new attempt."""
        waiting = [self.shared.result() for _ in range(2)]
        self.begun[0].errback(StoreUnavailable("so"))
        for each in waiting:
            self.failureResultOf(each, StoreUnavailable)
        again = self.shared.result()
        self.begun[1].callback(5)
        self.assertEqual(self.successResultOf(again), 5)

    def test_who_leaves(self) -> None:
        """The work goes on, also for nobody."""
        first, second = self.shared.result(), self.shared.result()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        third = self.shared.result()
        self.assertEqual(len(self.begun), 1)
        self.begun[0].callback(5)
        self.assertEqual(self.successResultOf(third), 5)

    def test_failures_that_nobody_waits_for(self) -> None:
        """An outage is silent here; a mistake of ours is logged."""
        self.shared.start()
        self.begun[0].errback(StoreUnavailable("so"))
        self.assertEqual(self.flushLoggedErrors(), [])
        self.shared.start()
        self.begun[1].errback(ValueError("oh"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_stop(self) -> None:
        """Who waits learns that the store has stopped; idle work takes no stopping."""
        self.shared.stop()
        waiting = self.shared.result()
        self.shared.stop()
        self.failureResultOf(waiting, StoreUnavailable)

    def test_work_that_is_done_at_once(self) -> None:
        """It is not taken for work under way."""

        async def at_once() -> int:
            return 5

        shared = Shared(at_once)
        for _ in range(2):
            self.assertEqual(self.successResultOf(shared.result()), 5)
