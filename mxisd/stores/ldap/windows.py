r"""
What users of Windows type for a login: ``DOMAIN\user`` and ``user@domain``.

Source: [MS-ADTS] 5.1.1.1.1 (simple authentication), 6.1.1.2.1.1 (cross references).
"""

from collections.abc import Sequence

from attrs import frozen

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.connection import Scope, Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.filters import Filter
from mxisd.drivers.ldap.names import domain_of
from mxisd.model.identifiers import UserId
from mxisd.stores.ldap.entries import NamedEntry, texts
from mxisd.stores.ldap.tree import Tree, restricted

ACCOUNT = "sAMAccountName"
PRINCIPAL = "userPrincipalName"


@frozen
class AccountName:
    r"""
    One account of one domain.

    :ivar domain: The DNS name, lower-cased; ``None`` if the directory knows no such
        domain.
    :ivar principal: The whole text, where it may be an explicit principal name.
    """

    account: str
    domain: str | None
    principal: str | None = None

    @property
    def filter(self) -> Filter:
        """Entries that may be it."""
        possible = [filters.equal(ACCOUNT, self.account)]
        if self.principal is not None:
            possible.append(filters.equal(PRINCIPAL, self.principal))
        return filters.any_of(possible)

    def is_of(self, entry: Entry) -> bool:
        """Whether an entry is it."""
        if self.principal is not None and _has(entry, PRINCIPAL, self.principal):
            return True
        domain = domain_of(entry.dn.decode(errors="replace"))
        return domain == self.domain and _has(entry, ACCOUNT, self.account)


@frozen
class WindowsNames:
    """
    Finds entries by such a name.

    :ivar domain: Our server name.
    """

    tree: Tree
    domain: str

    async def called(
        self, user_id: UserId, restriction: Filter | None, attributes: Sequence[str]
    ) -> list[NamedEntry]:
        """
        The entries that a user ID means whose localpart is such a name.

        :param restriction: Only entries for which this holds; ``None`` for all.
        """
        if user_id.server_name != self.domain or user_id.canonical is None:
            return []
        name = await self._name(user_id.localpart)
        if name is None:
            return []
        entries = await self.tree.entries(
            restricted(name.filter, restriction), [*attributes, ACCOUNT, PRINCIPAL]
        )
        return self.tree.reader.named(each for each in entries if name.is_of(each))

    async def _name(self, localpart: str) -> AccountName | None:
        netbios, backslash, account = localpart.partition("\\")
        if backslash:
            if not netbios or not account:
                return None
            return AccountName(account, await self._dns_name(netbios))
        account, at, suffix = localpart.rpartition("@")
        if not at or not account or not suffix:
            return None
        return AccountName(account, suffix.lower(), localpart)

    async def _dns_name(self, netbios: str) -> str | None:
        """The domain with a NetBIOS name, by the forest's own list."""
        everything = filters.present("objectClass")
        configuration = await self._value(
            "", Scope.BASE, everything, "configurationNamingContext"
        )
        if configuration is None:
            return None
        wanted = filters.equal("nETBIOSName", netbios)
        base = f"CN=Partitions,{configuration}"
        found = await self._value(base, Scope.ONE, wanted, "dnsRoot")
        return None if found is None else found.lower()

    async def _value(
        self, base: str, scope: Scope, wanted: Filter, attribute: str
    ) -> str | None:
        search = Search(
            base=base, scope=scope, filter=wanted, attributes=[attribute], key=""
        )
        entries = await self.tree.client.search(search)
        return next((text for e in entries for text in texts(e, attribute)), None)


def _has(entry: Entry, attribute: str, value: str) -> bool:
    # Not casefold(): for that, ſ and s are one letter.
    return value.lower() in (text.lower() for text in texts(entry, attribute))
