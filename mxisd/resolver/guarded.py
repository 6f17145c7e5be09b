"""The wall between a store and everybody who relies on it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import attrs
from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mxisd.background import BackgroundTasks
from mxisd.errors import DeadlineExceeded, StoreUnavailable, Unavailable
from mxisd.interfaces import (
    BATCH_LIMIT,
    IAssociationSource,
    IAuthenticator,
    IDirectory,
    IProfile,
    IRoomNames,
    IThreePidLookup,
    Put,
    Store,
)
from mxisd.model.identifiers import IllegalIdentifier, UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.profiles import DirectoryPage, Profile, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid
from mxisd.ports import IAnswering
from mxisd.waiting import in_time

T = TypeVar("T")

log = Logger()

TIMEOUTS_TO_OPEN = 3
"""After so many time-outs in a row a store is no longer waited for."""

COOL_DOWN = 10.0
"""Seconds between two tries to reach a store that is no longer waited for."""

LISTING_PAUSE = 60.0
"""The longest pause, in seconds, between two batches of a listing."""


@implementer(IAnswering)
class Guard:
    """
    Asks one store's capabilities: deadline, circuit breaker, one kind of failure.

    While the circuit is open nobody waits: the question that comes after the cool-down
    is asked in the background, and its answer closes the circuit.
    """

    def __init__(
        self,
        name: str,
        clock: IReactorTime,
        background: BackgroundTasks,
        timeout: float,
    ) -> None:
        self.name = name
        self.is_answering = True
        self._clock = clock
        self._background = background
        self._timeout = timeout
        self._timeouts = 0
        self._probe_at = 0.0

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """
        Put a question to the store.

        :raise StoreUnavailable: Whatever went wrong.
        """
        if self._timeouts < TIMEOUTS_TO_OPEN:
            return await self._attempt(question)
        if self._clock.seconds() >= self._probe_at:
            self._probe_at = self._clock.seconds() + COOL_DOWN
            self._background.spawn(self._probe(question), f"a probe of {self.name}")
        raise StoreUnavailable(f"{self.name} does not answer in time")

    async def list(self, listing: Callable[[Put], Awaitable[None]], put: Put) -> None:
        """
        Let the store list itself, for as long as batches keep coming.

        :raise StoreUnavailable: Whatever went wrong.
        """

        async def put_and_go_on(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            await put(batch)
            pause.reset(LISTING_PAUSE)

        async def run() -> None:
            await listing(put_and_go_on)

        pause = self._clock.callLater(LISTING_PAUSE, lambda: running.cancel())  # noqa: PLW0108
        running = Deferred.fromCoroutine(run())
        try:
            await running
        except Exception as error:
            if isinstance(error, CancelledError) and pause.active():
                # Not for its pauses: the server stops.
                raise
            raise StoreUnavailable(
                f"{self.name} did not list itself: {_reason(error)}"
            ) from error
        finally:
            if pause.active():
                pause.cancel()

    async def _probe(self, question: Callable[[], Awaitable[T]]) -> None:
        try:
            await self._attempt(question)
        except StoreUnavailable as error:
            log.debug("{store} still does not answer: {e}", store=self.name, e=error)

    async def _attempt(self, question: Callable[[], Awaitable[T]]) -> T:
        try:
            answer = await in_time(question(), self._timeout, self._clock)
        except CancelledError:
            raise
        except DeadlineExceeded as error:
            self._timeouts += 1
            self._probe_at = self._clock.seconds() + COOL_DOWN
            raise self._failed(error) from error
        except Exception as error:
            self._timeouts = 0
            raise self._failed(error) from error
        self._answered()
        return answer

    def report_illegal(self, count: int) -> None:
        """Log that so many answers were dropped for an illegal user ID or 3PID."""
        if count:
            log.warn(
                "Store {store} gave {count} answers with an illegal user ID or 3PID; "
                "they are ignored",
                store=self.name,
                count=count,
            )

    def _failed(self, error: Exception) -> StoreUnavailable:
        if self.is_answering:
            self.is_answering = False
            log.warn(
                "Store {store} does not answer ({reason}); going on without it",
                store=self.name,
                reason=_reason(error),
            )
        return StoreUnavailable(f"{self.name} did not answer: {_reason(error)}")

    def _answered(self) -> None:
        self._timeouts = 0
        if not self.is_answering:
            self.is_answering = True
            log.info("Store {store} answers again", store=self.name)


def _reason(error: Exception) -> str:
    # Only our own words are known to hold no address and no secret.
    if isinstance(error, Unavailable):
        return str(error)
    return type(error).__name__


def _is_legal(user_id: object) -> bool:
    if not isinstance(user_id, UserId):
        return False
    try:
        return UserId.parse(str(user_id)) == user_id
    except IllegalIdentifier:
        return False


@implementer(IThreePidLookup)
@frozen
class _Lookup:
    guard: Guard
    inner: IThreePidLookup

    async def lookup(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        answer = await self.guard.ask(lambda: self._found(threepids))
        legal = {key: value for key, value in answer.items() if _is_legal(value)}
        self.guard.report_illegal(len(answer) - len(legal))
        return legal

    async def _found(self, threepids: frozenset[ThreePid]) -> Mapping[ThreePid, UserId]:
        answer = await self.inner.lookup(threepids)
        if not isinstance(answer, Mapping):
            raise StoreUnavailable("its answer makes no sense")
        return {key: answer[key] for key in threepids if key in answer}


@implementer(IAssociationSource)
@frozen
class _Source:
    guard: Guard
    inner: IAssociationSource

    async def associations(self, put: Put) -> None:
        async def put_legal(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            if len(batch) > BATCH_LIMIT:
                raise StoreUnavailable(f"a batch of more than {BATCH_LIMIT}")
            legal = [
                (threepid, user_id)
                for threepid, user_id in batch
                if isinstance(threepid, ThreePid) and _is_legal(user_id)
            ]
            self.guard.report_illegal(len(batch) - len(legal))
            await put(legal)

        await self.guard.list(self.inner.associations, put_legal)


@implementer(IAuthenticator)
@frozen
class _Authenticator:
    guard: Guard
    inner: IAuthenticator

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        return await self.guard.ask(lambda: self._judged(user_id, password))

    async def _judged(self, user_id: UserId, password: Secret) -> Verdict:
        verdict = await self.inner.authenticate(user_id, password)
        if isinstance(verdict, Accepted) and password and _is_legal(verdict.user_id):
            return verdict
        if isinstance(verdict, Refused | NoSuchUser):
            return verdict
        raise StoreUnavailable("its verdict makes no sense")


@implementer(IDirectory)
@frozen
class _Directory:
    guard: Guard
    inner: IDirectory

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        page = await self.guard.ask(
            lambda: self._page(self.inner.search(term, by, limit, searcher))
        )
        legal = tuple(e for e in page.entries if _is_legal(e.user_id))
        self.guard.report_illegal(len(page.entries) - len(legal))
        return DirectoryPage(legal[:limit], page.limited or len(legal) > limit)

    async def _page(self, answer: Awaitable[DirectoryPage]) -> DirectoryPage:
        page = await answer
        if not isinstance(page, DirectoryPage):
            raise StoreUnavailable("its directory page makes no sense")
        return page


@implementer(IProfile)
@frozen
class _Profile:
    guard: Guard
    inner: IProfile

    async def profile(self, user_id: UserId) -> Profile | None:
        profile = await self.guard.ask(lambda: self.inner.profile(user_id))
        if profile is None or isinstance(profile, Profile):
            return profile
        raise StoreUnavailable(f"{self.guard.name} gave a profile of no sense")


@implementer(IRoomNames)
@frozen
class _RoomNames:
    guard: Guard
    inner: IRoomNames

    async def room_name(self, room_id: str) -> str | None:
        return await self.guard.ask(lambda: self.inner.room_name(room_id))


def guarded(store: Store, guard: Guard) -> Store:
    """
    The same store behind one guard: every failure is ``StoreUnavailable``.

    Answers that make no sense are failures; illegal user IDs are dropped and counted in
    the log.
    """
    return attrs.evolve(
        store,
        lookup=store.lookup and _Lookup(guard, store.lookup),
        associations=store.associations and _Source(guard, store.associations),
        authenticator=store.authenticator
        and _Authenticator(guard, store.authenticator),
        directory=store.directory and _Directory(guard, store.directory),
        profile=store.profile and _Profile(guard, store.profile),
        room_names=store.room_names and _RoomNames(guard, store.room_names),
    )
