"""
Messages about invites: people hear of them, sooner or later.

What is to be sent is a row before this module sees it. Each medium has a lane, so that
mails do not wait for texts; in it, the next message begins when one has ended.
"""

from attrs import define, field
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.background import BackgroundTasks
from mxisd.errors import (
    MessageNotSent,
    MessageRefused,
    RecordsUnavailable,
    SenderUnavailable,
)
from mxisd.features.invite_links import InviteLinks
from mxisd.features.sending_lanes import SendingLane
from mxisd.model.invites import LONGEST_DELAY_MS, Invite, delay_ms
from mxisd.model.notices import InviteNotice
from mxisd.ports import IInviteMessageRecords, INotifier

TRIES = 24
"""About fifteen hours."""

TRIES_OF_REFUSED = 4
"""An hour apart: what is wrong may be ours."""

ANSWER_LENGTH = 500

SENT, GIVEN_UP = "sent", "given up"

Due = tuple[Invite, int]
"""An invite, and how often its message could not be sent."""

log = Logger()


@define(eq=False)
class InviteMessages:
    """Sends messages about invites."""

    _records: IInviteMessageRecords
    _notifier: INotifier
    _background: BackgroundTasks
    _clock: IReactorTime
    _links: InviteLinks
    _lanes: dict[str, SendingLane] = field(factory=dict, init=False)
    _sent: set[str] = field(factory=set, init=False)
    _is_fresh: bool = field(default=True, init=False)

    def can_reach(self, medium: str) -> bool:
        """Whether people are told of invites by this medium."""
        return self._notifier.can_reach(InviteNotice, medium)

    async def wake(self) -> None:
        """Begin with what is due; at first also with what waits for another try."""
        if self._is_fresh:
            await self._records.expedite_messages(self._now_ms())
            self._is_fresh = False
        while due := self._next():
            self._background.spawn(self._run(due), "sending messages about invites")

    def _next(self) -> Due | None:
        """Take the message that has been due longest, where there is room."""
        now_ms = self._now_ms()
        full = [name for name, each in self._lanes.items() if not each.has_room(now_ms)]
        count = sum(len(each.under_way) for each in self._lanes.values()) + 1
        for invite, failures in self._records.due_messages(now_ms, count, full):
            under_way = self._lane(invite).under_way
            if invite.token not in under_way:
                under_way.add(invite.token)
                return invite, failures
        return None

    def _lane(self, invite: Invite) -> SendingLane:
        return self._lanes.setdefault(invite.threepid.medium, SendingLane())

    async def _run(self, due: Due | None) -> None:
        """Send a message, and then those that wait for room."""
        try:
            while due:
                await self._send(*due)
                due = self._next()
        except RecordsUnavailable as error:
            log.warn("messages about invites wait: {error}", error=error)

    async def _send(self, invite: Invite, failures: int) -> None:
        lane = self._lane(invite)
        try:
            await self._attempt(invite, failures, lane)
        except RecordsUnavailable:
            # It stays due, and would be tried again at once.
            lane.failed(self._now_ms())
            raise
        finally:
            lane.under_way.discard(invite.token)

    async def _attempt(self, invite: Invite, failures: int, lane: SendingLane) -> None:
        try:
            await self._tell(invite)
        except (CancelledError, RecordsUnavailable):
            raise
        except SenderUnavailable as error:
            lane.failed(self._now_ms())
            await self._failed(invite.token, failures + 1, error)
        except MessageNotSent as error:
            await self._failed(invite.token, failures + 1, error)
            lane.worked()
        except Exception as error:
            # Otherwise it would be tried again every second.
            log.failure("a message about an invite could not be sent")
            await self._failed(invite.token, failures + 1, error)
        else:
            await self._records.message_ended(invite.token, SENT, self._now_ms())
            self._sent.discard(invite.token)
            lane.worked()

    async def _tell(self, invite: Invite) -> None:
        """Hand the message over, once, even if that cannot be written down yet."""
        if invite.token not in self._sent:
            await self._notifier.send(await self._links.notice(invite))
            self._sent.add(invite.token)

    async def _failed(self, token: str, failures: int, error: Exception) -> None:
        """Try again later, unless it has been tried often enough."""
        is_refused = isinstance(error, MessageRefused)
        is_last = failures >= (TRIES_OF_REFUSED if is_refused else TRIES)
        is_told = isinstance(error, MessageNotSent)
        answer = str(error) if is_told else type(error).__name__
        log.warn(
            "A message about an invite could not be sent, {count} times so far{end}: "
            "{answer}",
            count=failures,
            end=", and is given up" if is_last else "",
            answer=answer,
        )
        now_ms = self._now_ms()
        if is_last:
            await self._records.message_ended(token, GIVEN_UP, now_ms)
        else:
            pause_ms = LONGEST_DELAY_MS if is_refused else delay_ms(failures)
            answer = answer[:ANSWER_LENGTH]
            await self._records.message_failed(token, now_ms + pause_ms, answer)

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)
