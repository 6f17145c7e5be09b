"""
Asks a directory: connects when there is a question, and again after a loss.

Searches share connections, and the server's answers overtake each other on them. A list
is read page by page on a connection of its own, since a server keeps one list in mind
per connection. Passwords are tried on connections of their own.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import evolve
from twisted.logger import Logger

from mxisd.drivers.ldap.connecting import connected
from mxisd.drivers.ldap.connection import LdapConnection
from mxisd.drivers.ldap.decoder import Entry, Result
from mxisd.drivers.ldap.errors import (
    CUT,
    REFERRAL,
    SUCCESS,
    ListCut,
    code_name,
    search_refused,
)
from mxisd.drivers.ldap.failover import Servers
from mxisd.drivers.ldap.logins import Logins
from mxisd.drivers.ldap.operations import (
    BindAnswer,
    Found,
    Page,
    Search,
    SearchAnswer,
)
from mxisd.drivers.ldap.pool import Pool
from mxisd.drivers.ldap.referrals import Referrals, Target
from mxisd.drivers.ldap.server import Access, Address, SocketAddress
from mxisd.drivers.turns import Turns
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret

__all__ = [
    "SUCCESS",
    "BindAnswer",
    "Found",
    "LdapClient",
    "ListCut",
    "Take",
    "code_name",
]

log = Logger()

LISTS = 4
"""Lists that are read at once."""

_PARTIAL = (3, *CUT)  # and timeLimitExceeded

Take = Callable[[Sequence[Entry]], Awaitable[None]]


class LdapClient:
    """
    Searches a directory, and tries passwords in it.

    :ivar refused_pages: How the server refused, by name, to answer a list in pages;
        ``None`` if it has not.
    """

    def __init__(
        self,
        reactor: Any,
        name: str,
        addresses: Sequence[Address | SocketAddress],
        access: Access,
        *,
        connections: int = 4,
        follow_referrals: bool = False,
    ) -> None:
        """
        Prepare to ask; the first question connects.

        :param name: The store's, for the log.
        :param addresses: In order of preference; one at least.
        :param connections: How many searches may share.
        :param follow_referrals: Whether other servers are asked that these point to.
        """
        self.refused_pages: str | None = None
        self._name = name
        self._reactor = reactor
        self._servers = Servers(reactor, name, addresses, access)
        self._pool = Pool(reactor, self._servers, connections)
        self._logins = Logins(reactor, self._servers)
        self._lists = Turns(reactor, LISTS)
        self._referrals = Referrals(
            name, addresses, access, are_followed=follow_referrals
        )

    async def search(self, search: Search) -> Sequence[Entry]:
        """
        Find entries.

        :raise ListCut: If there are more than the server answers at once.
        :raise StoreUnavailable: If it did not answer, or refused.
        """
        found: dict[bytes, Entry] = {}

        async def ask(target: Target | None, search: Search) -> SearchAnswer:
            answer = await self._ask(target, search, 0)
            _demand_success(answer, search)
            _add(found, answer.entries)
            return answer

        await self._referrals.search(search, ask)
        return list(found.values())

    async def first(self, search: Search, limit: int) -> Found:
        """
        Find some entries, where it does not matter if there are more.

        :param limit: How many at most.
        :raise StoreUnavailable: If the server did not answer, or refused.
        """
        found: dict[bytes, Entry] = {}
        is_cut = False

        async def ask(target: Target | None, search: Search) -> SearchAnswer:
            nonlocal is_cut
            if len(found) >= limit:
                is_cut = True
                return SearchAnswer(entries=(), code=SUCCESS)
            answer = await self._ask(target, search, limit)
            _add(found, answer.entries)
            if answer.cookie or (answer.code in _PARTIAL and found):
                is_cut = True
                return evolve(answer, references=())
            _demand_success(answer, search)
            return answer

        await self._referrals.search(search, ask)
        entries = list(found.values())
        return Found(entries[:limit], is_cut or len(entries) > limit)

    async def each_page(self, search: Search, size: int, take: Take) -> None:
        """
        Hand over a long list, page by page; the next one is asked for after each.

        A server that refuses to page is asked for everything at once.

        :param size: How many entries to a page; 0 for everything at once.
        :raise ListCut: If the server ends the list early.
        :raise StoreUnavailable: If it did not answer, or refused.
        """

        async def ask(target: Target | None, search: Search) -> SearchAnswer:
            if target is not None:
                connection = await self._elsewhere(target)
                return await _read_pages(connection, search, size, take)
            opened = await self._servers.connect()
            try:
                answer = await _read_pages(opened.connection, search, size, take)
                self._note_refusal(answer.refused_pages)
                return answer
            except StoreUnavailable as error:
                self._servers.report(opened, error)
                raise

        async with self._lists.turn():
            await self._referrals.search(search, ask)

    async def check(self, name: str | bytes, password: Secret) -> BindAnswer:
        """
        Try a password.

        :param name: A DN, or what else the server takes for one.
        :param password: Not empty.
        :return: The server's answer, whatever it is.
        :raise StoreUnavailable: If there was none.
        """

        async def attempt(target: Target, name: str | bytes) -> Result:
            connection = await self._elsewhere(target, as_service=False)
            try:
                return await connection.bind(name, password)
            finally:
                connection.disconnect()

        result = await self._logins.bind(name, password)
        result = await self._referrals.bind(result, name, attempt)
        return BindAnswer(result.code, result.diagnostic)

    async def close(self) -> None:
        """End what is under way."""
        self._servers.close()
        await self._logins.close()
        await self._pool.close()

    def _note_refusal(self, code: int | None) -> None:
        if code is None or self.refused_pages is not None:
            return
        self.refused_pages = code_name(code)
        log.info(
            "Store {store}: the server does not answer lists in pages ({code}); it is "
            "asked for everything at once",
            store=self._name,
            code=self.refused_pages,
        )

    async def _ask(
        self, target: Target | None, search: Search, limit: int
    ) -> SearchAnswer:
        if target is None:
            return await self._pool.search(search, limit)
        connection = await self._elsewhere(target)
        try:
            return await connection.search(search, size_limit=limit)
        finally:
            connection.disconnect()

    async def _elsewhere(
        self, target: Target, *, as_service: bool = True
    ) -> LdapConnection:
        return await connected(
            self._reactor, target.address, target.access, as_service=as_service
        )


async def _read_pages(
    connection: LdapConnection, search: Search, size: int, take: Take
) -> SearchAnswer:
    """Hand over all pages, close, and answer the last one with all references."""
    references: list[Sequence[str]] = []
    refused: int | None = None
    cookie: bytes | None = b""
    try:
        while cookie is not None:
            page = Page(size, cookie) if size else None
            answer = await connection.search(search, page)
            refused = refused or answer.refused_pages
            _demand_success(answer, search)
            if cookie and answer.cookie is None:
                raise ListCut("the server forgot that it was answering a list")
            references += answer.references
            await take(answer.entries)
            cookie = answer.cookie or None
    finally:
        connection.disconnect()
    return evolve(answer, entries=(), references=references, refused_pages=refused)


def _add(found: dict[bytes, Entry], entries: Sequence[Entry]) -> None:
    # Where servers point to each other, the same entry may come twice.
    for entry in entries:
        found.setdefault(entry.dn.lower(), entry)


def _demand_success(answer: SearchAnswer, search: Search) -> None:
    if answer.code in CUT:
        raise ListCut(f"the server cut its answer: {code_name(answer.code)}")
    if answer.code not in (SUCCESS, REFERRAL):
        raise search_refused(answer.code, search.base, search.key)
