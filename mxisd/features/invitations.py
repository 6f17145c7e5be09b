"""
Invitations: rooms wait for people of whom only an address is known.

Source: Identity Service API v1.19, "Invitation storage".
"""

from collections.abc import Callable, Mapping

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import (
    DestinationRejected,
    Forbidden,
    RecordsUnavailable,
    SenderMismatch,
    ThreePidInUse,
    UnknownMedium,
)
from mxisd.features.deliveries import Deliveries
from mxisd.features.invite_messages import InviteMessages
from mxisd.features.limits import Limits
from mxisd.features.lookup import Lookup
from mxisd.features.new_invites import NewInvites
from mxisd.features.sender_roles import SenderRoles
from mxisd.model.destinations import Destination
from mxisd.model.identifiers import UserId
from mxisd.model.invites import (
    BlockLists,
    Invitation,
    Invite,
)
from mxisd.model.requesters import Account, Ourselves, Requester
from mxisd.model.threepids import ThreePid
from mxisd.ports import IInviteRecords

HEAD_START_MS = 2_000
"""A homeserver needs this to put an invite into the room before it is resolved."""

AGAIN_MS = 3_600_000
"""Who invites again so long after a message has it sent again."""

PATIENCE = 2
"""So many times longer invites wait while somebody cannot be asked whose they are."""

log = Logger()


@frozen(kw_only=True)
class InvitePolicy:
    """
    What operators decide.

    :ivar accept_known: Whether an invite of somebody we know is accepted, and resolved
        at once, where the homeserver could not know them by hash.
    :ivar full_display_name: Whether everybody in the room sees the whole address.
    :ivar recursive: Whether other servers are asked, too, who somebody is.
    :ivar expires_after_ms: ``None``: invites never expire.
    :ivar kept_ms: How long ended invites are remembered; ``None``: for ever.
    :ivar expired_to: To whom expired invites are delivered; ``None``: to nobody.
    :ivar senders: Who may invite.
    :ivar reaches: Whether phones of a country are sent messages.
    """

    accept_known: bool = True
    full_display_name: bool = False
    recursive: bool = True
    expires_after_ms: int | None = None
    kept_ms: int | None = None
    expired_to: UserId | None = None
    blocked: BlockLists = field(factory=BlockLists)
    senders: SenderRoles = field(factory=SenderRoles)
    reaches: Callable[[str], bool] = field(default=lambda _country: True, eq=False)


@define(eq=False)
class Invitations:
    """Keeps invites until it is known whose the address is."""

    _policy: InvitePolicy
    _records: IInviteRecords
    _lookup: Lookup
    _limits: Limits
    _messages: InviteMessages
    _deliveries: Deliveries
    _new: NewInvites
    _clock: IReactorTime

    # --- Asked for by homeservers -----------------------------------------------------

    async def store(
        self, invitation: Invitation, destination: Destination, requester: Requester
    ) -> Invite:
        """
        Keep an invite.

        :param destination: Where its message would go.
        :return: The same one again if that person is invited to that room already; an
            hour after its message, that is sent once more.
        :raise SenderMismatch: If the requester is not the sender.
        :raise Forbidden: If the operator wants no invites from there, or of the sender.
        :raise StoreUnavailable: If it cannot be told now whether the sender may invite.
        :raise UnknownMedium: If they are unknown, and nobody is reached by this medium.
        :raise ThreePidInUse: If the homeserver could have known whose the address is.
        :raise LimitExceeded: If there were too many messages.
        """
        self._require_allowed(invitation, requester)
        await self._policy.senders.require(invitation.sender)
        self._require_unknown_by_hash(invitation)
        key = invitation.threepid, invitation.room_id, invitation.sender
        twin, told_before_ms = self._records.twin(*key), self._now_ms() - AGAIN_MS
        if twin is not None and not self._records.is_told(twin.token, told_before_ms):
            return twin
        owner = await self._owner(invitation.threepid)
        self._admit(owner, destination, requester)
        if twin is None:
            stored = await self._add(invitation, owner)
        elif owner is None:
            # That is how people resend a message that was lost.
            now_ms, stored = self._now_ms(), twin
            await self._records.tell_again(twin.token, told_before_ms, now_ms)
        else:
            return twin
        await self.wake()
        return stored

    def _admit(
        self, owner: UserId | None, destination: Destination, requester: Requester
    ) -> None:
        if owner is None:
            # Who is known already hears of it from their homeserver.
            self._require_reach(destination)
            self._limits.count_message(requester, destination)
        elif self._policy.accept_known:
            self._limits.count_request(requester)
        else:
            raise ThreePidInUse(str(owner))

    async def _add(self, invitation: Invitation, owner: UserId | None) -> Invite:
        due_ms = self._now_ms() + (HEAD_START_MS if owner else 0)
        shows_all = self._policy.full_display_name
        invite = self._new.made(invitation, owner, shows_all=shows_all)
        return await self._records.add_invite(invite, due_ms)

    def _require_allowed(self, invitation: Invitation, requester: Requester) -> None:
        sender = invitation.sender
        if isinstance(requester, Account) and requester.user_id != str(sender):
            raise SenderMismatch("The sender must be the owner of the token.")
        if self._policy.blocked.refuse(sender, invitation.room_id):
            raise Forbidden("Invites of this sender, or to this room, are refused.")

    def _require_unknown_by_hash(self, invitation: Invitation) -> None:
        threepid = invitation.threepid
        known = self._lookup.known_by_hash(threepid.medium, invitation.spelling)
        if known is not None:
            raise ThreePidInUse(known)

    def _require_reach(self, destination: Destination) -> None:
        if not self._messages.can_reach(destination.threepid.medium):
            raise UnknownMedium("Nobody can be invited by this medium here.")
        country = destination.country
        if country is not None and not self._policy.reaches(country):
            raise DestinationRejected("No messages are sent to phones of this country.")

    async def _owner(self, threepid: ThreePid) -> UserId | None:
        # If somebody could not be asked, the next sweep asks again.
        found = await self._lookup.owners({threepid}, Ourselves(), self._recursive)
        return found.get(threepid)

    # --- Learnt by ourselves ----------------------------------------------------------

    async def on_threepid_known(self, threepid: ThreePid, user_id: UserId) -> None:
        """
        Resolve the invites of somebody whose address became known.

        In one transaction they end, and what homeservers are to be told is recorded.
        """
        await self._resolve({threepid: user_id})

    async def _resolve(self, owners: Mapping[ThreePid, UserId]) -> None:
        count = 0
        for threepid, owner in owners.items():
            count += await self._records.resolve(threepid, owner, self._now_ms())
        if count:
            log.info(
                "Resolved {count} invites to {addresses} addresses",
                count=count,
                addresses=len(owners),
            )
            await self.wake()

    async def sweep(self) -> None:
        """Look all pending addresses up, many at a time, and end what is too old."""
        place, is_more, patience = None, True, 1
        while is_more:
            pending = await self._records.pending_threepids(place)
            if pending.threepids and not await self._look_up(pending.threepids):
                # Whom a store knows that is down is not known to be nobody.
                patience = PATIENCE
            place, is_more = pending.end, pending.end is not None
        await self._expire(patience)

    async def _look_up(self, threepids: frozenset[ThreePid]) -> bool:
        """Resolve whom we find; tells whether everybody could be asked."""
        asked = await self._lookup.resolution(threepids, Ourselves(), self._recursive)
        await self._resolve(asked.found)
        return not asked.unanswered

    async def _expire(self, patience: int) -> None:
        policy, now_ms = self._policy, self._now_ms()
        if policy.expires_after_ms is None:
            return
        before_ms = now_ms - policy.expires_after_ms * patience
        count = await self._records.expire(before_ms, policy.expired_to, now_ms)
        if count:
            log.info("{count} invites expired", count=count)
            await self.wake()

    async def purge(self) -> None:
        """Forget whom old invites were for; what is still to be delivered stays."""
        if self._policy.kept_ms is None:
            return
        count = await self._records.purge_invites(self._now_ms() - self._policy.kept_ms)
        if count:
            log.info("Forgot {count} invites that have ended", count=count)

    @property
    def _recursive(self) -> bool:
        return self._policy.recursive

    async def wake(self) -> None:
        """Begin with what is due: messages to people, deliveries to homeservers."""
        try:
            await self._messages.wake()
            await self._deliveries.wake()
        except RecordsUnavailable as error:
            # What is to be done is recorded, and the next look at it finds it.
            log.warn("invites wait: {error}", error=error)

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)
