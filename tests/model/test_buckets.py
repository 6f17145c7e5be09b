"""Token buckets."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.buckets import SHORTEST_WAIT, Bucket, Rate

RATE = Rate(5, 60.0)


class BucketTests(SynchronousTestCase):
    def test_a_burst_and_then_one_more(self) -> None:
        """Five at once, the sixth after a minute, not a moment earlier."""
        bucket = Bucket.full(RATE, 100.0)
        for _ in range(5):
            self.assertEqual(bucket.seconds_to_wait(RATE, 100.0), 0)
            bucket = bucket.less(RATE, 100.0)
        self.assertEqual(bucket.seconds_to_wait(RATE, 100.0), 60)
        self.assertEqual(bucket.seconds_to_wait(RATE, 130.0), 30)
        self.assertEqual(bucket.seconds_to_wait(RATE, 160.0), 0)

    def test_it_is_full_again_some_day(self) -> None:
        """After so long it holds the burst, and never more."""
        bucket = Bucket.full(RATE, 0.0).less(RATE, 0.0)
        self.assertFalse(bucket.is_full(RATE, 59.0))
        self.assertTrue(bucket.is_full(RATE, 60.0))
        self.assertEqual(bucket.refilled(RATE, 6000.0).level, 5)

    def test_a_clock_that_is_set_back(self) -> None:
        """It neither takes nor gives."""
        bucket = Bucket.full(RATE, 100.0).less(RATE, 100.0)
        self.assertEqual(bucket.refilled(RATE, 0.0).level, 4)

    def test_several_are_taken(self) -> None:
        """All or none; whoever is told to wait can have them then."""
        rate, bucket = Rate(5, 60.0), Bucket.full(RATE, 0.0).less(RATE, 0.0, 4)
        self.assertEqual(bucket.seconds_to_wait(rate, 0.0, 1), 0)
        self.assertEqual(bucket.seconds_to_wait(rate, 0.0, 3), 120)
        self.assertEqual(bucket.seconds_to_wait(rate, 120.0, 3), 0)
        self.assertEqual(bucket.less(rate, 120.0, 3).level, 0)

    def test_more_than_it_holds(self) -> None:
        """Only a full bucket gives them, and is in debt afterwards."""
        rate, bucket = Rate(5, 60.0), Bucket.full(RATE, 0.0)
        self.assertEqual(bucket.seconds_to_wait(rate, 0.0, 8), 0)
        bucket = bucket.less(rate, 0.0, 8)
        self.assertEqual(bucket.seconds_to_wait(rate, 0.0), 4 * 60)
        self.assertEqual(bucket.seconds_to_wait(rate, 0.0, 8), 8 * 60)

    def test_nobody_waits_for_less_than_a_millisecond(self) -> None:
        """A client that came back when it was told to must not be sent away again."""
        rate, now = Rate.hourly(100_000), 1_700_000_000.0
        bucket = Bucket.full(rate, now).less(rate, now, 100_000)
        for count in (1, 333, 9_999):
            wait = bucket.seconds_to_wait(rate, now, count)
            self.assertAlmostEqual(wait, count * 0.036)
            self.assertEqual(bucket.seconds_to_wait(rate, now + wait, count), 0)

    @given(
        st.integers(1, 20),
        st.floats(0.01, 1000),
        st.lists(st.floats(0, 100), max_size=60),
    )
    def test_never_more_than_promised(
        self, burst: int, every: float, pauses: list[float]
    ) -> None:
        """However it is asked, no more pass than the burst and what time adds."""
        rate, now, passed = Rate(burst, every), 0.0, 0
        bucket = Bucket.full(rate, now)
        for pause in pauses:
            now += pause
            if bucket.seconds_to_wait(rate, now) == 0:
                bucket, passed = bucket.less(rate, now), passed + 1
        allowance = SHORTEST_WAIT / every
        self.assertLessEqual(passed, burst + now / every + allowance + 1e-6)
