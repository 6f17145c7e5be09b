"""What a table of another server means to us."""

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from attrs import frozen

from mxisd.importing.sources import Row
from mxisd.importing.values import LeftOut
from mxisd.records.database import Transaction

Write = Callable[[Transaction, Sequence[Any]], Coroutine[Any, Any, Counter[str]]]


def _nothing(_value: Any) -> None:
    return None


@frozen(kw_only=True)
class Part:
    """
    A table to take over, in the order of its rows.

    :ivar name: What the operator calls it.
    :ivar table: Without it, a file has nothing of this.
    :ivar key: The SQL of a number that grows from row to row.
    :ivar columns: The SQL of what is read.
    :ivar joined: SQL that follows the table's name.
    :ivar remark: What the operator is told of a value, if anything.
    :ivar read: Makes a value of the columns; raises :class:`LeftOut`.
    :ivar write: Writes values; tells how many it did not take, by reason.
    """

    name: str
    table: str
    columns: str
    read: Callable[..., Any]
    write: Write
    key: str = "rowid"
    joined: str = ""
    remark: Callable[[Any], str | None] = _nothing

    @property
    def query(self) -> str:
        """The SQL for the next rows behind a key, at most so many."""
        return (
            f"SELECT {self.key}, {self.columns} FROM {self.table} {self.joined} "  # noqa: S608
            f"WHERE {self.key} > ? ORDER BY {self.key} LIMIT ?"
        )

    def values(self, rows: Sequence[Row]) -> tuple[list[Any], Counter[str]]:
        """Read rows, the key first in each; what is left out, by reason."""
        found, left = [], Counter[str]()
        for _, *columns in rows:
            try:
                found.append(self.read(*columns))
            except LeftOut as error:
                left[str(error)] += 1
        return found, left
