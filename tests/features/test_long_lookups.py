"""Lookups of thousands: nobody else waits for them."""

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import DeadlineExceeded, InvalidPepper, LimitExceeded
from mxisd.features.limits import Counted, LimitPolicy, Limits
from mxisd.features.lookup import MANY_HASHES, Lookup, LookupPolicy
from mxisd.model.buckets import Rate
from mxisd.model.hashing import lookup_digest, lookup_hash
from mxisd.model.identifiers import UserId
from mxisd.model.requesters import Account, Origin, Ourselves
from mxisd.model.threepids import MSISDN, canonical
from mxisd.portions import PORTION_SECONDS, STEP
from mxisd.ports import Resolution
from tests.clocks import WorkingClock
from tests.features.doubles import FixedHashes, MarkingKeyRing
from tests.resolver.doubles import RecordingResolver

PEPPER = "matrixrocks"
TIMEOUT = 10.0
COUNT = 2000
STEPS_AT_A_STRETCH = 4
EVE = Account("@eve:example.org", Origin(None))


def phone(number: int) -> str:
    """A phone number as people write it."""
    return f"+49 171 {number:07d}"


def user(number: int) -> str:
    """Its owner; every second one has none."""
    return f"@user{number}:example.org"


class LongLookupTests(SynchronousTestCase):
    """A few milliseconds at a time, and then it is everybody else's turn."""

    def setUp(self) -> None:
        """Every second number is found; each step takes a part of a portion."""
        self.clock = WorkingClock(PORTION_SECONDS / STEPS_AT_A_STRETCH / 2)
        known = range(0, COUNT, 2)
        owners = {canonical(MSISDN, phone(n)): UserId.parse(user(n)) for n in known}
        self.resolver = RecordingResolver(resolution=Resolution(owners))
        digests = {lookup_digest(phone(n), MSISDN, PEPPER): user(n) for n in known}
        self.hashes = FixedHashes(digests)
        policy = LookupPolicy(
            algorithms=("sha256", "none"),
            timeout=TIMEOUT,
            recursion_enabled=True,
            recursion_networks=(),
            bulk_enabled=True,
        )
        limits = Limits(LimitPolicy({Counted.LOOKUPS: Rate(COUNT, 3600)}), self.clock)
        self.lookup = Lookup(
            policy, self.resolver, self.hashes, MarkingKeyRing(), self.clock, limits
        )

    def begin(self, looking: Coroutine[Any, Any, Any]) -> "Deferred[Any]":
        """A lookup that is not through at once."""
        running = Deferred.fromCoroutine(looking)
        self.clock.turn()
        self.assertNoResult(running)
        return running

    def in_clear(self, *addresses: str) -> "Deferred[Any]":
        """A lookup of thousands."""
        return self.begin(self.lookup.in_clear(PEPPER, addresses, Ourselves()))

    def assert_took_turns(self, running: "Deferred[Any]", steps: int) -> None:
        """It goes on to its end, with breaks."""
        turns = self.clock.turns(running)
        self.assertGreater(turns, steps / STEPS_AT_A_STRETCH / 3)

    def test_in_clear(self) -> None:
        """In the client's order; what is malformed or there twice spoils nothing."""
        spelled = [f"{phone(n)} msisdn" for n in range(COUNT)]
        nonsense = [f"nonsense{n}" for n in range(COUNT)]
        running = self.in_clear(*spelled, *nonsense, *spelled)
        self.assert_took_turns(running, 2 * COUNT // STEP)
        expected = {spelled[n]: user(n) for n in range(0, COUNT, 2)}
        self.assertEqual(
            list(self.successResultOf(running).items()), [*expected.items()]
        )
        self.assertEqual([len(each) for each in self.resolver.asked], [COUNT])

    def test_in_bulk(self) -> None:
        """In the client's order, duplicates and all."""
        pairs = [(MSISDN, phone(n % COUNT)) for n in range(COUNT + 3)]
        running = self.begin(self.lookup.many(pairs, Ourselves()))
        self.assert_took_turns(running, COUNT // STEP)
        found = [n for n in [*range(COUNT), 0, 1, 2] if n % 2 == 0]
        expected = [(MSISDN, phone(n), user(n)) for n in found]
        self.assertEqual(self.successResultOf(running), expected)

    def test_by_hash(self) -> None:
        """Those who are known, by the client's own strings."""
        hashes = [lookup_hash(phone(n), MSISDN, PEPPER) for n in range(COUNT)]
        hashes[MANY_HASHES + 1] = "malformed"
        running = self.begin(self.lookup.many_by_hash(PEPPER, hashes, EVE))
        self.assert_took_turns(running, COUNT)
        expected = {hashes[n]: user(n) for n in range(0, COUNT, 2)}
        self.assertEqual(self.successResultOf(running), expected)

    def test_by_hash_with_a_pepper_that_is_over(self) -> None:
        """Before it begins, and before it ends."""
        looking = self.lookup.many_by_hash("old", ["x"], EVE)
        failing = Deferred.fromCoroutine(looking)
        error: Any = self.failureResultOf(failing, InvalidPepper).value
        self.assertEqual(error.algorithm, "sha256")
        hashes = [lookup_hash(phone(n), MSISDN, PEPPER) for n in range(COUNT)]
        looking = self.lookup.many_by_hash(self.hashes.former, hashes, EVE)
        running = self.begin(looking)
        self.hashes.former = "another"
        self.clock.turns(running)
        error = self.failureResultOf(running, InvalidPepper).value
        self.assertEqual(error.algorithm, "sha256")

    def test_by_hash_more_than_the_account_may(self) -> None:
        """They are counted before anything is looked up."""
        hashes = ["x"] * COUNT
        self.clock.turns(self.begin(self.lookup.many_by_hash(PEPPER, hashes, EVE)))
        again = Deferred.fromCoroutine(self.lookup.many_by_hash(PEPPER, hashes, EVE))
        self.failureResultOf(again, LimitExceeded)

    def test_a_client_that_hangs_up(self) -> None:
        """Nothing more is read for it, and no store is asked."""
        running = self.in_clear(*[f"{phone(n)} msisdn" for n in range(COUNT)])
        running.cancel()
        self.failureResultOf(running, CancelledError)
        self.assertEqual((self.resolver.asked, self.clock.getDelayedCalls()), ([], []))

    def test_reading_is_a_part_of_the_lookups_time(self) -> None:
        """The deadline of stores counts from when the lookup came."""
        began = self.clock.rightNow
        running = self.in_clear(*[f"{phone(n)} msisdn" for n in range(COUNT)])
        self.clock.turns(running)
        self.successResultOf(running)
        (context,) = self.resolver.contexts
        self.assertLess(abs(context.deadline - began - TIMEOUT), 0.01)
        self.assertGreater(self.clock.rightNow, began + 0.01)

    def test_what_takes_too_long_to_read(self) -> None:
        """It ends with its time: "later" instead of "nobody"; no store is asked."""
        self.clock.pace = TIMEOUT / 50
        running = self.in_clear(*[f"{phone(n)} msisdn" for n in range(COUNT)])
        self.clock.turns(running)
        self.failureResultOf(running, DeadlineExceeded)
        self.assertEqual(self.resolver.asked, [])
