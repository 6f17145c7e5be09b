"""Turns: so many at a time, and everybody else in line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define, field
from twisted.internet.defer import DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater


@define(eq=False)
class Turns:
    """
    Lets so many do their work at a time.

    Whoever had to wait begins on a stack of their own. Where all in line fail at once,
    as with a server that is down, each would begin on top of the one before.
    """

    _clock: IReactorTime
    _limit: int
    _semaphore: DeferredSemaphore = field(init=False)

    @_semaphore.default
    def _all_free(self) -> DeferredSemaphore:
        return DeferredSemaphore(self._limit)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; it lasts as long as the block, and can be cancelled."""
        has_to_wait = self._semaphore.tokens == 0
        await self._semaphore.acquire()
        try:
            if has_to_wait:
                await deferLater(self._clock, 0)
            yield
        finally:
            self._semaphore.release()
