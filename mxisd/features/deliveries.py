"""
Deliveries: homeservers are told whose an address is, until they have heard it.

What is to be told is a row before this module sees it. There is a lane for each server,
so that one that is down or slow does not hold up the others; one that cannot be reached
leaves its lane until it is asked again, once for all that it is to be told. Where there
are more servers than lanes, the next one begins when one is done.
"""

from collections import deque
from collections.abc import Set

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.background import BackgroundTasks
from mxisd.errors import HomeserverUnavailable, RecordsUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.model.invites import Delivery, Verdict, delay_ms, verdict
from mxisd.ports import IDeliveryRecords, IKeyRing, IOnBind

MAX_LANES = 50
POLL_SECONDS = 1.0
ANSWER_LENGTH = 500

log = Logger()


@frozen
class _Told:
    """
    What came of it.

    :ivar is_down: Whether the owner's homeserver could not be asked.
    """

    outcome: Verdict
    answer: str
    is_down: bool = False


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
                if await self._deliver(delivery, server):
                    break
        finally:
            self._lanes.discard(server)

    async def _deliver(self, delivery: Delivery, server: str) -> bool:
        """Deliver, and record what came of it; tells whether the server is down."""
        told = await self._outcome(delivery)
        token, now_ms, answer = delivery.invite.token, self._now_ms(), told.answer
        if told.outcome in (Verdict.DELIVERED, Verdict.REFUSED):
            await self._records.delivery_ended(token, told.outcome, now_ms, answer)
        else:
            due_ms = now_ms + delay_ms(delivery.failures + 1)
            await self._records.delivery_failed(token, due_ms, answer)
            if told.is_down:
                await self._records.postpone_deliveries(server, due_ms, answer)
        _log(delivery, told.outcome, answer)
        return told.is_down

    async def _outcome(self, delivery: Delivery) -> _Told:
        try:
            return await self._tell(delivery)
        except CancelledError:
            raise
        except Exception as error:
            # Otherwise it would be tried again every second.
            log.failure("an invite could not be delivered")
            return _Told(Verdict.LATER, type(error).__name__)

    async def _tell(self, delivery: Delivery) -> _Told:
        """Tell the owner's homeserver; the sender's, if that one takes no such news."""
        owner, sender = delivery.owner, delivery.invite.sender
        signed = self._key_ring.signed(delivery.to_sign(), delivery.invite.key_id)
        content = delivery.content(signed)
        told = _Told(Verdict.LATER, "")
        for name in dict.fromkeys((owner.server_name, sender.server_name)):
            try:
                status = await self._homeservers.onbind(ServerName.parse(name), content)
            except HomeserverUnavailable as error:
                is_down = name == owner.server_name
                return _Told(Verdict.LATER, str(error)[:ANSWER_LENGTH], is_down)
            age_ms = self._now_ms() - delivery.invite.created_ms
            told = _Told(verdict(status, age_ms), f"{name}: HTTP {status}")
            if told.outcome is not Verdict.ELSEWHERE:
                break
        return told

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)


def _log(delivery: Delivery, outcome: Verdict, answer: str) -> None:
    if outcome is Verdict.DELIVERED:
        log.info("An invite was delivered: {answer}", answer=answer)
    elif outcome is Verdict.REFUSED:
        log.warn("An invite was refused for good: {answer}", answer=answer)
    else:
        log.warn(
            "An invite could not be delivered, {count} times so far: {answer}",
            count=delivery.failures + 1,
            answer=answer,
        )
