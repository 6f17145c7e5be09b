"""Searches in the user directory."""

import re
from collections.abc import Iterator, Sequence

from attrs import frozen
from zope.interface import implementer

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.filters import Filter
from mxisd.interfaces import IDirectory
from mxisd.model.domains import both_labels
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, SearchBy
from mxisd.model.threepids import MSISDN
from mxisd.stores.ldap.entries import NamedEntry, Reader, texts
from mxisd.stores.ldap.tree import Tree, restricted

SPARE = 20
"""Entries that are asked for beyond the limit: some are no users, or disabled."""

TERM_LIMIT = 500
"""The longest term that is searched, in characters."""

DIGITS = 3
"""How much of a phone number must be known: fewer digits are in every number."""

_PUNCTUATION = re.compile(r"[\s()/.-]+")


@implementer(IDirectory)
@frozen(kw_only=True)
class LdapDirectory:
    """
    Searches entries by part of a value.

    :ivar restriction: Only entries for which this holds; ``None`` for all.
    :ivar searched: The attributes that a search by name looks at.
    """

    tree: Tree
    restriction: Filter | None
    searched: Sequence[str]

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        """Ask subtree by subtree, until there are enough."""
        term = term.strip()
        wanted = self._filter(term, by) if len(term) <= TERM_LIMIT else None
        if not term or wanted is None:
            return DirectoryPage()
        hits: dict[UserId, DirectoryEntry] = {}
        is_limited = False
        for base in self.tree.bases:
            entries, is_cut = await self._entries(base, wanted, limit)
            is_limited = is_limited or is_cut
            for named in self._matching(entries, term, by):
                hits.setdefault(named[1], self.tree.reader.hit(named))
            if len(hits) > limit:
                break
        is_limited = is_limited or len(hits) > limit
        return DirectoryPage(tuple(hits.values())[:limit], is_limited)

    async def _entries(
        self, base: str, wanted: Filter, limit: int
    ) -> tuple[Sequence[Entry], bool]:
        search = Search(
            base=base,
            filter=restricted(wanted, self.restriction),
            attributes=self.tree.reader.profile_attributes,
        )
        found = await self.tree.client.first(search, limit + SPARE)
        return found.entries, found.is_cut

    def _filter(self, term: str, by: SearchBy) -> Filter | None:
        if by is SearchBy.NAME:
            conditions = [filters.contains(name, term) for name in self.searched]
        else:
            conditions = list(self._address_conditions(term))
        return filters.any_of(conditions) if conditions else None

    def _address_conditions(self, term: str) -> Iterator[Filter]:
        for medium, names in self.tree.reader.by_medium.items():
            # For letters, servers find every phone number: they compare digits only.
            is_phone = medium == MSISDN
            parts = sorted({term, *_digits(term)}) if is_phone else both_labels(term)
            if medium != MSISDN or _digits(term):
                for part in parts:
                    yield from (filters.contains(name, part) for name in names)

    def _matching(
        self, entries: Sequence[Entry], term: str, by: SearchBy
    ) -> Iterator[NamedEntry]:
        for named in self.tree.reader.users(entries):
            # Of names the server is the judge: it may know that ü and u are alike.
            if by is SearchBy.NAME or _has_address(self.tree.reader, named[0], term):
                yield named


def _has_address(reader: Reader, entry: Entry, term: str) -> bool:
    parts = [part.casefold() for part in both_labels(term)]
    digits = _digits(term)
    for medium, names in reader.by_medium.items():
        values = [text for name in names for text in texts(entry, name)]
        if any(part in value.casefold() for value in values for part in parts):
            return True
        addresses = [each.address for each in reader.threepids(entry, medium)]
        if medium == MSISDN and any(d in a for d in digits for a in addresses):
            return True
    return False


def _digits(term: str) -> tuple[str, ...]:
    """The term as part of a phone number, if it can be one."""
    bare = _PUNCTUATION.sub("", term).removeprefix("+")
    is_number = bare.isascii() and bare.isdecimal() and len(bare) >= DIGITS
    return (bare,) if is_number else ()
