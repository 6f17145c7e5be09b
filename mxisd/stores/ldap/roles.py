"""Groups of a directory as roles."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from attrs import frozen

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.client import LdapClient, ListCut
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.filters import Filter
from mxisd.drivers.ldap.names import first_value
from mxisd.errors import StoreUnavailable
from mxisd.stores.ldap.entries import texts
from mxisd.stores.ldap.tree import restricted

NESTING_LIMIT = 10
"""How many groups deep a group may be in others."""

GROUP_LIMIT = 5000
"""How many groups one user may be in."""

BATCH = 100
"""How many members one search asks about."""


@frozen(kw_only=True)
class GroupSearch:
    """
    Finds the groups that name a member.

    :ivar member: The attribute of a group with its members.
    :ivar user_attribute: The attribute of a user that stands there; ``None`` if it is
        the DN.
    :ivar name: The attribute of a group with the role's name.
    :ivar nested: Whether groups are members of groups.
    """

    client: LdapClient
    bases: Sequence[str]
    restriction: Filter | None
    member: str
    user_attribute: str | None
    name: str
    nested: bool
    page_size: int

    @property
    def attributes(self) -> Sequence[str]:
        """What a user's entry must hold."""
        return () if self.user_attribute is None else (self.user_attribute,)

    async def roles(self, entry: Entry) -> frozenset[str]:
        """The names of all groups that a user is in."""
        members = self._members(entry)
        found: dict[str, Entry] = {}
        for _level in range(NESTING_LIMIT if self.nested else 1):
            groups = {_dn(each): each for each in await self._groups_of(members)}
            members = [dn for dn in groups if dn not in found]
            found.update(groups)
            if not members:
                break
        return frozenset(
            name for group in found.values() for name in texts(group, self.name)
        )

    def _members(self, entry: Entry) -> list[str]:
        if self.user_attribute is None:
            return [_dn(entry)]
        return list(texts(entry, self.user_attribute))[:1]

    async def _groups_of(self, members: Sequence[str]) -> Sequence[Entry]:
        found: list[Entry] = []
        for start in range(0, len(members), BATCH):
            names = members[start : start + BATCH]
            wanted = filters.any_of([filters.equal(self.member, n) for n in names])
            for base in self.bases:
                found += await self._found(base, restricted(wanted, self.restriction))
        return found

    async def _found(self, base: str, wanted: Filter) -> Sequence[Entry]:
        search = Search(
            base=base,
            filter=wanted,
            attributes=[self.name],
            key="profile.role.group.baseDNs",
        )
        try:
            return await self.client.search(search)
        except ListCut:
            return await self._paged(search)

    async def _paged(self, search: Search) -> Sequence[Entry]:
        found: list[Entry] = []

        async def take(entries: Sequence[Entry]) -> None:
            found.extend(entries)
            if len(found) > GROUP_LIMIT:
                raise StoreUnavailable(f"somebody is in over {GROUP_LIMIT} groups")

        await self.client.each_page(search, self.page_size, take)
        return found


@frozen
class Roles:
    """
    All that counts as a role.

    :ivar attribute: An attribute of users that names groups by DN, or roles as such.
    :ivar groups: ``None`` if groups are not searched.
    """

    attribute: str
    groups: GroupSearch | None = None

    @property
    def attributes(self) -> Collection[str]:
        """What a user's entry must hold."""
        searched = () if self.groups is None else self.groups.attributes
        return (self.attribute, *searched)

    async def of(self, entry: Entry) -> Iterable[str]:
        """
        The roles of a user, by short names.

        :raise StoreUnavailable: Also if the server gives only some of them at once.
        """
        if self.attribute.lower() in entry.cut:
            raise StoreUnavailable(f"the server gives {self.attribute} only in part")
        searched = () if self.groups is None else await self.groups.roles(entry)
        return {*self._named(entry), *searched}

    def _named(self, entry: Entry) -> Iterator[str]:
        for text in texts(entry, self.attribute):
            yield first_value(text) or text


def _dn(entry: Entry) -> str:
    return entry.dn.decode(errors="replace")
