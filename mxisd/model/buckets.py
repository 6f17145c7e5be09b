# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""Token buckets: so many at once, and then one more every so often."""

from attrs import frozen

SHORTEST_WAIT = 0.001
"""Clients are told milliseconds; for less, nobody is sent away."""


@frozen
class Rate:
    """
    What a bucket lets through.

    :ivar burst: How many at once, at least 1.
    :ivar every: The seconds after which there is one more.
    """

    burst: int
    every: float

    @classmethod
    def hourly(cls, count: int) -> "Rate":
        """So many at once, and as many in each hour."""
        return cls(count, 3600 / count)


@frozen
class Bucket:
    """
    How much is left.

    :ivar level: Of the time ``at``; it grows since, up to the burst. Below 0 it is a
        debt.
    """

    level: float
    at: float

    @classmethod
    def full(cls, rate: Rate, now: float) -> "Bucket":
        """A bucket that nobody has used."""
        return cls(float(rate.burst), now)

    def refilled(self, rate: Rate, now: float) -> "Bucket":
        """The same bucket, later."""
        return Bucket(self._level(rate, now), now)

    def is_full(self, rate: Rate, now: float) -> bool:
        """Whether it can be forgotten."""
        return self._level(rate, now) >= rate.burst

    def seconds_to_wait(self, rate: Rate, now: float, count: int = 1) -> float:
        """
        How long until some can be taken; 0 if they can be now.

        Whoever wants more than the bucket ever holds waits until it is full, and then
        takes on a debt: nobody waits for ever.
        """
        lacking = min(count, rate.burst) - self._level(rate, now)
        wait = lacking * rate.every
        return wait if wait >= SHORTEST_WAIT else 0.0

    def less(self, rate: Rate, now: float, count: int = 1) -> "Bucket":
        """The bucket after some were taken."""
        return Bucket(self._level(rate, now) - count, now)

    def _level(self, rate: Rate, now: float) -> float:
        # A clock that was set back takes nothing away.
        if now <= self.at:
            return self.level
        level = self.level + (now - self.at) / rate.every
        return level if level < rate.burst else float(rate.burst)
