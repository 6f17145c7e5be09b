"""Whether a directory can be asked as configured, and has anybody in it."""

from collections.abc import AsyncIterator, Sequence

from attrs import frozen
from zope.interface import implementer

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.connection import Scope, Search
from mxisd.drivers.ldap.errors import BASE_KEY, ListCut, SearchRefused
from mxisd.drivers.ldap.filters import Filter
from mxisd.errors import Misconfigured, Problem, Weight
from mxisd.interfaces import ISelfCheck
from mxisd.portions import Portions
from mxisd.stores.ldap.census import census, remarks
from mxisd.stores.ldap.tree import Tree, restricted


@implementer(ISelfCheck)
@frozen
class LdapSelfCheck:
    """
    Looks at each subtree.

    :ivar restrictions: The filter of each feature, by the key that it stands in.
    :ivar listed: The filter of those who are listed.
    """

    tree: Tree
    restrictions: Sequence[tuple[str, Filter | None]]
    listed: Filter | None
    portions: Portions

    async def problems(self) -> Sequence[Problem]:
        """Name subtrees that are not there, and what finds nobody."""
        try:
            found = [each async for each in self._missing()]
            found = found or [each async for each in self._empty()]
            return found or [each async for each in self._lacking()]
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

    async def _lacking(self) -> AsyncIterator[Problem]:
        try:
            found = await census(self.tree, self.listed, self.portions)
        except ListCut as error:
            yield Problem("connection.pageSize", f"people cannot be listed: {error}")
            return
        for each in remarks(found, self.tree.reader.by_medium, self.listed):
            yield each
        refusal = self.tree.client.refused_pages
        if refusal is not None:
            text = f"the server does not page ({refusal}): write 0, it is asked so"
            yield Problem("connection.pageSize", text, weight=Weight.WARNING)

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
