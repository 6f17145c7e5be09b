"""Room for so much at a time, and for some more in line."""

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

T = TypeVar("T")

AT_ONCE = 20
WAITING = 100

LONGEST = 60.0
"""Work that has not ended by then is given up, so that no slot is lost for ever."""


@define(eq=False)
class Slots:
    """
    Lets some work be done at a time.

    :ivar waiting: How many may wait in line.
    """

    _clock: IReactorTime
    _free: int = AT_ONCE
    waiting: int = WAITING
    _line: "deque[Deferred[None]]" = field(factory=deque, init=False)

    @property
    def is_full(self) -> bool:
        """Whether there is no room in the line either."""
        return self._free == 0 and len(self._line) >= self.waiting

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """
        Do some work as soon as there is a slot.

        Whoever is cancelled leaves the line. Work that has begun goes on without them,
        and keeps its slot to its end: what it uses is in use as long as that.
        """
        await self._turn()
        working = Deferred.fromCoroutine(work()).addTimeout(LONGEST, self._clock)
        outcome: Deferred[T] = Deferred()
        working.addBoth(self._leave).addCallbacks(outcome.callback, outcome.errback)
        return await outcome

    async def _turn(self) -> None:
        if self._free:
            self._free -= 1
            return
        turn: Deferred[None] = Deferred(self._line.remove)
        self._line.append(turn)
        await turn

    def _leave(self, result: Any) -> Any:
        if self._line:
            # Not now: if all in line fail at once, the stack must not grow with each.
            self._clock.callLater(0, self._next)
        else:
            self._free += 1
        return result

    def _next(self) -> None:
        if self._line:
            self._line.popleft().callback(None)
        else:
            self._free += 1
