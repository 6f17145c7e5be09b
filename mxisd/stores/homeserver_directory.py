"""Another homeserver's user directory, for searches here."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.drivers.http.json_client import JsonClient
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import IDirectory, ISection, Store, Tools
from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.settings import Duration, option
from mxisd.stores.homeservers import (
    TERM_LIMIT,
    Homeserver,
    HomeserverCheck,
    access_token,
    base_url,
    positive,
)

SEARCH = "/_matrix/client/v3/user_directory/search"
WHO_AM_I = "/_matrix/client/v3/account/whoami"

log = Logger()


@frozen(kw_only=True)
class HomeserverDirectorySettings:
    """Another homeserver's user directory."""

    host: str = option(
        "Where its client API is, such as ``https://matrix.example.org``.",
        check=base_url,
    )
    token: Secret = option(
        "An access token of a user there; who that user sees, is found.",
        check=access_token,
    )
    timeout: Duration = option(
        "How long an answer may take.", Duration(5), check=positive
    )


def parse(section: ISection) -> HomeserverDirectorySettings:
    """Judge the section."""
    return section.read(HomeserverDirectorySettings)


def build(settings: HomeserverDirectorySettings, tools: Tools) -> Store:
    """Make the store."""
    client = JsonClient(
        http=tools.http,
        clock=tools.reactor,
        seconds=settings.timeout,
        token=settings.token,
    )
    homeserver = Homeserver(
        settings.host, client, "it must be that of a user who can log in there"
    )
    return Store(
        directory=HomeserverDirectory(tools.name, homeserver),
        self_check=HomeserverCheck(homeserver, WHO_AM_I),
    )


@implementer(IDirectory)
@frozen
class HomeserverDirectory:
    """Searches as a user of the other homeserver."""

    name: str
    homeserver: Homeserver

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        """Pass a search by name on; homeservers know no search by 3PID."""
        term = term.strip()
        if by is not SearchBy.NAME or not term or len(term) > TERM_LIMIT:
            return DirectoryPage()
        document = await self.homeserver.post(
            SEARCH, {"search_term": term, "limit": limit}
        )
        results = (document or {}).get("results")
        if document is None or not isinstance(results, list):
            raise StoreUnavailable("the homeserver's answer has no results")
        is_limited = bool(document.get("limited")) or len(results) > limit
        return DirectoryPage(self._entries(results[:limit]), is_limited)

    def _entries(self, results: Sequence[Any]) -> tuple[DirectoryEntry, ...]:
        entries = [_entry(each) for each in results]
        if None in entries:
            log.warn(
                "{store}: {count} results of a search have no legal user ID",
                store=self.name,
                count=entries.count(None),
            )
        return tuple(each for each in entries if each is not None)


def _entry(result: Any) -> DirectoryEntry | None:
    if not isinstance(result, dict):
        return None
    user_id, name = result.get("user_id"), result.get("display_name")
    try:
        known = UserId.parse(user_id) if isinstance(user_id, str) else None
    except IllegalIdentifier:
        return None
    if known is None:
        return None
    return DirectoryEntry(known, name if isinstance(name, str) else None)
