"""Work on many rows, little by little."""

from collections.abc import Callable, Coroutine
from typing import Any

from mxisd.records.database import Database, Transaction

CHUNK = 1000
"""So many rows are read or changed at once; then other writes have their turn."""


async def in_chunks(
    database: Database, work: Callable[[Transaction], Coroutine[Any, Any, int]]
) -> int:
    """
    Repeat work, each time in a transaction of its own, until little is left.

    :param work: Works on up to :data:`CHUNK` rows, and tells on how many.
    :return: On how many it worked.
    """
    total, count = 0, CHUNK
    while count == CHUNK:
        count = await database.transact(work)
        total += count
    return total
