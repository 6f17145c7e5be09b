"""The use of the hash index: what is counted, found and told."""

from twisted.internet.defer import Deferred

from mxisd.errors import RecordsUnavailable, StoreUnavailable
from mxisd.features.hash_index import AT_A_STRETCH, NoHashes
from mxisd.model.hashing import PEPPER_MIN_MS, PepperPolicy, lookup_digest
from mxisd.model.threepids import ThreePid
from tests.features.test_hash_index import HOUR, IndexTestCase, Source
from tests.resolver.doubles import BOB, BOB_ID, EVE, EVE_ID


class CountTests(IndexTestCase):
    """A pepper that is replaced after so many lookups."""

    def due_after(self, look_up: "list[str]", count: int = 3) -> bool:
        """Whether it is replaced after these lookups, ten minutes old."""
        self.policy = PepperPolicy(length=20, grace_ms=600_000, max_lookups=count)
        self.index = self.make()
        self.start()
        self.look_up(look_up)
        return self.is_replaced()

    def look_up(self, kinds: "list[str]") -> None:
        """Look up one, or many."""
        pepper = self.index.current_pepper()
        for kind in kinds:
            if kind == "one":
                self.index.find(pepper, [bytes(32)])
            else:
                list(self.index.find_many(pepper, [bytes(32)] * 1000))

    def is_replaced(self) -> bool:
        """Let ten minutes pass, and see."""
        before = self.index.current_pepper()
        self.clock.advance(PEPPER_MIN_MS / 1000)
        self.do(self.index.rotate_if_due)
        return self.index.current_pepper() != before

    def test_each_lookup_counts_once(self) -> None:
        """However many addresses it has; one too few do not replace it."""
        self.assertFalse(self.due_after(["one", "one"]))
        self.assertFalse(self.due_after(["many", "many"]))
        self.assertFalse(self.due_after(["one", "many"]))
        self.assertTrue(self.due_after(["many", "one", "many"]))

    def test_a_new_pepper_begins_with_nothing(self) -> None:
        """Its own lookups count, none else."""
        self.assertTrue(self.due_after(["one"] * 3))
        self.look_up(["one", "one"])
        self.assertFalse(self.is_replaced())
        self.look_up(["one"])
        self.assertTrue(self.is_replaced())


class ManyTests(IndexTestCase):
    """Many digests at once, in steps."""

    def test_all_are_looked_at(self) -> None:
        """The first, the last, and those at the edges of the steps."""
        people = [ThreePid("x", f"{n}") for n in range(2 * AT_A_STRETCH + 1)]
        self.staff.people = dict.fromkeys(people, BOB_ID)
        self.bindings.people[EVE] = EVE_ID
        self.start()
        pepper = self.index.current_pepper()
        digests = [lookup_digest(t.address, t.medium, pepper) for t in (*people, EVE)]
        steps = list(self.index.find_many(pepper, digests))
        self.assertEqual([len(each) for each in steps], [AT_A_STRETCH] * 2 + [2])
        found = {digest: user for step in steps for digest, user in step.items()}
        expected = dict.fromkeys(digests, str(BOB_ID)) | {digests[-1]: str(EVE_ID)}
        self.assertEqual(found, expected)

    def test_none_where_it_is_switched_off(self) -> None:
        """Not even a step."""
        off = NoHashes(self.random, 20)
        self.assertEqual(list(off.find_many(off.current_pepper(), [bytes(32)])), [])


class StatusTests(IndexTestCase):
    """What operators are told."""

    def test_a_failure_is_told(self) -> None:
        """In the words of what failed, until a refresh is through."""
        self.start()
        self.assertIsNone(self.index.status().failure)
        self.files.error = RecordsUnavailable("disk full")
        self.staff.people = {EVE: EVE_ID}
        failing = Deferred.fromCoroutine(self.index.refresh())
        self.failureResultOf(failing, RecordsUnavailable)
        self.assertEqual(self.index.status().failure, "disk full")
        self.files.error = None
        self.do(self.index.refresh)
        self.assertIsNone(self.index.status().failure)

    def test_a_refresh_that_is_broken_off(self) -> None:
        """The server stops, or somebody cancels it."""
        self.start()
        self.staff.pause = Deferred()
        refreshing = Deferred.fromCoroutine(self.index.refresh())
        refreshing.cancel()
        self.failureResultOf(refreshing)
        self.assertEqual(self.index.status().failure, "it was broken off")

    def test_the_count_is_of_the_current_pepper(self) -> None:
        """Whatever the one before it had."""
        self.start()
        self.assertEqual(self.index.status().count, 1)
        self.staff.people = {BOB: BOB_ID, EVE: EVE_ID}
        self.clock.advance(HOUR)
        self.do(self.index.rotate_if_due)
        self.do(self.index.refresh)
        self.assertEqual(self.index.status().count, 2)


class RetryTests(IndexTestCase):
    """A source that broke off is listed again before its turn."""

    def setUp(self) -> None:
        """Two stores, of which one is down."""
        super().setUp()
        self.down, self.guests = Source({EVE: EVE_ID}), Source({})
        self.sources = {"staff": self.down, "guests": self.guests}
        self.index = self.make()
        self.down.error = StoreUnavailable("down")
        self.start()

    def tried(self, seconds: float) -> int:
        """How often it is listed when so much time has passed."""
        before = self.down.times
        self.clock.advance(seconds)
        self.do(self.index.retry)
        return self.down.times - before

    def test_after_ever_longer_pauses(self) -> None:
        """A minute at first, a quarter of an hour at last; the other is left alone."""
        for pause in (60, 120, 240, 480, 900, 900):
            self.assertEqual([self.tried(pause - 1), self.tried(1)], [0, 1], pause)
        self.assertEqual(self.guests.times, 1)

    def test_who_is_back_is_found(self) -> None:
        """At once, and is not listed before its turn again."""
        self.down.error = None
        self.assertEqual(self.tried(60), 1)
        self.assertEqual(self.found(), {str(EVE_ID)})
        self.assertEqual(self.tried(9999), 0)
        self.down.error = StoreUnavailable("down again")
        self.do(self.index.refresh)
        self.assertEqual([self.tried(59), self.tried(1)], [0, 1])

    def test_nobody_waits_for_another_list(self) -> None:
        """While all are listed there is nothing to be done."""
        self.guests.pause = Deferred()
        Deferred.fromCoroutine(self.index.refresh())
        self.assertEqual(self.tried(1000), 0)
