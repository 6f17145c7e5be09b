"""
Messages about invites: people hear of them, sooner or later.

What is to be sent is a row before this module sees it.
"""

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from attrs import define, field
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from unpaddedbase64 import encode_base64

from mxisd.background import BackgroundTasks
from mxisd.errors import MessageNotSent, RecordsUnavailable
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
    """
    Sends messages about invites.

    :ivar sign_url: The URL where a client gets an invite signed.
    :ivar web_client: Where people go with an invite; ``None``: where the homeserver
        says.
    """

    _records: IInviteMessageRecords
    _notifier: INotifier
    _background: BackgroundTasks
    _clock: IReactorTime
    _sign_url: str
    _web_client: str | None = None
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
        notice = notice_of(invite, self._sign_url, self._web_client)
        try:
            await self._notifier.send(notice)
        except MessageNotSent as error:
            log.warn(
                "A message about an invite could not be sent, {count} times so far: "
                "{error}",
                count=failures + 1,
                error=error,
            )
            await self._failed(invite.token, failures + 1, str(error))
        except CancelledError:
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


def notice_of(invite: Invite, sign_url: str, web_client: str | None) -> InviteNotice:
    """
    What a person is told.

    :param sign_url: The URL where a client gets an invite signed.
    :param web_client: Where people go with it; ``None``: where the homeserver says.
    """
    link = invite_link(invite, sign_url, web_client)
    facts = invite.facts
    return InviteNotice(
        threepid=invite.threepid,
        sender=invite.sender,
        sender_name=_sender_name(invite),
        room_id=invite.room_id,
        room_name=_name(facts, "room_name") or _name(facts, "room_alias"),
        room_type=_name(facts, "room_type"),
        register_url=link,
        room_url=link,
        languages=invite.languages,
        facts=facts,
    )


def invite_link(invite: Invite, sign_url: str, web_client: str | None) -> str | None:
    """
    The link that opens an invite in Element; ``None`` without a client to open.

    Source: Element Web, ``#/room/…?signurl=…``.
    """
    client = web_client or invite.facts.get("org.matrix.web_client_location", "")
    if not _is_web(client):
        return None
    query = {
        "email": invite.threepid.written,
        **_signing(invite, sign_url),
        "room_name": invite.facts.get("room_name", ""),
        "room_avatar_url": invite.facts.get("room_avatar_url", ""),
        "inviter_name": invite.facts.get("sender_display_name", ""),
        "room_type": invite.facts.get("room_type", ""),
    }
    room = quote(invite.room_id, safe="")
    return f"{client.rstrip('/')}/#/room/{room}?{urlencode(query)}"


def _signing(invite: Invite, sign_url: str) -> Mapping[str, str]:
    # Of an invite that another server made, only its addressee may have the key.
    if invite.key is None:
        return {}
    key = encode_base64(invite.key.seed)
    sign = urlencode({"token": invite.token, "private_key": key})
    return {"signurl": f"{sign_url}?{sign}"}


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_plain = url.isprintable() and " " not in url and "#" not in url
    return is_plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def _sender_name(invite: Invite) -> str | None:
    # Synapse has the user ID for whoever has no name.
    name = _name(invite.facts, "sender_display_name")
    return None if name == str(invite.sender) else name


def _name(facts: Mapping[str, str], key: str) -> str | None:
    return facts.get(key) or None
