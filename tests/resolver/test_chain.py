"""The chain, its leaves and its gates."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mxisd.ports import IThreePidResolver, LookupContext, Resolution
from mxisd.resolver.chain import Chain
from mxisd.resolver.gates import RecursionGate
from mxisd.resolver.leaf import Leaf
from tests.resolver.doubles import (
    BOB,
    BOB_ID,
    EVE,
    EVE_ID,
    BrokenStore,
    KnownPeople,
    RecordingResolver,
    SilentStore,
    context,
)


class ResolverTests(SynchronousTestCase):
    """What chain, leaf and gate have in common, and how they work together."""

    def setUp(self) -> None:
        """A clock."""
        self.clock = Clock()

    def resolve(
        self, resolver: IThreePidResolver, context: LookupContext
    ) -> "Deferred[Resolution]":
        """Start a lookup of Bob and Eve."""
        return Deferred.fromCoroutine(
            resolver.resolve(frozenset([BOB, EVE]), context)  # type: ignore[arg-type]
        )

    def leaf(self, store: object, name: str = "staff") -> Leaf:
        """A leaf over a store."""
        return Leaf(name, store, self.clock)  # type: ignore[arg-type]

    def test_they_provide_the_interface(self) -> None:
        """Chain, leaf and gate are resolvers."""
        leaf = self.leaf(KnownPeople({}))
        for resolver in (leaf, Chain([leaf], self.clock), RecursionGate(leaf)):
            verifyObject(IThreePidResolver, resolver)

    def test_each_link_gets_only_what_is_missing(self) -> None:
        """The second store is asked for what the first did not know."""
        first, second = KnownPeople({BOB: BOB_ID}), KnownPeople({EVE: EVE_ID})
        chain = Chain([self.leaf(first), self.leaf(second)], self.clock)
        answer = self.successResultOf(self.resolve(chain, context()))
        self.assertEqual(answer.found, {BOB: BOB_ID, EVE: EVE_ID})
        self.assertEqual(second.asked, [frozenset([EVE])])

    def test_nobody_is_asked_when_nothing_is_missing(self) -> None:
        """The chain ends as soon as everything is found."""
        first, second = KnownPeople({BOB: BOB_ID, EVE: EVE_ID}), KnownPeople({})
        chain = Chain([self.leaf(first), self.leaf(second)], self.clock)
        self.successResultOf(self.resolve(chain, context()))
        self.assertEqual(second.asked, [])

    def test_a_broken_link_is_named_and_passed(self) -> None:
        """One store that is down costs its own answers only."""
        chain = Chain(
            [
                self.leaf(BrokenStore(), "down"),
                self.leaf(KnownPeople({BOB: BOB_ID}), "up"),
            ],
            self.clock,
        )
        answer = self.successResultOf(self.resolve(chain, context()))
        self.assertEqual(answer, Resolution({BOB: BOB_ID}, frozenset(["down"])))

    def test_links_after_the_deadline_are_unanswered(self) -> None:
        """A link that the time did not suffice for is named, not called absent."""
        late = KnownPeople({EVE: EVE_ID})
        chain = Chain(
            [self.leaf(SilentStore(), "slow"), self.leaf(late, "late")], self.clock
        )
        waiting = self.resolve(chain, context(deadline=5))
        self.assertNoResult(waiting)
        self.clock.advance(5)
        answer = self.successResultOf(waiting)
        self.assertEqual(answer, Resolution({}, frozenset(["slow", "late"])))
        self.assertEqual(late.asked, [])

    def test_a_leaf_cancels_what_is_too_late(self) -> None:
        """A question whose answer nobody waits for any more is withdrawn."""
        store = SilentStore()
        self.resolve(self.leaf(store), context(deadline=1))
        self.clock.advance(1)
        self.assertEqual(store.cancelled, 1)

    def test_a_leaf_drops_what_nobody_asked(self) -> None:
        """A store cannot slip answers to other questions into a lookup."""
        leaf = self.leaf(KnownPeople({BOB: BOB_ID, EVE: EVE_ID}))
        answer = self.successResultOf(
            Deferred.fromCoroutine(leaf.resolve(frozenset([BOB]), context()))
        )
        self.assertEqual(answer.found, {BOB: BOB_ID})

    def test_the_gate_is_closed_to_those_who_may_not_recurse(self) -> None:
        """A lookup that may not recurse never reaches the resolver behind the gate."""
        inner = RecordingResolver(resolution=Resolution({BOB: BOB_ID}))
        answer = self.resolve(RecursionGate(inner), context(recursive=False))
        self.assertEqual(self.successResultOf(answer), Resolution({}))
        self.assertEqual(inner.asked, [])

    def test_the_gate_is_open_to_those_who_may(self) -> None:
        """A lookup that may recurse gets the answer from behind the gate."""
        inner = RecordingResolver(resolution=Resolution({BOB: BOB_ID}))
        answer = self.resolve(RecursionGate(inner), context())
        self.assertEqual(self.successResultOf(answer).found, {BOB: BOB_ID})
