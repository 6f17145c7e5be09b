# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""Token buckets: so many at once, and then one more every so often."""

from attrs import frozen


@frozen
class Rate:
    """
    What a bucket lets through.

    :ivar burst: How many at once, at least 1.
    :ivar every: The seconds after which there is one more.
    """

    burst: int
    every: float


@frozen
class Bucket:
    """
    How much is left.

    :ivar level: Of the time ``at``; it grows since, up to the burst.
    """

    level: float
    at: float

    @classmethod
    def full(cls, rate: Rate, now: float) -> "Bucket":
        """A bucket that nobody has used."""
        return cls(float(rate.burst), now)

    def refilled(self, rate: Rate, now: float) -> "Bucket":
        """The same bucket, later."""
        # A clock that was set back takes nothing away.
        grown = max(now - self.at, 0) / rate.every
        return Bucket(min(self.level + grown, float(rate.burst)), now)

    def is_full(self, rate: Rate, now: float) -> bool:
        """Whether it can be forgotten."""
        return self.refilled(rate, now).level >= rate.burst

    def seconds_to_wait(self, rate: Rate, now: float) -> float:
        """How long until one can be taken; 0 if it can be now."""
        lacking = 1 - self.refilled(rate, now).level
        return max(lacking * rate.every, 0.0)

    def less_one(self, rate: Rate, now: float) -> "Bucket":
        """The bucket after one was taken."""
        refilled = self.refilled(rate, now)
        return Bucket(refilled.level - 1, refilled.at)
