"""
Associations: people publish that an address is theirs, and take it back.

Source: Identity Service API v1.19, "Establishing associations"; MSC1915 (unbinding).
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import (
    Forbidden,
    MessageNotSent,
    NotServed,
    NotYourAccount,
    Unauthorized,
)
from mxisd.features.homeserver_signatures import HomeserverSignatures
from mxisd.features.validation import Validation
from mxisd.model.associations import Association
from mxisd.model.identifiers import UserId
from mxisd.model.notices import UnbindNotice
from mxisd.model.requesters import Requester
from mxisd.model.secret import Secret
from mxisd.model.threepids import ThreePid
from mxisd.model.x_matrix import SignedRequest, XMatrix
from mxisd.ports import IBindingRecords, IKeyRing, INotifier

OnThreePidKnown = Callable[[ThreePid, UserId], Awaitable[None]]
"""Is told who owns an address, as soon as that is on record."""

Spawn = Callable[[Coroutine[Any, Any, object], str], None]
"""Runs a coroutine that nobody waits for."""

log = Logger()


# --- Binding --------------------------------------------------------------------------


@frozen
class BindPolicy:
    """
    What operators decide.

    :ivar is_enabled: Whether anybody may publish anything.
    :ivar domain: Whose users are bound where nobody proves which account is theirs.
    """

    is_enabled: bool
    domain: str


class Binding:
    """Publishes who owns an address."""

    def __init__(
        self,
        policy: BindPolicy,
        validation: Validation,
        records: IBindingRecords,
        key_ring: IKeyRing,
        on_threepid_known: OnThreePidKnown,
        clock: IReactorTime,
    ) -> None:
        self._policy = policy
        self._validation = validation
        self._records = records
        self._key_ring = key_ring
        self._on_threepid_known = on_threepid_known
        self._clock = clock

    async def bind(
        self, sid: str, client_secret: Secret, user_id: UserId, owner: UserId | None
    ) -> Mapping[str, Any]:
        """
        Publish the address that a session has proved; it moves, if it was somebody's.

        :param user_id: Whose it is to be.
        :param owner: Of the account that asks; ``None`` in v1, which has none.
        :return: The signed association.
        :raise Forbidden: If nothing is published here, or not for that user.
        :raise NotYourAccount: If the account that asks is not that user's.
        :raise NoValidSession: If there is no such session of this client.
        :raise SessionExpired: If its day is over.
        :raise SessionNotValidated: If the address has not been proved.
        """
        self._require_permission(user_id, owner)
        session = self._validation.validated(sid, client_secret)
        now_ms = int(self._clock.seconds() * 1000)
        association = Association.bound(session.threepid, user_id, now_ms)
        await self._records.bind(association)
        medium = session.threepid.medium
        log.info("{user_id} is bound by {medium}", user_id=str(user_id), medium=medium)
        # If this fails, so does the request: to repeat it changes nothing else.
        await self._on_threepid_known(session.threepid, user_id)
        return self._key_ring.signed(association.content())

    def _require_permission(self, user_id: UserId, owner: UserId | None) -> None:
        if not self._policy.is_enabled:
            raise Forbidden("Associations are not published here.")
        if owner is None:
            # Letter by letter: in capitals, it is another user's name.
            if user_id.server_name != self._policy.domain:
                raise Forbidden("Users of this homeserver have to log in (API v2).")
        elif owner != user_id:
            raise NotYourAccount("Addresses can be bound to your own account only.")


# --- Unbinding ------------------------------------------------------------------------


@frozen
class SessionProof:
    """Whoever asks has proved that the address is theirs."""

    sid: str
    client_secret: Secret


@frozen
class AccountProof:
    """Whoever asks has an account here: this user's."""

    owner: UserId


@frozen
class HomeserverProof:
    """Whoever asks claims to be a homeserver, and has signed the request."""

    headers: Sequence[XMatrix]
    request: SignedRequest
    requester: Requester


Proof = SessionProof | AccountProof | HomeserverProof | None
"""Why somebody may unbind; ``None``: there is no reason given."""


@frozen(kw_only=True)
class UnbindRequest:
    """
    An address is no longer to lead to a user.

    :ivar languages: Of who is told so: language tags, the most wanted first.
    """

    threepid: ThreePid
    user_id: UserId
    languages: tuple[str, ...] = ()


@frozen
class UnbindNotices:
    """Tells people, in the background, that their address leads nowhere any more."""

    _notifier: INotifier
    _spawn: Spawn

    def send(self, request: UnbindRequest) -> None:
        """Tell the owner of an address, where that is possible."""
        if self._notifier.can_reach(UnbindNotice, request.threepid.medium):
            self._spawn(self._send(request), "telling that an address was unbound")

    async def _send(self, request: UnbindRequest) -> None:
        notice = UnbindNotice(
            threepid=request.threepid,
            user_id=request.user_id,
            languages=request.languages,
        )
        try:
            await self._notifier.send(notice)
        except MessageNotSent as error:
            log.debug("nobody was told of an unbinding: {error}", error=error)


class Unbinding:
    """Takes back what was published."""

    def __init__(
        self,
        is_enabled: bool,
        validation: Validation,
        signatures: HomeserverSignatures,
        records: IBindingRecords,
        notices: UnbindNotices | None,
    ) -> None:
        """
        Make it.

        :param is_enabled: Whether anybody may take anything back.
        :param notices: ``None``: nobody is told.
        """
        self._is_enabled = is_enabled
        self._validation = validation
        self._signatures = signatures
        self._records = records
        self._notices = notices

    def require_enabled(self) -> None:
        """
        Let requests pass if anything is taken back here at all.

        :raise NotServed: Otherwise. A refusal would do harm: homeservers take it for a
            failure, and then nobody can remove an address or deactivate an account.
        """
        if not self._is_enabled:
            raise NotServed(
                "Associations are not withdrawn here (session.policy.unbind.enabled)."
            )

    async def unbind(self, request: UnbindRequest, proof: Proof) -> None:
        """
        Take back a binding, if there is one: whoever may ask need not know.

        :raise NotServed: If nothing is taken back here.
        :raise Forbidden: If the proof is of no avail.
        :raise Unauthorized: If there is no proof at all.
        :raise NotYourAccount: If the account that asks is not that user's.
        :raise NoValidSession: If there is no such session of this client.
        :raise SessionExpired: If its day is over.
        :raise SessionNotValidated: If its address has not been proved.
        :raise HomeserverUnavailable: If it could not be asked for its keys.
        :raise LimitExceeded: If the requester makes us ask too many homeservers.
        :raise Crowded: If everybody together does.
        """
        self.require_enabled()
        await self._require(request, proof)
        if not await self._records.unbind(request.threepid, request.user_id):
            return
        log.info(
            "{user_id} is no longer bound by {medium}",
            user_id=str(request.user_id),
            medium=request.threepid.medium,
        )
        if self._notices is not None:
            self._notices.send(request)

    async def _require(self, request: UnbindRequest, proof: Proof) -> None:
        match proof:
            case SessionProof(sid, client_secret):
                session = self._validation.validated(sid, client_secret)
                if session.threepid != request.threepid:
                    raise Forbidden("The session has proved another address.")
            case AccountProof(owner):
                if owner != request.user_id:
                    raise NotYourAccount("This is another user's association.")
            case HomeserverProof(headers, signed, requester):
                user_id = request.user_id
                await self._signatures.require(headers, signed, user_id, requester)
            case None:
                raise Unauthorized("A session, a signature or a token is needed.")
