"""What is told of an exception of a store, which may be somebody else's code."""

import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from twisted.python.reflect import safe_str

from mxisd.errors import Misconfigured, StoreUnavailable, Unavailable

T = TypeVar("T")

REASON_LENGTH = 300

FRAMES = 15
"""How many of the innermost calls are shown."""

CAUSES = 3
"""How many exceptions that led to each other are shown."""


class Broken(StoreUnavailable):
    """
    A store raised what it does not raise on purpose.

    :ivar kind: The exception's class.
    :ivar trace: Where that was, in lines.
    """

    def __init__(self, error: BaseException) -> None:
        """Keep what may be told: no message, since it may quote an address."""
        super().__init__(type(error).__name__)
        self.kind = f"{type(error).__module__}.{type(error).__qualname__}"
        self.trace = _trace(error)


async def noting_bugs(work: Callable[[], Awaitable[T]], found: list[Broken]) -> T:
    """
    Do a store's work, whose exceptions go on as they are.

    :param found: Gets what is no outage: later, its traceback is gone.
    """
    try:
        return await work()
    except Unavailable:
        raise
    except BaseException as error:
        found.append(Broken(error))
        raise


def _trace(error: BaseException) -> str:
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < CAUSES:
        calls = traceback.format_tb(cause.__traceback__, limit=-FRAMES)
        parts.append("".join(calls) + type(cause).__name__)
        context = None if cause.__suppress_context__ else cause.__context__
        cause = cause.__cause__ or context
    return "\nwhich came from\n".join(parts)


def unavailable(
    error: BaseException | None, broken: Sequence[Broken]
) -> StoreUnavailable:
    """
    What whoever asked the store is told.

    :param broken: The bug that it was, if it was one.
    """
    if isinstance(error, Misconfigured):
        # A store may raise one and the same again and again.
        path, problem = _line(error.path), _line(error.problem)
        return Misconfigured(path, problem, is_whole=bool(error.is_whole))
    return broken[0] if broken else StoreUnavailable(reason_of(error))


def reason_of(error: BaseException | None) -> str:
    """Its text if that is meant for the log, and may hold no secret; or its class."""
    if not isinstance(error, Unavailable):
        return type(error).__name__
    return _line(error)


def _line(value: object) -> str:
    return " ".join(safe_str(value).split())[:REASON_LENGTH]
