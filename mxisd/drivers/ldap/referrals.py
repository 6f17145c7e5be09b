"""
Other servers that a server points to, besides its answer or instead of one.

Where referrals are followed, it is with the same access: the same bind, and never less
TLS than configured. An ``ldaps`` URI is always followed by TLS. Where the access says
TLS, an ``ldap`` URI is followed by TLS to 636 instead of 389, to 3269 instead of 3268,
and to any other port as it stands. The certificate must be for the URI's host, unless
that is one of the configured servers.

Base and scope come from the URI, everything else from the search.

Source: RFC 4511, sections 4.1.10 and 4.5.3.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from attrs import evolve, frozen
from twisted.logger import Logger

from mxisd.drivers.ldap.decoder import Result
from mxisd.drivers.ldap.errors import REFERRAL, ListCut, retold
from mxisd.drivers.ldap.operations import Scope, Search, SearchAnswer
from mxisd.drivers.ldap.server import Access, Address, AnyAddress
from mxisd.drivers.ldap.uris import Uri
from mxisd.errors import StoreUnavailable

log = Logger()

HOPS = 5
"""How often one referral may lead to the next."""

SERVERS = 10
"""How many other servers one question may lead to."""

T = TypeVar("T")
W = TypeVar("W")


@frozen
class Target:
    """A server that was pointed to, and how to get into it."""

    address: Address
    access: Access


Ask = Callable[[Target | None, Search], Awaitable[SearchAnswer]]
"""Puts a search to a target, or to the configured servers, and takes the entries."""

Try = Callable[[Target, str | bytes], Awaitable[Result]]
"""Tries a password under this name at a target."""


@frozen
class _Step:
    """
    Where to go on.

    :ivar uris: Equally good ones.
    :ivar search: What was asked where they came from.
    :ivar is_instead: Whether they were the whole answer (a referral), and not a part
        of it (a reference).
    """

    uris: Sequence[Uri]
    search: Search
    hop: int
    is_instead: bool

    def narrowed(self, uri: Uri) -> Search:
        """The search to put to the server of a URI."""
        scope = self.search.scope
        if scope is Scope.ONE and not self.is_instead:
            scope = Scope.BASE  # it is one of the entries of that level
        base = self.search.base if uri.base is None else uri.base
        return evolve(self.search, base=base, scope=uri.scope or scope, key="")


class Referrals:
    """Follows what servers point to, or says once that it does not."""

    def __init__(
        self,
        name: str,
        addresses: Sequence[AnyAddress],
        access: Access,
        *,
        are_followed: bool,
    ) -> None:
        """
        Know where we come from.

        :param name: The store's, for the log.
        :param addresses: The configured servers.
        """
        self._name = name
        self._addresses = addresses
        self._access = access
        self._are_followed = are_followed
        self._is_told = False

    async def search(self, search: Search, ask: Ask) -> None:
        """
        Ask the configured servers, and whom they point to.

        :param ask: Raises if an answer is neither success nor a referral.
        :raise StoreUnavailable: If the answer is not complete: a server that was
            pointed to did not answer, or the way to it is too long.
        """
        steps = _steps(await ask(None, search), search, 1)
        if self._are_followed:
            await self._follow(steps, search, ask)
        elif any(step.is_instead for step in steps):
            raise StoreUnavailable(_hint(steps))
        elif steps and not self._is_told:
            self._is_told = True
            log.info("Store {store}: {hint}", store=self._name, hint=_hint(steps))

    async def bind(self, result: Result, name: str | bytes, attempt: Try) -> Result:
        """
        Go where a server sends us with a password.

        :param result: Its answer.
        :return: The first answer that is no referral.
        :raise StoreUnavailable: If referrals are not followed, or lead to no answer.
        """
        seen: set[tuple[str, str | bytes]] = set()
        for _hop in range(HOPS + 1):
            if result.code != REFERRAL:
                return result
            uris = _readable(result.referrals)
            if not self._are_followed:
                raise StoreUnavailable(_hint_of(uris))
            ways = {self._target(uri): uri.base or name for uri in uris}
            if seen & {(str(target.address), name) for target, name in ways.items()}:
                raise StoreUnavailable("the referrals go in a circle")
            seen.update((str(target.address), name) for target, name in ways.items())
            name, result = await _first(ways, attempt)
        raise StoreUnavailable(f"more than {HOPS} referrals in a row")

    async def _follow(self, steps: Sequence[_Step], search: Search, ask: Ask) -> None:
        pending = deque(steps)
        servers: set[AnyAddress] = set()
        seen = {_key(address, search) for address in self._addresses}
        while pending:
            step = pending.popleft()
            ways = {self._target(uri): step.narrowed(uri) for uri in step.uris}
            keys = {_key(target.address, asked) for target, asked in ways.items()}
            if keys & seen:
                # Its entries are here already; but a question has no answer so.
                if step.is_instead:
                    raise StoreUnavailable("the referrals go in a circle")
                continue
            seen |= keys
            servers |= {target.address for target in ways}
            if step.hop > HOPS or len(servers) > SERVERS:
                raise StoreUnavailable(
                    f"more than {HOPS} referrals in a row, or to {SERVERS} servers"
                )
            asked, answer = await _first(ways, ask)
            pending.extend(_steps(answer, asked, step.hop + 1))

    def _target(self, uri: Uri) -> Target:
        address = uri.address(self._access.security)
        name = self._access.tls_name if address in self._addresses else None
        security = uri.security(self._access.security)
        return Target(address, evolve(self._access, security=security, tls_name=name))


async def _first(
    ways: Mapping[Target, W], ask: Callable[[Target, W], Awaitable[T]]
) -> tuple[W, T]:
    """The first answer of equally good servers, and what it is an answer to."""
    failures = []
    for target, question in ways.items():
        try:
            return question, await ask(target, question)
        except ListCut:
            raise
        except StoreUnavailable as error:
            failures.append(error)
    if not failures:
        raise StoreUnavailable("the server referred us to nowhere")
    words = "; ".join(str(error) for error in failures)
    raise retold(failures[-1], f"a referral could not be followed: {words}")


def _steps(answer: SearchAnswer, search: Search, hop: int) -> list[_Step]:
    found = [
        _Step(_readable(uris), search, hop, is_instead=False)
        for uris in answer.references
    ]
    if answer.code == REFERRAL:
        found.append(_Step(_readable(answer.referrals), search, hop, is_instead=True))
    return [
        step
        for step in found
        if not step.uris or not all(uri.is_without_people for uri in step.uris)
    ]


def _readable(texts: Iterable[str]) -> list[Uri]:
    found = []
    for text in texts:
        try:
            found.append(Uri.parse(text))
        except ValueError:
            log.debug("A referral is left out: {uri}", uri=text)
    return found


def _key(address: AnyAddress, search: Search) -> tuple[str, str, Scope]:
    return str(address), search.base.lower(), search.scope


def _hint(steps: Sequence[_Step]) -> str:
    return _hint_of([uri for step in steps for uri in step.uris])


def _hint_of(uris: Sequence[Uri]) -> str:
    hosts = ", ".join(sorted({uri.host for uri in uris})) or "a server unknown"
    return (
        f"the directory points to {hosts} for entries that it does not hold itself; "
        "nobody there is found. Ask the Global Catalog (port 3268, or 3269 with TLS), "
        "or set connection.followReferrals"
    )
