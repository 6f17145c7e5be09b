"""
The endpoints of invitations, of today and of v1.

Source: Identity Service API v1.19; r0.3.0 for v1.
"""

from attrs import frozen

from mxisd.features.invitations import Invitations
from mxisd.features.signing_invites import InviteSigning
from mxisd.model.invites import Invite
from mxisd.ports import IKeyRing
from mxisd.web import invite_words as words
from mxisd.web import messages
from mxisd.web.exchange import Call, Reply, json_reply
from mxisd.web.session_messages import parameters


@frozen(kw_only=True, eq=False)
class InvitationEndpoints:
    """
    Invites, in one version of the API.

    :ivar base_url: Where homeservers find this version of the API.
    :ivar takes_query: Whether a POST may have its parameters in the query string.
    """

    invitations: Invitations
    signing: InviteSigning
    key_ring: IKeyRing
    base_url: str
    takes_query: bool

    async def store(self, call: Call) -> Reply:
        """Keep an invite."""
        content = parameters(call, takes_query=False)
        destination = words.destination(content)
        invitation = words.invitation(call, content, destination)
        invite = await self.invitations.store(invitation, destination, call.requester)
        return words.stored(invite, self._public_key(invite), self.base_url)

    def _public_key(self, invite: Invite) -> str:
        # The one with which its delivery will be signed, though it may be an old one.
        ring = self.key_ring
        known = ring.public_key(invite.key_id or "")
        if known is not None and ring.is_valid(known):
            return known
        return ring.public_key(ring.current_key_id()) or ""

    def sign(self, call: Call) -> Reply:
        """Sign for somebody who accepts an invite."""
        asked = words.signing(parameters(call, self.takes_query))
        return json_reply(
            self.signing.sign(asked.token, asked.private_key.value, asked.user_id)
        )

    def is_key_valid(self, call: Call) -> Reply:
        """Tell whether a key is the valid key of an invite."""
        public_key = messages.public_key(call.query)
        return messages.validity(self.signing.is_valid(public_key))
