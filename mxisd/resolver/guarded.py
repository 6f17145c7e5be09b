"""The wall between a store and everybody who relies on it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from attrs import frozen
from zope.interface import implementer

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import (
    IAssociationSource,
    IAuthenticator,
    IDirectory,
    IProfile,
    IRoomNames,
    IThreePidLookup,
    Put,
    Store,
)
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.profiles import DirectoryPage, Profile, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid
from mxisd.resolver.answers import (
    checked_found,
    checked_page,
    checked_profile,
    checked_verdict,
    shown_name,
)
from mxisd.resolver.guard import Guard

T = TypeVar("T")

NUL = "\0"
"""Nobody has it in a password; some back ends take what is before it for all of it."""

MANY = 100
"""A lookup of more may take too long without the store being slow."""

# Answers are judged inside of the question: a store whose values fail when they are
# looked at has failed.


@implementer(IThreePidLookup)
@frozen
class _Lookup:
    guard: Guard
    inner: IThreePidLookup

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        is_long = len(threepids) > MANY
        found = self._found
        return await self.guard.ask("lookups", lambda: found(threepids), is_long)

    async def _found(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        answer = await self.inner.lookup(threepids)
        found: dict[ThreePid, UserId] = {}
        illegal = 0

        def judge(some: Sequence[ThreePid]) -> None:
            nonlocal illegal
            legal, count = checked_found(answer, some)
            found.update(legal)
            illegal += count

        await self.guard.portions.each(judge, tuple(threepids))
        self.guard.report_illegal(illegal)
        return found


@implementer(IAssociationSource)
@frozen
class _Source:
    guard: Guard
    inner: IAssociationSource

    async def associations(self, put: Put) -> None:
        await self.guard.list(self.inner.associations, put)


@implementer(IAuthenticator)
@frozen
class _Authenticator:
    guard: Guard
    inner: IAuthenticator

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        if user_id.canonical is None:
            # Nobody is called so; a store may drop the blanks, and find somebody else.
            return NoSuchUser()
        if NUL in password.value:
            return Refused()
        return await self.guard.ask("logins", lambda: self._judged(user_id, password))

    async def _judged(self, user_id: UserId, password: Secret) -> Verdict:
        answer = await self.inner.authenticate(user_id, password)
        verdict, illegal = checked_verdict(answer)
        if isinstance(verdict, Accepted) and not password:
            raise StoreUnavailable("it accepts an empty password")
        self.guard.report_illegal(illegal)
        return verdict


@implementer(IDirectory)
@frozen
class _Directory:
    guard: Guard
    inner: IDirectory

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        return await self.guard.ask(
            "searches", lambda: self._page(term, by, limit, searcher)
        )

    async def _page(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        answer = await self.inner.search(term, by, limit, searcher)
        page, illegal = checked_page(answer, limit)
        self.guard.report_illegal(illegal)
        return page


@implementer(IProfile)
@frozen
class _Profile:
    guard: Guard
    inner: IProfile

    async def profile(self, user_id: UserId) -> Profile | None:
        if user_id.canonical is None:
            return None
        return await self.guard.ask("profiles", lambda: self._profile(user_id))

    async def _profile(self, user_id: UserId) -> Profile | None:
        answer = await self.inner.profile(user_id)
        if answer is None:
            return None
        profile, illegal = checked_profile(answer)
        self.guard.report_illegal(illegal)
        return profile


@implementer(IRoomNames)
@frozen
class _RoomNames:
    guard: Guard
    inner: IRoomNames

    async def room_name(self, room_id: str) -> str | None:
        return await self.guard.ask("room names", lambda: self._name(room_id))

    async def _name(self, room_id: str) -> str | None:
        answer: object = await self.inner.room_name(room_id)
        if answer is not None and not isinstance(answer, str):
            raise StoreUnavailable("its room name makes no sense")
        return shown_name(answer)


def guarded(store: Store, guard: Guard) -> Store:
    """
    The same store behind one guard: every failure is ``StoreUnavailable``.

    Answers that make no sense are failures; illegal user IDs and 3PIDs are dropped, and
    counted in the log. The service and the self-check are the store's own.
    """

    def behind(wall: Callable[[Guard, T], T], capability: T | None) -> T | None:
        # A capability may be a container, and empty ones count as false.
        return None if capability is None else wall(guard, capability)

    return Store(
        lookup=behind(_Lookup, store.lookup),
        associations=behind(_Source, store.associations),
        authenticator=behind(_Authenticator, store.authenticator),
        directory=behind(_Directory, store.directory),
        profile=behind(_Profile, store.profile),
        room_names=behind(_RoomNames, store.room_names),
        self_check=store.self_check,
        service=store.service,
    )
