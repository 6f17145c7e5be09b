"""
Who may invite by address: people with a role that the operator named.

The roles are what the stores tell in people's profiles.
"""

from collections.abc import Sequence, Set

from attrs import frozen

from mxisd.errors import Forbidden, StoreUnavailable
from mxisd.interfaces import IProfile
from mxisd.model.identifiers import UserId
from mxisd.model.invites import may_invite


@frozen
class SenderRoles:
    """
    Judges senders of invites by their roles.

    :ivar required: One of them is enough; empty: everybody may, and nobody is asked.
    :ivar profiles: What the stores tell about people, in their order.
    """

    required: Set[str] = frozenset()
    profiles: Sequence[IProfile] = ()

    async def require(self, sender: UserId) -> None:
        """
        Let those pass who may invite by address.

        The roles of all stores count together. Whoever has one is let in, even if some
        store cannot be asked; whoever has none may have one there, and is not refused.

        :raise Forbidden: If the sender has none of the roles.
        :raise StoreUnavailable: If that cannot be told now.
        """
        roles: set[str] = set()
        gap: StoreUnavailable | None = None
        if may_invite(roles, self.required):
            return
        for store in self.profiles:
            try:
                roles |= await _roles(store, sender)
            except StoreUnavailable as error:
                gap = error
            if may_invite(roles, self.required):
                return
        raise gap or _refusal()


async def _roles(store: IProfile, sender: UserId) -> Set[str]:
    profile = await store.profile(sender)
    return frozenset() if profile is None else profile.roles


def _refusal() -> Forbidden:
    return Forbidden(
        "Inviting by e-mail address or phone number needs a role here that you do not "
        "have; you can invite by user ID, or ask your administrator for the role."
    )
