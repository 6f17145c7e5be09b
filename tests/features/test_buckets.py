"""Many buckets of one rate."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.features.buckets import Buckets
from mxisd.model.buckets import Rate


class BucketsTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Have a hundred buckets at most, of two and one more each minute."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.buckets = Buckets(Rate(2, 60), self.clock, max_buckets=100)

    def test_each_key_has_its_own(self) -> None:
        """What one takes, another still has."""
        self.buckets.take("a", 2)
        self.assertEqual(self.buckets.wait("a"), 60)
        self.assertEqual(self.buckets.wait("a", 2), 120)
        self.assertEqual(self.buckets.wait("b", 2), 0)

    def test_nothing_is_taken(self) -> None:
        """Which leaves nothing to remember."""
        self.buckets.take("a", 0)
        self.assertEqual((len(self.buckets), self.buckets.wait("a", 2)), (0, 0))

    def test_memory_is_bounded(self) -> None:
        """However many are counted, the newest ones are remembered."""
        for number in range(1000):
            self.buckets.take(number, 2)
        self.assertEqual(len(self.buckets), 100)
        self.assertEqual(self.buckets.wait(950), 60)
        self.assertEqual(self.buckets.wait(850), 0)

    def test_what_was_long_ago_is_forgotten(self) -> None:
        """Full buckets go, bit by bit, while others come."""
        for number in range(100):
            self.buckets.take(number)
        self.clock.advance(3600)
        for number in range(100, 160):
            self.buckets.take(number)
        self.assertLessEqual(len(self.buckets), 60)
