"""How a store is asked."""

import asyncio
import gc
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import LogLevel, formatEvent
from zope.interface import implementer

from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.interfaces import IThreePidLookup
from mxisd.model.identifiers import UserId
from mxisd.model.threepids import ThreePid
from mxisd.resolver.guard import (
    BLOCKING,
    COOL_DOWN,
    LISTING,
    LONG,
    SILENCE,
    TIMEOUTS_TO_OPEN,
    apart,
)
from mxisd.resolver.guarded import MANY
from tests.resolver.doubles import (
    BOB,
    BOB_ID,
    EVE,
    BrokenStore,
    KnownPeople,
    SilentStore,
)
from tests.resolver.guarding import SECRET_ADDRESS, TIMEOUT, GuardTestCase, under_way

STRANGE_ERRORS = (
    SystemExit(1),
    KeyboardInterrupt(),
    GeneratorExit(),
    StopIteration(),
    StopAsyncIteration(),
    CancelledError(),
    asyncio.CancelledError(),
    TimeoutError(),
    RecursionError(),
    BaseExceptionGroup("several", [SystemExit(2)]),
)


@implementer(IThreePidLookup)
class Looking:
    """Looks up by a function of the test."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    def lookup(self, threepids: frozenset[ThreePid]) -> Any:
        """Answer, or fail, at once."""
        return self.answer()


async def no_put(batch: Any) -> None:
    """Take nothing."""


class Grumpy(StoreUnavailable):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise ZeroDivisionError


class AskingTests(GuardTestCase):
    """Whatever a store does, its callers see an answer or one failure."""

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

    def test_the_place_of_a_bug(self) -> None:
        """It is told once for each kind of exception, without what was asked for."""

        async def inner(error: Exception) -> Any:
            try:
                raise OSError(SECRET_ADDRESS)
            except OSError as cause:
                raise error from cause

        for error in (KeyError(SECRET_ADDRESS), TypeError(SECRET_ADDRESS)):
            for _ in range(3):
                asked = self.lookup(Looking(lambda: inner(error)))  # noqa: B023
                self.failureResultOf(asked, StoreUnavailable)
                self.successResultOf(self.lookup(KnownPeople({})))
        lines = [formatEvent(event) for event in self.warnings()]
        self.assertEqual(
            [event["log_level"] for event in self.warnings()], [LogLevel.error] * 8
        )
        traces = [line for line in lines if "\n" in line]
        self.assertEqual(len(traces), 2)
        for name, line in zip(("KeyError", "TypeError"), traces, strict=True):
            self.assertIn(f"staff raised builtins.{name} in lookups", line)
            self.assertIn("test_guard.py", line)
            self.assertIn("in inner", line)
            self.assertIn("OSError", line)
        self.assertNotIn(SECRET_ADDRESS, "".join(lines))

    def test_the_place_of_a_bug_in_a_list(self) -> None:
        """It is told, too."""

        async def listing(put: Any) -> None:
            raise KeyError(SECRET_ADDRESS)

        asked = under_way(self.guard.list(listing, lambda batch: succeed(None)))
        self.failureResultOf(asked, StoreUnavailable)
        (line,) = (formatEvent(event) for event in self.warnings())
        self.assertIn("in listing", line)
        self.assertIn(f"in {LISTING}", line)

    def test_what_came_before_a_bug(self) -> None:
        """An exception that was under way is shown, too, unless it is hidden."""

        async def inner(is_hidden: bool) -> Any:
            try:
                raise OSError
            except OSError:
                if is_hidden:
                    raise KeyError from None
                raise TypeError  # noqa: B904

        for is_hidden in (False, True):
            asked = self.lookup(Looking(lambda: inner(is_hidden)))  # noqa: B023
            self.failureResultOf(asked, StoreUnavailable)
        traces = [t for t in map(formatEvent, self.warnings()) if "\n" in t]
        self.assertEqual(["OSError" in each for each in traces], [True, False])

    def test_what_is_raised_on_purpose_is_no_bug(self) -> None:
        """Of that there is a line, and no trace; nor is what comes too late one."""
        error = StoreUnavailable("full")
        self.failureResultOf(self.lookup(BrokenStore(error)), StoreUnavailable)
        (event,) = self.warnings()
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertNotIn("\n", formatEvent(event))

    def test_no_exception_is_too_strange(self) -> None:
        """Neither the server nor a request ends by what a store raises, in a
        coroutine, at the call, or later."""

        def at_once(error: BaseException) -> Any:
            raise error

        async def in_coroutine(error: BaseException) -> Any:
            raise error

        async def later(error: BaseException, step: "Deferred[None]") -> Any:
            await step
            raise error

        for error in STRANGE_ERRORS:
            step: Deferred[None] = Deferred()
            for ask in (
                lambda: at_once(error),  # noqa: B023
                lambda: in_coroutine(error),  # noqa: B023
                lambda: later(error, step),  # noqa: B023
            ):
                answer = self.lookup(Looking(ask))
                if not step.called and not answer.called:
                    step.callback(None)
                self.failureResultOf(answer, StoreUnavailable)

    def test_an_answer_that_cannot_be_awaited_is_unavailable(self) -> None:
        """A store that is no coroutine, or of another framework, could not answer."""

        def generator() -> Any:
            yield {BOB: BOB_ID}

        for answer in (
            dict,
            lambda: {BOB: BOB_ID},
            lambda: None,
            generator,
            lambda: asyncio.sleep(1),
        ):
            self.failureResultOf(self.lookup(Looking(answer)), StoreUnavailable)

    def test_a_deferred_is_as_good_as_a_coroutine(self) -> None:
        """A store may answer by either."""
        pending: Deferred[Mapping[ThreePid, UserId]] = Deferred()
        answer = self.lookup(Looking(lambda: pending))
        self.assertNoResult(answer)
        pending.callback({BOB: BOB_ID})
        self.assertEqual(self.successResultOf(answer), {BOB: BOB_ID})

    def test_reasons_are_short_and_of_one_line(self) -> None:
        """What a store says of its failure neither floods nor forges the log."""
        for error in (StoreUnavailable("down\nup " + "x" * 10**6), Grumpy()):
            failure = self.failureResultOf(self.lookup(BrokenStore(error)))
            self.assertLess(len(str(failure.value)), 500)
        (warning,) = self.warnings()
        self.assertTrue(warning["reason"].startswith("down up x"))
        self.assertLess(len(warning["reason"]), 500)

    def test_a_slow_store_is_unavailable(self) -> None:
        """A question that takes too long is withdrawn."""
        store = SilentStore()
        answer = self.lookup(store)
        self.clock.advance(TIMEOUT)
        self.failureResultOf(answer, StoreUnavailable)
        self.assertEqual(store.cancelled, 1)

    def test_a_store_that_does_not_let_go_is_left(self) -> None:
        """A coroutine that catches its cancellation keeps nobody waiting."""
        steps: list[Deferred[None]] = []

        async def stubborn() -> Mapping[ThreePid, UserId]:
            while True:
                steps.append(Deferred())
                try:
                    await steps[-1]
                except Exception:
                    continue
                return {BOB: BOB_ID}

        answer = self.lookup(Looking(stubborn))
        self.clock.advance(TIMEOUT)
        self.failureResultOf(answer, StoreUnavailable)
        asker = self.lookup(Looking(stubborn))
        asker.cancel()
        self.failureResultOf(asker, CancelledError)
        for step in steps:
            if not step.called:
                step.callback(None)
        self.assertFalse(self.guard.is_answering)

    def test_a_failure_that_comes_too_late_is_nobodys(self) -> None:
        """What a store raises after it was left does not reach the log."""
        forever: Deferred[None] = Deferred()

        async def sulking() -> Any:
            try:
                await forever
            finally:
                raise ZeroDivisionError(SECRET_ADDRESS)

        answer = self.lookup(Looking(sulking))
        self.clock.advance(TIMEOUT)
        self.failureResultOf(answer, StoreUnavailable)
        gc.collect()
        self.assertEqual(len(self.warnings()), 1)
        self.assertNotIn(SECRET_ADDRESS, str(self.warnings()))

    def test_a_canceller_that_raises_is_contained(self) -> None:
        """Leaving a store works even if its Deferred refuses to be cancelled."""

        def refuse(_: object) -> None:
            raise ZeroDivisionError

        answer = self.lookup(Looking(lambda: Deferred(refuse)))
        self.clock.advance(TIMEOUT)
        self.failureResultOf(answer, StoreUnavailable)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_stops_asking_is_told_so(self) -> None:
        """A question that the asker withdraws is no failure of the store."""
        store = SilentStore()
        answer = self.lookup(store)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual((store.cancelled, self.guard.is_answering), (1, True))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_store_is_slow_also_for_who_cannot_wait(self) -> None:
        """Lookups with less time than a store has still find out that it hangs."""
        store = SilentStore()
        for _ in range(TIMEOUTS_TO_OPEN):
            answer = self.lookup(store)
            self.clock.advance(TIMEOUT * LONG)
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
            self.assertFalse(self.guard.is_answering)
        self.failureResultOf(self.lookup(store), StoreUnavailable)
        self.assertEqual(len(self.warnings()), 1)

    def test_long_lookups_do_not_close_a_store_to_others(self) -> None:
        """Whoever looks up thousands keeps nobody else from asking it."""
        many = frozenset(ThreePid("email", f"{n}@example.org") for n in range(MANY + 1))
        store = self.guarded(lookup=SilentStore()).lookup
        for withdrawn_after in (None, TIMEOUT * LONG):
            for _ in range(TIMEOUTS_TO_OPEN):
                answer = under_way(store.lookup(many))
                self.clock.advance(withdrawn_after or TIMEOUT)
                answer.cancel()
                self.failureResultOf(answer, StoreUnavailable, CancelledError)
                self.assertFalse(self.guard.is_answering)
        found = self.lookup(KnownPeople({BOB: BOB_ID}))
        self.assertEqual(self.successResultOf(found), {BOB: BOB_ID})

    def test_who_blocks_the_server_is_named(self) -> None:
        """Once an hour, since it may happen with each question."""

        def block(seconds: float) -> Any:
            async def answer() -> Mapping[ThreePid, UserId]:
                self.clock.advance(seconds)
                return {}

            return self.successResultOf(self.lookup(Looking(answer)))

        block(BLOCKING / 2)
        self.assertEqual(self.warnings(), [])
        block(BLOCKING)
        block(BLOCKING)
        (warning,) = self.warnings()
        self.assertEqual(warning["store"], "staff")
        self.clock.advance(SILENCE)
        block(BLOCKING)
        self.assertEqual(len(self.warnings()), 2)


class ApartTests(GuardTestCase):
    def test_the_cause_is_kept(self) -> None:
        """Whoever debugs finds the original exception."""
        error = KeyError("a")
        store = BrokenStore(error)
        failure = self.failureResultOf(apart(lambda: store.lookup(frozenset())))
        self.assertIs(failure.value.__cause__, error)


class CircuitTests(GuardTestCase):
    """Nobody waits for a store that was silent three times."""

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

    def test_any_answer_between_time_outs_starts_the_count_anew(self) -> None:
        """A store that fails, or refuses a part, does not hang."""
        for between in (
            BrokenStore(),
            BrokenStore(StoreUnavailable("full")),
            BrokenStore(Misconfigured("identity.query", "wrong")),
            KnownPeople({}),
        ):
            store = SilentStore()
            for _ in range(TIMEOUTS_TO_OPEN):
                for _ in range(TIMEOUTS_TO_OPEN - 1):
                    answer = self.lookup(store)
                    self.clock.advance(TIMEOUT)
                    self.failureResultOf(answer, StoreUnavailable)
                answered = self.lookup(between)
                answered.addErrback(lambda failure: failure.trap(StoreUnavailable))
                self.successResultOf(answered)
            asked = TIMEOUTS_TO_OPEN * (TIMEOUTS_TO_OPEN - 1)
            self.assertEqual(len(store.answers), asked)

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

    def test_a_store_that_gives_up_by_itself_is_not_silent(self) -> None:
        """Its own time-out and cancellation are answers: they open no circuit."""
        for _ in range(TIMEOUTS_TO_OPEN + 1):
            for error in (CancelledError(), TimeoutError()):
                failure = self.failureResultOf(self.lookup(BrokenStore(error)))
                self.assertIn(type(error).__name__, str(failure.value))


class MisconfiguredTests(GuardTestCase):
    """Parts of a store that cannot work as they are configured."""

    def test_other_parts_go_on(self) -> None:
        """The store counts as answering; the keys are named, the log has one line."""
        error = Misconfigured("identity.query", "no such\ncolumn: uid")
        for _ in range(3):
            failure = self.failureResultOf(self.lookup(BrokenStore(error)))
            self.assertIsInstance(failure.value, StoreUnavailable)
        self.assertTrue(self.guard.is_answering)
        self.assertEqual(self.guard.misconfigured, ["identity.query"])
        (event,) = self.warnings()
        self.assertEqual(event["log_level"], LogLevel.error)
        self.assertEqual(event["reason"], "identity.query: no such column: uid")

    def test_a_back_end_that_does_not_let_us_in(self) -> None:
        """That is one error for all parts, and no outage, even after one."""
        self.failureResultOf(self.lookup(BrokenStore()), StoreUnavailable)
        self.assertFalse(self.guard.is_answering)
        told = len(self.warnings())
        error = Misconfigured("connection.bindPassword", "is wrong", is_whole=True)
        self.failureResultOf(self.lookup(BrokenStore(error)), StoreUnavailable)

        async def listing(put: Any) -> None:
            raise error

        asked = under_way(self.guard.list(listing, no_put))
        self.failureResultOf(asked, StoreUnavailable)
        self.assertTrue(self.guard.is_answering)
        self.assertEqual(self.guard.misconfigured, ["connection.bindPassword"])
        (event,) = self.warnings()[told:]
        self.assertEqual(event["log_level"], LogLevel.error)
        self.assertIn("all parts", formatEvent(event))
        self.successResultOf(self.lookup(KnownPeople({})))
        self.assertEqual(self.guard.misconfigured, [])

    def test_it_is_mended(self) -> None:
        """An answer of the same part clears it, and the log says so."""
        error = Misconfigured("identity.query", "no such column")
        self.failureResultOf(self.lookup(BrokenStore(error)), StoreUnavailable)
        self.successResultOf(self.lookup(KnownPeople({})))
        self.assertEqual(self.guard.misconfigured, [])

    def test_lists(self) -> None:
        """A list that cannot work does not count as an outage either."""

        async def listing(put: object) -> None:
            raise Misconfigured("lookup.query", "no such column")

        async def put(batch: object) -> None:
            """Nothing comes."""

        listed = Deferred.fromCoroutine(self.guard.list(listing, put))
        self.failureResultOf(listed, StoreUnavailable)
        self.assertTrue(self.guard.is_answering)
        self.assertEqual(self.guard.misconfigured, ["lookup.query"])
