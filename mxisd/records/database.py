"""
What record classes need of a database engine.

The SQL of the record classes is the same for every engine: ``?`` for a parameter,
``= ANY(?)`` for a list of keys. Each engine rewrites both as it needs.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]


class Transaction(Protocol):
    """What work may do inside a transaction."""

    async def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """Run a query and fetch all rows."""

    async def run(self, sql: str, *parameters: Any) -> int:
        """Run a statement; tells how many rows it changed."""

    async def run_many(self, sql: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row of parameters."""


class Database(Protocol):
    """An engine with our tables in it."""

    @property
    def is_failing(self) -> bool:
        """Whether the last write failed."""

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """Fetch a short answer by key, at once."""

    def rows_among(self, sql: str, keys: Sequence[Any], *parameters: Any) -> list[Row]:
        """
        Fetch the rows of many keys, at once.

        :param sql: Its last condition is ``column = ANY(?)``.
        :param parameters: Those before the keys.
        """

    async def transact(
        self, work: Callable[[Transaction], Coroutine[Any, Any, T]]
    ) -> T:
        """Run work in a transaction; returns when it is committed."""
