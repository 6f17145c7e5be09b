"""
Takes a file over, batch by batch.

Each batch is a transaction, which also remembers how far it went: an import that was
broken off goes on there, and one that was finished finds nothing to do. A binding that
was withdrawn here since then does not come back.
"""

from collections import Counter
from collections.abc import Callable

from attrs import define, field

from mxisd.importing.parts import Part
from mxisd.importing.sources import Source
from mxisd.records.database import Database, Transaction

BATCH = 1000
TELL_EVERY = 25
"""After so many batches, the operator hears how far it is."""

MARK = "SELECT last_row FROM import_marks WHERE source = ? AND part = ?"
SET_MARK = (
    "INSERT INTO import_marks (source, part, last_row) VALUES (?, ?, ?) "
    "ON CONFLICT (source, part) DO UPDATE SET last_row = excluded.last_row"
)
BEFORE_ALL = -(2**63)


@define
class Tally:
    """
    What became of a part.

    :ivar earlier: How many rows an earlier run has dealt with.
    :ivar taken: How many rows this one took.
    :ivar left: How many it did not take, by reason.
    :ivar remarks: How many it read of which the operator is told this.
    """

    name: str
    earlier: int = 0
    taken: int = 0
    left: Counter[str] = field(factory=Counter)
    remarks: Counter[str] = field(factory=Counter)

    @property
    def seen(self) -> int:
        """How many rows are done."""
        return self.earlier + self.taken + self.left.total()


async def transfer(
    source: Source, part: Part, database: Database, tell: Callable[[str], None]
) -> Tally:
    """
    Take a part over, from where an earlier run stopped.

    :param tell: Told how far it is, from time to time.
    :raise ImportRefused: If the file cannot be read.
    :raise RecordsUnavailable: If our tables cannot be written; batches that were
        written before stay.
    """
    tally = Tally(part.name)
    if part.table not in source.tables:
        return tally
    after = _mark(source, part, database)
    tally.earlier = source.count(part.table, f"{part.key} <= {after:d}")
    total = source.count(part.table)
    batches = 0
    while rows := source.rows(part.query, after, BATCH):
        values, left = part.values(rows)
        after = rows[-1][0]
        left += await _write(source, part, values, after, database)
        tally.left += left
        tally.remarks.update(filter(None, map(part.remark, values)))
        tally.taken += len(rows) - left.total()
        batches += 1
        if batches % TELL_EVERY == 0:
            tell(f"{part.name}: {tally.seen} of {total}")
    return tally


def _mark(source: Source, part: Part, database: Database) -> int:
    rows = database.rows(MARK, str(source.path), part.table)
    return int(rows[0][0]) if rows else BEFORE_ALL


async def _write(
    source: Source, part: Part, values: list[object], last: int, database: Database
) -> Counter[str]:
    async def work(tx: Transaction) -> Counter[str]:
        left = await part.write(tx, values)
        await tx.run(SET_MARK, str(source.path), part.table, last)
        return left

    return await database.transact(work)
