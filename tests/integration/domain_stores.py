"""What tests of the LDAP store in front of an Active Directory share."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.client import LdapClient
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.drivers.ldap.server import Access, Address
from mxisd.interfaces import Store
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, MSISDN
from mxisd.testing.stores import PEOPLE, Person
from tests.integration.accounts import Account, Group
from tests.integration.ldap_stores import LdapCase
from tests.integration.samba import SambaDomain

ANN = Account(
    name="Ann",
    display_name="Müller, Ann",
    mails=["Ann@Example.org", "ann.mueller@example.org"],
    phones=["+49 171 1234567", "+491711234568"],
    password="ann's pässword",
)
BEA = Account(name="bea", principal_name="b.beck@example.org", password="bea's")
DISABLED = Account(
    name="dis", mails=["dis@example.org"], password="dis's", is_disabled=True
)
NEW = Account(name="new", password="new's", more={"pwdLastSet": ["0"]})
EXPIRED = Account(
    name="exp", password="exp's", more={"accountExpires": ["130000000000000000"]}
)
INNER = Group(name="inner", members=[ANN.dn])
OUTER = Group(name="outer", members=[BEA.dn, INNER.dn])


def account(person: Person) -> Account:
    """
    A contract's person as an account, with phones as a domain finds them.

    It compares phones as text: with spaces, they are found by hash only.
    """
    by_medium: dict[str, list[str]] = {EMAIL: [], MSISDN: []}
    for medium, address in person.threepids:
        by_medium[medium].append(address)
    return Account(
        name=person.username,
        display_name=person.display_name,
        mails=by_medium[EMAIL],
        phones=[phone.replace(" ", "") for phone in by_medium[MSISDN]],
        password=person.password,
    )


@cache
def company() -> SambaDomain:
    """A running domain for whoever does not change it."""
    domain = SambaDomain(ANN, BEA, DISABLED, NEW, EXPIRED, INNER, OUTER)
    domain.start()
    return domain


@cache
def contract_domain() -> SambaDomain:
    """A running domain with the people of the contracts."""
    domain = SambaDomain(*map(account, PEOPLE))
    domain.start()
    return domain


class DomainCase(LdapCase):
    """Starts domains, makes stores and clients for them."""

    timeout = 300

    def domain(self, *entries: Account | Group, **how: Any) -> SambaDomain:
        """A running domain of one's own."""
        domain = SambaDomain(*entries, **how)
        self.addCleanup(domain.remove)
        domain.start()
        return domain

    def domain_store(
        self,
        domain: SambaDomain,
        connection: Mapping[str, Any] | None = None,
        **section: Any,
    ) -> Store:
        """The store of a section that fits the domain."""
        values = {
            "connection": {
                "host": domain.host,
                "bindDn": domain.bind_dn,
                "bindPassword": domain.password,
                "baseDNs": [domain.base_dn],
                # Samba answers one question at a time, and the machine is busy.
                "timeout": 30,
                **(connection or {}),
            },
            "attribute": {"uid": {"type": "uid", "value": "sAMAccountName"}},
            **section,
        }
        return self.built(values)

    def domain_client(self, domain: SambaDomain, **how: Any) -> LdapClient:
        """A client of the driver."""
        port = how.pop("port", domain.port)
        access = Access(
            bind_dn=domain.bind_dn,
            bind_password=Secret(domain.password),
            timeout=30.0,
            **how,
        )
        client = LdapClient(reactor, "staff", [Address(domain.host, port)], access)
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    async def names(
        self, client: LdapClient, text: str, base: str = SambaDomain.base_dn
    ) -> list[str]:
        """The ``sAMAccountName`` of each entry for which a filter holds, sorted."""
        search = Search(
            base=base, filter=filters.parse(text), attributes=["sAMAccountName"]
        )
        return sorted(account_name(entry) for entry in await client.search(search))


def account_name(entry: Entry) -> str:
    """Its ``sAMAccountName``."""
    return entry.attributes["samaccountname"][0].decode()
