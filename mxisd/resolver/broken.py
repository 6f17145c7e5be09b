"""What the log is told of a bug in a store, which may be somebody else's code."""

import traceback

from mxisd.errors import StoreUnavailable

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


def _trace(error: BaseException) -> str:
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < CAUSES:
        calls = traceback.format_tb(cause.__traceback__, limit=-FRAMES)
        parts.append("".join(calls) + type(cause).__name__)
        context = None if cause.__suppress_context__ else cause.__context__
        cause = cause.__cause__ or context
    return "\nwhich came from\n".join(parts)
