"""What a directory says about a user."""

from attrs import frozen
from zope.interface import implementer

from mxisd.drivers.ldap.filters import Filter
from mxisd.interfaces import IProfile
from mxisd.model.identifiers import UserId
from mxisd.model.profiles import Profile
from mxisd.stores.ldap.accounts import is_disabled
from mxisd.stores.ldap.roles import Roles
from mxisd.stores.ldap.tree import Tree


@implementer(IProfile)
@frozen
class LdapProfile:
    """
    Reads a user's entry, and the groups that it is in.

    :ivar restriction: Only entries for which this holds; ``None`` for all.
    """

    tree: Tree
    restriction: Filter | None
    roles: Roles

    async def profile(self, user_id: UserId) -> Profile | None:
        """Everything there is; nothing of a user who is disabled, or there twice."""
        reader = self.tree.reader
        attributes = [*reader.profile_attributes, *self.roles.attributes]
        named = await self.tree.called(user_id, self.restriction, attributes)
        if len(named) > 1:
            self.tree.report_several(len(named))
        if len(named) != 1 or is_disabled(named[0][0]):
            return None
        entry = named[0][0]
        return reader.profile(entry, await self.roles.of(entry))
