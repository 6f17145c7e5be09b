"""How much may be under way to whoever carries the messages of a medium."""

from attrs import define, field

AT_ONCE = 5
"""Mail servers let nobody have many connections."""

FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 60_000


@define(eq=False)
class SendingLane:
    """
    The messages of one medium: so many at a time, and one alone after a failure.

    :ivar under_way: By token.
    """

    under_way: set[str] = field(factory=set, init=False)
    _failures: int = field(default=0, init=False)
    _rests_until_ms: int = field(default=0, init=False)

    def has_room(self, now_ms: int) -> bool:
        """Whether another message may begin."""
        if self._failures:
            return not self.under_way and now_ms >= self._rests_until_ms
        return len(self.under_way) < AT_ONCE

    def worked(self) -> None:
        """Remember that whoever carries messages does it."""
        self._failures = self._rests_until_ms = 0

    def failed(self, now_ms: int) -> None:
        """Remember that whoever carries messages does not; so one rests."""
        if now_ms >= self._rests_until_ms:  # whatever had begun before is no news
            pause_ms = FIRST_PAUSE_MS << min(self._failures, 10)
            self._failures += 1
            self._rests_until_ms = now_ms + min(pause_ms, LONGEST_PAUSE_MS)
