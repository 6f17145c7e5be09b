"""
Signing invites: who holds the key of an invite may accept it as anybody.

Source: Identity Service API v1.19, "Ephemeral invitation signing".
"""

from typing import Any

from attrs import frozen

from mxisd.errors import UnknownInvite
from mxisd.model.identifiers import UserId
from mxisd.model.invites import Invite, ephemeral_key
from mxisd.model.signing import SigningKey, key_bytes
from mxisd.ports import IInviteRecords, IKeyRing


@frozen(eq=False)
class InviteSigning:
    """
    Signs with the ephemeral keys of invites.

    :ivar server_name: The name under which we sign.
    """

    _records: IInviteRecords
    _key_ring: IKeyRing
    _server_name: str

    def is_valid(self, public_key: str) -> bool:
        """
        Whether this is the key of a pending invite, in any base64 spelling.

        So is every key of invites that were made elsewhere and taken over.
        """
        if self._is_live(public_key):
            return True
        # Those that mxisd and ma1sd made.
        return self._key_ring.is_ephemeral_valid(public_key)

    def sign(self, token: str, private_key: str, user_id: UserId) -> dict[str, Any]:
        """
        State that somebody accepts an invite.

        :param private_key: The invite's, which only its message has.
        :return: Ready for JSON.
        :raise UnknownInvite: If there is no such pending invite with that key.
        """
        invite = self._records.invite(token)
        key = None if invite is None else self._key(invite, private_key)
        if invite is None or key is None:
            raise UnknownInvite("There is no such invite with that key.")
        content = {
            "mxid": str(user_id),
            "sender": str(invite.sender),
            "token": invite.token,
        }
        return key.signed(content, self._server_name)

    def _key(self, invite: Invite, private_key: str) -> SigningKey | None:
        if not invite.is_pending:
            return None
        if invite.key is not None:
            return invite.key if invite.has_key(private_key) else None
        # Made elsewhere, where it was not recorded which key is whose. Any of them may
        # sign: it is the room that knows the right one, and takes no other.
        given = ephemeral_key(private_key)
        return given if given is not None and self._is_live(given.public_key) else None

    def _is_live(self, public_key: str) -> bool:
        key = key_bytes(public_key)
        return key is not None and self._records.is_live_key(key)
