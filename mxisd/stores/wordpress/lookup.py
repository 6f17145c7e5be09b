"""3PID lookups in WordPress's database, and the list of everybody."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.interfaces import IAssociationSource, IThreePidLookup, Put
from mxisd.model.identifiers import UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import ThreePid
from mxisd.portions import Portions
from mxisd.stores.unreadable import Unreadable
from mxisd.stores.wordpress.queries import Query, Row
from mxisd.stores.wordpress.values import threepid, user_id

log = Logger()

LOOKUP_BATCH = 500
"""Addresses in one question."""

AT_ONCE = 4
"""Questions at the same time, where each is for one address."""

ROWS = 10
"""Rows that are read for one address."""


@define
class _Found:
    """
    What has been found.

    :ivar ambiguous: The 3PIDs of several users; the first one has them.
    :ivar skipped: How many rows name no legal user or 3PID.
    """

    users: dict[ThreePid, UserId] = field(factory=dict)
    ambiguous: set[ThreePid] = field(factory=set)
    skipped: int = 0

    def add(self, key: ThreePid | None, who: UserId | None) -> None:
        if key is None or who is None:
            self.skipped += 1
        elif self.users.setdefault(key, who) != who:
            self.ambiguous.add(key)


@implementer(IThreePidLookup)
@frozen
class WordPressLookup:
    """
    Finds users by 3PID.

    :ivar queries: How to ask, by medium.
    :ivar addresses: How addresses are spelled there.
    """

    name: str
    domain: str
    queries: Mapping[str, Query]
    addresses: StoredAddresses
    portions: Portions

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Ask medium by medium; many addresses at once, if the query can."""
        found = _Found()
        for medium, query in self.queries.items():
            wanted = [each for each in threepids if each.medium == medium]
            if wanted and "??" in query.marks:
                await self._find_many(query, wanted, found)
            elif wanted:
                await self._find_each(query, wanted, found)
        self._report(found)
        return {key: who for key, who in found.users.items() if key in threepids}

    async def _find_many(
        self, query: Query, wanted: Iterable[ThreePid], found: _Found
    ) -> None:
        spelled = self.addresses.spellings
        spellings = [(key.medium, text) for key in wanted for text in spelled(key)]
        for start in range(0, len(spellings), LOOKUP_BATCH):
            batch = spellings[start : start + LOOKUP_BATCH]
            addresses = [address for _medium, address in batch]
            parameters = [addresses] * len(query.marks)
            rows = await query.rows(parameters, ROWS * len(batch))
            read = partial(self._read, batch[0][0])
            for key, who in await self.portions.mapped(read, rows):
                found.add(key, who)

    def _read(self, medium: str, row: Row) -> tuple[ThreePid | None, UserId | None]:
        # Databases may take ü and u for the same letter; we do not.
        key = threepid(medium, row["address"], self.addresses)
        return key, user_id(row["uid"], self.domain)

    async def _find_each(
        self, query: Query, wanted: Iterable[ThreePid], found: _Found
    ) -> None:
        await query.check()
        spelled = self.addresses.spellings
        questions = iter([(key, text) for key in wanted for text in spelled(key)])

        async def ask() -> None:
            for key, spelling in questions:
                parameters = [spelling] * len(query.marks)
                for row in await query.rows(parameters, ROWS):
                    said = self._said(key, row)
                    found.add(said, user_id(row["uid"], self.domain))

        running = [Deferred.fromCoroutine(ask()) for _ in range(AT_ONCE)]
        try:
            await gatherResults(running, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()
        finally:
            for each in running:
                each.cancel()

    def _said(self, asked: ThreePid, row: Row) -> ThreePid | None:
        if "address" not in row:
            return asked
        return threepid(asked.medium, row["address"], self.addresses)

    def _report(self, found: _Found) -> None:
        if found.ambiguous:
            log.warn(
                "In {store}, {count} addresses belong to several users; "
                "the first one is taken",
                store=self.name,
                count=len(found.ambiguous),
            )
        if found.skipped:
            log.warn(
                "{count} users that {store} found have no legal localpart or 3PID",
                store=self.name,
                count=found.skipped,
            )


@implementer(IAssociationSource)
@frozen
class WordPressListing:
    """
    Lists everybody with everything, as the rows come.

    :ivar addresses: How addresses are spelled there.
    """

    name: str
    domain: str
    query: Query
    addresses: StoredAddresses
    portions: Portions

    async def associations(self, put: Put) -> None:
        """Hand over each batch as it comes."""
        skipped, unreadable = 0, Unreadable(self.name)

        async def take(rows: Sequence[Row]) -> None:
            nonlocal skipped
            read = await self.portions.mapped(partial(self._read, unreadable), rows)
            skipped += sum(who is None for _, who in read)
            pairs = [(key, who) for key, who in read if key and who]
            if pairs:
                await put(pairs)

        await self.query.each_batch(take)
        unreadable.report()
        if skipped:
            log.warn(
                "{count} users of {store} have no legal localpart; nobody finds them",
                count=skipped,
                store=self.name,
            )

    def _read(
        self, unreadable: Unreadable, row: Row
    ) -> tuple[ThreePid | None, UserId | None]:
        who, medium = user_id(row["uid"], self.domain), row["medium"]
        if who is None:
            return None, None
        key = threepid(medium, row["address"], self.addresses)
        if key is None:
            unreadable.note(f"the address of medium {medium}", str(who))
        return key, who
