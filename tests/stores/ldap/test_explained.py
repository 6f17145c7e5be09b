from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.drivers.ldap import filters
from mxisd.stores.ldap import netiq
from mxisd.stores.ldap.factory import parse

CONNECTION = {"host": "ldap.example.org", "baseDNs": ["dc=example,dc=org"]}


def explained(**keys: Any) -> dict[str, str]:
    """What a section's store would ask."""
    return dict(parse(Section({"connection": CONNECTION, **keys})).explained)


class ExplainedTests(SynchronousTestCase):
    """What an operator reads in ``--dump-config``."""

    def test_active_directory(self) -> None:
        """The filter, the attributes and the disabled accounts are all there."""
        found = explained(preset="ad", attribute={"threepid": {"msisdn": []}})
        people = "(&(objectCategory=person)(objectClass=user))"
        enabled = "(!(userAccountControl:1.2.840.113556.1.4.803:=2))"
        self.assertEqual(
            found,
            {
                "lookup of email": f"(&(&{people}{enabled})"
                "(|(mail=<address>)(otherMailbox=<address>)"
                "(proxyAddresses=smtp:<address>)))",
                "login": f"(&{people}(sAMAccountName=<user>))",
                "directory search by name": f"(&(&{people}{enabled})"
                "(|(displayName=*<term>*)(sAMAccountName=*<term>*)))",
                "profile": f"(&{people}(sAMAccountName=<user>))",
            },
        )

    def test_own_filters_and_queries(self) -> None:
        """Each feature's own filter replaces the store's."""
        found = explained(
            preset="openldap",
            filter="(a=b)",
            auth={"filter": "(c=d)"},
            directory={"filter": "(e=f)", "attribute": {"other": ["title"]}},
            identity={"filter": "(g=h)", "medium": {"email": "(x=%3pid)"}},
            profile={"filter": " ", "role": {"group": {"baseDNs": ["ou=g"]}}},
            attribute={"threepid": {"msisdn": []}},
        )
        groups = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))"
        self.assertEqual(
            found,
            {
                "lookup of email": "(&(g=h)(x=<address>))",
                "login": "(&(c=d)(uid=<user>))",
                "directory search by name": "(&(e=f)"
                "(|(cn=*<term>*)(uid=*<term>*)(title=*<term>*)))",
                "profile": "(&(a=b)(uid=<user>))",
                "groups": f"(&{groups}(member=<DN>))",
            },
        )

    def test_netiq(self) -> None:
        """The store of eDirectory has its own idea of a login."""
        settings = netiq.parse(Section({"connection": CONNECTION}))
        self.assertEqual(settings.explained["login"], "(cn=<user>)")
        self.assertEqual(settings.profile.role.attribute, "groupMembership")

    def test_every_preset_makes_filters(self) -> None:
        """What is shown can be read as filters again."""
        presets = ("ad", "openldap", "freeipa", "389ds", "univention", "netiq", None)
        for preset in presets:
            for name, text in explained(preset=preset).items():
                self.assertEqual(
                    filters.text_of(filters.parse(text)), text, f"{preset} {name}"
                )
