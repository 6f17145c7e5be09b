"""Many buckets of one rate, of which only the ones in use are remembered."""

from collections import OrderedDict
from collections.abc import Hashable
from itertools import islice

from twisted.internet.interfaces import IReactorTime

from mxisd.model.buckets import Bucket, Rate

MAX_BUCKETS = 50_000
"""They take some 20 MB."""


class Buckets:
    """
    One bucket for each key; unused ones are full.

    There is no end of keys, and of memory there is: if too many are in use, those that
    nobody took from for longest are taken for full. What must not be forgotten because
    of others' keys needs buckets of its own.
    """

    def __init__(
        self, rate: Rate, clock: IReactorTime, max_buckets: int = MAX_BUCKETS
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._max_buckets = max_buckets
        # The one that was used last is at the end.
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._buckets)

    def wait(self, key: Hashable, count: int = 1) -> float:
        """The seconds until so many can be taken; 0: now."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return 0.0
        return bucket.seconds_to_wait(self._rate, self._clock.seconds(), count)

    def take(self, key: Hashable, count: int = 1) -> None:
        """Take some, whether they are there or not."""
        now = self._clock.seconds()
        bucket = self._buckets.pop(key, None) or Bucket.full(self._rate, now)
        self._buckets[key] = bucket.less(self._rate, now, count)
        self._forget_some(now)

    def _forget_some(self, now: float) -> None:
        # Two for one that came: so the full ones at the front go, bit by bit.
        for oldest, bucket in list(islice(self._buckets.items(), 2)):
            is_needless = bucket.is_full(self._rate, now)
            if not is_needless and len(self._buckets) <= self._max_buckets:
                return
            del self._buckets[oldest]
