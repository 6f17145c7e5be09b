"""How lookups by hash went."""

from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.features.lookup_tracing import TracedHashes
from mxisd.model.hashing import lookup_digest
from mxisd.model.pseudonyms import Pseudonyms
from tests.features.doubles import FixedHashes

NAMES = Pseudonyms(bytes(32))
PEPPER = "matrixrocks"
BOB = lookup_digest("bob@example.org", "email", PEPPER)
EVE = lookup_digest("eve@example.org", "email", PEPPER)


class TracedHashesTests(SynchronousTestCase):
    """An index that tells."""

    def setUp(self) -> None:
        """Bob is in it; listen to it."""
        self.clock = Clock()
        inner = FixedHashes({BOB: "@bob:example.org"}, PEPPER)
        self.hashes = TracedHashes(inner, self.clock, NAMES)
        self.logs = capturedLogs()
        self.events = self.logs.__enter__()
        self.addCleanup(self.logs.__exit__, None, None, None)

    def lines(self) -> list[str]:
        """What it told; at debug, and with neither hash nor address in it."""
        self.assertLessEqual({e["log_level"] for e in self.events}, {LogLevel.debug})
        text = repr(self.events)
        for secret in (BOB.hex(), repr(BOB), "example.org", PEPPER):
            self.assertNotIn(secret, text)
        return [str(formatEvent(event)) for event in self.events]

    def test_answers_are_those_of_the_index(self) -> None:
        """Nothing is changed."""
        self.assertEqual(self.hashes.current_pepper(), PEPPER)
        self.assertTrue(self.hashes.is_served("formerrocks"))
        expected = {BOB: "@bob:example.org"}
        self.assertEqual(self.hashes.find(PEPPER, [BOB, EVE]), expected)
        steps = list(self.hashes.find_many(PEPPER, [BOB, EVE]))
        self.assertEqual(steps, [expected, {}])

    def test_who_was_found(self) -> None:
        """And who was not."""
        self.hashes.find(PEPPER, [BOB, EVE])
        expected = (
            "lookup by hash of 2 took 0.0 ms: "
            f"found {NAMES.of_digest(BOB)}; not found {NAMES.of_digest(EVE)}"
        )
        self.assertEqual(self.lines(), [expected])

    def test_many_are_one_lookup(self) -> None:
        """It is told when all its steps were made."""
        steps = self.hashes.find_many(PEPPER, [BOB, EVE])
        next(steps)
        self.clock.advance(0.5)
        self.assertEqual(self.lines(), [])
        list(steps)
        (line,) = self.lines()
        self.assertIn("of 2 took 500.0 ms", line)
        self.assertIn(f"found {NAMES.of_digest(BOB)};", line)

    def test_a_pepper_that_is_no_good(self) -> None:
        """The client hashes again, and why it had to is told."""
        self.assertFalse(self.hashes.is_served("other"))
        self.assertIn("pepper", self.lines()[0])
