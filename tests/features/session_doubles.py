"""Doubles around validation sessions."""

from collections.abc import Callable
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mxisd.model.notices import (
    InviteNotice,
    Notice,
    UnbindNotice,
    ValidationNotice,
)
from mxisd.model.sessions import (
    TokenOutcome,
    Validated,
    ValidationSession,
    WrongToken,
)
from mxisd.model.threepids import ThreePid
from mxisd.ports import INotifier, ISessionRecords


@implementer(ISessionRecords)
@define(eq=False)
class MemorySessions:
    """Sessions in a dict."""

    sessions: dict[str, ValidationSession] = field(factory=dict)

    def session(self, sid: str) -> ValidationSession | None:
        """Find a session."""
        return self.sessions.get(sid)

    def newest_session(
        self, threepid: ThreePid, secret_digest: bytes
    ) -> ValidationSession | None:
        """Find the last session of a client for an address."""
        found = [
            each
            for each in self.sessions.values()
            if (each.threepid, each.secret_digest) == (threepid, secret_digest)
        ]
        return max(found, key=lambda each: each.changed_ms, default=None)

    async def add_session(self, session: ValidationSession) -> None:
        """Remember a session."""
        self.sessions[session.sid] = evolve(session)

    async def record_sent(self, session: ValidationSession) -> None:
        """Remember that a message went out."""
        self.sessions[session.sid] = evolve(
            self.sessions[session.sid],
            send_attempt=session.send_attempt,
            next_link=session.next_link,
        )

    async def judge(
        self, sid: str, on_token: Callable[[ValidationSession | None], TokenOutcome]
    ) -> TokenOutcome:
        """Have a token judged."""
        outcome = on_token(self.sessions.get(sid))
        if isinstance(outcome, Validated | WrongToken):
            self.sessions[sid] = evolve(
                self.sessions[sid],
                changed_ms=outcome.session.changed_ms,
                wrong_tokens=outcome.session.wrong_tokens,
                validated_ms=outcome.session.validated_ms,
            )
        return outcome

    async def purge_sessions(self, before_ms: int) -> int:
        """Forget old ones."""
        over = [k for k, each in self.sessions.items() if each.changed_ms <= before_ms]
        for sid in over:
            del self.sessions[sid]
        return len(over)


@implementer(INotifier)
@define(eq=False)
class RecordingNotifier:
    """
    Keeps what it is to send.

    :ivar trouble: What is raised instead.
    :ivar pending: Whether messages are never handed over, but not refused either.
    """

    media: set[str] = field(factory=lambda: {"email", "msisdn"})
    sent: list[ValidationNotice] = field(factory=list)
    unbound: list[UnbindNotice] = field(factory=list)
    invites: list[InviteNotice] = field(factory=list)
    trouble: Exception | None = None
    pending: "list[Deferred[None]] | None" = None

    def can_reach(self, notice_type: type, medium: str) -> bool:
        """Whether the medium is one of ours."""
        types = (ValidationNotice, UnbindNotice, InviteNotice)
        return notice_type in types and medium in self.media

    async def send(self, notice: Notice) -> None:
        """Keep a notice."""
        if isinstance(notice, UnbindNotice):
            self.unbound.append(notice)
        elif isinstance(notice, InviteNotice):
            self.invites.append(notice)
        else:
            assert isinstance(notice, ValidationNotice)
            self.sent.append(notice)
        if self.trouble is not None:
            raise self.trouble
        if self.pending is not None:
            waiting: Deferred[None] = Deferred()
            self.pending.append(waiting)
            await waiting

    @property
    def last(self) -> ValidationNotice:
        """The newest message."""
        return self.sent[-1]


def one(items: Any) -> Any:
    """The only item."""
    (item,) = items
    return item
