"""What is measured, and how it is printed."""

from collections.abc import Sequence
from statistics import median

from attrs import frozen

from bench.load import Outcome
from bench.processes import Memory

COLUMNS = (
    f"{'':38} {'req/s':>7} {'p50 ms':>7} {'p99 ms':>7} "
    f"{'CPU µs':>7} {'req/CPU s':>9} {'bare µs':>8} {'of bare':>8}"
)


@frozen
class Sample:
    """One round against one server."""

    outcome: Outcome
    cpu_seconds: float

    @property
    def cpu_each(self) -> float:
        """CPU seconds of the server per request."""
        return self.cpu_seconds / self.outcome.count


@frozen
class Comparison:
    """The rounds of one question, ours and the bare resource's in turn."""

    title: str
    ours: Sequence[Sample]
    bare: Sequence[Sample]

    def line(self) -> str:
        """Medians of the rounds."""
        rate = median(s.outcome.count / s.outcome.seconds for s in self.ours)
        p50 = median(s.outcome.p50 for s in self.ours) * 1000
        p99 = median(s.outcome.p99 for s in self.ours) * 1000
        cpu = median(s.cpu_each for s in self.ours)
        bare = median(s.cpu_each for s in self.bare)
        failures = sum(s.outcome.failures for s in (*self.ours, *self.bare))
        return (
            f"{self.title:38} {rate:7.0f} {p50:7.2f} {p99:7.2f} {cpu * 1e6:7.0f} "
            f"{1 / cpu:9.0f} {bare * 1e6:8.0f} {bare / cpu:8.0%}"
            + (f"  {failures} FAILED" if failures else "")
        )


@frozen
class Build:
    """
    A first start: listing and indexing.

    :ivar seconds: From the first answer until the last person was found by hash.
    :ivar blocked_seconds: The longest time that the reactor kept anybody waiting, by
        the clock and by the CPU time of its thread.
    """

    start_seconds: float
    seconds: float
    cpu_seconds: float
    blocked_seconds: tuple[float, float]
    memory: Memory

    def line(self) -> str:
        """All of it."""
        waited, worked = (1000 * seconds for seconds in self.blocked_seconds)
        return (
            f"  first start {self.start_seconds:.2f} s; listed and indexed in "
            f"{self.seconds:.1f} s (CPU {self.cpu_seconds:.1f} s)\n"
            f"  longest block of the reactor {waited:.0f} ms (CPU {worked:.0f} ms); "
            f"{memory(self.memory)}"
        )


@frozen
class LongLookup:
    """
    A lookup of as many as a request may hold.

    :ivar seconds: Until the answer.
    :ivar blocked_seconds: As for :class:`Build`.
    """

    title: str
    seconds: float
    blocked_seconds: tuple[float, float]

    def line(self) -> str:
        """All of it."""
        waited, worked = (1000 * seconds for seconds in self.blocked_seconds)
        return (
            f"  {self.title}: {self.seconds * 1000:.0f} ms; longest block of the "
            f"reactor {waited:.0f} ms (CPU {worked:.0f} ms)"
        )


def memory(one: Memory) -> str:
    """Memory in words."""
    return (
        f"resident {one.resident:.0f} MB ({one.mapped:.0f} MB of it mapped files), "
        f"at most {one.peak:.0f} MB"
    )
