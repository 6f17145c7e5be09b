"""
Deliveries: homeservers are told whose an address is, until they have heard it.

What is to be told is a row before this module sees it. There is a lane for each server,
so that one that is down or slow does not hold up the others; one that cannot be reached
leaves its lane until it is asked again, once for all that it is to be told. Where there
are more servers than lanes, the next one begins when one is done.

A homeserver may take no such news; then the sender's is told, beside the lane, in which
nobody waits for homeservers of those who invite.
"""

from collections import deque
from collections.abc import Set

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.background import BackgroundTasks
from mxisd.errors import HomeserverUnavailable, RecordsUnavailable
from mxisd.model.identifiers import ServerName, UserId
from mxisd.model.invites import Delivery, Verdict, delay_ms, verdict
from mxisd.ports import IDeliveryRecords, IKeyRing, IOnBind

MAX_LANES = 50
STAND_INS = 5
"""So much at a time is told to a sender's homeserver in the place of others."""

POLL_SECONDS = 1.0
ANSWER_LENGTH = 500

log = Logger()


@frozen
class _Told:
    """
    What came of it.

    :ivar is_down: Whether the homeserver could not be asked.
    """

    outcome: Verdict
    answer: str
    is_down: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it need not be told again."""
        return self.outcome in (Verdict.DELIVERED, Verdict.REFUSED)


@define(eq=False)
class Deliveries:
    """
    Tells homeservers.

    :ivar known: Those that the operator named; crowds of others do not hold them up.
    """

    _records: IDeliveryRecords
    _homeservers: IOnBind
    _key_ring: IKeyRing
    _background: BackgroundTasks
    _clock: IReactorTime
    _known: Set[str] = frozenset()
    _lanes: set[str] = field(factory=set, init=False)
    _waiting: "deque[str]" = field(factory=deque, init=False)
    _beside: dict[str, str] = field(factory=dict, init=False)
    _is_fresh: bool = field(default=True, init=False)

    async def wake(self) -> None:
        """Begin with what is due; at first also with what waits for another try."""
        if self._is_fresh:
            await self._records.expedite_deliveries(self._now_ms())
            self._is_fresh = False
        due = self._records.servers_due(self._now_ms())
        self._waiting = deque(sorted(due, key=lambda name: name not in self._known))
        while server := self._next():
            self._background.spawn(self._run(server), "delivering invites")

    def _next(self) -> str | None:
        """Take the next server that waits, if there is room for it."""
        while self._waiting and self._has_room(self._waiting[0]):
            server = self._waiting.popleft()
            if server not in self._lanes:
                self._lanes.add(server)
                return server
        return None

    def _has_room(self, server: str) -> bool:
        return server in self._known or len(self._lanes - self._known) < MAX_LANES

    async def _run(self, server: str | None) -> None:
        """Serve a server, and then those that wait for room."""
        try:
            while server:
                await self._serve(server)
                server = self._next()
        except RecordsUnavailable as error:
            # It stays due; a message told twice does no harm.
            log.warn("invites are not delivered: {error}", error=error)

    async def _serve(self, server: str) -> None:
        """Deliver all that is due for a server, one after the other."""
        try:
            while delivery := self._records.next_delivery(server, self._now_ms()):
                await self._deliver(delivery, server)
        finally:
            self._lanes.discard(server)

    async def _deliver(self, delivery: Delivery, server: str) -> None:
        """Deliver, and record what came of it; all wait for a server that is down."""
        told = await self._outcome(delivery, delivery.owner)
        token, now_ms = delivery.invite.token, self._now_ms()
        if told.is_over:
            await self._records.delivery_ended(token, told.outcome, now_ms, told.answer)
        else:
            due_ms = now_ms + delay_ms(delivery.failures + 1)
            await self._records.delivery_failed(token, due_ms, told.answer)
            if told.is_down:
                await self._records.postpone_deliveries(server, due_ms, told.answer)
        if told.outcome is Verdict.ELSEWHERE and self._may_stand_in(delivery):
            self._beside[token] = _sender(delivery)
            self._background.spawn(self._stand_in(delivery), "delivering invites")
        else:
            _log(delivery, told)

    def _may_stand_in(self, delivery: Delivery) -> bool:
        """Whether the sender's homeserver is another one, and may be asked now."""
        name, busy = _sender(delivery), list(self._beside.values())
        is_crowded = name not in self._known and len(busy) >= MAX_LANES
        is_other = name != delivery.owner.server_name.lower()
        is_new = delivery.invite.token not in self._beside
        return is_other and is_new and not is_crowded and busy.count(name) < STAND_INS

    async def _stand_in(self, delivery: Delivery) -> None:
        """Tell the sender's homeserver; the delivery already waits for another try."""
        token = delivery.invite.token
        try:
            told = await self._outcome(delivery, delivery.invite.sender)
            if told.is_over:
                now_ms, answer = self._now_ms(), told.answer
                await self._records.delivery_ended(token, told.outcome, now_ms, answer)
            else:
                await self._records.delivery_answered(token, told.answer)
            _log(delivery, told)
        except RecordsUnavailable as error:
            log.warn("invites are not delivered: {error}", error=error)
        finally:
            del self._beside[token]

    async def _outcome(self, delivery: Delivery, whose: UserId) -> _Told:
        try:
            return await self._tell(delivery, whose.server_name)
        except CancelledError:
            raise
        except Exception as error:
            # Otherwise it would be tried again every second.
            log.failure("an invite could not be delivered")
            return _Told(Verdict.LATER, type(error).__name__)

    async def _tell(self, delivery: Delivery, name: str) -> _Told:
        signed = self._key_ring.signed(delivery.to_sign(), delivery.invite.key_id)
        content = delivery.content(signed)
        try:
            status = await self._homeservers.onbind(ServerName.parse(name), content)
        except HomeserverUnavailable as error:
            return _Told(Verdict.LATER, str(error)[:ANSWER_LENGTH], is_down=True)
        age_ms = self._now_ms() - delivery.invite.created_ms
        return _Told(verdict(status, age_ms), f"{name}: HTTP {status}")

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)


def _sender(delivery: Delivery) -> str:
    return delivery.invite.sender.server_name.lower()


def _log(delivery: Delivery, told: _Told) -> None:
    if told.outcome is Verdict.DELIVERED:
        log.info("An invite was delivered: {answer}", answer=told.answer)
    elif told.outcome is Verdict.REFUSED:
        log.warn("An invite was refused for good: {answer}", answer=told.answer)
    else:
        log.warn(
            "An invite could not be delivered, {count} times so far: {answer}",
            count=delivery.failures + 1,
            answer=told.answer,
        )
