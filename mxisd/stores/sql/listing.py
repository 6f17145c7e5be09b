"""The list of everybody in a database."""

from collections.abc import Sequence
from functools import partial

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.interfaces import BATCH_LIMIT, IAssociationSource, Put
from mxisd.model.identifiers import UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import ThreePid
from mxisd.stores.sql.queries import Query, Row
from mxisd.stores.sql.values import Naming, threepid
from mxisd.stores.unreadable import Unreadable

_PARTS = ("medium", "address")

log = Logger()


@implementer(IAssociationSource)
@frozen
class SqlListing:
    """
    Lists everybody with everything, as the rows come.

    :ivar addresses: How addresses are spelled there.
    """

    name: str
    query: Query
    naming: Naming
    addresses: StoredAddresses = StoredAddresses()

    async def associations(self, put: Put) -> None:
        """Hand over each batch as it comes; rows that tell nothing are left out."""
        skipped, unreadable = 0, Unreadable(self.name)
        portions = self.query.portions

        async def take(rows: Sequence[Row]) -> None:
            nonlocal skipped
            read = await portions.mapped(partial(self._read, unreadable), rows)
            skipped += sum(user is None for _, user in read)
            pairs = [(key, user) for key, user in read if key and user]
            if pairs:
                await put(pairs)

        await self.query.each_batch(BATCH_LIMIT, take)
        unreadable.report()
        if skipped:
            log.warn(
                "{count} rows of {store} have no legal user ID; nobody finds them",
                count=skipped,
                store=self.name,
            )

    def _read(
        self, unreadable: Unreadable, row: Row
    ) -> tuple[ThreePid | None, UserId | None]:
        user_id = self.naming.user_id(self.query.value(row, "mxid"))
        if user_id is None:
            return None, None
        medium, address = (self.query.value(row, each) for each in _PARTS)
        key = threepid(medium, address, self.addresses)
        if key is None:
            unreadable.note(f"the address of medium {medium}", str(user_id))
        return key, user_id
