"""Whether a directory can be asked as configured, and has anybody in it."""

from collections.abc import AsyncIterator, Sequence

from attrs import frozen
from zope.interface import implementer

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.connection import Scope, Search
from mxisd.drivers.ldap.errors import BASE_KEY, SearchRefused
from mxisd.drivers.ldap.filters import Filter
from mxisd.errors import Misconfigured, Problem
from mxisd.interfaces import ISelfCheck
from mxisd.stores.ldap.tree import Tree, restricted


@implementer(ISelfCheck)
@frozen
class LdapSelfCheck:
    """
    Looks at each subtree.

    :ivar restrictions: The filter of each feature, by the key that it stands in.
    """

    tree: Tree
    restrictions: Sequence[tuple[str, Filter | None]]

    async def problems(self) -> Sequence[Problem]:
        """Name subtrees that are not there, and filters that let nobody through."""
        try:
            found = [each async for each in self._missing()]
            return found or [each async for each in self._empty()]
        except Misconfigured as error:
            return [error.as_problem]

    async def _missing(self) -> AsyncIterator[Problem]:
        for base in self.tree.bases:
            search = Search(
                base=base,
                scope=Scope.BASE,
                filter=filters.present("objectClass"),
                attributes=["1.1"],
            )
            try:
                await self.tree.client.search(search)
            except Misconfigured as error:
                if error.path != BASE_KEY:
                    raise
                yield error.as_problem
            except SearchRefused as error:
                text = f"{base} cannot be searched: {error}"
                yield Problem(BASE_KEY, text)

    async def _empty(self) -> AsyncIterator[Problem]:
        attribute = self.tree.reader.naming.attribute
        anybody = filters.present(attribute)
        if not await self._has_any(anybody):
            yield Problem(
                "attribute.uid.value", f"no entry that we may read has {attribute}"
            )
            return
        for key, restriction in self.restrictions:
            if not await self._has_any(restricted(anybody, restriction)):
                yield Problem(key, f"lets nobody through: {_text(restriction)}")

    async def _has_any(self, wanted: Filter) -> bool:
        for base in self.tree.bases:
            search = Search(
                base=base, filter=wanted, attributes=self.tree.reader.user_attributes
            )
            if (await self.tree.client.first(search, 1)).entries:
                return True
        return False


def _text(restriction: Filter | None) -> str:
    return "" if restriction is None else filters.text_of(restriction)
