"""Waiting with a limit."""

from collections.abc import Awaitable
from typing import TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from mxisd.errors import DeadlineExceeded

T = TypeVar("T")


async def in_time(answer: Awaitable[T], seconds: float, clock: IReactorTime) -> T:
    """
    Await an answer, but not for ever; what is too late is cancelled.

    :param answer: A coroutine or a Deferred.
    :raise DeadlineExceeded: If the answer is not there after so many seconds.
    """
    waiting = Deferred.fromCoroutine(_plain(answer))
    waiting.addTimeout(max(seconds, 0), clock)
    try:
        return await waiting
    except TimeoutError as error:
        raise DeadlineExceeded(f"no answer within {seconds:g} s") from error


async def _plain(answer: Awaitable[T]) -> T:
    # fromCoroutine refuses a Deferred, and a plug-in may return either.
    return await answer
