"""The life of the hash index."""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mxisd.background import BackgroundTasks
from mxisd.errors import RecordsUnavailable, StoreUnavailable, Unavailable
from mxisd.features.hash_index import (
    HashIndex,
    NoHashes,
)
from mxisd.features.hash_sources import (
    SOURCE_LIMIT,
    Sources,
    SourceStatus,
    _Intake,
)
from mxisd.interfaces import BATCH_LIMIT, IAssociationSource, Put, Store
from mxisd.model.associations import Association
from mxisd.model.hashing import (
    PEPPER_MIN_MS,
    Generation,
    PepperPolicy,
    lookup_digest,
)
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid, canonical
from mxisd.ports import (
    IBindingRecords,
    IHashFiles,
    IHashIndex,
    IListing,
    IPepperRecords,
    Listed,
)
from mxisd.resolver.guard import Guard
from mxisd.resolver.guarded import guarded
from tests.features.doubles import CountingRandom
from tests.resolver.doubles import BOB, BOB_ID, EVE, EVE_ID

HOUR = 3600
People = dict[ThreePid, UserId]


@implementer(IAssociationSource)
class Source:
    """A store that lists what it is told, or fails."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.error: Exception | None = None
        self.pause: Deferred[None] | None = None
        self.times = 0
        self.batch: Any = []

    async def associations(self, put: Put) -> None:
        """List."""
        self.times += 1
        if self.batch != []:
            await put(self.batch)
        if self.people:
            await put(list(self.people.items()))
        if self.pause is not None:
            await self.pause
        if self.error is not None:
            raise self.error


@implementer(IHashIndex)
@define(eq=False)
class Index:
    """An index in a dict."""

    found: Mapping[bytes, str]
    is_closed: bool = False

    @property
    def count(self) -> int:
        """How many."""
        return len(self.found)

    def find(self, digests: Sequence[bytes]) -> Mapping[bytes, str]:
        """Find."""
        if self.is_closed:
            raise AssertionError("an index is used after it was closed")
        return {d: self.found[d] for d in digests if d in self.found}

    def close(self) -> None:
        """Close."""
        self.is_closed = True


@implementer(IListing)
@define(eq=False)
class Listing:
    """A list being taken."""

    files: "Files"
    source: str
    people: People = field(factory=dict)

    async def add(self, associations: Sequence[tuple[ThreePid, UserId]]) -> None:
        """Stage."""
        self.people.update(associations)

    async def commit(self) -> Listed:
        """Replace."""
        if self.files.commit_error is not None:
            raise self.files.commit_error
        is_changed = self.files.listings.get(self.source) != self.people
        self.files.listings[self.source] = self.people
        return Listed(len(self.people), is_changed)

    async def abandon(self) -> None:
        """Drop."""
        self.files.abandoned += 1


@implementer(IHashFiles)
@define(eq=False)
class Files:
    """Listings and indexes in memory."""

    listings: dict[str, People] = field(factory=dict)
    indexes: dict[str, Index] = field(factory=dict)
    builds: list[str] = field(factory=list)
    abandoned: int = 0
    error: Exception | None = None
    commit_error: Exception | None = None
    open_error: Exception | None = None

    async def listing(self, source: str) -> IListing:
        """Start a list."""
        listing: IListing = Listing(self, source)
        return listing

    async def build(self, pepper: str, sources: Sequence[str]) -> IHashIndex:
        """Build."""
        if self.error is not None:
            raise self.error
        self.builds.append(pepper)
        found = {
            lookup_digest(threepid.address, threepid.medium, pepper): str(user_id)
            for source in reversed(sources)
            for threepid, user_id in self.listings.get(source, {}).items()
        }
        self.indexes[pepper] = Index(found)
        index: IHashIndex = self.indexes[pepper]
        return index

    async def open(self, pepper: str) -> IHashIndex | None:
        """Open."""
        if self.open_error is not None:
            raise self.open_error
        found = self.indexes.get(pepper)
        index: IHashIndex | None = found and evolve(found, is_closed=False)
        return index

    async def retain(self, peppers: Set[str], sources: Set[str]) -> None:
        """Forget the others."""
        for pepper in self.indexes.keys() - peppers:
            del self.indexes[pepper]
        for source in self.listings.keys() - sources:
            del self.listings[source]


@implementer(IPepperRecords)
@define(eq=False)
class Peppers:
    """Peppers in memory."""

    served: list[Generation] = field(factory=list)
    prepared: list[str] = field(factory=list)
    error: Exception | None = None

    async def generations(self) -> Sequence[Generation]:
        """The current one first."""
        if self.error is not None:
            raise self.error
        return list(self.served)

    async def prepare_pepper(self, pepper: str) -> None:
        """Announce."""
        self.prepared.append(pepper)

    async def promote_pepper(self, pepper: str, now_ms: int, grace_ms: int) -> None:
        """Flip."""
        self.prepared.remove(pepper)
        if self.served:
            self.served[0] = evolve(self.served[0], until_ms=now_ms + grace_ms)
        self.served.insert(0, Generation(pepper, now_ms))

    async def purge_peppers(self, now_ms: int) -> Sequence[str]:
        """Forget."""
        gone, self.prepared = self.prepared, []
        gone += [g.pepper for g in self.served if g.is_over(now_ms)]
        self.served = [g for g in self.served if not g.is_over(now_ms)]
        return gone


@implementer(IBindingRecords)
@define(eq=False)
class Bindings:
    """Bindings in memory; only their hashes matter here."""

    people: People = field(factory=dict)

    async def bound(self, threepids: Set[ThreePid]) -> Mapping[ThreePid, UserId]:
        """Find."""
        return {each: self.people[each] for each in threepids if each in self.people}

    def bound_by_digest(
        self, pepper: str, digests: Sequence[bytes]
    ) -> Mapping[bytes, str]:
        """Find by hash."""
        found = {
            lookup_digest(threepid.address, threepid.medium, pepper): str(user_id)
            for threepid, user_id in self.people.items()
        }
        return {each: found[each] for each in digests if each in found}

    async def association(self, threepid: ThreePid) -> Association | None:
        """Nobody asks for the times."""
        return None

    async def bind(self, association: Association) -> None:
        """Publish."""
        self.people[association.threepid] = association.user_id

    async def unbind(self, threepid: ThreePid, user_id: UserId) -> bool:
        """Withdraw."""
        return self.people.pop(threepid, None) is not None


class IndexTestCase(SynchronousTestCase):
    """An index on doubles."""

    def setUp(self) -> None:
        """A store that knows Bob, and nothing on disk."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.staff = Source({BOB: BOB_ID})
        self.sources: dict[str, IAssociationSource] = {"staff": self.staff}
        self.files = Files()
        self.peppers = Peppers()
        self.bindings = Bindings()
        self.random = CountingRandom()
        self.policy = PepperPolicy(length=20, grace_ms=600_000, max_age_ms=HOUR * 1000)
        self.index = self.make()

    def make(self) -> HashIndex:
        """The feature, as after a new start."""
        return HashIndex(
            self.policy,
            Sources(self.sources, self.files, self.clock),
            self.files,
            self.peppers,
            self.bindings,
            self.random,
            self.clock,
        )

    def do(self, work: Callable[[], Any]) -> None:
        """Run something that needs no waiting."""
        self.successResultOf(Deferred.fromCoroutine(work()))

    def start(self) -> None:
        """Start and list."""
        self.do(self.index.start)
        self.do(self.index.refresh)

    def found(self, pepper: str | None = None) -> set[str]:
        """Who of Bob and Eve is found."""
        pepper = pepper or self.index.current_pepper()
        digests = [lookup_digest(t.address, t.medium, pepper) for t in (BOB, EVE)]
        return set(self.index.find(pepper, digests).values())


class HashIndexTests(IndexTestCase):
    """From the first pepper to the last."""

    def test_nothing_is_served_before_the_start(self) -> None:
        """A server that is not ready says so; that is no wrong pepper."""
        error = self.assertRaises(Unavailable, self.index.current_pepper)
        sentence = "The server is starting; try again in a moment."
        self.assertEqual(str(error), sentence)
        self.assertFalse(self.index.is_served(""))

    def test_a_first_start_serves_at_once(self) -> None:
        """There is a pepper before any store was listed, and bindings are found."""
        self.bindings.people[EVE] = EVE_ID
        self.do(self.index.start)
        self.assertEqual(len(self.index.current_pepper()), 20)
        self.assertTrue(self.index.is_served(self.index.current_pepper()))
        self.assertEqual(self.found(), {str(EVE_ID)})

    def test_stores_and_bindings_are_found(self) -> None:
        """Both together; a binding goes before what a store lists."""
        self.bindings.people.update({EVE: EVE_ID, BOB: EVE_ID})
        self.start()
        self.assertEqual(self.found(), {str(EVE_ID)})
        self.bindings.people.clear()
        self.assertEqual(self.found(), {str(BOB_ID)})

    def test_a_restart_serves_the_same(self) -> None:
        """Pepper and index survive; no store is asked first."""
        self.start()
        pepper = self.index.current_pepper()
        self.index.close()
        self.index = self.make()
        self.do(self.index.start)
        self.assertEqual(self.index.current_pepper(), pepper)
        self.assertEqual(self.found(), {str(BOB_ID)})
        self.assertEqual(self.staff.times, 1)

    def test_a_lost_index_is_made_again(self) -> None:
        """A file that cannot be opened, current or former, is made from the lists."""
        self.start()
        self.clock.advance(HOUR)
        self.do(self.index.rotate_if_due)
        self.index = self.make()
        self.files.open_error = RecordsUnavailable("not allowed")
        self.staff.error = StoreUnavailable("down")
        self.do(self.index.start)
        peppers = [each.pepper for each in self.peppers.served]
        self.assertEqual(len(peppers), 2)
        for pepper in peppers:
            self.assertEqual(self.found(pepper), set())
        self.do(self.index.refresh)
        for pepper in peppers:
            self.assertEqual(self.found(pepper), {str(BOB_ID)})

    def test_a_lost_index_does_not_wait_for_a_slow_store(self) -> None:
        """What the store listed before is found while it lists itself again."""
        self.start()
        self.files.indexes.clear()
        self.index = self.make()
        self.do(self.index.start)
        self.assertFalse(self.index.is_well())
        self.staff.pause = Deferred()
        refreshing = Deferred.fromCoroutine(self.index.refresh())
        self.assertNoResult(refreshing)
        self.assertEqual(self.found(), {str(BOB_ID)})
        self.assertTrue(self.index.is_well())
        refreshing.addErrback(lambda _: None)
        refreshing.cancel()

    def test_a_lost_index_that_cannot_be_made_keeps_nobody_from_being_listed(
        self,
    ) -> None:
        """The next try is after the lists, and the failure is that one's."""
        self.start()
        self.files.indexes.clear()
        self.index = self.make()
        self.do(self.index.start)
        self.files.error = RecordsUnavailable("disk full")
        failing = Deferred.fromCoroutine(self.index.refresh())
        self.failureResultOf(failing, RecordsUnavailable)
        self.assertEqual(self.staff.times, 2)
        self.files.error = None
        self.do(self.index.refresh)
        self.assertEqual(self.found(), {str(BOB_ID)})

    def test_a_first_start_is_not_well_before_there_is_an_index(self) -> None:
        """Until the stores have listed themselves, hardly anybody is found."""
        self.assertFalse(self.index.is_well())
        self.do(self.index.start)
        self.assertFalse(self.index.is_well())
        self.staff.pause = Deferred()
        refreshing = Deferred.fromCoroutine(self.index.refresh())
        self.assertFalse(self.index.is_well())
        self.staff.pause.callback(None)
        self.successResultOf(refreshing)
        self.assertTrue(self.index.is_well())

    def test_an_index_that_cannot_be_made_is_not_well(self) -> None:
        """On a full disk the former one answers on, and is not up to date."""
        self.start()
        self.files.error = RecordsUnavailable("disk full")
        self.staff.people = {EVE: EVE_ID}
        failing = Deferred.fromCoroutine(self.index.refresh())
        self.failureResultOf(failing, RecordsUnavailable)
        self.assertEqual(self.found(), {str(BOB_ID)})
        self.assertFalse(self.index.is_well())
        self.files.error = None
        self.do(self.index.refresh)
        self.assertTrue(self.index.is_well())

    def test_a_start_that_failed_is_tried_again(self) -> None:
        """With the database down nothing is served; it is once the database is back."""
        self.peppers.error = RecordsUnavailable("down")
        for work in (self.index.start, self.index.rotate_if_due):
            failing = Deferred.fromCoroutine(work())
            self.failureResultOf(failing, RecordsUnavailable)
            with self.assertRaises(Unavailable):
                self.index.current_pepper()
        self.peppers.error = None
        self.do(self.index.rotate_if_due)
        self.assertTrue(self.index.is_served(self.index.current_pepper()))

    def test_a_refresh_finds_changes(self) -> None:
        """Who comes is found and who goes is not; the former file is closed."""
        self.start()
        former = self.files.indexes[self.index.current_pepper()]
        self.staff.people = {EVE: EVE_ID}
        self.do(self.index.refresh)
        self.assertEqual(self.found(), {str(EVE_ID)})
        self.assertTrue(former.is_closed)

    def test_an_unchanged_list_is_not_indexed_again(self) -> None:
        """A quiet directory costs a listing, not an index."""
        self.start()
        self.do(self.index.refresh)
        self.assertEqual((self.staff.times, len(self.files.builds)), (2, 1))

    def test_the_old_index_answers_while_a_new_one_is_built(self) -> None:
        """Nobody waits for a slow listing."""
        self.start()
        self.staff.people = {EVE: EVE_ID}
        self.staff.pause = Deferred()
        refreshing = Deferred.fromCoroutine(self.index.refresh())
        self.assertEqual(self.found(), {str(BOB_ID)})
        self.staff.pause.callback(None)
        self.successResultOf(refreshing)
        self.assertEqual(self.found(), {str(EVE_ID)})

    def test_a_source_that_fails_keeps_what_it_listed(self) -> None:
        """Half a list is no list; others are refreshed all the same."""
        other = Source({})
        self.sources["other"] = other
        self.index = self.make()
        self.start()
        self.staff.people, self.staff.error = {}, StoreUnavailable("down")
        other.people = {EVE: EVE_ID}
        self.do(self.index.refresh)
        self.assertEqual(self.found(), {str(BOB_ID), str(EVE_ID)})
        self.assertEqual(self.files.abandoned, 1)

    def test_only_changes_are_logged(self) -> None:
        """A line when a failure begins and one when it ends, not one each time."""
        self.start()
        events: list[Any] = []
        observer: Any = events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        for error in (None, StoreUnavailable("down"), None):
            self.staff.error = error
            for _ in range(3):
                self.do(self.index.refresh)
        levels = [(e["store"], e["log_level"]) for e in events if "store" in e]
        expected = [("staff", LogLevel.warn), ("staff", LogLevel.info)]
        self.assertEqual(levels, expected)

    def test_counts_are_logged(self) -> None:
        """The first list tells them, changed or not; a list of nobody is a warning."""
        phone = canonical("msisdn", "491711234567")
        self.staff.people = {BOB: BOB_ID, EVE: EVE_ID, phone: EVE_ID}
        with capturedLogs() as events:
            self.start()
            self.index = self.make()
            self.start()
            self.staff.people = {}
            self.do(self.index.refresh)
        told = [e for e in events if "listed" in e["log_format"]]
        lines = [formatEvent(event) for event in told]
        self.assertEqual(lines[0], "staff listed 3 3PIDs: 2 email, 1 msisdn")
        self.assertEqual(lines[1], lines[0])
        self.assertIn("staff listed no addresses", lines[2])
        self.assertEqual(told[2]["log_level"], LogLevel.warn)

    def test_the_status_of_a_source(self) -> None:
        """When it last listed itself, and whether its last list broke off."""
        self.assertEqual(self.index.status().sources, {"staff": SourceStatus()})
        self.start()
        began_ms = int(self.clock.seconds() * 1000)
        listed = SourceStatus(began_ms, count=1)
        self.assertEqual(self.index.status().sources, {"staff": listed})
        self.clock.advance(60)
        self.staff.error = StoreUnavailable("down")
        self.do(self.index.refresh)
        expected = {"staff": SourceStatus(began_ms, is_failing=True, count=1)}
        self.assertEqual(self.index.status().sources, expected)
        self.staff.error = None
        self.do(self.index.refresh)
        expected = {"staff": SourceStatus(began_ms + 60_000, count=1)}
        self.assertEqual(self.index.status().sources, expected)

    def test_a_list_that_cannot_be_kept(self) -> None:
        """A full disk at the last step is a failure like any other."""
        self.start()
        self.files.commit_error = RecordsUnavailable("disk full")
        self.staff.people = {EVE: EVE_ID}
        self.do(self.index.refresh)
        self.assertEqual(self.found(), {str(BOB_ID)})
        self.assertEqual(self.files.abandoned, 1)
        self.assertTrue(self.index.status().sources["staff"].is_failing)

    def test_a_source_that_never_ends_is_cut_off(self) -> None:
        """The other sources get their turn, and the pepper is replaced meanwhile."""
        self.start()
        first = self.index.current_pepper()
        self.staff.pause = Deferred()
        self.sources["other"] = Source({EVE: EVE_ID})
        self.index = self.make()
        self.do(self.index.start)
        refreshing = Deferred.fromCoroutine(self.index.refresh())
        self.clock.advance(HOUR - 1)
        self.assertNoResult(refreshing)
        self.policy = evolve(self.policy, max_age_ms=PEPPER_MIN_MS)
        self.do(self.index.rotate_if_due)
        self.clock.advance(1)
        self.successResultOf(refreshing)
        self.assertTrue(self.index.status().sources["staff"].is_failing)
        self.assertEqual(self.found(), {str(BOB_ID), str(EVE_ID)})
        self.assertEqual(self.index.current_pepper(), first)

    def test_whatever_a_guarded_store_does_is_contained(self) -> None:
        """Its former list is served on, and the next store is listed."""
        for bad in (
            [(BOB, BOB_ID)] * (BATCH_LIMIT + 1),
            "nonsense",
            [1, 2],
            None,
        ):
            self.setUp()
            other = Source({EVE: EVE_ID})
            staff = Source({BOB: BOB_ID})
            guard = Guard("staff", self.clock, BackgroundTasks(self.clock), 5)
            guarded_source = guarded(Store(associations=staff), guard).associations
            assert guarded_source is not None
            self.sources = {"staff": guarded_source, "other": other}
            self.index = self.make()
            self.start()
            staff.batch = bad
            self.do(self.index.refresh)
            self.assertTrue(self.index.status().sources["staff"].is_failing)
            self.assertEqual(other.times, 2)
            self.assertEqual(self.found(), {str(BOB_ID), str(EVE_ID)})

    def test_a_flood_is_stopped(self) -> None:
        """A store that lists without end is cut off at a number."""
        told: list[int] = []
        taken = _Intake(Listing(self.files, "staff"), told.append, SOURCE_LIMIT - 1)
        self.successResultOf(Deferred.fromCoroutine(taken.put([(BOB, BOB_ID)])))
        putting = Deferred.fromCoroutine(taken.put([(EVE, EVE_ID)]))
        self.failureResultOf(putting, StoreUnavailable)
        self.assertEqual(told, [SOURCE_LIMIT])

    def test_a_list_that_is_being_taken(self) -> None:
        """How far it is can be told, beside what there was before."""
        self.assertEqual(self.index.status().count, None)
        self.start()
        status = self.index.status()
        self.assertEqual((status.count, status.refreshes), (1, 1))
        self.assertFalse(status.is_refreshing)
        self.staff.pause = Deferred()
        refreshing = Deferred.fromCoroutine(self.index.refresh())
        status = self.index.status()
        self.assertTrue(status.is_refreshing)
        # What is under way is not in vain.
        self.assertIsNone(status.failure)
        now_ms = int(self.clock.seconds() * 1000)
        expected = SourceStatus(now_ms, count=1, so_far=1)
        self.assertEqual(status.sources, {"staff": expected})
        self.staff.pause.callback(None)
        self.successResultOf(refreshing)
        self.assertEqual(self.index.status().sources["staff"].so_far, None)
        self.assertEqual(self.index.status().refreshes, 2)

    def test_a_rebuild_on_request(self) -> None:
        """It happens though nothing has changed, and after a refresh under way."""
        self.start()
        pepper = self.index.current_pepper()
        self.do(self.index.refresh)
        self.assertEqual(self.files.builds, [pepper])
        self.staff.pause = Deferred()
        refreshing = Deferred.fromCoroutine(self.index.refresh())
        rebuilding = Deferred.fromCoroutine(self.index.rebuild())
        pause, self.staff.pause = self.staff.pause, None
        pause.callback(None)
        self.successResultOf(refreshing)
        self.successResultOf(rebuilding)
        self.assertEqual(self.files.builds, [pepper, pepper])
        self.assertEqual(self.found(), {str(BOB_ID)})

    def test_a_batch_over_the_limit_is_refused(self) -> None:
        """A store that floods is stopped, and keeps what it listed before."""
        self.start()
        self.staff.people = {
            ThreePid("x", f"{number}"): BOB_ID for number in range(BATCH_LIMIT + 1)
        }
        self.do(self.index.refresh)
        self.assertEqual(self.found(), {str(BOB_ID)})

    def test_a_store_that_was_removed_is_forgotten(self) -> None:
        """What it listed goes with it."""
        self.start()
        self.sources = {}
        self.index = self.make()
        self.start()
        self.assertEqual(self.found(), set())
        self.assertEqual(self.files.listings, {})

    def test_a_pepper_is_replaced_in_time(self) -> None:
        """At its age, not before; the former one is answered for its grace."""
        self.start()
        first = self.index.current_pepper()
        self.clock.advance(HOUR - 1)
        self.do(self.index.rotate_if_due)
        self.assertEqual(self.index.current_pepper(), first)
        self.clock.advance(1)
        self.do(self.index.rotate_if_due)
        second = self.index.current_pepper()
        self.assertNotEqual(second, first)
        for pepper in (first, second):
            self.assertTrue(self.index.is_served(pepper))
            self.assertEqual(self.found(pepper), {str(BOB_ID)})
        self.clock.advance(600)
        self.assertFalse(self.index.is_served(first))
        self.do(self.index.rotate_if_due)
        self.assertEqual(set(self.files.indexes), {second})
        self.assertEqual([g.pepper for g in self.peppers.served], [second])

    def test_a_rotation_asks_no_store(self) -> None:
        """The former lists are hashed with the new pepper, even of a store down."""
        self.start()
        self.staff.error = StoreUnavailable("down")
        self.clock.advance(HOUR)
        self.do(self.index.rotate_if_due)
        self.assertEqual(self.found(), {str(BOB_ID)})
        self.assertEqual(self.staff.times, 1)

    def test_a_rotation_that_fails_changes_nothing(self) -> None:
        """With a full disk the old pepper serves on, and the next try is clean."""
        self.start()
        first = self.index.current_pepper()
        self.clock.advance(HOUR)
        self.files.error = RecordsUnavailable("disk full")
        failing = Deferred.fromCoroutine(self.index.rotate_if_due())
        self.failureResultOf(failing, RecordsUnavailable)
        self.assertEqual(self.index.current_pepper(), first)
        self.assertEqual(self.found(), {str(BOB_ID)})
        self.assertFalse(self.index.is_well())
        self.files.error = None
        self.do(self.index.rotate_if_due)
        self.assertTrue(self.index.is_well())
        self.assertEqual(self.peppers.prepared, [])
        self.assertNotEqual(self.index.current_pepper(), first)

    def test_rotation_by_lookups(self) -> None:
        """After so many lookups, yet never before ten minutes."""
        self.policy = PepperPolicy(length=20, grace_ms=600_000, max_lookups=3)
        self.index = self.make()
        self.start()
        first = self.index.current_pepper()
        for _ in range(3):
            self.found()
        self.do(self.index.rotate_if_due)
        self.assertEqual(self.index.current_pepper(), first)
        self.clock.advance(PEPPER_MIN_MS / 1000)
        self.do(self.index.rotate_if_due)
        second = self.index.current_pepper()
        self.assertNotEqual(second, first)
        self.clock.advance(PEPPER_MIN_MS / 1000)
        self.do(self.index.rotate_if_due)
        self.assertEqual(self.index.current_pepper(), second)

    def test_the_grace_is_ten_minutes_at_least(self) -> None:
        """Whatever the settings say: a client may hash a while before it asks."""
        self.assertEqual(PepperPolicy(length=20, grace_ms=1).grace_ms, PEPPER_MIN_MS)
        self.assertEqual(PepperPolicy(length=20, grace_ms=10**9).grace_ms, 10**9)

    def test_hashing_switched_off(self) -> None:
        """Clients still get a pepper, and nobody is found by it."""
        off = NoHashes(self.random, 20)
        self.assertEqual(len(off.current_pepper()), 20)
        self.assertTrue(off.is_served(off.current_pepper()))
        self.assertTrue(off.is_well())
        self.assertFalse(off.is_served("x"))
        self.assertEqual(off.find(off.current_pepper(), [b""]), {})
