"""Token buckets."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.buckets import Bucket, Rate

RATE = Rate(5, 60.0)


class BucketTests(SynchronousTestCase):
    def test_a_burst_and_then_one_more(self) -> None:
        """Five at once, the sixth after a minute, not a moment earlier."""
        bucket = Bucket.full(RATE, 100.0)
        for _ in range(5):
            self.assertEqual(bucket.seconds_to_wait(RATE, 100.0), 0)
            bucket = bucket.less_one(RATE, 100.0)
        self.assertEqual(bucket.seconds_to_wait(RATE, 100.0), 60)
        self.assertEqual(bucket.seconds_to_wait(RATE, 130.0), 30)
        self.assertEqual(bucket.seconds_to_wait(RATE, 160.0), 0)

    def test_it_is_full_again_some_day(self) -> None:
        """After so long it holds the burst, and never more."""
        bucket = Bucket.full(RATE, 0.0).less_one(RATE, 0.0)
        self.assertFalse(bucket.is_full(RATE, 59.0))
        self.assertTrue(bucket.is_full(RATE, 60.0))
        self.assertEqual(bucket.refilled(RATE, 6000.0).level, 5)

    def test_a_clock_that_is_set_back(self) -> None:
        """It neither takes nor gives."""
        bucket = Bucket.full(RATE, 100.0).less_one(RATE, 100.0)
        self.assertEqual(bucket.refilled(RATE, 0.0).level, 4)

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
                bucket, passed = bucket.less_one(rate, now), passed + 1
        self.assertLessEqual(passed, burst + now / every + 1e-6)
