"""Searches in the user directory."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from zope.interface import implementer

from mxisd.interfaces import IDirectory
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, SearchBy
from mxisd.stores.rest import wire
from mxisd.stores.rest.endpoint import Endpoint


@implementer(IDirectory)
@frozen
class RestDirectory:
    """
    Lets a back end search.

    :ivar domain: The server name of users known by localpart.
    """

    endpoint: Endpoint
    domain: str

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        """Ask; the back end is the judge of who is found."""
        if not term.strip() or not wire.is_unicode(term):
            return DirectoryPage()
        question = {
            "by": by.value,
            "search_term": term,
            "user_id": str(searcher),
            "limit": limit,
        }
        answer = await self.endpoint.ask(question)
        entries = self._entries(self.endpoint.list_of(answer, "results"))
        is_limited = answer.get("limited") is True or len(entries) > limit
        return DirectoryPage(tuple(entries[:limit]), is_limited)

    def _entries(self, items: Sequence[Any]) -> Sequence[DirectoryEntry]:
        read = [self._entry(each) for each in items]
        self.endpoint.report(read.count(None))
        users: dict[UserId, DirectoryEntry] = {}
        for each in read:
            if each is not None:
                users.setdefault(each.user_id, each)
        return list(users.values())

    def _entry(self, item: Any) -> DirectoryEntry | None:
        if not isinstance(item, dict):
            return None
        user_id = wire.any_user_id(item.get("user_id"), self.domain)
        if user_id is None:
            return None
        return DirectoryEntry(user_id, wire.name(item.get("display_name")))
