"""Listings, as the guard takes them."""

import gc
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from zope.interface import implementer

from mxisd.errors import RecordsUnavailable, StoreUnavailable
from mxisd.interfaces import BATCH_LIMIT, IAssociationSource, Put
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.resolver.guard import LISTING_PAUSE
from tests.resolver.doubles import BOB, BOB_ID, EVE, EVE_ID
from tests.resolver.guarding import GuardTestCase, under_way

Batch = Sequence[tuple[ThreePid, UserId]]


@implementer(IAssociationSource)
class Listing:
    """Lists what a function hands over."""

    def __init__(self, listing: Callable[[Put], Any]) -> None:
        self.listing = listing

    async def associations(self, put: Put) -> None:
        """List."""
        await self.listing(put)


@define(eq=False)
class Shelf:
    """Where batches go; slowly, if the test says so."""

    batches: list[Batch] = field(factory=list)
    pending: "list[Deferred[None]] | None" = None

    async def put(self, batch: Batch) -> None:
        """Take a batch."""
        if self.pending is not None:
            self.pending.append(Deferred())
            await self.pending[-1]
        self.batches.append(batch)


class ListingTests(GuardTestCase):
    """A list is whole, or none at all."""

    def listed(
        self, listing: Callable[[Put], Any], shelf: Shelf | None = None
    ) -> "tuple[Deferred[None], list[Batch]]":
        """List a store through the guard; the batches come with it."""
        shelf = shelf or Shelf()
        source = self.guarded(associations=Listing(listing)).associations
        return under_way(source.associations(shelf.put)), shelf.batches

    def assert_refused(self, listing: Callable[[Put], Any], *batches: Batch) -> None:
        """The listing fails, even if the store overlooks it; these came through."""

        async def careless(put: Put) -> None:
            try:
                await listing(put)
            except Exception:
                return

        for each in (listing, careless):
            done, taken = self.listed(each)
            self.failureResultOf(done, StoreUnavailable)
            self.assertEqual(taken, list(batches))
            self.assertEqual(self.clock.getDelayedCalls(), [])

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
        failure = self.failureResultOf(done, StoreUnavailable)
        self.assertIn("no batch for 60 s", str(failure.value))
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

    def test_a_listing_that_does_not_let_go_is_left(self) -> None:
        """Silence ends a listing even if the coroutine catches it, and goes on."""
        steps: list[Deferred[None]] = []
        late: list[str] = []

        async def stubborn(put: Put) -> None:
            for _ in range(3):
                steps.append(Deferred())
                try:
                    await steps[-1]
                    await put([(BOB, BOB_ID)])
                except StoreUnavailable as error:
                    late.append(str(error))
                except Exception:
                    continue

        done, batches = self.listed(stubborn)
        self.clock.advance(LISTING_PAUSE)
        self.failureResultOf(done, StoreUnavailable)
        for step in steps:
            if not step.called:
                step.callback(None)
        self.assertEqual((batches, len(late)), ([], 2))

    def test_a_batch_over_the_limit_is_refused_unread(self) -> None:
        """However many there are, the reactor is not kept busy with them."""

        async def listing(put: Put) -> None:
            await put(range(10**12))  # type: ignore[arg-type]

        self.assert_refused(listing)

    def test_a_full_batch_is_not_too_large(self) -> None:
        """The limit itself is allowed; the same 3PID twice is the index's business."""

        async def listing(put: Put) -> None:
            await put([(BOB, BOB_ID)] * BATCH_LIMIT)

        done, batches = self.listed(listing)
        self.clock.advance(0)
        self.successResultOf(done)
        self.assertEqual(len(batches[0]), BATCH_LIMIT)

    def test_what_is_no_batch_is_refused(self) -> None:
        """A list with a gap is no list."""

        def failing() -> Any:
            yield (BOB, BOB_ID)
            raise ZeroDivisionError

        no_pairs = (None, (), "ab", (BOB,), (BOB, BOB_ID, 1), [BOB, BOB_ID])
        batches: list[Any] = [[(EVE, EVE_ID), each] for each in no_pairs]
        for nonsense in (None, 5, object(), failing, "ab", *batches):

            async def listing(put: Put) -> None:
                await put(nonsense() if nonsense is failing else nonsense)  # noqa: B023

            self.assert_refused(listing)

    def test_lines_of_no_sense_are_dropped(self) -> None:
        """All but a 3PID with a legal user ID; the log has one line."""
        nonsense = [
            (None, None),
            (BOB, str(BOB_ID)),
            (BOB, UserId(5, "example.org")),  # type: ignore[arg-type]
            (ThreePid("email", "Bob@Example..ORG"), BOB_ID),
            (ThreePid("email", b"bob@example.org"), BOB_ID),  # type: ignore[arg-type]
            (ThreePid("msisdn", "0171 1"), BOB_ID),
            (ThreePid("", "x"), BOB_ID),
            (ThreePid("employee", "x" * 10**6), BOB_ID),
        ]

        async def listing(put: Put) -> None:
            for _ in range(3):
                await put([*nonsense, (EVE, EVE_ID)])  # type: ignore[list-item]

        done, batches = self.listed(listing)
        self.successResultOf(done)
        self.assertEqual(batches, [[(EVE, EVE_ID)]] * 3)
        (warning,) = self.warnings()
        self.assertEqual(warning["count"], len(nonsense))

    def test_spellings_become_canonical(self) -> None:
        """A plug-in may list U-labels, capitals, and numbers with a plus."""
        written = [
            ("email", "Bob@Straße.example"),
            ("email", "bob@XN--strae-oqa.example"),
            ("msisdn", "+49 171 123456"),
        ]

        async def listing(put: Put) -> None:
            await put([(ThreePid(*each), BOB_ID) for each in written])

        done, batches = self.listed(listing)
        self.successResultOf(done)
        self.assertEqual(
            [each.address for each, _ in batches[0]],
            ["bob@xn--strae-oqa.example"] * 2 + ["49171123456"],
        )

    def test_a_batch_that_nobody_awaits_is_taken(self) -> None:
        """The end of the list waits for it."""

        async def listing(put: Put) -> None:
            put([(BOB, BOB_ID)])

        shelf = Shelf(pending=[])
        done, batches = self.listed(listing, shelf)
        self.assertNoResult(done)
        assert shelf.pending is not None
        shelf.pending[0].callback(None)
        self.successResultOf(done)
        self.assertEqual(batches, [[(BOB, BOB_ID)]])

    def test_a_batch_is_as_it_was_when_it_was_put(self) -> None:
        """A store may use its list again."""

        async def listing(put: Put) -> None:
            batch = [(BOB, BOB_ID)]
            put(batch)
            batch.clear()

        shelf = Shelf(pending=[])
        done, batches = self.listed(listing, shelf)
        assert shelf.pending is not None
        shelf.pending[0].callback(None)
        self.successResultOf(done)
        self.assertEqual(batches, [[(BOB, BOB_ID)]])

    def test_a_flood_of_batches_is_refused(self) -> None:
        """One at a time: a store that does not wait fills no memory."""
        refused: list[str] = []

        async def listing(put: Put) -> None:
            for _ in range(1000):
                try:
                    put([(BOB, BOB_ID)])
                except StoreUnavailable as error:
                    refused.append(str(error))

        shelf = Shelf(pending=[])
        done, _ = self.listed(listing, shelf)
        assert shelf.pending is not None
        self.assertEqual((len(shelf.pending), len(refused)), (1, 999))
        shelf.pending[0].callback(None)
        self.failureResultOf(done, StoreUnavailable)

    def test_a_batch_after_the_end_is_refused(self) -> None:
        """A list that was taken does not grow."""
        kept: list[Put] = []

        async def listing(put: Put) -> None:
            kept.append(put)

        done, batches = self.listed(listing)
        self.successResultOf(done)
        self.assertRaises(StoreUnavailable, kept[0], [(BOB, BOB_ID)])
        self.assertEqual(batches, [])

    def test_our_own_failure_ends_the_list(self) -> None:
        """Whether the store awaits the batch or not, and with no noise in the log."""
        shelves: list[Shelf] = []

        async def careful(put: Put) -> None:
            await put([(BOB, BOB_ID)])

        async def careless(put: Put) -> None:
            put([(BOB, BOB_ID)])

        for listing in (careful, careless):
            shelves.append(Shelf(pending=[]))
            done, _ = self.listed(listing, shelves[-1])
            pending = shelves[-1].pending
            assert pending is not None
            pending[0].errback(RecordsUnavailable("disk full"))
            failure = self.failureResultOf(done, StoreUnavailable)
            self.assertIn("disk full", str(failure.value))
            gc.collect()
        self.assertEqual(self.warnings(), [])

    def test_a_forgotten_batch_ends_with_the_list(self) -> None:
        """What is under way when the server stops is withdrawn without noise."""
        forever: Deferred[None] = Deferred()

        async def listing(put: Put) -> None:
            put([(BOB, BOB_ID)])
            await forever

        done, batches = self.listed(listing, Shelf(pending=[]))
        done.cancel()
        self.failureResultOf(done, CancelledError)
        gc.collect()
        self.assertEqual((batches, self.warnings()), ([], []))

    def test_a_listing_that_raises_is_unavailable(self) -> None:
        """A list that broke off is no list, whatever broke it."""
        for error in (ZeroDivisionError(), SystemExit(), CancelledError()):

            async def listing(put: Put) -> None:
                await put([(BOB, BOB_ID)])
                raise error  # noqa: B023

            done, _ = self.listed(listing)
            self.failureResultOf(done, StoreUnavailable)
            self.assertEqual(self.clock.getDelayedCalls(), [])
