"""What is asked of a directory, and what comes back."""

import enum
import math
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from ldaptor.protocols import pureber, pureldap

from mxisd.drivers.ldap.decoder import PAGED_RESULTS, Entry
from mxisd.drivers.ldap.errors import BASE_KEY
from mxisd.drivers.ldap.filters import Filter


class Scope(enum.Enum):
    """How far below its base a search looks."""

    BASE = 0
    ONE = 1
    SUBTREE = 2


@frozen(kw_only=True)
class Search:
    """
    What to look for.

    :ivar attributes: Those to answer with.
    :ivar key: Where the base is configured, for whoever is to mend it; empty if it is
        not.
    """

    base: str
    filter: Filter
    attributes: Sequence[str]
    scope: Scope = Scope.SUBTREE
    key: str = BASE_KEY


@frozen
class Page:
    """
    How much of a list to answer.

    :ivar cookie: From the page before; empty for the first one.
    """

    size: int
    cookie: bytes = b""


@frozen(kw_only=True)
class SearchAnswer:
    """
    What a search found.

    :ivar code: The result code; 0 is success.
    :ivar cookie: For the next page; empty after the last one, ``None`` if the server
        did not page.
    :ivar references: Where further entries are; each holds URIs that are equally good.
    :ivar referrals: With code 10: who to ask instead; URIs that are equally good.
    :ivar refused_pages: The code by which the server refused to page, and was asked
        again without; ``None`` if it did not.
    """

    entries: Sequence[Entry]
    code: int
    cookie: bytes | None = None
    references: Sequence[Sequence[str]] = ()
    referrals: Sequence[str] = ()
    refused_pages: int | None = None


@frozen
class Found:
    """
    The first entries that a search finds.

    :ivar is_cut: Whether there are, or may be, more of them.
    """

    entries: Sequence[Entry]
    is_cut: bool


@frozen
class BindAnswer:
    """
    What the server says to a password.

    :ivar code: The result code; 0 is success.
    :ivar diagnostic: The server's own words; Active Directory gives a reason in them.
    """

    code: int
    diagnostic: str


def search_request(search: Search, size_limit: int, seconds: float) -> Any:
    """
    The request of a search.

    :param size_limit: The most entries to answer; 0 for the server's own limit.
    :param seconds: After how long the server need not go on.
    """
    return pureldap.LDAPSearchRequest(
        baseObject=search.base,
        scope=search.scope.value,
        sizeLimit=size_limit,
        timeLimit=math.ceil(seconds),
        filter=search.filter,
        attributes=search.attributes,
    )


def paging(page: Page) -> tuple[bytes, bool, bytes]:
    """The control that asks for a page."""
    value = pureber.BERSequence(
        [pureber.BERInteger(page.size), pureber.BEROctetString(page.cookie)]
    )
    # Not critical: a server that cannot page answers everything, or says that it cut.
    return PAGED_RESULTS, False, value.toWire()
