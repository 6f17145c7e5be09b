"""3PID lookups in a database."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

from attrs import define, frozen
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.interfaces import IThreePidLookup
from mxisd.model.identifiers import UserId
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import ThreePid
from mxisd.stores.sql.queries import Query, Row
from mxisd.stores.sql.values import Naming, threepid

log = Logger()

LOOKUP_BATCH = 500
"""Addresses in one question."""

ROWS = 10
"""Rows that are read for one address: more than the first few tell nothing new."""


@define(eq=False)
class Found:
    """
    What a lookup has found so far.

    :ivar ambiguous: The 3PIDs of several users; the first one has them.
    :ivar unusable: How many rows name no user, or no 3PID.
    """

    wanted: frozenset[ThreePid]
    users: dict[ThreePid, UserId]
    ambiguous: set[ThreePid]
    unusable: int = 0

    def add(self, key: ThreePid | None, user_id: UserId | None) -> None:
        """Take a row into account."""
        if key is None or user_id is None:
            self.unusable += 1
        elif key in self.wanted and self.users.setdefault(key, user_id) != user_id:
            self.ambiguous.add(key)


class Way(Protocol):
    """One of the ways to ask for 3PIDs of one medium."""

    async def find(self, wanted: Sequence[ThreePid], found: Found) -> None:
        """Ask, and add what was found."""


@frozen
class OneByOne:
    """
    A question for each spelling of each address.

    :ivar at_once: How many at the same time.
    :ivar addresses: How addresses are spelled there.
    """

    query: Query
    naming: Naming
    at_once: int
    addresses: StoredAddresses = StoredAddresses()

    async def find(self, wanted: Sequence[ThreePid], found: Found) -> None:
        """Ask, some at the same time."""
        await self.query.check()
        spelled = self.addresses.spellings
        questions = iter([(key, each) for key in wanted for each in spelled(key)])

        async def ask() -> None:
            for key, spelling in questions:
                await self._find(key, spelling, found)

        running = [Deferred.fromCoroutine(ask()) for _ in range(self.at_once)]
        try:
            await gatherResults(running, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()
        finally:
            for each in running:
                each.cancel()

    async def _find(self, key: ThreePid, spelling: str, found: Found) -> None:
        is_alone = len(self.query.marks) == 1
        parameters = [spelling] if is_alone else [key.medium, spelling]
        for row in await self.query.rows(parameters, ROWS):
            user_id = self.naming.user_id(self.query.value(row, "uid"))
            if not self.query.has("address"):
                found.add(key, user_id)
                continue
            # Databases may take ü and u for the same letter; we do not.
            address = self.query.value(row, "address")
            found.add(threepid(key.medium, address, self.addresses), user_id)


@frozen
class ManyAtOnce:
    """
    A question for a list of addresses.

    :ivar addresses: How addresses are spelled there.
    """

    query: Query
    naming: Naming
    addresses: StoredAddresses = StoredAddresses()

    async def find(self, wanted: Sequence[ThreePid], found: Found) -> None:
        """Ask, in batches."""
        medium = wanted[0].medium
        spellings = [each for key in wanted for each in self.addresses.spellings(key)]
        for start in range(0, len(spellings), LOOKUP_BATCH):
            batch = spellings[start : start + LOOKUP_BATCH]
            names_medium = len(self.query.marks) == 2
            parameters = [medium, batch] if names_medium else [batch]
            rows = await self.query.rows(parameters, ROWS * len(batch))
            read = partial(self._read, medium)
            for key, user_id in await self.query.portions.mapped(read, rows):
                found.add(key, user_id)

    def _read(self, medium: str, row: Row) -> tuple[ThreePid | None, UserId | None]:
        value = self.query.value
        said = value(row, "medium") if self.query.has("medium") else medium
        key = threepid(said, value(row, "address"), self.addresses)
        return key, self.naming.user_id(value(row, "uid"))


@implementer(IThreePidLookup)
@frozen
class SqlLookup:
    """
    Finds users by 3PID.

    :ivar by_medium: How to ask for 3PIDs of a medium.
    :ivar general: How to ask for those of all others; ``None``: they are not known.
    """

    name: str
    by_medium: Mapping[str, Way]
    general: Way | None

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Ask medium by medium."""
        found = Found(threepids, {}, set())
        for medium, wanted in _by_medium(threepids).items():
            way = self.by_medium.get(medium, self.general)
            if way is not None:
                await way.find(wanted, found)
        self._report(found)
        return found.users

    def _report(self, found: Found) -> None:
        if found.ambiguous:
            log.warn(
                "In {store}, {count} addresses belong to several users; "
                "the first one is taken",
                store=self.name,
                count=len(found.ambiguous),
            )
        if found.unusable:
            log.warn(
                "{count} rows that {store} found name no legal user ID or 3PID",
                store=self.name,
                count=found.unusable,
            )


def _by_medium(threepids: Iterable[ThreePid]) -> Mapping[str, list[ThreePid]]:
    groups: dict[str, list[ThreePid]] = {}
    for each in sorted(threepids, key=lambda key: (key.medium, key.address)):
        groups.setdefault(each.medium, []).append(each)
    return groups
