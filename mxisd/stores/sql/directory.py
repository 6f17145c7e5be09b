"""Searches in the user directory."""

from collections.abc import Mapping

from attrs import frozen
from zope.interface import implementer

from mxisd.interfaces import IDirectory
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, SearchBy
from mxisd.stores.sql.queries import Query
from mxisd.stores.sql.values import Naming, text

SPARE = 20
"""Rows that are asked for beyond the limit: some are no users, or there twice."""

TERM_LIMIT = 500
"""The longest term that is searched, in characters."""


@frozen
class Search:
    """
    A query for one kind of search.

    :ivar naming: What its first column holds.
    """

    query: Query
    naming: Naming


@implementer(IDirectory)
@frozen
class SqlDirectory:
    """
    Searches by the operator's queries.

    :ivar searches: By kind; nobody is found by a kind that is not there.
    """

    searches: Mapping[SearchBy, Search]

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        """Ask for some more than are wanted."""
        term = term.strip()
        search = self.searches.get(by)
        if search is None or not term or len(term) > TERM_LIMIT:
            return DirectoryPage()
        asked = limit + SPARE
        rows = await search.query.repeated(term, asked)
        hits: dict[UserId, DirectoryEntry] = {}
        for row in rows:
            user_id = search.naming.user_id(row[0])
            if user_id is not None:
                hits.setdefault(user_id, DirectoryEntry(user_id, text(row[1])))
        is_limited = len(hits) > limit or len(rows) >= asked
        return DirectoryPage(tuple(hits.values())[:limit], is_limited)
