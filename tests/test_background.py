"""Background tasks, and waiting with a limit."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.background import BackgroundTasks
from mxisd.errors import DeadlineExceeded
from mxisd.waiting import in_time


async def wait_for(step: "Deferred[Any]") -> Any:
    """A coroutine that waits."""
    return await step


class BackgroundTasksTests(SynchronousTestCase):
    """Work that no request waits for."""

    def setUp(self) -> None:
        """A service."""
        self.clock = Clock()
        self.tasks = BackgroundTasks(self.clock)

    def test_a_failure_is_logged_with_its_name(self) -> None:
        """What nobody awaits still says that it failed."""
        step: Deferred[None] = Deferred()
        self.tasks.spawn(wait_for(step), "sweeping")
        step.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stopping_cancels(self) -> None:
        """Nothing runs on after the service has stopped, and that is no failure."""
        step: Deferred[None] = Deferred()
        self.tasks.spawn(wait_for(step), "sweeping")
        self.tasks.startService()
        self.tasks.stopService()
        self.assertTrue(step.called)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_shielded_task_outlives_its_waiter(self) -> None:
        """A client that hangs up does not undo what it asked for."""
        step: Deferred[str] = Deferred()
        waiter = self.tasks.shield(wait_for(step))
        waiter.cancel()
        self.failureResultOf(waiter, CancelledError)
        self.assertFalse(step.called)
        step.callback("done")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_shielded_task_answers(self) -> None:
        """The outcome reaches whoever waits."""
        good: Deferred[str] = Deferred()
        bad: Deferred[str] = Deferred()
        waiters = [self.tasks.shield(wait_for(step)) for step in (good, bad)]
        good.callback("done")
        bad.errback(ZeroDivisionError())
        self.assertEqual(self.successResultOf(waiters[0]), "done")
        self.failureResultOf(waiters[1], ZeroDivisionError)

    def test_a_failure_that_nobody_waits_for_any_more_is_logged(self) -> None:
        """A write that fails after its client has gone is not lost."""
        step: Deferred[str] = Deferred()
        waiter = self.tasks.shield(wait_for(step))
        waiter.cancel()
        self.failureResultOf(waiter, CancelledError)
        step.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_repeated_work_goes_on_after_a_failure(self) -> None:
        """One bad run does not end the repetition; stopping does."""
        runs: list[float] = []

        async def work() -> None:
            runs.append(self.clock.seconds())
            raise ZeroDivisionError

        self.tasks.every(10, work, "sweeping")
        self.clock.advance(10)
        self.assertEqual(runs, [])
        self.tasks.startService()
        self.clock.pump([10, 10])
        self.assertEqual(runs, [20, 30])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.tasks.stopService()
        self.clock.advance(10)
        self.assertEqual(len(runs), 2)

    def test_something_after_the_start(self) -> None:
        """Once, some time after it; not if the service stops before."""
        runs: list[float] = []

        async def work() -> None:
            runs.append(self.clock.seconds())
            raise ZeroDivisionError

        self.tasks.after_start(5, work, "sweeping")
        self.clock.advance(10)
        self.tasks.startService()
        self.clock.pump([4, 1, 5])
        self.assertEqual(runs, [15])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.tasks.stopService()
        self.tasks.startService()
        self.tasks.stopService()
        self.clock.advance(10)
        self.assertEqual(runs, [15])


class InTimeTests(SynchronousTestCase):
    """Waiting with a limit."""

    def setUp(self) -> None:
        """A clock."""
        self.clock = Clock()
        self.step: Deferred[str] = Deferred()

    def wait(self, answer: Any) -> "Deferred[str]":
        """Wait for five seconds."""
        return Deferred.fromCoroutine(in_time(answer, 5, self.clock))

    def test_coroutines_and_deferreds_will_do(self) -> None:
        """A plug-in may answer with either."""
        for answer in (wait_for(self.step), self.step):
            waiting = self.wait(answer)
            self.assertNoResult(waiting)
        self.step.callback("here")

    def test_what_is_too_late_is_cancelled(self) -> None:
        """After the time is up nobody waits and nothing runs."""
        waiting = self.wait(wait_for(self.step))
        self.clock.advance(5)
        self.failureResultOf(waiting, DeadlineExceeded)
        self.assertTrue(self.step.called)

    def test_no_timer_is_left(self) -> None:
        """An answer in time leaves nothing behind."""
        waiting = self.wait(self.step)
        self.step.callback("here")
        self.assertEqual(self.successResultOf(waiting), "here")
        self.assertEqual(self.clock.getDelayedCalls(), [])
