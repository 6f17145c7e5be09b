"""The list of everybody, page by page."""

from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.interfaces import BATCH_LIMIT, IAssociationSource, Put
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.stores.rest import wire
from mxisd.stores.rest.endpoint import Endpoint

PAGES = 100_000
"""More pages than any list has; who sends more will never end."""

CURSOR_LENGTH = 1000

log = Logger()


@frozen
class Page:
    """
    A part of the list.

    :ivar left_out: How many of its entries are illegal.
    :ivar cursor: Where the next page begins; ``None`` after the last one.
    """

    pairs: Sequence[tuple[ThreePid, UserId]]
    left_out: int
    cursor: str | None


@implementer(IAssociationSource)
@define(eq=False)
class RestListing:
    """
    Lists everybody, if the back end offers that.

    :ivar domain: The server name of users known by localpart.
    :ivar is_expected: Whether the operator says that it does; otherwise 404 means that
        nobody is found by hash, for as long as there has never been a list.
    """

    endpoint: Endpoint
    domain: str
    is_expected: bool
    _was_listed: bool = field(default=False, init=False)
    _is_told: bool = field(default=False, init=False)

    async def associations(self, put: Put) -> None:
        """Hand over each page as it comes."""
        page = await self.first()
        if page is None:
            self._tell()
            return
        left_out, seen = 0, set[str]()
        while True:
            await self._put(page.pairs, put)
            left_out += page.left_out
            if page.cursor is None:
                break
            page = await self._next(page.cursor, seen)
        self._was_listed = True
        self.endpoint.report(left_out)

    async def first(self) -> Page | None:
        """
        Ask for the first page.

        :return: ``None`` if the back end offers no list.
        :raise Misconfigured: If it offers none although it should.
        """
        question = _question(None)
        if self.is_expected or self._was_listed:
            return await self._page(await self.endpoint.ask(question))
        answer = await self.endpoint.page(question)
        return None if answer is None else await self._page(answer)

    async def _next(self, cursor: str, seen: set[str]) -> Page:
        if cursor in seen or len(seen) >= PAGES:
            raise self.endpoint.failed("the list goes in circles, or has no end")
        seen.add(cursor)
        return await self._page(await self.endpoint.ask(_question(cursor)))

    async def _page(self, answer: Any) -> Page:
        if not answer:
            # Who has a list says that it is empty; others may answer so to any path.
            raise self.endpoint.failed("the answer has no list called associations")
        items = self.endpoint.list_of(answer, "associations")
        cursor = answer.get("next_cursor")
        if cursor is not None and not _is_cursor(cursor):
            problem = f"next_cursor is no text of 1 to {CURSOR_LENGTH} characters"
            raise self.endpoint.failed(problem)
        read = await self.endpoint.portions.mapped(self._pair, items)
        pairs = [each for each in read if each is not None]
        return Page(pairs, len(read) - len(pairs), cursor)

    def _pair(self, item: Any) -> tuple[ThreePid, UserId] | None:
        return wire.association(item, self.domain, self.endpoint.addresses)

    async def _put(self, pairs: Sequence[tuple[ThreePid, UserId]], put: Put) -> None:
        # A page may be larger than it should.
        for start in range(0, len(pairs), BATCH_LIMIT):
            await put(pairs[start : start + BATCH_LIMIT])

    def _tell(self) -> None:
        if not self._is_told:
            self._is_told = True
            log.info(
                "{store} does not list its people ({key} answered 404): nobody there "
                "is found by hash",
                store=self.endpoint.store,
                key=self.endpoint.key,
            )


def _question(cursor: str | None) -> dict[str, Any]:
    return {"associations": {"cursor": cursor, "limit": BATCH_LIMIT}}


def _is_cursor(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= CURSOR_LENGTH
