"""The suite for outages finds stores that take a failure for an answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import IThreePidLookup, Store
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.testing.stores import OutageContract, Person


@implementer(IThreePidLookup)
@frozen
class Looking:
    """Looks up as a function says."""

    ask: Callable[[], Any]

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Ask."""
        found: Mapping[ThreePid, UserId] = await self.ask()
        return found


async def careless() -> Mapping[ThreePid, UserId]:
    """Take the end of a question for an answer."""
    try:
        await Deferred()
    except CancelledError:
        return {}
    return {}


async def broken() -> Mapping[ThreePid, UserId]:
    """Say that it cannot be told."""
    raise StoreUnavailable("down")


class Forgetful:
    """Fails once, and remembers nobody."""

    def __init__(self) -> None:
        self.has_failed = False

    async def __call__(self) -> Mapping[ThreePid, UserId]:
        """Fail, or answer nobody."""
        if not self.has_failed:
            self.has_failed = True
            raise StoreUnavailable("down")
        return {}


def suite_of(store: Store, name: str) -> OutageContract:
    """A test of the suite for a store; no class here that trial would run itself."""

    class Suite(OutageContract, TestCase):
        """The suite."""

        async def store_with(self, people: Sequence[Person]) -> Store:
            """Give it."""
            return store

        async def store_without_backend(self) -> Store:
            """Give it."""
            return store

    return Suite(name)


class OutageContractTests(SynchronousTestCase):
    """What the suite lets pass, and what not."""

    def outcome(self, name: str, ask: Callable[[], Any]) -> "Deferred[None]":
        """A test of the suite, run on a store that looks up so."""
        suite = suite_of(Store(lookup=Looking(ask)), name)
        return Deferred.fromCoroutine(getattr(suite, name)())

    def test_a_cancelled_question_that_finds_nobody(self) -> None:
        """It is found out; a store that lets the cancellation pass is good."""
        name = "test_withdrawn_question_has_no_answer"
        self.failureResultOf(self.outcome(name, careless), AssertionError)
        self.successResultOf(self.outcome(name, Deferred))

    def test_a_second_question_that_finds_nobody(self) -> None:
        """It is found out; a store that fails again is good."""
        name = "test_outage_is_no_absence"
        self.failureResultOf(self.outcome(name, Forgetful()), AssertionError)
        self.successResultOf(self.outcome(name, broken))
