"""Our real tables, in memory, without a thread: every answer is there at once."""

import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from mxisd.drivers.sqlite_writer import Transaction, drive
from mxisd.errors import RecordsUnavailable
from mxisd.records.migrations import migrations

T = TypeVar("T")


class InstantDatabase:
    """
    A database for tests that have no reactor.

    :ivar trouble: What is raised instead of writing.
    :ivar works_for: How many transactions work until the next one fails.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys=ON")
        self.trouble: Exception | None = None
        self.works_for: int | None = None
        for migration in migrations():
            for statement in migration.statements:
                self._connection.execute(statement)

    @property
    def is_failing(self) -> bool:
        """Whether writing is in vain."""
        return self.trouble is not None

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Fetch rows."""
        return self._connection.execute(sql, parameters).fetchall()

    def rows_among(
        self, sql: str, keys: Sequence[Any], *parameters: Any
    ) -> list[tuple[Any, ...]]:
        """Fetch the rows of many keys."""
        marks = ", ".join("?" * len(keys))
        return self.rows(sql.replace("= ANY(?)", f"IN ({marks})"), *parameters, *keys)

    async def transact(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        """Run work in a transaction."""
        if self.trouble is not None:
            raise self.trouble
        if self.works_for is not None:
            if not self.works_for:
                raise RecordsUnavailable("full")
            self.works_for -= 1
        with self._connection:
            self._connection.execute("BEGIN")
            return drive(work(Transaction(self._connection)))
