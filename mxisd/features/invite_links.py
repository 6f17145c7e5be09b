"""Where people go who are invited."""

from collections.abc import Callable

from attrs import define

from mxisd.model.invite_links import accepting_url, notice_of, room_url
from mxisd.model.invites import Invite
from mxisd.model.notices import InviteNotice
from mxisd.model.web_clients import WebClient, WebClients


@define(eq=False)
class InviteLinks:
    """
    Leads people with an invite to web clients.

    :ivar sign_url: The URL where a client gets an invite signed.
    :ivar warn_of: Tells the operator of a client that they did not name.
    """

    _clients: WebClients
    _sign_url: str
    _warn_of: Callable[[WebClient], None]

    def notice(self, invite: Invite) -> InviteNotice:
        """What a person is told about an invite."""
        client = self._clients.of(invite)
        if client is not None and not self._clients.is_named(client):
            self._warn_of(client)
        return notice_of(invite, self.target(invite))

    def target(self, invite: Invite) -> str | None:
        """
        Where somebody goes with an invite.

        A client that the operator did not name shows them the room, no more: it must
        not accept the invite in their place.

        :return: ``None`` if nobody names a client.
        """
        client = self._clients.of(invite)
        if client is None:
            return None
        if self._clients.is_named(client):
            return accepting_url(client, invite, self._sign_url)
        return room_url(client, invite)
