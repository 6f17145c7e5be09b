"""
Where people go who are invited.

Messages have a short link of ours. What it leads to is decided when it is opened: by
how the invite stands then, and by what the operator says then.
"""

from collections.abc import Callable

from attrs import define, frozen

from mxisd.errors import UnknownInvite
from mxisd.model.invite_links import accepting_url, notice_of, room_url
from mxisd.model.invites import Ending, Invite
from mxisd.model.notices import InviteNotice
from mxisd.model.web_clients import WebClient, WebClients
from mxisd.ports import IInviteLinkRecords, IRandom

CODE_LENGTH = 22
"""Of letters and digits: more than 128 bits, and no sign that a mailer cuts off."""


@frozen(kw_only=True)
class LinkAddresses:
    """
    What links are made of.

    :ivar short: The URL of our links, without their codes.
    :ivar sign: The URL where a client gets an invite signed.
    :ivar home: Where people go if nobody names a client.
    """

    short: str
    sign: str
    home: str


@define(eq=False)
class InviteLinks:
    """
    Leads people with an invite to web clients.

    :ivar warn_of: Tells the operator of a client that they did not name.
    """

    _clients: WebClients
    _addresses: LinkAddresses
    _records: IInviteLinkRecords
    _random: IRandom
    _warn_of: Callable[[WebClient], None]

    async def notice(self, invite: Invite) -> InviteNotice:
        """
        What a person is told about an invite; its link is recorded before.

        :raise RecordsUnavailable: If it cannot be.
        """
        client, link = self._clients.of(invite), None
        if client is not None:
            if not self._clients.is_named(client):
                self._warn_of(client)
            new = self._random.alphanumeric(CODE_LENGTH)
            code = await self._records.link(invite.token, new)
            link = f"{self._addresses.short}?{code}"
        return notice_of(invite, link, self._addresses.sign)

    def follow(self, code: str) -> str:
        """
        Where the link with this code leads now.

        A client that the operator did not name shows the room, no more: it must not
        accept the invite in somebody's place. So does any client once it is known whose
        the address is: they are invited as that user.

        :return: In ASCII, fit for a header.
        :raise UnknownInvite: If there is no such invite, or it came to nothing.
        """
        invite = self._records.linked_invite(code)
        if invite is None or invite.ending in (Ending.EXPIRED, Ending.REVOKED):
            raise UnknownInvite("This invitation is over.")
        client = self._clients.of(invite)
        if client is None:
            return self._addresses.home
        if invite.is_pending and self._clients.is_named(client):
            return accepting_url(client, invite, self._addresses.sign)
        return room_url(client, invite)
