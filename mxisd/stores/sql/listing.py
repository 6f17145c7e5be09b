"""The list of everybody in a database."""

from collections.abc import Sequence

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.interfaces import BATCH_LIMIT, IAssociationSource, Put
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.stores.sql.queries import Query, Row
from mxisd.stores.sql.values import Naming, threepid

log = Logger()


@implementer(IAssociationSource)
@frozen
class SqlListing:
    """Lists everybody with everything, as the rows come."""

    name: str
    query: Query
    naming: Naming

    async def associations(self, put: Put) -> None:
        """Hand over each batch as it comes; rows that tell nothing are left out."""
        skipped = 0

        async def take(rows: Sequence[Row]) -> None:
            nonlocal skipped
            read = await self.query.portions.mapped(self._pair, rows)
            pairs = [pair for pair in read if pair is not None]
            skipped += len(rows) - len(pairs)
            if pairs:
                await put(pairs)

        await self.query.each_batch(BATCH_LIMIT, take)
        if skipped:
            log.warn(
                "{count} rows of {store} have no legal user ID or no legal 3PID; "
                "nobody finds them",
                count=skipped,
                store=self.name,
            )

    def _pair(self, row: Row) -> tuple[ThreePid, UserId] | None:
        value = self.query.value
        user_id = self.naming.user_id(value(row, "mxid"))
        key = threepid(value(row, "medium"), value(row, "address"))
        return None if user_id is None or key is None else (key, user_id)
