"""
Validation: people prove that an e-mail address or a phone number is theirs.

Source: Identity Service API v1.19, "Establishing associations".
"""

from collections.abc import Set
from urllib.parse import urlencode
from weakref import WeakValueDictionary

from attrs import frozen
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import (
    DestinationRejected,
    Forbidden,
    MessageNotSent,
    MessageRefused,
    NoValidSession,
    SessionExpired,
    SessionNotValidated,
    TextNotSent,
    TextRefused,
    TokenIncorrect,
    UnknownMedium,
)
from mxisd.features.limits import Limits
from mxisd.model.destinations import Destination
from mxisd.model.next_links import followable
from mxisd.model.notices import ValidationNotice
from mxisd.model.requesters import Requester
from mxisd.model.secret import Secret
from mxisd.model.sessions import (
    KEPT_MS,
    AlreadySent,
    Expired,
    NoSession,
    TokenOutcome,
    ValidationSession,
    WrongToken,
    digest_of,
    may_continue,
    on_request,
    on_token,
    standing,
)
from mxisd.model.threepids import MSISDN
from mxisd.ports import INotifier, IRandom, ISessionRecords

SID_LENGTH = 32
TOKEN_LENGTH = 32
PHONE_TOKEN_DIGITS = 6

log = Logger()


@frozen(kw_only=True)
class ValidationPolicy:
    """
    What operators decide.

    :ivar is_enabled: Whether anybody may ask for a token.
    :ivar allowed_countries: Of phone numbers; ``None``: all but the denied ones.
    :ivar next_link_hosts: Where ``next_link`` may lead, lower case; ``None``: anywhere.
    """

    is_enabled: bool = True
    allowed_countries: Set[str] | None = None
    denied_countries: Set[str] = frozenset()
    next_link_hosts: Set[str] | None = None

    def reaches(self, country: str) -> bool:
        """Whether phones of a country are sent messages."""
        if country in self.denied_countries:
            return False
        return self.allowed_countries is None or country in self.allowed_countries


@frozen(kw_only=True)
class TokenRequest:
    """
    A client wants to prove an address.

    :ivar submit_url: The address behind the link in the message, without its query.
    :ivar languages: Language tags, the most wanted first.
    """

    destination: Destination
    client_secret: Secret
    send_attempt: int
    submit_url: str
    next_link: str | None = None
    languages: tuple[str, ...] = ()


class Validation:
    """Sends tokens, and takes them back."""

    def __init__(
        self,
        policy: ValidationPolicy,
        records: ISessionRecords,
        notifier: INotifier,
        limits: Limits,
        random: IRandom,
        clock: IReactorTime,
    ) -> None:
        self._policy = policy
        self._records = records
        self._notifier = notifier
        self._limits = limits
        self._random = random
        self._clock = clock
        self._turns: WeakValueDictionary[object, DeferredLock] = WeakValueDictionary()

    # --- Asking for a token -----------------------------------------------------------

    def require_medium(self, medium: str) -> None:
        """
        Let requests pass for addresses that messages can be sent to.

        :raise Forbidden: If the operator wants no validation at all.
        :raise UnknownMedium: If nobody is reached by this medium.
        """
        if not self._policy.is_enabled:
            raise Forbidden("Addresses are not validated here.")
        if not self._notifier.can_reach(ValidationNotice, medium):
            raise UnknownMedium("Addresses of this medium cannot be validated here.")

    async def request_token(self, request: TokenRequest, requester: Requester) -> str:
        """
        Send a token, unless the message of this attempt is on its way already.

        :return: The session ID; repeated requests of a client get the same.
        :raise Forbidden: If the operator wants no validation at all.
        :raise UnknownMedium: If nobody is reached by this medium.
        :raise DestinationRejected: If that country is not sent messages.
        :raise LimitExceeded: If there were too many messages.
        :raise MessageNotSent: If the message could not be handed over; the same attempt
            may be repeated.
        """
        threepid = request.destination.threepid
        self.require_medium(threepid.medium)
        country = request.destination.country
        if country is not None and not self._policy.reaches(country):
            raise DestinationRejected("No messages are sent to phones of this country.")
        digest = digest_of(request.client_secret)
        # A client that lost patience and asks again waits for the first message.
        turn = self._turns.setdefault((threepid, digest), DeferredLock())
        async with turn:
            return await self._continue(request, requester, digest)

    async def _continue(
        self, request: TokenRequest, requester: Requester, digest: bytes
    ) -> str:
        threepid = request.destination.threepid
        found = self._records.newest_session(threepid, digest)
        is_new = found is None or not may_continue(found, self._now_ms())
        session = self._fresh(request, digest) if found is None or is_new else found
        due = on_request(session, request.send_attempt, self._next_link(request))
        if isinstance(due, AlreadySent):
            return session.sid
        self._limits.count_message(requester, request.destination)
        if is_new:
            await self._records.add_session(session)
        await self._send(request, due.session)
        await self._records.record_sent(due.session)
        return session.sid

    def _fresh(self, request: TokenRequest, digest: bytes) -> ValidationSession:
        threepid = request.destination.threepid
        return ValidationSession(
            sid=self._random.alphanumeric(SID_LENGTH),
            threepid=threepid,
            secret_digest=digest,
            token=self._token(threepid.medium),
            changed_ms=self._now_ms(),
            next_link=self._next_link(request),
        )

    def _token(self, medium: str) -> Secret:
        if medium != MSISDN:
            return Secret(self._random.alphanumeric(TOKEN_LENGTH))
        # Eight bytes are so many more than a million that no number is the likelier.
        number = int.from_bytes(self._random.token_bytes(8), "big")
        return Secret(
            f"{number % 10**PHONE_TOKEN_DIGITS:0{PHONE_TOKEN_DIGITS}d}",
        )

    def _next_link(self, request: TokenRequest) -> str | None:
        # Desktop clients name addresses of their own kind; such a link is no error,
        # but whoever opens ours stays on our page.
        link = request.next_link
        if not link or not followable(link, self._policy.next_link_hosts):
            return None
        return link

    async def _send(self, request: TokenRequest, session: ValidationSession) -> None:
        notice = ValidationNotice(
            threepid=session.threepid,
            token=session.token,
            link=_link(request, session),
            next_link=session.next_link,
            languages=request.languages,
        )
        try:
            await self._notifier.send(notice)
        except MessageNotSent as error:
            if session.threepid.medium != MSISDN:
                raise
            is_final = isinstance(error, MessageRefused)
            raise (TextRefused if is_final else TextNotSent)(str(error)) from error

    # --- Giving it back ---------------------------------------------------------------

    async def submit_token(
        self, sid: str, client_secret: Secret, token: Secret, medium: str
    ) -> ValidationSession:
        """
        Take a token back; doing it again changes nothing.

        :param medium: Of the address, as whoever submits it sees it.
        :return: The validated session.
        :raise NoValidSession: If there is no such session of this client and medium, or
            it saw too many wrong tokens.
        :raise SessionExpired: If its day is over.
        :raise TokenIncorrect: If it is another token.
        """
        now_ms = self._now_ms()

        def judge(found: ValidationSession | None) -> TokenOutcome:
            session = _of_medium(found, medium)
            return on_token(session, client_secret, token, now_ms)

        outcome = await self._records.judge(sid, judge)
        if isinstance(outcome, WrongToken):
            raise TokenIncorrect("This is not the token that was sent.")
        if isinstance(outcome, NoSession | Expired):
            raise _refusal(outcome)
        return outcome.session

    def session(
        self, sid: str, client_secret: Secret, medium: str | None = None
    ) -> ValidationSession:
        """
        Find a session that is still good, validated or not.

        :param medium: Of the address; ``None``: any.
        :raise NoValidSession: If there is no such session of this client and medium.
        :raise SessionExpired: If its day is over.
        """
        session = self._records.session(sid)
        if medium is not None:
            session = _of_medium(session, medium)
        found = standing(session, client_secret, self._now_ms())
        if isinstance(found, NoSession | Expired):
            raise _refusal(found)
        return found

    def validated(self, sid: str, client_secret: Secret) -> ValidationSession:
        """
        Find a session whose address has been proved.

        :raise NoValidSession: If there is no such session of this client.
        :raise SessionExpired: If its day is over.
        :raise SessionNotValidated: If the token has not been given back.
        """
        found = self.session(sid, client_secret)
        if not found.is_validated:
            raise SessionNotValidated("The token has not been submitted yet.")
        return found

    def followed_link(self, session: ValidationSession) -> str | None:
        """Where to lead who opened a session's link; ``None``: our own page."""
        link = session.next_link
        # The operator may have become stricter since.
        if link is None or not followable(link, self._policy.next_link_hosts):
            return None
        return link

    async def purge(self) -> None:
        """Forget sessions that were over days ago."""
        count = await self._records.purge_sessions(self._now_ms() - KEPT_MS)
        log.debug("forgot {count} validation sessions", count=count)

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)


def _of_medium(
    session: ValidationSession | None, medium: str
) -> ValidationSession | None:
    is_of_it = session is not None and session.threepid.medium == medium
    return session if is_of_it else None


def _refusal(outcome: NoSession | Expired) -> NoValidSession | SessionExpired:
    if isinstance(outcome, Expired):
        return SessionExpired("The session has expired; ask for a new token.")
    return NoValidSession("There is no such session for this client secret.")


def _link(request: TokenRequest, session: ValidationSession) -> str:
    query = {
        "sid": session.sid,
        "client_secret": request.client_secret.value,
        "token": session.token.value,
    }
    return f"{request.submit_url}?{urlencode(query)}"
