"""The LDAP store against a real slapd, in a process of its own."""

import gc
from collections.abc import Sequence
from typing import Any

from bench.stores import DOMAIN, Bench, Effort, run
from mxisd.config.structure import Section
from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.client import LdapClient
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.interfaces import Tools
from mxisd.stores.ldap import factory
from tests.integration.organisation import Organisation
from tests.integration.slapd import Slapd

PAGE = 500


async def measure(reactor: Any, effort: Effort) -> None:
    """Start a directory, ask it in the clear and by TLS, and end it."""
    slapd = Slapd(Organisation(people=effort.people))
    # What the people here were made of is not the store's to clean up after.
    slapd.organisation = Organisation(people=0)
    gc.collect()
    gc.freeze()
    secure = {"port": slapd.tls_port, "tls": True, "caFile": slapd.ca_file}
    try:
        slapd.start()
        for title, connection in (("in the clear", {}), ("by ldaps", secure)):
            print(f"\nLDAP {title}, {effort.people:,} people", flush=True)
            await _measure(reactor, effort, slapd, connection)
    finally:
        slapd.remove()


async def _measure(
    reactor: Any, effort: Effort, slapd: Slapd, connection: dict[str, Any]
) -> None:
    section = {
        "preset": "openldap",
        "connection": {
            "host": "127.0.0.1",
            "port": slapd.port,
            "bindDn": slapd.bind_dn,
            "bindPassword": slapd.password,
            "baseDNs": [slapd.people_dn],
            **connection,
        },
    }
    settings = factory.parse(Section(section))
    tools = Tools(name="bench", domain=DOMAIN, reactor=reactor, http=None)
    bench = Bench(reactor, factory.build(settings, tools), effort)
    access, addresses = settings.connection.access, settings.connection.addresses
    client = LdapClient(reactor, "bench", addresses, access)
    await bench.listing("driver alone", lambda: _entries(client))
    await client.close()
    await bench.run()


async def _entries(client: LdapClient) -> None:
    async def take(entries: Sequence[Entry]) -> None:
        """Drop them."""

    wanted = Search(
        base=Slapd.people_dn,
        filter=filters.present("mail"),
        attributes=["uid", "mail", "telephoneNumber"],
    )
    await client.each_page(wanted, PAGE, take)


if __name__ == "__main__":
    run("bench.ldap", measure, __doc__)
