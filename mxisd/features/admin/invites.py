"""Invites and their deliveries, in the hands of an operator."""

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mxisd.errors import InvalidParam, NotFound
from mxisd.features.invitations import Invitations
from mxisd.model.identifiers import UserId
from mxisd.model.overviews import InviteOverview, Page, Wanted
from mxisd.ports import IInterventions, IOverviews

log = Logger()


@define(eq=False)
class InviteAdmin:
    """
    Lists invites, has their messages and deliveries sent again, and revokes both.

    :ivar revoked_to: To whom revoked invites are delivered; ``None``: to nobody.
    """

    _revoked_to: UserId | None
    _overviews: IOverviews
    _interventions: IInterventions
    _invitations: Invitations
    _clock: IReactorTime

    async def invites(self, wanted: Wanted) -> Page[InviteOverview]:
        """Invites, and what was done about them."""
        return await self._overviews.invites(wanted)

    async def deliveries(self, wanted: Wanted) -> Page[InviteOverview]:
        """The invites that homeservers are told of, or were."""
        return await self._overviews.deliveries(wanted)

    def show(self, token: str) -> InviteOverview:
        """
        An invite, and what was done about it.

        :raise NotFound: If there is none.
        """
        found = self._overviews.invite(token)
        if found is None:
            raise NotFound("There is no such invite.")
        return found

    async def resend(self, token: str) -> InviteOverview:
        """
        Tell its addressee again; or the homeserver, if the addressee is known.

        :raise NotFound: If there is no such invite.
        :raise InvalidParam: If it has ended otherwise.
        """
        found, now_ms = self.show(token), self._now_ms()
        if found.delivery is not None:
            return await self.resend_delivery(token)
        if not await self._interventions.resend_message(token, now_ms):
            raise InvalidParam("The invite has ended: there is nobody to tell.")
        return await self._changed(token, "had sent again")

    async def revoke(self, token: str) -> InviteOverview:
        """
        End an invite, as if its time were over.

        :raise NotFound: If there is no such invite.
        :raise InvalidParam: If it has ended already.
        """
        self.show(token)
        to, now_ms = self._revoked_to, self._now_ms()
        if not await self._interventions.revoke_invite(token, to, now_ms):
            raise InvalidParam("The invite has ended already.")
        return await self._changed(token, "revoked")

    async def resend_delivery(self, token: str) -> InviteOverview:
        """
        Tell the homeserver again, whatever it has answered.

        :raise NotFound: If there is no such delivery.
        """
        self._require_delivery(token)
        await self._interventions.resend_delivery(token, self._now_ms())
        return await self._changed(token, "had delivered again")

    async def revoke_delivery(self, token: str) -> InviteOverview:
        """
        Tell the homeserver no more.

        :raise NotFound: If there is no such delivery.
        :raise InvalidParam: If it has ended already.
        """
        self._require_delivery(token)
        if not await self._interventions.revoke_delivery(token, self._now_ms()):
            raise InvalidParam("The delivery has ended already.")
        return await self._changed(token, "gave up the delivery of")

    async def resolve(self) -> None:
        """Look up now whose the addresses of pending invites are."""
        await self._invitations.sweep()

    def _require_delivery(self, token: str) -> None:
        found = self._overviews.invite(token)
        if found is None or found.delivery is None:
            raise NotFound("There is no such delivery.")

    async def _changed(self, token: str, what: str) -> InviteOverview:
        log.info("An operator {what} an invite", what=what)
        await self._invitations.wake()
        return self.show(token)

    def _now_ms(self) -> int:
        return int(self._clock.seconds() * 1000)
