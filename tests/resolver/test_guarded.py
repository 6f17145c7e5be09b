"""The guard around a store."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.background import BackgroundTasks
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import (
    IAssociationSource,
    IAuthenticator,
    IDirectory,
    IProfile,
    Put,
    Store,
)
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused, Verdict
from mxisd.model.profiles import DirectoryEntry, DirectoryPage, Profile, SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid
from mxisd.resolver.guarded import (
    COOL_DOWN,
    LISTING_PAUSE,
    TIMEOUTS_TO_OPEN,
    Guard,
    guarded,
)
from tests.resolver.doubles import (
    BOB,
    BOB_ID,
    EVE,
    BrokenStore,
    KnownPeople,
    SilentStore,
)

SECRET_ADDRESS = "carol.secret@example.org"
TIMEOUT = 5


@implementer(IAuthenticator, IDirectory, IProfile)
class Answering:
    """Answers whatever the test gave it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def authenticate(self, user_id: UserId, password: Secret) -> Verdict:
        """Answer."""
        verdict: Verdict = self.answer
        return verdict

    async def search(
        self, term: str, by: SearchBy, limit: int, searcher: UserId
    ) -> DirectoryPage:
        """Answer."""
        page: DirectoryPage = self.answer
        return page

    async def profile(self, user_id: UserId) -> Profile | None:
        """Answer."""
        profile: Profile | None = self.answer
        return profile


@implementer(IAssociationSource)
class Listing:
    """Lists what a function hands over."""

    def __init__(self, listing: Callable[[Put], Any]) -> None:
        self.listing = listing

    async def associations(self, put: Put) -> None:
        """List."""
        await self.listing(put)


class GuardedTests(SynchronousTestCase):
    """Whatever a store does, its callers see an answer of sense or one failure."""

    def setUp(self) -> None:
        """A guard, and a listener to the log."""
        self.clock = Clock()
        self.guard = Guard("staff", self.clock, BackgroundTasks(self.clock), TIMEOUT)
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def lookup(self, store: object) -> "Deferred[Mapping[ThreePid, UserId]]":
        """Look Bob up through the guard."""
        lookup = guarded(Store(lookup=store), self.guard).lookup  # type: ignore[arg-type]
        assert lookup is not None
        return Deferred.fromCoroutine(
            lookup.lookup(frozenset([BOB]))  # type: ignore[arg-type]
        )

    def warnings(self) -> list[Any]:
        """What was logged as a warning."""
        return [e for e in self.events if e.get("log_level") is LogLevel.warn]

    def test_a_good_answer_passes(self) -> None:
        """What was asked for comes through, and nothing else."""
        store = KnownPeople({BOB: BOB_ID, EVE: BOB_ID})
        self.assertEqual(self.successResultOf(self.lookup(store)), {BOB: BOB_ID})

    def test_any_exception_is_unavailable(self) -> None:
        """A store's bug is not ours, and its text, maybe with an address, stays out."""
        self.failureResultOf(
            self.lookup(BrokenStore(KeyError(SECRET_ADDRESS))), StoreUnavailable
        )
        self.assertFalse(self.guard.is_answering)
        self.assertNotIn(SECRET_ADDRESS, str(self.warnings()))
        self.assertIn("KeyError", str(self.warnings()))

    def test_a_wrong_type_is_unavailable(self) -> None:
        """A lookup that answers with no mapping could not answer."""
        for nonsense in (["nonsense"], None, "bob"):
            store = KnownPeople(nonsense)  # type: ignore[arg-type]
            self.failureResultOf(self.lookup(store), StoreUnavailable)

    def test_an_illegal_user_id_is_dropped(self) -> None:
        """An ID that no homeserver could have is no answer; the store is named."""
        nonsense = UserId("b\0b", "example.org")
        answer = self.lookup(KnownPeople({BOB: nonsense}))
        self.assertEqual(self.successResultOf(answer), {})
        self.assertEqual(self.warnings()[0]["store"], "staff")

    def test_a_slow_store_is_unavailable(self) -> None:
        """A question that takes too long is withdrawn."""
        store = SilentStore()
        answer = self.lookup(store)
        self.clock.advance(TIMEOUT)
        self.failureResultOf(answer, StoreUnavailable)
        self.assertEqual(store.cancelled, 1)

    def open_circuit(self, store: SilentStore) -> None:
        """Let as many questions time out as it takes."""
        for _ in range(TIMEOUTS_TO_OPEN):
            answer = self.lookup(store)
            self.clock.advance(TIMEOUT)
            self.failureResultOf(answer, StoreUnavailable)

    def test_the_circuit_opens(self) -> None:
        """After three time-outs nobody waits any more, and nobody asks."""
        store = SilentStore()
        self.open_circuit(store)
        self.failureResultOf(self.lookup(store), StoreUnavailable)
        self.assertEqual(len(store.answers), TIMEOUTS_TO_OPEN)

    def test_a_probe_closes_the_circuit(self) -> None:
        """After the cool-down one question goes through; its asker does not wait."""
        store = SilentStore()
        self.open_circuit(store)
        self.clock.advance(COOL_DOWN)
        self.failureResultOf(self.lookup(store), StoreUnavailable)
        self.assertEqual(len(store.answers), TIMEOUTS_TO_OPEN + 1)
        self.failureResultOf(self.lookup(store), StoreUnavailable)
        self.assertEqual(len(store.answers), TIMEOUTS_TO_OPEN + 1)
        store.answers[-1].callback({})
        self.assertTrue(self.guard.is_answering)
        self.assertNoResult(self.lookup(store))

    def test_a_failed_probe_keeps_the_circuit_open(self) -> None:
        """A probe that times out starts another cool-down."""
        store = SilentStore()
        self.open_circuit(store)
        self.clock.advance(COOL_DOWN)
        self.failureResultOf(self.lookup(store), StoreUnavailable)
        self.clock.advance(TIMEOUT)
        self.failureResultOf(self.lookup(store), StoreUnavailable)
        self.assertEqual(len(store.answers), TIMEOUTS_TO_OPEN + 1)

    def test_the_log_says_so_once_per_change(self) -> None:
        """Ten failures are one line, and so is the recovery."""
        for _ in range(10):
            self.failureResultOf(self.lookup(BrokenStore()), StoreUnavailable)
        self.assertEqual(len(self.warnings()), 1)
        self.successResultOf(self.lookup(KnownPeople({})))
        self.assertTrue(self.guard.is_answering)

    def verdict(self, answer: Any, password: str = "secret") -> "Deferred[Verdict]":
        """Check a password through the guard."""
        store = guarded(Store(authenticator=Answering(answer)), self.guard)
        assert store.authenticator is not None
        return Deferred.fromCoroutine(
            store.authenticator.authenticate(BOB_ID, Secret(password))  # type: ignore[arg-type]
        )

    def test_verdicts_pass(self) -> None:
        """The three verdicts come through as they are."""
        for verdict in (Accepted(BOB_ID), Refused(), NoSuchUser()):
            self.assertEqual(self.successResultOf(self.verdict(verdict)), verdict)

    def test_verdicts_of_no_sense_are_unavailable(self) -> None:
        """Nobody gets in by a store's mistake: no truth value is a verdict."""
        illegal = Accepted(UserId("", ""))
        for verdict in (True, None, "yes", illegal):
            self.failureResultOf(self.verdict(verdict), StoreUnavailable)

    def test_an_empty_password_is_never_accepted(self) -> None:
        """Even where a store says so."""
        answer = self.verdict(Accepted(BOB_ID), password="")
        self.failureResultOf(answer, StoreUnavailable)

    def test_a_directory_keeps_to_the_limit(self) -> None:
        """Too many entries are cut and the page says so; illegal ones are dropped."""
        entries = (DirectoryEntry(UserId("", "")),) + (DirectoryEntry(BOB_ID),) * 3
        store = guarded(
            Store(directory=Answering(DirectoryPage(entries))), self.guard
        ).directory
        assert store is not None
        page: DirectoryPage = self.successResultOf(
            Deferred.fromCoroutine(
                store.search("b", SearchBy.NAME, 2, BOB_ID)  # type: ignore[arg-type]
            )
        )
        self.assertEqual(page, DirectoryPage((DirectoryEntry(BOB_ID),) * 2, True))

    def test_a_profile_of_no_sense_is_unavailable(self) -> None:
        """A profile is a profile or nothing."""
        for answer, is_good in ((Profile("Bob"), True), (None, True), ("Bob", False)):
            store = guarded(Store(profile=Answering(answer)), self.guard).profile
            assert store is not None
            outcome: Any = Deferred.fromCoroutine(
                store.profile(BOB_ID)  # type: ignore[arg-type]
            )
            if is_good:
                self.assertEqual(self.successResultOf(outcome), answer)
            else:
                self.failureResultOf(outcome, StoreUnavailable)

    def listed(self, listing: Callable[[Put], Any]) -> "tuple[Deferred[None], Any]":
        """List a store through the guard; the batches come with it."""
        batches: list[Sequence[Any]] = []

        async def put(batch: Sequence[Any]) -> None:
            batches.append(batch)

        source = guarded(Store(associations=Listing(listing)), self.guard).associations
        assert source is not None
        done: Deferred[None] = Deferred.fromCoroutine(
            source.associations(put)  # type: ignore[arg-type]
        )
        return done, batches

    def test_listings_lose_illegal_lines_only(self) -> None:
        """A row of no sense does not spoil a listing."""

        async def listing(put: Put) -> None:
            await put([(BOB, BOB_ID), (EVE, UserId("", "")), ("x", BOB_ID)])  # type: ignore[list-item]

        done, batches = self.listed(listing)
        self.successResultOf(done)
        self.assertEqual(batches, [[(BOB, BOB_ID)]])

    def test_a_listing_may_take_long_but_not_pause(self) -> None:
        """Each batch buys the next one time; silence does not."""
        steps: list[Deferred[None]] = [Deferred() for _ in range(3)]

        async def listing(put: Put) -> None:
            for step in steps:
                await step
                await put([(BOB, BOB_ID)])

        done, batches = self.listed(listing)
        for step in steps[:2]:
            self.clock.advance(LISTING_PAUSE - 1)
            step.callback(None)
        self.clock.advance(LISTING_PAUSE)
        self.failureResultOf(done, StoreUnavailable)
        self.assertEqual(len(batches), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_listing_that_is_cancelled_stays_cancelled(self) -> None:
        """When the server stops, that is no failure of the store."""
        forever: Deferred[None] = Deferred()

        async def listing(put: Put) -> None:
            await forever

        done, _ = self.listed(listing)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_batch_over_the_limit_is_refused_unread(self) -> None:
        """However many there are, the reactor is not kept busy with them."""

        async def listing(put: Put) -> None:
            await put(range(10**12))  # type: ignore[arg-type]

        done, batches = self.listed(listing)
        self.failureResultOf(done, StoreUnavailable)
        self.assertEqual(batches, [])

    def test_a_listing_that_raises_is_unavailable(self) -> None:
        """A list that broke off is no list."""

        async def listing(put: Put) -> None:
            raise ZeroDivisionError

        done, _ = self.listed(listing)
        self.failureResultOf(done, StoreUnavailable)

    def test_absent_capabilities_stay_absent(self) -> None:
        """A guard adds nothing."""
        self.assertEqual(guarded(Store(), self.guard), Store())
