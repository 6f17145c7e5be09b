"""Thousands of addresses on their way through the resolver: others have their turn."""

from collections.abc import Mapping, Set
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.background import BackgroundTasks
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import BATCH_LIMIT, Put, Store
from mxisd.model.identifiers import UserId
from mxisd.model.requesters import Ourselves
from mxisd.model.threepids import EMAIL, ThreePid
from mxisd.portions import PORTION_SECONDS, STEP, Portions
from mxisd.ports import LookupContext
from mxisd.resolver.bindings import BATCH, BindingsLookup
from mxisd.resolver.guard import Guard
from mxisd.resolver.guarded import guarded
from mxisd.resolver.leaf import Leaf
from tests.clocks import WorkingClock
from tests.resolver.doubles import KnownPeople

PEOPLE = {
    ThreePid(EMAIL, f"user{number}@example.org"): UserId(f"u{number}", "example.org")
    for number in range(BATCH_LIMIT)
}
EVERYBODY = frozenset(PEOPLE)
STEPS = BATCH_LIMIT // STEP
STEPS_AT_A_STRETCH = 4


@define(eq=False)
class Bindings:
    """Bindings; each question takes as long as a step."""

    clock: WorkingClock
    asked: list[int] = field(factory=list)

    async def bound(self, threepids: Set[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Find everybody."""
        self.clock.work(PORTION_SECONDS / STEPS_AT_A_STRETCH)
        self.asked.append(len(threepids))
        return {each: PEOPLE[each] for each in threepids}


class LongAnswerTests(SynchronousTestCase):
    """What stores answer is looked at in portions."""

    def setUp(self) -> None:
        """A guard; each step takes a part of a portion."""
        self.clock = WorkingClock(PORTION_SECONDS / STEPS_AT_A_STRETCH / 2)
        self.portions = Portions(self.clock)
        background = BackgroundTasks(self.clock)
        self.guard = Guard("staff", self.clock, background, 5, self.portions)

    def begin(self, work: Any) -> "Deferred[Any]":
        """Something that is not through at once."""
        running = Deferred.fromCoroutine(work)
        self.assertNoResult(running)
        return running

    def assert_took_turns(self, running: "Deferred[Any]") -> None:
        """It goes on to its end, with breaks."""
        self.assertGreater(self.clock.turns(running), STEPS / STEPS_AT_A_STRETCH / 2)

    def test_a_lookup(self) -> None:
        """Everybody who is known is found, and illegal ones are left out."""
        illegal = frozenset(list(PEOPLE)[::100])
        answer = PEOPLE | dict.fromkeys(illegal, UserId("", ""))
        store: Any = guarded(Store(lookup=KnownPeople(answer)), self.guard)
        running = self.begin(store.lookup.lookup(EVERYBODY))
        self.assert_took_turns(running)
        found = self.successResultOf(running)
        self.assertEqual(found, {k: v for k, v in PEOPLE.items() if k not in illegal})

    def test_a_batch_of_a_list(self) -> None:
        """It arrives whole, and in order."""
        taken, running = self.listed([*PEOPLE.items()])
        self.assert_took_turns(running)
        self.successResultOf(running)
        self.assertEqual(taken, [[*PEOPLE.items()]])

    def test_a_long_batch_with_a_line_that_is_no_pair(self) -> None:
        """The list is none, although the first lines were looked at."""
        nonsense: Any = [*[*PEOPLE.items()][:-1], None]
        taken, running = self.listed(nonsense)
        self.clock.turns(running)
        self.failureResultOf(running, StoreUnavailable)
        self.assertEqual(taken, [])

    def test_a_list_that_is_cancelled(self) -> None:
        """Nothing more is looked at, or taken."""
        taken, running = self.listed([*PEOPLE.items()])
        running.cancel()
        self.failureResultOf(running, CancelledError)
        self.clock.turn()
        self.assertEqual((taken, self.clock.getDelayedCalls()), ([], []))

    def listed(self, batch: Any) -> "tuple[list[Any], Deferred[Any]]":
        """A list of one batch, which is under way, and where it goes."""
        taken: list[Any] = []

        class Listing:
            async def associations(self, put: Put) -> None:
                await put(batch)

        async def take(rows: Any) -> None:
            taken.append(rows)

        store: Any = guarded(Store(associations=Listing()), self.guard)  # type: ignore[arg-type]
        return taken, self.begin(store.associations.associations(take))

    def test_bindings(self) -> None:
        """Our own tables are read a few addresses at a time."""
        records = Bindings(self.clock)
        bindings = BindingsLookup(records, self.portions)  # type: ignore[arg-type]
        running = self.begin(bindings.lookup(EVERYBODY))
        turns = self.clock.turns(running)
        self.assertEqual(self.successResultOf(running), PEOPLE)
        self.assertEqual(sum(records.asked), len(PEOPLE))
        self.assertLessEqual(max(records.asked), BATCH)
        self.assertGreater(turns, 1)

    def test_a_few_bindings(self) -> None:
        """They are read at once."""
        records = Bindings(self.clock)
        bindings = BindingsLookup(records, self.portions)  # type: ignore[arg-type]
        some = frozenset(list(PEOPLE)[:BATCH])
        running = Deferred.fromCoroutine(bindings.lookup(some))
        self.assertEqual(len(self.successResultOf(running)), BATCH)
        self.assertEqual(records.asked, [BATCH])

    def test_a_leaf(self) -> None:
        """It hands on what was asked for, and nothing else."""
        leaf = Leaf("staff", KnownPeople(PEOPLE), self.clock)
        context = LookupContext(Ourselves(), True, self.clock.seconds() + 5)
        for asked in (EVERYBODY, frozenset(list(PEOPLE)[:3])):
            resolving = Deferred.fromCoroutine(leaf.resolve(asked, context))
            found = self.successResultOf(resolving).found
            self.assertEqual(found, {each: PEOPLE[each] for each in asked})
