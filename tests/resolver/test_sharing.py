"""Identical lookups in flight."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.threepids import ThreePid, canonical
from mxisd.ports import Resolution
from mxisd.resolver.sharing import Sharing
from tests.resolver.doubles import BOB, BOB_ID, EVE, RecordingResolver, context


class SharingTests(SynchronousTestCase):
    """One run serves everybody who asks the same."""

    def setUp(self) -> None:
        """A resolver that answers when told."""
        self.runs: list[Deferred[Resolution]] = [Deferred() for _ in range(3)]
        self.inner = RecordingResolver(pending=self.runs)
        self.sharing = Sharing(self.inner)

    def ask(
        self, *threepids: ThreePid, recursive: bool = True
    ) -> "Deferred[Resolution]":
        """Start a lookup."""
        return Deferred.fromCoroutine(
            self.sharing.resolve(frozenset(threepids), context(recursive=recursive))
        )

    def test_identical_lookups_share_one_run(self) -> None:
        """Three who ask the same get the same answer from one run."""
        waiting = [self.ask(BOB) for _ in range(3)]
        answer = Resolution({BOB: BOB_ID})
        self.runs[0].callback(answer)
        self.assertEqual([self.successResultOf(d) for d in waiting], [answer] * 3)
        self.assertEqual(len(self.inner.asked), 1)

    def test_different_lookups_do_not(self) -> None:
        """Other 3PIDs, or another right to recurse, make another run."""
        self.ask(BOB)
        self.ask(EVE)
        self.ask(BOB, recursive=False)
        self.assertEqual(len(self.inner.asked), 3)

    def test_another_spelling_is_another_lookup(self) -> None:
        """Stores search both spellings, so they make a difference."""
        folded = canonical("email", "strauss@example.org")
        spelled = canonical("email", "strauß@example.org")
        self.assertEqual(folded, spelled)
        self.ask(folded)
        self.ask(spelled)
        self.assertEqual(len(self.inner.asked), 2)

    def test_a_later_lookup_runs_anew(self) -> None:
        """Sharing is no cache."""
        self.ask(BOB)
        self.runs[0].callback(Resolution({}))
        self.ask(BOB)
        self.assertEqual(len(self.inner.asked), 2)

    def test_a_failure_reaches_every_waiter(self) -> None:
        """Nobody is left waiting when a run fails, and the next starts afresh."""
        waiting = [self.ask(BOB) for _ in range(2)]
        self.runs[0].errback(ZeroDivisionError())
        for each in waiting:
            self.failureResultOf(each, ZeroDivisionError)
        self.ask(BOB)
        self.assertEqual(len(self.inner.asked), 2)

    def test_one_who_leaves_does_not_disturb_the_others(self) -> None:
        """The run goes on for those who still wait."""
        first, second = self.ask(BOB), self.ask(BOB)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.runs[0].callback(Resolution({BOB: BOB_ID}))
        self.assertEqual(self.successResultOf(second).found, {BOB: BOB_ID})

    def test_the_run_ends_when_the_last_one_leaves(self) -> None:
        """Nobody works for nobody."""
        first, second = self.ask(BOB), self.ask(BOB)
        first.cancel()
        second.cancel()
        self.failureResultOf(first, CancelledError)
        self.failureResultOf(second, CancelledError)
        self.assertTrue(self.runs[0].called)
        self.ask(BOB)
        self.assertEqual(len(self.inner.asked), 2)

    def test_a_resolver_that_answers_at_once_is_fine(self) -> None:
        """An answer that is there before anybody waits still arrives."""
        self.runs[0].callback(Resolution({BOB: BOB_ID}))
        self.assertEqual(self.successResultOf(self.ask(BOB)).found, {BOB: BOB_ID})
