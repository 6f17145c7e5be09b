"""
Messages about invites: people hear of them, sooner or later.

What is to be sent is a row before this module sees it.
"""

from attrs import define, field
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.background import BackgroundTasks
from mxisd.errors import MessageNotSent, RecordsUnavailable
from mxisd.features.invite_links import InviteLinks
from mxisd.model.invites import Invite, delay_ms
from mxisd.model.notices import InviteNotice
from mxisd.ports import IInviteMessageRecords, INotifier

AT_ONCE = 5
TRIES = 24
"""About fifteen hours."""

ANSWER_LENGTH = 500

SENT, GIVEN_UP = "sent", "given up"

log = Logger()


@define(eq=False)
class InviteMessages:
    """Sends messages about invites."""

    _records: IInviteMessageRecords
    _notifier: INotifier
    _background: BackgroundTasks
    _clock: IReactorTime
    _links: InviteLinks
    _sending: set[str] = field(factory=set, init=False)
    _is_fresh: bool = field(default=True, init=False)

    def can_reach(self, medium: str) -> bool:
        """Whether people are told of invites by this medium."""
        return self._notifier.can_reach(InviteNotice, medium)

    async def wake(self) -> None:
        """Begin with what is due; at first also with what waits for another try."""
        if self._is_fresh:
            await self._records.expedite_messages(self._now_ms())
            self._is_fresh = False
        if len(self._sending) >= AT_ONCE:
            return
        for invite, failures in self._records.due_messages(self._now_ms(), AT_ONCE):
            if invite.token not in self._sending:
                self._sending.add(invite.token)
                sending = self._send(invite, failures)
                self._background.spawn(sending, "sending messages about invites")

    async def _send(self, invite: Invite, failures: int) -> None:
        try:
            await self._attempt(invite, failures)
        except RecordsUnavailable as error:
            log.warn("messages about invites wait: {error}", error=error)
        finally:
            self._sending.discard(invite.token)

    async def _attempt(self, invite: Invite, failures: int) -> None:
        try:
            await self._notifier.send(await self._links.notice(invite))
        except MessageNotSent as error:
            log.warn(
                "A message about an invite could not be sent, {count} times so far: "
                "{error}",
                count=failures + 1,
                error=error,
            )
            await self._failed(invite.token, failures + 1, str(error))
        except (CancelledError, RecordsUnavailable):
            raise
        except Exception as error:
            # Otherwise it would be tried again every second.
            log.failure("a message about an invite could not be sent")
            await self._failed(invite.token, failures + 1, type(error).__name__)
        else:
            await self._records.message_ended(invite.token, SENT, self._now_ms())

    async def _failed(self, token: str, failures: int, answer: str) -> None:
        now_ms = self._now_ms()
        if failures >= TRIES:
            await self._records.message_ended(token, GIVEN_UP, now_ms)
        else:
            due_ms = now_ms + delay_ms(failures)
            await self._records.message_failed(token, due_ms, answer[:ANSWER_LENGTH])

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)
