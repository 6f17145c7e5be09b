"""
Long loops in portions.

Strangers decide how long some loops are. Whoever loops over many things here lets
everybody else have their turn every few milliseconds.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Cooperator, TaskFinished

from mxisd.errors import DeadlineExceeded

T = TypeVar("T")
R = TypeVar("R")

PORTION_SECONDS = 0.004
"""How long the loops of one :class:`Portions` work, together, until others go on."""

STEP = 20
"""Items between two looks at the clock: reading a phone number takes 20 to 50 µs."""

FEW_STEPS = 5
"""So many steps are done at once: to come back for the rest would take longer."""


class Portions:
    """
    Runs loops a portion at a time; in between the reactor sees to everybody else.

    Loops that run at the same time share each portion, step by step. Cancelling whoever
    waits for a loop ends the loop.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._loops = Cooperator(self._portion, lambda tick: clock.callLater(0, tick))

    async def mapped(
        self,
        work: Callable[[T], R],
        items: Sequence[T],
        *,
        until: float | None = None,
    ) -> list[R]:
        """
        Do something with each item.

        :param until: When it is too late to go on, in seconds of the clock.
        :return: The results, in the order of the items.
        :raise DeadlineExceeded: If it was too late.
        """
        results: list[R] = []
        await self.each(
            lambda some: results.extend(map(work, some)), items, until=until
        )
        return results

    async def each(
        self,
        work: Callable[[Sequence[T]], object],
        items: Sequence[T],
        *,
        step: int = STEP,
        until: float | None = None,
    ) -> None:
        """
        Do something with some items at a time, in order.

        :param work: Gets up to ``step`` items; all of them at once if they are few.
        :param step: As many as take less than a millisecond.
        :param until: When it is too late to go on, in seconds of the clock.
        :raise DeadlineExceeded: If it was too late.
        """
        if len(items) <= FEW_STEPS * step:
            work(items)
        else:
            await self.run(self._steps(work, items, step, until))

    async def turn(self) -> None:
        """Let everybody else have their turn: for loops that wait for others anyway."""
        await self.run(iter(()))

    async def run(self, steps: Iterator[object]) -> None:
        """
        Go through an iterator whose every step takes less than a millisecond.

        :raise Exception: Whatever a step raises.
        """
        loop = self._loops.cooperate(steps)
        try:
            await loop.whenDone()
        except CancelledError:
            with suppress(TaskFinished):
                loop.stop()
            raise

    def _steps(
        self,
        work: Callable[[Sequence[T]], object],
        items: Sequence[T],
        step: int,
        until: float | None,
    ) -> Iterator[None]:
        for start in range(0, len(items), step):
            if until is not None and self._clock.seconds() >= until:
                raise DeadlineExceeded("there was too much to read until then")
            work(items[start : start + step])
            yield

    def _portion(self) -> Callable[[], bool]:
        began = self._clock.seconds()
        # A clock that is set back must not make a portion endless.
        return lambda: not 0 <= self._clock.seconds() - began < PORTION_SECONDS
