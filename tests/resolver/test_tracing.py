"""How lookups in the clear went."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mxisd.errors import Unavailable
from mxisd.model.hashing import lookup_digest
from mxisd.model.pseudonyms import Pseudonyms
from mxisd.model.threepids import canonical
from mxisd.ports import IThreePidResolver, Resolution
from mxisd.resolver.leaf import Leaf
from mxisd.resolver.tracing import TracedChain
from tests.resolver.doubles import (
    BOB,
    BOB_ID,
    EVE,
    EVE_ID,
    BrokenStore,
    KnownPeople,
    SilentStore,
    context,
)

NAMES = Pseudonyms(bytes(32))
B, E = NAMES.of(BOB), NAMES.of(EVE)


class TracedChainTests(SynchronousTestCase):
    """A chain that tells."""

    def setUp(self) -> None:
        """A clock, and nobody to ask."""
        self.clock = Clock()
        self.pepper: str | None = None

    def current_pepper(self) -> str:
        """As the hash index tells it."""
        if self.pepper is None:
            raise Unavailable("starting")
        return self.pepper

    def chain(self, **stores: Any) -> TracedChain:
        """A chain of stores by name."""
        links = [Leaf(name, store, self.clock) for name, store in stores.items()]
        return TracedChain(links, self.clock, NAMES, self.current_pepper)

    def told(self, chain: TracedChain, *threepids: Any) -> tuple[Any, list[str]]:
        """The outcome, and the lines; none is above debug, none has an address."""
        with capturedLogs() as events:
            asked = frozenset(threepids or (BOB, EVE))
            answer = Deferred.fromCoroutine(chain.resolve(asked, context()))
            self.clock.advance(0.0125)
            outcome: list[Any] = []
            answer.addBoth(outcome.append)
            answer.cancel()
        self.assertEqual({event["log_level"] for event in events}, {LogLevel.debug})
        lines = [formatEvent(event) for event in events]
        self.assertNotIn("example.org", "".join(lines) + repr(events))
        return outcome[0], [line for line in lines if line.startswith("lookup ")]

    def test_it_is_a_resolver(self) -> None:
        """It stands for a chain."""
        verifyObject(IThreePidResolver, self.chain())

    def test_who_was_asked_and_who_decided(self) -> None:
        """In order; a link that found nobody, and one that is not needed any more."""
        chain = self.chain(
            bindings=KnownPeople({}),
            staff=KnownPeople({BOB: BOB_ID}),
            guests=KnownPeople({EVE: EVE_ID, BOB: EVE_ID}),
            others=KnownPeople({}),
        )
        answer, lines = self.told(chain, BOB)
        self.assertEqual(answer, Resolution({BOB: BOB_ID}))
        self.assertEqual(
            lines,
            [
                "lookup 1: bindings answered after 0.0 ms: found nobody; "
                f"not found {B}",
                f"lookup 1: staff answered after 0.0 ms: found {B}; not found nobody",
                f"lookup 1 of 1 took 0.0 ms: {B} by staff; unavailable: nobody",
            ],
        )
        answer, lines = self.told(chain)
        self.assertEqual(answer, Resolution({BOB: BOB_ID, EVE: EVE_ID}))
        self.assertIn("lookup 2: guests answered", lines[2])
        for decision in (f"{B} by staff", f"{E} by guests"):
            self.assertIn(decision, lines[-1])

    def test_who_was_unavailable(self) -> None:
        """It is not called an answer, and nobody is said to decide."""
        chain = self.chain(down=BrokenStore(), up=KnownPeople({}))
        answer, lines = self.told(chain, BOB)
        self.assertEqual(answer, Resolution({}, frozenset(["down"])))
        self.assertIn("lookup 1: down was unavailable after", lines[0])
        self.assertIn(f"{B} by nobody; unavailable: down", lines[-1])

    def test_how_long_it_took(self) -> None:
        """Each, and all of it."""
        store = SilentStore()
        chain = self.chain(slow=store, quick=KnownPeople({}))
        with capturedLogs() as events:
            answer = Deferred.fromCoroutine(chain.resolve(frozenset([BOB]), context()))
            self.clock.advance(0.25)
            store.answers[0].callback({})
        self.successResultOf(answer)
        lines = list(map(str, map(formatEvent, events)))
        self.assertIn("slow answered after 250.0 ms", lines[0])
        self.assertIn("quick answered after 0.0 ms", lines[1])
        self.assertIn("took 250.0 ms", lines[2])

    def test_nobody_waits_any_longer(self) -> None:
        """That is told, too, and is no answer."""
        failure, lines = self.told(self.chain(slow=SilentStore()), BOB)
        failure.trap(CancelledError)
        self.assertEqual(lines, ["lookup 1 was given up after 12.5 ms"])

    def test_the_name_in_lookups_by_hash(self) -> None:
        """With it, those of the same address are found, where there is a pepper."""
        self.pepper = "pepper"
        _, lines = self.told(self.chain(up=KnownPeople({})), BOB)
        digest = lookup_digest(BOB.address, "email", "pepper")
        self.assertIn(f"{B} (hash {NAMES.of_digest(digest)}) by nobody", lines[-1])

    def test_long_lookups_have_short_lines(self) -> None:
        """Ten thousand addresses are not all named."""
        many = {canonical("email", f"{n}@example.org"): BOB_ID for n in range(10_000)}
        answer, lines = self.told(self.chain(up=KnownPeople(many)), *many)
        self.assertEqual(len(answer.found), 10_000)
        self.assertLess(max(map(len, lines)), 2000)
        self.assertIn("and 9980 more", lines[-1])
