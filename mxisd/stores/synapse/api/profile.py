"""What the Admin API says about a user."""

from attrs import frozen
from zope.interface import implementer

from mxisd.interfaces import IProfile
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import Profile
from mxisd.stores.synapse.api.accounts import account, is_person
from mxisd.stores.synapse.api.admin import AdminApi, User


@implementer(IProfile)
@frozen
class ApiProfile:
    """
    Asks for the user.

    :ivar domain: Whose users Synapse has.
    """

    api: AdminApi
    domain: str

    async def profile(self, user_id: UserId) -> Profile | None:
        """Everything there is; nothing of who is no person."""
        if user_id.server_name != self.domain:
            return None
        user = await self._user(user_id)
        known = account(user) if user is not None and is_person(user) else None
        return None if known is None else known.profile

    async def _user(self, user_id: UserId) -> User | None:
        # Historical users have capitals, and nobody else is to be taken for them.
        user = await self.api.user(str(user_id))
        lowered = UserId(user_id.localpart.lower(), user_id.server_name)
        if user is None and lowered != user_id:
            return await self.api.user(str(lowered))
        return user
