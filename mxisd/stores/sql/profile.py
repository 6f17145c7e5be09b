"""What a database says about a user."""

from collections.abc import Sequence

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.interfaces import IProfile
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import Profile
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import ThreePid
from mxisd.stores.sql.queries import Query, Row
from mxisd.stores.sql.values import Naming, text, threepid

log = Logger()

ROWS = 1000
"""The most 3PIDs, or roles, of one user."""


@frozen
class Part:
    """
    A query for a part of a profile.

    :ivar naming: What its question marks are.
    """

    query: Query
    naming: Naming

    async def rows(self, user_id: UserId) -> Sequence[Row]:
        """
        What there is about a user.

        :raise StoreUnavailable: Also if that is more than anybody has.
        """
        try:
            values = self.naming.values(user_id)
            found = [await self.query.repeated(each, ROWS + 1) for each in values]
        except Misconfigured:
            if not self.query.is_guess:
                raise
            return []
        if any(len(rows) > ROWS for rows in found):
            raise StoreUnavailable(f"{self.query.path} gives more than {ROWS} rows")
        return [row for rows in found for row in rows]


@implementer(IProfile)
@frozen
class SqlProfile:
    """
    Puts a profile together; who is in none of the answers is unknown.

    :ivar name: For the display name.
    :ivar threepids: For the 3PIDs.
    :ivar roles: For the roles.
    :ivar addresses: How addresses are spelled there.
    """

    store: str
    name: Part | None
    threepids: Part | None
    roles: Part | None
    addresses: StoredAddresses = StoredAddresses()

    async def profile(self, user_id: UserId) -> Profile | None:
        """Ask for each part."""
        names = await _rows(self.name, user_id)
        threepids = await _rows(self.threepids, user_id)
        roles = await _rows(self.roles, user_id)
        if not names and not threepids and not roles:
            return None
        return Profile(
            display_name=text(names[0][0]) if names else None,
            threepids=self._threepids(threepids),
            roles=frozenset(filter(None, map(_role, roles))),
        )

    def _threepids(self, rows: Sequence[Row]) -> frozenset[ThreePid]:
        if self.threepids is None:
            return frozenset()
        value = self.threepids.query.value
        parts = [(value(row, "medium"), value(row, "address")) for row in rows]
        found = [threepid(*each, self.addresses) for each in parts]
        skipped = found.count(None)
        if skipped:
            log.warn(
                "{count} 3PIDs of a user in {store} are not legal, and left out",
                count=skipped,
                store=self.store,
            )
        return frozenset(each for each in found if each is not None)


def _role(row: Row) -> str | None:
    value = text(row[0])
    if value is None and row[0] is not None:
        # Leaving one out would refuse somebody who has it.
        raise StoreUnavailable("a role that is no text")
    return value


async def _rows(part: Part | None, user_id: UserId) -> Sequence[Row]:
    return [] if part is None else await part.rows(user_id)
