"""A database that is there at once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mxisd.drivers.sql.address import Engine
from mxisd.drivers.sql.errors import QueryWrong

Row = Sequence[Any]


class InstantDatabase:
    """
    Answers what it is told to.

    :ivar problem: What is wrong with every query; ``None``: nothing.
    :ivar asked: The parameters of each question, in order.
    """

    name = "staff"
    engine = Engine.SQLITE

    def __init__(self, columns: Sequence[str], *rows: Row) -> None:
        self.names = columns
        self.answer = rows
        self.problem: str | None = None
        self.asked: list[Sequence[Any]] = []
        self.judged = 0

    async def rows(
        self, query: str, parameters: Sequence[Any] = (), *, limit: int | None = None
    ) -> Sequence[Row]:
        """The rows, whatever the query."""
        self._check()
        self.asked.append(parameters)
        return self.answer[:limit]

    async def columns(self, query: str, parameters: Sequence[Any]) -> Sequence[str]:
        """The names."""
        self.judged += 1
        self._check()
        return self.names

    async def each_batch(
        self,
        query: str,
        parameters: Sequence[Any],
        size: int,
        take: Callable[[Sequence[Row]], Awaitable[None]],
    ) -> None:
        """The rows, in batches."""
        self._check()
        for start in range(0, len(self.answer), size):
            await take(self.answer[start : start + size])

    async def close(self) -> None:
        """Nothing."""

    def _check(self) -> None:
        if self.problem is not None:
            raise QueryWrong(self.problem)
