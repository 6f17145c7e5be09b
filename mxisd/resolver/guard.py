"""How a store is asked: a deadline, a circuit breaker, one kind of failure."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from mxisd.background import BackgroundTasks
from mxisd.errors import (
    DeadlineExceeded,
    Misconfigured,
    StoreUnavailable,
    Unavailable,
)
from mxisd.interfaces import Put
from mxisd.portions import Portions
from mxisd.ports import IAnswering
from mxisd.resolver.broken import Broken, noting_bugs, reason_of, unavailable
from mxisd.resolver.intake import Intake
from mxisd.waiting import in_time

T = TypeVar("T")

log = Logger()

TIMEOUTS_TO_OPEN = 3
"""After so many time-outs in a row a store is no longer waited for."""

LONG = 0.5
"""A question that is withdrawn after this part of the time-out counts as one."""

COOL_DOWN = 10.0
"""Seconds between two tries to reach a store that is no longer waited for."""

LISTING_PAUSE = 60.0
"""The longest pause, in seconds, between two batches of a listing."""

BLOCKING = 0.5
"""A store that keeps the reactor to itself for so many seconds is named."""

SILENCE = 3600.0
"""Seconds between two log lines about the same bad habit of a store."""

LISTING = "lookups by hash"
ALL_PARTS = "all parts"


def apart(work: Callable[[], Awaitable[T]]) -> "Deferred[T]":
    """
    Run a store's code so that whoever waits for it can always leave.

    Cancelling asks the code to end, and does not wait until it does: a coroutine may
    catch its own cancellation, and go on. Whatever it raises, be it ``SystemExit``,
    arrives as ``StoreUnavailable``.
    """
    broken: list[Broken] = []

    def leave(answer: "Deferred[T]") -> None:
        answer.errback(CancelledError())
        running.cancel()

    def answered(result: T) -> None:
        if not answer.called:
            answer.callback(result)

    def failed(failure: Failure) -> None:
        if not answer.called:
            error = unavailable(failure.value, broken)
            error.__cause__ = failure.value
            answer.errback(error)

    answer: Deferred[T] = Deferred(leave)
    running = Deferred.fromCoroutine(noting_bugs(work, broken))
    running.addCallbacks(answered, failed)
    return answer


@implementer(IAnswering)
class Guard:
    """
    Asks one store's capabilities.

    While the circuit is open nobody waits: the question that comes after the cool-down
    is asked in the background, and its answer closes the circuit.

    :ivar portions: For loops over what the store answers.
    """

    def __init__(
        self,
        name: str,
        clock: IReactorTime,
        background: BackgroundTasks,
        timeout: float,
        portions: Portions | None = None,
    ) -> None:
        """
        Ask nothing yet.

        :param portions: Those of everybody whose loops are to share their turns.
        """
        self.name = name
        self.is_answering = True
        self.portions = portions or Portions(clock)
        self._clock = clock
        self._background = background
        self._timeout = timeout
        self._timeouts = 0
        self._probe_at = 0.0
        self._silent_until: dict[str, float] = {}
        self._misconfigured: dict[str, Misconfigured] = {}
        self._bugs: set[str] = set()

    @property
    def misconfigured(self) -> Sequence[str]:
        """The keys without which some parts of the store do not work, in order."""
        return sorted({error.path for error in self._misconfigured.values()})

    # --- Asking -----------------------------------------------------------------------

    async def ask(
        self, part: str, question: Callable[[], Awaitable[T]], is_long: bool = False
    ) -> T:
        """
        Put a question to the store.

        :param part: The capability that is asked.
        :param is_long: Whether it may take too long by itself: its time-outs do not
            open the circuit, lest one asker keep the others from the store.
        :raise StoreUnavailable: Whatever went wrong.
        """
        if self._timeouts < TIMEOUTS_TO_OPEN:
            return await self._attempt(part, question, is_long)
        if self._clock.seconds() >= self._probe_at:
            self._probe_at = self._clock.seconds() + COOL_DOWN
            probe = self._probe(part, question, is_long)
            self._background.spawn(probe, f"a probe of {self.name}")
        raise StoreUnavailable(f"{self.name} does not answer in time")

    async def list(self, listing: Callable[[Put], Awaitable[None]], put: Put) -> None:
        """
        Let the store list itself, for as long as batches keep coming.

        :raise StoreUnavailable: Whatever went wrong.
        """

        async def whole() -> None:
            await listing(intake.put)
            await intake.finish()

        pause = self._clock.callLater(LISTING_PAUSE, lambda: listed.cancel())  # noqa: PLW0108
        intake = Intake(
            put, lambda: pause.reset(LISTING_PAUSE), self.report_illegal, self.portions
        )
        listed = self._watched(whole)
        try:
            await listed
        except CancelledError as error:
            if pause.active():
                # Not for its pauses: the server stops.
                raise
            reason = f"no batch for {LISTING_PAUSE:g} s"
            raise self._unlisted(reason) from error
        except Misconfigured as error:
            self._note_misconfigured(LISTING, error)
            raise self._unlisted(reason_of(error)) from error
        except StoreUnavailable as error:
            self.tell_bug(LISTING, error)
            raise self._unlisted(reason_of(error)) from error
        finally:
            intake.close()
            if pause.active():
                pause.cancel()
        self._note_mended(LISTING)

    def _unlisted(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(f"{self.name} did not list itself: {reason}")

    async def _probe(
        self, part: str, question: Callable[[], Awaitable[T]], is_long: bool
    ) -> None:
        try:
            await self._attempt(part, question, is_long)
        except StoreUnavailable as error:
            log.debug("{store} still does not answer: {e}", store=self.name, e=error)

    async def _attempt(
        self, part: str, question: Callable[[], Awaitable[T]], is_long: bool
    ) -> T:
        began = self._clock.seconds()
        try:
            answer = await in_time(self._watched(question), self._timeout, self._clock)
        except DeadlineExceeded as error:
            raise self._timed_out(error, is_long) from error
        except CancelledError:
            # Whoever asked had less time; that the store is slow is told all the same.
            waited = self._clock.seconds() - began
            if waited >= self._timeout * LONG:
                slow = DeadlineExceeded(f"no answer within {waited:.1f} s")
                self._timed_out(slow, is_long)
            raise
        except Misconfigured as error:
            # Its other parts may be well.
            self._timeouts = 0
            self._note_misconfigured(part, error)
            raise StoreUnavailable(f"{self.name}: {reason_of(error)}") from error
        except StoreUnavailable as error:
            self._timeouts = 0
            self.tell_bug(part, error)
            raise self.failed(error) from error
        self._answered()
        self._note_mended(part)
        return answer

    def _watched(self, work: Callable[[], Awaitable[T]]) -> "Deferred[T]":
        # What blocks cannot be stopped, but the operator learns who it is.
        began = self._clock.seconds()
        answer = apart(work)
        seconds = self._clock.seconds() - began
        if seconds >= BLOCKING and self._is_news("blocking"):
            log.warn(
                "Store {store} kept the whole server waiting for {seconds:.1f} s",
                store=self.name,
                seconds=seconds,
            )
        return answer

    # --- What the log learns ----------------------------------------------------------

    def report_illegal(self, count: int) -> None:
        """Log that so many answers were dropped for what no user or 3PID can have."""
        if count and self._is_news("illegal"):
            log.warn(
                "Store {store} gave {count} answers with an illegal user ID or 3PID; "
                "such answers are ignored",
                store=self.name,
                count=count,
            )

    def failed(self, error: Unavailable) -> StoreUnavailable:
        """
        Note that the store could not do its part.

        :return: What to raise.
        """
        if self.is_answering:
            self.is_answering = False
            log.emit(
                LogLevel.error if isinstance(error, Broken) else LogLevel.warn,
                "Store {store} does not answer ({reason}); going on without it",
                store=self.name,
                reason=reason_of(error),
            )
        return StoreUnavailable(f"{self.name} did not answer: {reason_of(error)}")

    def tell_bug(self, part: str, error: StoreUnavailable) -> None:
        """Log where a store has a bug, once for each kind of exception."""
        if not isinstance(error, Broken) or error.kind in self._bugs:
            return
        self._bugs.add(error.kind)
        log.error(
            "Store {store} raised {kind} in {part}, which looks like a bug in it; "
            "what follows is told once:\n{trace}",
            store=self.name,
            kind=error.kind,
            part=part,
            trace=error.trace,
        )

    def _timed_out(self, error: DeadlineExceeded, is_long: bool) -> StoreUnavailable:
        if not is_long:
            self._timeouts += 1
        self._probe_at = self._clock.seconds() + COOL_DOWN
        return self.failed(error)

    def _answered(self) -> None:
        self._timeouts = 0
        if not self.is_answering:
            self.is_answering = True
            log.info("Store {store} answers again", store=self.name)

    def _note_misconfigured(self, part: str, error: Misconfigured) -> None:
        if error.is_whole:
            # It does answer: that it does not let us in.
            part, self.is_answering = ALL_PARTS, True
        if str(self._misconfigured.get(part)) != str(error):
            log.error(
                "Store {store}: {part} fail, as it is configured: {reason}",
                store=self.name,
                part=part,
                reason=reason_of(error),
            )
        self._misconfigured[part] = error

    def _note_mended(self, part: str) -> None:
        for each in (part, ALL_PARTS):
            if self._misconfigured.pop(each, None) is not None:
                log.info("Store {store}: {part} work again", store=self.name, part=each)

    def _is_news(self, habit: str) -> bool:
        now = self._clock.seconds()
        if now < self._silent_until.get(habit, now):
            return False
        self._silent_until[habit] = now + SILENCE
        return True
