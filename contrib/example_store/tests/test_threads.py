# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

from mxisd.model.login import Accepted
from mxisd.model.secret import Secret
from mxisd.testing.stores import ALICE, ALICE_MAIL, PEOPLE
from mxisd.testing.tools import ThreadlessReactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.people_files import store_of, write


class SlowReactor(ThreadlessReactor):
    """Its threads wait for the test."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[tuple[Any, ...]] = []

    def callInThreadWithCallback(self, *job: Any) -> None:
        """Keep it for later."""
        self.jobs.append(job)

    def work(self) -> None:
        """Do what was kept."""
        while self.jobs:
            super().callInThreadWithCallback(*self.jobs.pop(0))

    def fail(self, error: Exception) -> None:
        """Let what was kept end with an error."""
        while self.jobs:
            on_result, *_ = self.jobs.pop(0)
            on_result(False, Failure(error))


class ThreadTests(SynchronousTestCase):
    """What takes long is done in threads."""

    def setUp(self) -> None:
        """A store whose threads wait."""
        path = Path(self.mktemp())
        write(path, PEOPLE)
        self.reactor = SlowReactor()
        self.store = store_of(path, self.reactor)

    def ask(self) -> "Deferred[Any]":
        """Look one person up."""
        assert self.store.lookup is not None
        question: Any = self.store.lookup.lookup(frozenset([ALICE_MAIL]))
        return Deferred.fromCoroutine(question)

    def test_all_wait_for_one_reading(self) -> None:
        """Questions that come together read once, and each gets the answer."""
        questions = [self.ask() for _ in range(3)]
        self.assertEqual(len(self.reactor.jobs), 1)
        self.reactor.work()
        for question in questions:
            self.assertEqual(
                self.successResultOf(question), {ALICE_MAIL: ALICE.user_id}
            )

    def test_who_gives_up_does_not_stop_the_reading(self) -> None:
        """A file that takes longer than a question may is read in the end."""
        impatient, patient = self.ask(), self.ask()
        impatient.cancel()
        self.failureResultOf(impatient, CancelledError)
        self.reactor.work()
        self.successResultOf(patient)
        self.successResultOf(self.ask())

    def test_a_fault_reaches_all_who_asked(self) -> None:
        """What nobody foresaw is raised, and the next question starts afresh."""
        questions = [self.ask() for _ in range(2)]
        self.reactor.fail(RuntimeError("a fault"))
        for question in questions:
            self.failureResultOf(question, RuntimeError)
        again = self.ask()
        self.reactor.work()
        self.assertEqual(self.successResultOf(again), {ALICE_MAIL: ALICE.user_id})

    def test_passwords_are_judged_in_a_thread(self) -> None:
        """The server goes on while a password is hashed."""
        self.ask()
        self.reactor.work()
        assert self.store.authenticator is not None
        question: Any = self.store.authenticator.authenticate(
            ALICE.user_id, Secret("wonderland")
        )
        verdict = Deferred.fromCoroutine(question)
        self.assertNoResult(verdict)
        self.reactor.work()
        self.assertIsInstance(self.successResultOf(verdict), Accepted)
