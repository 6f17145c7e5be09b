from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.errors import ConfigError
from mxisd.model.settings import RecordType
from mxisd.stores.ldap.settings import LdapSettings, parse

CONNECTION = {"host": "ldap.example.org", "baseDNs": ["dc=example,dc=org"]}


def read(connection: Mapping[str, Any] | None = None, **section: Any) -> LdapSettings:
    """Settings of a section with a sound connection."""
    return parse(
        Section({"connection": {**CONNECTION, **(connection or {})}, **section})
    )


class LdapSettingsTests(SynchronousTestCase):
    """Keys under the names that mxisd gave them."""

    def assert_problem(self, path: str, *args: Any, **section: Any) -> str:
        """There is one problem, at this key; gives its text."""
        error = self.assertRaises(ConfigError, read, *args, **section)
        self.assertEqual([problem.path for problem in error.problems], [path])
        text: str = error.problems[0].text
        return text

    def test_defaults(self) -> None:
        """A host and a subtree are enough for an Active Directory."""
        settings = read()
        self.assertEqual(settings.attribute.uid.value, "saMAccountName")
        self.assertIs(settings.attribute.uid.type, RecordType.UID)
        self.assertEqual(settings.connection.actual_port, 389)
        self.assertTrue(settings.identity.lookup)
        self.assertIn("mail", settings.attribute.by_medium["email"])
        self.assertIn("mobile", settings.attribute.by_medium["msisdn"])

    def test_configuration_of_mxisd(self) -> None:
        """Each key that mxisd and ma1sd read is read."""
        settings = read(
            {
                "port": 3890,
                "tls": True,
                "bindDn": "cn=x",
                "bindPassword": "hush-hush",
                "baseDn": "ou=old",
            },
            filter="(a=b)",
            attribute={
                "uid": {"type": "mxid", "value": "matrixId"},
                "name": "cn",
                "threepid": {"email": ["mail"], "employee": ["employeeNumber"]},
            },
            auth={"filter": "(c=d)"},
            identity={
                "filter": "(e=f)",
                "token": "TOKEN",
                "medium": {"email": "(mail=TOKEN)"},
                "lookup": False,
            },
        )
        self.assertEqual(settings.connection.bases, ("dc=example,dc=org", "ou=old"))
        self.assertEqual(settings.connection.actual_port, 3890)
        self.assertIs(settings.attribute.uid.type, RecordType.MXID)
        self.assertEqual(settings.attribute.by_medium["employee"], ("employeeNumber",))
        self.assertFalse(settings.identity.lookup)
        self.assertNotIn("hush-hush", repr(settings))

    def test_port_of_tls(self) -> None:
        """With TLS and no port, the port is that of ldaps."""
        self.assertEqual(read({"tls": True}).connection.actual_port, 636)

    def test_mediums_left_out_keep_their_defaults(self) -> None:
        """A list of one medium does not empty the others; an empty list does."""
        attribute = {"threepid": {"email": ["mail"], "msisdn": []}}
        by_medium = read(attribute=attribute).attribute.by_medium
        self.assertEqual(dict(by_medium), {"email": ("mail",), "msisdn": ()})

    def test_subtree_is_required(self) -> None:
        """Neither ``baseDNs`` nor ``baseDn``: nobody could be found."""
        self.assert_problem("connection.baseDNs", {"baseDNs": []})

    def test_half_a_service_account(self) -> None:
        """A DN without a password would silently be anonymous."""
        self.assert_problem("connection.bindPassword", {"bindDn": "cn=x"})
        self.assert_problem("connection.bindDn", {"bindPassword": "x"})

    def test_ca_file_without_tls(self) -> None:
        """Who names an authority believes that TLS is spoken."""
        self.assert_problem("connection.caFile", {"caFile": "/ca.pem"})

    def test_filters_are_checked(self) -> None:
        """What is no filter is told with its place."""
        for path, section in (
            ("filter", {"filter": "mail=x"}),
            ("auth.filter", {"auth": {"filter": "(mail=x"}}),
            ("identity.filter", {"identity": {"filter": "()"}}),
            ("identity.medium", {"identity": {"medium": {"email": "(mail=%3pid"}}}),
        ):
            text = self.assert_problem(path, **section)
            self.assertIn("is no LDAP filter", text)

    def test_query_without_the_token(self) -> None:
        """A query that does not mention the address finds the wrong people."""
        queries = {"medium": {"email": "(mail=%3pd)"}}
        text = self.assert_problem("identity.medium.email", identity=queries)
        self.assertIn("%3pid", text)

    def test_token_is_no_metacharacter(self) -> None:
        """A token that means something in a filter could never be found there."""
        self.assert_problem("identity.token", identity={"token": "*"})
        self.assert_problem("identity.token", identity={"token": " "})

    def test_attribute_names_are_checked(self) -> None:
        """Names that no server knows are told before they are asked for."""
        self.assert_problem("attribute.name", attribute={"name": "display name"})
        self.assert_problem(
            "attribute.threepid", attribute={"threepid": {"email": ["(mail=x)"]}}
        )

    def test_port_out_of_range(self) -> None:
        """A port is a port."""
        self.assert_problem("connection.port", {"port": 0})
