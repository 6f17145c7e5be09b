"""The interfaces inside: what features need, and adapters provide."""

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from typing import Any

from attrs import frozen
from zope.interface import Attribute, Interface

from mxisd.model.associations import Association
from mxisd.model.hashing import Generation
from mxisd.model.identifiers import ServerName, UserId
from mxisd.model.invites import Delivery, Invite, Verdict
from mxisd.model.notices import Notice
from mxisd.model.overviews import InviteOverview, Page, Wanted
from mxisd.model.requesters import Requester
from mxisd.model.secret import Secret
from mxisd.model.sessions import TokenOutcome, ValidationSession
from mxisd.model.threepids import ThreePid


class IRandom(Interface):
    """Randomness, injected like the clock."""

    def token_bytes(size: int) -> bytes:
        """Random bytes fit for secrets."""

    def alphanumeric(length: int) -> str:
        """A random text of ``[0-9A-Za-z]`` fit for secrets."""


# --- Resolver -------------------------------------------------------------------------


@frozen
class LookupContext:
    """
    On whose behalf a lookup runs, and how far it may go.

    :ivar recursive: Whether remote servers may be asked.
    :ivar deadline: The reactor time, in seconds, at which the answer must be given.
    """

    requester: Requester
    recursive: bool
    deadline: float


@frozen
class Resolution:
    """
    What a resolver found.

    :ivar unanswered: The names of the stores and servers that could not be asked.
    """

    found: Mapping[ThreePid, UserId]
    unanswered: frozenset[str] = frozenset()


class IThreePidResolver(Interface):
    """Answers lookups from one source, or from many."""

    name = Attribute("What it is called among the unanswered ones.")

    def resolve(
        threepids: frozenset[ThreePid], context: LookupContext
    ) -> Awaitable[Resolution]:
        """Find what can be found in time; never raises for a sick source."""


class IAnswering(Interface):
    """Something whose answers are watched."""

    is_answering = Attribute("Whether its last answer came, and made sense.")
    misconfigured = Attribute("The keys that do not work as they are, in order.")


# --- Records --------------------------------------------------------------------------


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

    def add_account(record: AccountRecord) -> Awaitable[None]:
        """Remember a token."""

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

    def pending_threepids() -> Awaitable[frozenset[ThreePid]]:
        """Tell whose owners are still unknown."""

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


class IDeliveryRecords(Interface):
    """What homeservers are to be told."""

    def servers_due(now_ms: int) -> Sequence[str]:
        """The servers for which something is due, at once."""

    def next_delivery(server: str, now_ms: int) -> Delivery | None:
        """The delivery that has been due for a server longest, at once."""

    def delivery_failed(token: str, due_ms: int, answer: str) -> Awaitable[None]:
        """Remember a failure, and when to try again."""

    def delivery_ended(
        token: str, outcome: Verdict, now_ms: int, answer: str
    ) -> Awaitable[None]:
        """Remember the end."""

    def expedite_deliveries(now_ms: int) -> Awaitable[None]:
        """Make everything due that waits for another try."""


class IInviteMessageRecords(Interface):
    """What people are to be told about invites."""

    def due_messages(now_ms: int, limit: int) -> Sequence[tuple[Invite, int]]:
        """What is due, and how often it has failed, at once."""

    def message_failed(token: str, due_ms: int) -> Awaitable[None]:
        """Remember a failure, and when to try again."""

    def message_ended(token: str, outcome: str, now_ms: int) -> Awaitable[None]:
        """Remember the end."""

    def expedite_messages(now_ms: int) -> Awaitable[None]:
        """Make everything due that waits for another try."""


class IOverviews(Interface):
    """Pages of our own tables, for operators."""

    def bindings(wanted: Wanted) -> Awaitable[Page[Association]]:
        """Who published what, in the order of the addresses."""

    def sessions(wanted: Wanted) -> Awaitable[Page[ValidationSession]]:
        """Validation sessions, the last one that changed first."""

    def invites(wanted: Wanted) -> Awaitable[Page[InviteOverview]]:
        """Invites, the newest first."""

    def deliveries(wanted: Wanted) -> Awaitable[Page[InviteOverview]]:
        """The invites that homeservers are told of, or were, the newest first."""

    def invite(token: str) -> InviteOverview | None:
        """An invite, and what was done about it, at once."""


class IInterventions(Interface):
    """What operators change by hand; each tells whether there was such a thing."""

    def revoke_invite(token: str, owner: UserId | None, now_ms: int) -> Awaitable[bool]:
        """
        End a pending invite.

        :param owner: To whom it is delivered instead, if to anybody.
        """

    def resend_message(token: str, now_ms: int) -> Awaitable[bool]:
        """Have the message of a pending invite sent again."""

    def resend_delivery(token: str, now_ms: int) -> Awaitable[bool]:
        """Have a delivery tried again, whatever became of it."""

    def revoke_delivery(token: str, now_ms: int) -> Awaitable[bool]:
        """Try a delivery no more that is still tried."""

    def close_session(sid: str) -> Awaitable[bool]:
        """Forget a session, whoever still has its token."""


class IRecordsHealth(Interface):
    """Whether our own tables work."""

    def check() -> Awaitable[None]:
        """
        Read something.

        :raise RecordsUnavailable: If that fails.
        """


# --- Hash index -----------------------------------------------------------------------


class IHashIndex(Interface):
    """One generation of the index file, open for reading."""

    count = Attribute("How many hashes it holds.")

    def find(digests: Sequence[bytes]) -> Mapping[bytes, str]:
        """
        Find the user IDs behind 32-byte lookup digests, on the calling thread.

        :return: The found ones, as texts ready for the reply.
        """

    def close() -> None:
        """Release the file."""


@frozen
class Listed:
    """
    A finished listing.

    :ivar is_changed: ``False`` only if it surely equals the source's former one.
    """

    count: int
    is_changed: bool


class IListing(Interface):
    """A source's list while it is being taken."""

    def add(associations: Sequence[tuple[ThreePid, UserId]]) -> Awaitable[None]:
        """Stage a batch."""

    def commit() -> Awaitable[Listed]:
        """Let it replace the source's former list."""

    def abandon() -> Awaitable[None]:
        """Drop what was staged; the source's former list stays."""


class IHashFiles(Interface):
    """The folder of listings and index files; local to this node."""

    def listing(source: str) -> Awaitable[IListing]:
        """Start to take a source's list."""

    def build(pepper: str, sources: Sequence[str]) -> Awaitable[IHashIndex]:
        """
        Make the index file of a pepper from the listings.

        :param sources: In order of priority: the first that lists a 3PID wins.
        """

    def open(pepper: str) -> Awaitable[IHashIndex | None]:
        """Open the file of a pepper from an earlier run; ``None`` if there is none."""

    def retain(peppers: Set[str], sources: Set[str]) -> Awaitable[None]:
        """Delete the files of every other pepper and source."""


# --- Messages to people ---------------------------------------------------------------


class INotifier(Interface):
    """Tells people something at their 3PIDs."""

    def can_reach(notice_type: type, medium: str) -> bool:
        """Whether notices of this type are sent by this medium at all."""

    def send(notice: Notice) -> Awaitable[None]:
        """
        Put a notice into words, and hand it over.

        :raise MessageNotSent: If that failed, was too slow, or is not possible.
        """


# --- Keys and servers -----------------------------------------------------------------


class IKeyRing(Interface):
    """Our long-term signing keys, and the ephemeral ones of invites."""

    def public_key(key_id: str) -> str | None:
        """The public key of a long-term key, unpadded base64."""

    def is_valid(public_key: str) -> bool:
        """Whether this is one of our valid long-term keys, in any base64 spelling."""

    def is_ephemeral_valid(public_key: str) -> bool:
        """Whether this is the valid key of an invite, in any base64 spelling."""

    def current_public_key() -> str:
        """The public key with which we sign, unpadded base64."""

    def signed(content: dict[str, Any]) -> dict[str, Any]:
        """A copy of the content, signed with our current key under our server name."""


class IHomeserver(Interface):
    """Questions to homeservers."""

    def openid_user(server_name: ServerName, token: Secret) -> Awaitable[str]:
        """
        Ask a homeserver whose OpenID token this is.

        :return: The ``sub`` of its answer, unchecked.
        :raise HomeserverRejectedToken: If the homeserver does not know the token.
        :raise HomeserverUnavailable: If it could not be found or asked.
        """


class IHomeserverKeys(Interface):
    """The keys with which homeservers sign."""

    def verify_key(server_name: ServerName, key_id: str) -> Awaitable[bytes | None]:
        """
        Find a public key that a homeserver uses today.

        :return: ``None`` if it has no such key, or uses it no more.
        :raise HomeserverUnavailable: If it could not be found or asked.
        """


class IOnBind(Interface):
    """Tells homeservers whose an address is."""

    def onbind(server_name: ServerName, content: dict[str, Any]) -> Awaitable[int]:
        """
        Tell one.

        :return: The HTTP status of its answer; 404 or 405 if it has no such endpoint.
        :raise HomeserverUnavailable: If it could not be found or asked.
        """
