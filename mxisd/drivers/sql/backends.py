"""What each kind of database does behind ``SqlDatabase``."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from mxisd.drivers.sql.statements import Statement

Row = tuple[Any, ...]
Take = Callable[[Sequence[Row]], Awaitable[None]]

LISTING_PATIENCE = 10
"""A list may take this many times longer for its next rows than other questions."""


class Backend(Protocol):
    """
    A pool of connections, each made when it is needed.

    Everything raises ``StoreUnavailable``, ``QueryWrong`` or ``NoSuchValue``, with a
    message without values. What is cancelled frees the caller at once.
    """

    async def rows(self, statement: Statement, limit: int | None) -> Sequence[Row]:
        """The first rows, or all; asked again if an old connection turns out dead."""

    async def columns(self, statement: Statement, is_table: bool) -> Sequence[str]:
        """
        The names of the columns, in lower case.

        :param is_table: Whether the statement may stand in a ``FROM``.
        """

    async def each_batch(self, statement: Statement, size: int, take: Take) -> None:
        """Hand over all rows, in one pass over one connection."""

    async def close(self) -> None:
        """End all connections, when they are at rest."""
