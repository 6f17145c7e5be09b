"""The user directory and profiles of a WordPress site."""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import IDirectory, IProfile
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, Profile, SearchBy
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import EMAIL, ThreePid
from mxisd.stores.wordpress.queries import Query, Row, contains
from mxisd.stores.wordpress.values import roles, text, threepid, user_id

SPARE = 20
"""Rows that are asked for beyond the limit: some are no users of ours."""

TERM_LIMIT = 500
"""The longest term that is searched, in characters."""

PROFILE_ROWS = 1000
"""The most rows about one user."""


@implementer(IDirectory)
@frozen
class WordPressDirectory:
    """Searches people by part of a value."""

    domain: str
    queries: Mapping[SearchBy, Query]

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        """Ask for some more than are wanted."""
        term = term.strip()
        if not term or len(term) > TERM_LIMIT:
            return DirectoryPage()
        query, asked = self.queries[by], limit + SPARE
        rows = await query.plain_rows([contains(term)] * len(query.marks), asked)
        hits: dict[UserId, DirectoryEntry] = {}
        for row in rows:
            who = user_id(row[0], self.domain)
            if who is not None:
                hits.setdefault(who, DirectoryEntry(who, text(row[1]) or None))
        is_limited = len(hits) > limit or len(rows) >= asked
        return DirectoryPage(tuple(hits.values())[:limit], is_limited)


@implementer(IProfile)
@frozen
class WordPressProfile:
    """
    Reads a user's rows.

    :ivar more: A query for more 3PIDs, if there is one.
    :ivar addresses: How addresses are spelled there.
    """

    domain: str
    query: Query
    more: Query | None
    addresses: StoredAddresses

    async def profile(self, asked: UserId) -> Profile | None:
        """Name, addresses and roles of a user."""
        if asked.canonical is None or asked.server_name != self.domain:
            return None
        wanted = user_id(asked.localpart, self.domain)
        if wanted is None:
            return None
        # A database may take ü and u for the same letter.
        rows = await _all_rows(self.query, [wanted.localpart])
        own = [r for r in rows if user_id(r["user_login"], self.domain) == wanted]
        if not own:
            return None
        return Profile(
            text(own[0]["display_name"]) or None,
            frozenset(await self._threepids(own[0])),
            frozenset(role for row in own for role in roles(row["capabilities"])),
        )

    async def _threepids(self, row: Row) -> list[ThreePid]:
        known = self.addresses
        found = [threepid(EMAIL, row["user_email"], known)]
        if self.more is not None:
            parameters = [text(row["user_login"])] * len(self.more.marks)
            more = await _all_rows(self.more, parameters)
            found += [threepid(each["medium"], each["address"], known) for each in more]
        return [each for each in found if each is not None]


async def _all_rows(query: Query, parameters: Sequence[Any]) -> Sequence[Row]:
    rows = await query.rows(parameters, PROFILE_ROWS + 1)
    if len(rows) > PROFILE_ROWS:
        raise StoreUnavailable(f"{query.path} gives more than {PROFILE_ROWS} rows")
    return rows
