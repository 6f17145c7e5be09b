"""The part of a directory that holds a store's people."""

from collections.abc import Sequence

from attrs import frozen
from twisted.logger import Logger

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.client import LdapClient
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.filters import Filter
from mxisd.model.identifiers import UserId
from mxisd.stores.ldap.entries import NamedEntry, Reader

log = Logger()


@frozen(kw_only=True)
class Tree:
    """
    What every capability asks.

    :ivar name: The store's, for the log.
    :ivar bases: Subtrees in order of priority.
    :ivar page_size: How many entries of a list are asked for at once; 0 for all.
    """

    name: str
    client: LdapClient
    bases: Sequence[str]
    reader: Reader
    page_size: int = 500

    async def entries(
        self, wanted: Filter, attributes: Sequence[str]
    ) -> Sequence[Entry]:
        """
        What is found in all subtrees, each entry once where they overlap.

        :raise StoreUnavailable: Also if that is more than the server answers at once.
        """
        found: dict[bytes, Entry] = {}
        for base in self.bases:
            search = Search(base=base, filter=wanted, attributes=attributes)
            for entry in await self.client.search(search):
                found.setdefault(entry.dn.lower(), entry)
        return list(found.values())

    async def called(
        self, user_id: UserId, restriction: Filter | None, attributes: Sequence[str]
    ) -> list[NamedEntry]:
        """
        The entries that have exactly this user ID, disabled or not; hopefully one.

        :param restriction: Only entries for which this holds; ``None`` for all.
        """
        wanted = user_id.canonical
        naming = self.reader.naming
        values = () if wanted is None else naming.values(wanted)
        if not values:
            return []
        has_name = filters.any_of([filters.equal(naming.attribute, v) for v in values])
        entries = await self.entries(restricted(has_name, restriction), attributes)
        return [each for each in self.reader.named(entries) if each[1] == wanted]

    def report_several(self, count: int) -> None:
        """Log that one user ID belongs to so many entries."""
        log.warn(
            "{count} entries of {store} have the same user ID in {attribute}; "
            "they are nobody until that is repaired",
            count=count,
            store=self.name,
            attribute=self.reader.naming.attribute,
        )


def restricted(what: Filter, restriction: Filter | None) -> Filter:
    """Both hold."""
    return what if restriction is None else filters.all_of([restriction, what])
