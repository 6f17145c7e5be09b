"""What tests of the LDAP store share."""

from collections.abc import Iterable, Mapping
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mxisd.config.structure import Section
from mxisd.drivers.ldap.client import LdapClient
from mxisd.drivers.ldap.server import Access, Address
from mxisd.interfaces import Store, Tools
from mxisd.model.identifiers import UserId
from mxisd.model.secret import Secret
from mxisd.model.stored import StoredAddresses
from mxisd.model.threepids import EMAIL, MSISDN, canonical
from mxisd.stores.ldap import factory
from mxisd.testing.stores import DOMAIN, Person
from tests.integration.slapd import Member, Organisation, Slapd
from tests.integration.store_case import StoreCase

EMPLOYEE = "employee"


def member(person: Person) -> Member:
    """A contract's person as an entry."""
    by_medium: dict[str, list[str]] = {EMAIL: [], MSISDN: []}
    for medium, address in person.threepids:
        by_medium[medium].append(address)
    return Member(
        uid=person.username,
        name=person.display_name or person.username,
        mails=by_medium[EMAIL],
        phones=by_medium[MSISDN],
        password=person.password,
    )


class LdapCase(StoreCase):
    """Starts servers, makes stores, and cleans up."""

    timeout = 120

    def slapd(self, *members: Member, **how: Any) -> Slapd:
        """A running server with these people."""
        extra = how.pop("extra_ldif", "")
        server = Slapd(Organisation(members=members, extra_ldif=extra), **how)
        self.addCleanup(server.remove)
        server.start()
        return server

    def store(
        self,
        slapd: Slapd,
        connection: Mapping[str, Any] | None = None,
        *,
        default_country: str | None = None,
        **section: Any,
    ) -> Store:
        """The store of a section that fits the server."""
        values = {
            "connection": {
                "host": slapd.host,
                "port": slapd.port,
                "bindDn": slapd.bind_dn,
                "bindPassword": slapd.password,
                "baseDNs": [slapd.people_dn],
                **(connection or {}),
            },
            "attribute": {
                "uid": {"type": "uid", "value": "uid"},
                "threepid": {EMPLOYEE: ["employeeNumber"]},
            },
            **section,
        }
        return self.built(values, default_country)

    def built(
        self, values: Mapping[str, Any], default_country: str | None = None
    ) -> Store:
        """The store of a section; its connections end with the test."""
        tools = Tools(
            name="staff",
            domain=DOMAIN,
            reactor=reactor,
            http=None,
            addresses=StoredAddresses(default_country),
        )
        store = factory.build(factory.parse(Section(values)), tools)
        assert store.service is not None
        self.addCleanup(store.service.stopService)
        return store

    def tls(self, slapd: Slapd, **more: Any) -> dict[str, Any]:
        """Connection keys for ldaps."""
        return {"port": slapd.tls_port, "tls": True, "caFile": slapd.ca_file, **more}

    def client(self, slapd: Slapd) -> LdapClient:
        """A client of the driver."""
        client = LdapClient(
            reactor,
            "staff",
            [Address(slapd.host, slapd.port)],
            Access(bind_dn=slapd.bind_dn, bind_password=Secret(slapd.password)),
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    async def found(
        self, store: Store, medium: str, addresses: Iterable[str]
    ) -> dict[str, str]:
        """Localparts by canonical address."""
        assert store.lookup is not None
        keys = frozenset(canonical(medium, address) for address in addresses)
        answer = await store.lookup.lookup(keys)
        return {key.address: user_id.localpart for key, user_id in answer.items()}

    async def verdict(self, store: Store, localpart: str, password: str) -> Any:
        """What the store says to a password."""
        assert store.authenticator is not None
        user_id = UserId(localpart, DOMAIN)
        return await store.authenticator.authenticate(user_id, Secret(password))

    def within(self, seconds: float) -> Any:
        """Check afterwards, when called, that no more time has passed."""
        start = reactor.seconds()

        def check() -> None:
            passed = reactor.seconds() - start
            self.assertLess(passed, seconds)

        return check
