"""Our own tables, an interface per family."""

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set

from attrs import frozen
from zope.interface import Interface

from mxisd.model.associations import Association
from mxisd.model.hashing import Generation
from mxisd.model.identifiers import UserId
from mxisd.model.invites import Delivery, Invite, Verdict
from mxisd.model.sessions import TokenOutcome, ValidationSession
from mxisd.model.threepids import ThreePid


@frozen
class AccountRecord:
    """A registered account token; the token itself is never stored."""

    token_hash: bytes
    user_id: UserId
    expires_ms: int


class IAccountRecords(Interface):
    """Registered account tokens."""

    def account(token_hash: bytes) -> AccountRecord | None:
        """Find a token by key, at once; expired ones too."""

    def add_account(record: AccountRecord, most: int) -> Awaitable[None]:
        """
        Remember a token.

        :param most: How many tokens its user may have; the oldest ones go, in the same
            transaction.
        """

    def remove_account(token_hash: bytes) -> Awaitable[bool]:
        """Forget a token; tells whether it was there."""

    def purge_accounts(now_ms: int) -> Awaitable[int]:
        """Forget what has expired; tells how many."""


class ITermsRecords(Interface):
    """Who accepted which documents; kept for ever, per user."""

    def accepted_urls(user_id: UserId) -> frozenset[str]:
        """The URLs that a user has accepted, at once."""

    def accept_urls(user_id: UserId, urls: Set[str], now_ms: int) -> Awaitable[None]:
        """Remember an acceptance; repeating it changes nothing."""


class IPepperRecords(Interface):
    """The peppers of the hashed lookup: current, in grace, being built."""

    def generations() -> Awaitable[Sequence[Generation]]:
        """Those that may still be answered, the current one first."""

    def prepare_pepper(pepper: str) -> Awaitable[None]:
        """
        Announce a pepper that is being built, and hash every binding with it.

        From then on each bind writes a hash for it too.
        """

    def promote_pepper(pepper: str, now_ms: int, grace_ms: int) -> Awaitable[None]:
        """Make a prepared pepper the current one; its predecessor enters its grace."""

    def purge_peppers(now_ms: int) -> Awaitable[Sequence[str]]:
        """
        Forget peppers whose grace is over, and preparations that never finished.

        :return: The peppers forgotten.
        """


class IBindingRecords(Interface):
    """The associations that users published with us."""

    def bound(threepids: Set[ThreePid]) -> Awaitable[Mapping[ThreePid, UserId]]:
        """Find the current owners of these."""

    def bound_by_digest(pepper: str, digests: Sequence[bytes]) -> Mapping[bytes, str]:
        """Find owners by lookup hash, at once, as texts."""

    def association(threepid: ThreePid) -> Awaitable[Association | None]:
        """Find what the current owner of this has published, with its times."""

    def bind(association: Association) -> Awaitable[None]:
        """Publish; a 3PID has one owner, the newest. Its hashes are written with it."""

    def unbind(threepid: ThreePid, user_id: UserId) -> Awaitable[bool]:
        """Withdraw, hashes included; tells whether that binding was there."""


class ISessionRecords(Interface):
    """Validation sessions."""

    def session(sid: str) -> ValidationSession | None:
        """Find a session by key, at once; expired ones too."""

    def newest_session(
        threepid: ThreePid, secret_digest: bytes
    ) -> ValidationSession | None:
        """Find the session that a client asked for last for an address, at once."""

    def add_session(session: ValidationSession) -> Awaitable[None]:
        """Remember a session."""

    def record_sent(session: ValidationSession) -> Awaitable[None]:
        """Remember that a message went out: its attempt, and its next link."""

    def judge(
        sid: str, on_token: Callable[[ValidationSession | None], TokenOutcome]
    ) -> Awaitable[TokenOutcome]:
        """
        Have a token judged, and remember the outcome.

        All in one transaction: of many tokens at a time, each one counts.

        :param on_token: Gets the session as it is then; may run in another thread.
        """

    def purge_sessions(before_ms: int) -> Awaitable[int]:
        """Forget those that were last changed so long ago; tells how many."""


Place = tuple[int, str]
"""A pending invite's place among the others: when it was made, and its token."""


@frozen
class Pending:
    """
    Some of the addresses whose owners are still unknown.

    :ivar end: Where they end; ``None`` if there are no more.
    """

    threepids: frozenset[ThreePid]
    end: Place | None = None


class IInviteRecords(Interface):
    """Invites; ended ones are kept."""

    def invite(token: str) -> Invite | None:
        """Find an invite by key, at once; ended ones too."""

    def twin(threepid: ThreePid, room_id: str, sender: UserId) -> Invite | None:
        """Find the pending invite of the same person to the same room, at once."""

    def is_live_key(public_key: bytes) -> bool:
        """Whether this is the ephemeral key of a pending invite, at once."""

    def add_invite(invite: Invite, due_ms: int) -> Awaitable[Invite]:
        """
        Remember an invite, and what is to be done about it.

        That is a message to its addressee, or a delivery if the owner is known: in the
        same transaction.

        :return: Its pending twin instead, if there is one; nothing is written then.
        """

    def is_told(token: str, before_ms: int) -> bool:
        """
        Whether a pending invite's message ended by then, sent or given up, at once.

        One that has none was told of when it was made, by another server.
        """

    def tell_again(token: str, before_ms: int, now_ms: int) -> Awaitable[bool]:
        """
        Have the message sent again if :meth:`is_told`; tells whether it will be.

        Of many requests at a time, one succeeds.
        """

    def pending_threepids(after: Place | None = None) -> Awaitable[Pending]:
        """
        Tell whose owners are still unknown, some at a time.

        :param after: Where those before ended.
        """

    def resolve(threepid: ThreePid, owner: UserId, now_ms: int) -> Awaitable[int]:
        """
        End all pending invites of an address, and queue their deliveries.

        All in one transaction; tells how many.
        """

    def expire(before_ms: int, owner: UserId | None, now_ms: int) -> Awaitable[int]:
        """
        End the pending invites that are so old; tells how many.

        :param owner: To whom they are delivered instead, if to anybody.
        """

    def purge_invites(before_ms: int) -> Awaitable[int]:
        """
        Forget those that ended so long ago, with their messages and deliveries.

        What is still to be delivered stays. Tells how many.
        """


class IDeliveryRecords(Interface):
    """What homeservers are to be told."""

    def servers_due(now_ms: int) -> Sequence[str]:
        """The servers for which something is due, the longest first, at once."""

    def next_delivery(server: str, now_ms: int) -> Delivery | None:
        """
        The delivery that has been due for a server longest, at once.

        Of those that were postponed, or made due, together it is the one that has
        failed most often: its next time is for all.
        """

    def delivery_failed(token: str, due_ms: int, answer: str) -> Awaitable[None]:
        """Remember a failure, and when to try again."""

    def delivery_answered(token: str, answer: str) -> Awaitable[None]:
        """Remember what came of a try that is counted already."""

    def postpone_deliveries(server: str, due_ms: int, answer: str) -> Awaitable[None]:
        """
        Let everything for a server that is down wait.

        :param due_ms: When what has just failed is tried again; the rest comes next.
        """

    def delivery_ended(
        token: str, outcome: Verdict, now_ms: int, answer: str
    ) -> Awaitable[None]:
        """Remember the end."""

    def expedite_deliveries(now_ms: int) -> Awaitable[None]:
        """Make everything due that waits for another try."""


class IInviteMessageRecords(Interface):
    """What people are to be told about invites."""

    def due_messages(
        now_ms: int, limit: int, without: Sequence[str] = ()
    ) -> Sequence[tuple[Invite, int]]:
        """
        What is due, the oldest first, and how often it has failed, at once.

        :param without: The mediums that have to wait.
        """

    def message_failed(token: str, due_ms: int, answer: str) -> Awaitable[None]:
        """Remember a failure, and when to try again."""

    def message_ended(token: str, outcome: str, now_ms: int) -> Awaitable[None]:
        """Remember the end."""

    def expedite_messages(now_ms: int) -> Awaitable[None]:
        """Make everything due that waits for another try."""


class IInviteLinkRecords(Interface):
    """The links in messages about invites."""

    def linked_invite(code: str) -> Invite | None:
        """Find an invite by the code of its link, at once; ended ones too."""

    def link(token: str, code: str) -> Awaitable[str]:
        """
        Have an invite linked to.

        :param code: For its link, if it has none yet.
        :return: The code of its link.
        """


class IRecordsHealth(Interface):
    """Whether our own tables work."""

    def check() -> Awaitable[None]:
        """
        Read something, and write something; a write of some seconds ago is enough.

        :raise RecordsUnavailable: If that fails.
        """
