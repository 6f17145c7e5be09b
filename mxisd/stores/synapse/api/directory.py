"""Searches in Synapse's list of users."""

import re
from collections.abc import Iterator, Sequence

from attrs import frozen
from zope.interface import implementer

from mxisd.interfaces import IDirectory
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, SearchBy
from mxisd.model.threepids import EMAIL, MSISDN, IllegalThreePid, ThreePid, canonical
from mxisd.stores.homeservers import TERM_LIMIT
from mxisd.stores.synapse.api.accounts import Account, account
from mxisd.stores.synapse.api.admin import AdminApi, User
from mxisd.stores.synapse.api.lookup import ApiLookup, people

PAGE = 200
SCANNED = 10 * PAGE
"""After so many users a search has seen enough."""

# Synapse compares only these letters whatever their case, and takes % and _ for others.
_COMPARABLE = re.compile(r"[ !-$&-\[\]^`-~]+")


@implementer(IDirectory)
@frozen
class ApiDirectory:
    """Asks for users by part of a name, or by a whole address."""

    api: AdminApi
    lookup: ApiLookup

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        """Find people; the API has no search by part of an address."""
        term = term.strip()
        if not term or len(term) > TERM_LIMIT:
            return DirectoryPage()
        if by is SearchBy.THREEPID:
            return await self._owner(term)
        return await self._called(term, limit)

    async def _owner(self, term: str) -> DirectoryPage:
        owners = await self.lookup.lookup(frozenset(_addresses(term)))
        users = [await self.api.user(str(each)) for each in set(owners.values())]
        known = [account(each) for each in users if each is not None]
        return DirectoryPage(tuple(each.entry for each in known if each is not None))

    async def _called(self, term: str, limit: int) -> DirectoryPage:
        hits: dict[UserId, DirectoryEntry] = {}
        seen = 0
        is_cut = False

        async def take(page: Sequence[User]) -> bool:
            nonlocal seen, is_cut
            seen += len(page)
            matching = _matching(page, term)
            while matching and len(hits) <= limit:
                first, matching = matching[: limit + 1], matching[limit + 1 :]
                for each in await people(self.api, first):
                    if each is not None:
                        hits[each.user_id] = each.entry
            is_cut = seen >= SCANNED or len(hits) > limit
            return not is_cut

        await self.api.each_page(take, PAGE, needle(term))
        return DirectoryPage(tuple(hits.values())[:limit], is_cut)


def needle(term: str) -> str:
    """The longest part of a term that Synapse can be asked for."""
    parts = [each.strip() for each in _COMPARABLE.findall(term)]
    return max(parts, key=len, default="")


def _matching(page: Sequence[User], term: str) -> Sequence[User]:
    known: Iterator[tuple[User, Account | None]] = ((u, account(u)) for u in page)
    return [user for user, each in known if each is not None and each.is_called(term)]


def _addresses(term: str) -> Iterator[ThreePid]:
    for medium in (EMAIL, MSISDN):
        try:
            yield canonical(medium, term)
        except IllegalThreePid:
            continue
