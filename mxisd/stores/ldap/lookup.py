"""3PID lookups in a directory, and the list of everybody in it."""

from collections.abc import Mapping, Sequence, Set

from attrs import define, field, frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.client import ListCut
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.filters import Filter
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import BATCH_LIMIT, IAssociationSource, IThreePidLookup, Put
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.portions import Portions
from mxisd.stores.ldap.accounts import is_disabled
from mxisd.stores.ldap.census import census, remarks
from mxisd.stores.ldap.queries import Owners, Query
from mxisd.stores.ldap.tree import Tree, restricted
from mxisd.stores.unreadable import Unreadable

log = Logger()

LOOKUP_BATCH = 100
"""3PIDs in one search: more make servers slower again."""

AT_A_STRETCH = 10
"""Entries that are read without a break: somebody may have several phones."""


@implementer(IThreePidLookup)
@frozen
class LdapLookup:
    """
    Finds users by 3PID.

    :ivar restriction: Only entries for which this holds; ``None`` for all.
    """

    tree: Tree
    queries: Mapping[str, Query]
    restriction: Filter | None

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Ask medium by medium, in batches; an earlier subtree goes first."""
        found: dict[ThreePid, UserId] = {}
        for medium, query in self.queries.items():
            wanted = [each for each in threepids if each.medium == medium]
            for start in range(0, len(wanted), LOOKUP_BATCH):
                batch = wanted[start : start + LOOKUP_BATCH]
                found.update(await self._found(query, batch))
        return found

    async def _found(
        self, query: Query, batch: Sequence[ThreePid]
    ) -> Mapping[ThreePid, UserId]:
        found: dict[ThreePid, UserId] = {}
        for base in self.tree.bases:
            missing = [each for each in batch if each not in found]
            if missing:
                owners = await self._owners(base, query, missing)
                found.update(owners.found)
                self._report(owners, missing[0].medium)
        return found

    async def _owners(
        self, base: str, query: Query, wanted: Sequence[ThreePid]
    ) -> Owners:
        try:
            entries = await self._entries(base, query, wanted)
        except ListCut:
            if len(wanted) == 1:
                raise
            owners = None
        else:
            owners = query.owners(entries, wanted)
        if owners is not None:
            return owners
        half = len(wanted) // 2
        first = await self._owners(base, query, wanted[:half])
        second = await self._owners(base, query, wanted[half:])
        return Owners(
            {**first.found, **second.found}, first.ambiguous + second.ambiguous
        )

    async def _entries(
        self, base: str, query: Query, wanted: Sequence[ThreePid]
    ) -> Sequence[Entry]:
        wanted_filter = restricted(query.filter(wanted), self.restriction)
        return await self.tree.client.search(
            Search(base=base, filter=wanted_filter, attributes=query.attributes)
        )

    def _report(self, owners: Owners, medium: str) -> None:
        if owners.ambiguous:
            log.warn(
                "In {store}, {count} addresses of medium {medium} belong to several "
                "users; the one whose DN sorts first is taken",
                store=self.tree.name,
                count=owners.ambiguous,
                medium=medium,
            )


@implementer(IAssociationSource)
@define(eq=False)
class LdapListing:
    """
    Lists everybody with everything, page by page.

    :ivar restriction: Only entries for which this holds; ``None`` for all.
    """

    tree: Tree
    restriction: Filter | None
    portions: Portions
    _told: Sequence[str] = field(default=(), init=False)

    async def associations(self, put: Put) -> None:
        """Hand over each page as it comes."""
        skipped, unreadable = 0, Unreadable(self.tree.name)
        mediums: set[str] = set()

        async def noted(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            mediums.update(threepid.medium for threepid, _ in batch)
            await put(batch)

        async def take(entries: Sequence[Entry]) -> None:
            nonlocal skipped
            skipped += await self._put(entries, noted, unreadable)

        for base in self.tree.bases:
            search = self._search(base)
            await self.tree.client.each_page(search, self.tree.page_size, take)
        unreadable.report()
        self._report(skipped)
        await self._tell_missing(mediums)

    async def _tell_missing(self, mediums: Set[str]) -> None:
        """Log of which mediums nobody has a 3PID, when that has changed."""
        by_medium = self.tree.reader.by_medium
        missing = [each for each in by_medium if each not in mediums]
        if missing and missing != self._told:
            try:
                found = await census(self.tree, self.restriction, self.portions)
            except StoreUnavailable:
                return  # the next list makes up for it
            for each in remarks(found, by_medium, self.restriction):
                log.warn(
                    "{store}: {key}: {problem}",
                    store=self.tree.name,
                    key=each.path,
                    problem=each.text,
                )
        self._told = missing

    async def _put(
        self, entries: Sequence[Entry], put: Put, unreadable: Unreadable
    ) -> int:
        """Hand over some entries; tells how many of them are nobody."""
        reader = self.tree.reader
        pairs: list[tuple[ThreePid, UserId]] = []
        skipped = 0

        def read(some: Sequence[Entry]) -> None:
            nonlocal skipped
            enabled = [each for each in some if not is_disabled(each)]
            users = reader.named(enabled)
            skipped += len(enabled) - len(users)
            for entry, user in users:
                pairs.extend((t, user) for t in self._read(entry, unreadable))

        # Of a page, the first by DN goes first.
        ordered = sorted(entries, key=lambda entry: entry.dn.lower())
        await self.portions.each(read, ordered, step=AT_A_STRETCH)
        for start in range(0, len(pairs), BATCH_LIMIT):
            await put(pairs[start : start + BATCH_LIMIT])
        return skipped

    def _read(self, entry: Entry, unreadable: Unreadable) -> Sequence[ThreePid]:
        threepids, attributes = self.tree.reader.all_read(entry)
        for attribute in attributes:
            unreadable.note(attribute, entry.dn.decode(errors="replace"))
        return threepids

    def _search(self, base: str) -> Search:
        reader = self.tree.reader
        attributes = reader.threepid_attributes
        reachable = filters.any_of([filters.present(name) for name in attributes])
        return Search(
            base=base,
            filter=restricted(reachable, self.restriction),
            attributes=[*reader.user_attributes, *attributes],
        )

    def _report(self, skipped: int) -> None:
        if skipped:
            log.warn(
                "{count} entries of {store} have no legal user ID in {attribute}; "
                "nobody finds them",
                store=self.tree.name,
                count=skipped,
                attribute=self.tree.reader.naming.attribute,
            )
