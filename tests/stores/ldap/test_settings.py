from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.drivers.ldap.server import Security
from mxisd.errors import ConfigError
from mxisd.model.settings import RecordType
from mxisd.stores.ldap.factory import parse
from mxisd.stores.ldap.presets import NOT_DISABLED, Preset
from mxisd.stores.ldap.settings import LdapSettings, MemberValue

ACCOUNT = "samAccountName"
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
        self.assertEqual(settings.connection.port, 389)
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
            directory={"filter": "(g=h)", "attribute": {"other": ["title"]}},
            profile={"filter": "(i=j)"},
            identity={
                "filter": "(e=f)",
                "token": "TOKEN",
                "medium": {"email": "(mail=TOKEN)"},
                "lookup": False,
            },
        )
        self.assertEqual(settings.connection.bases, ("dc=example,dc=org", "ou=old"))
        self.assertEqual(settings.connection.port, 3890)
        self.assertIs(settings.attribute.uid.type, RecordType.MXID)
        self.assertEqual(settings.attribute.by_medium["employee"], ("employeeNumber",))
        self.assertFalse(settings.identity.lookup)
        self.assertNotIn("hush-hush", repr(settings))

    def test_port_of_tls(self) -> None:
        """With TLS and no port, the port is that of ldaps."""
        self.assertEqual(read({"tls": True}).connection.port, 636)

    def test_mediums_left_out_keep_their_defaults(self) -> None:
        """A list of one medium does not empty the others; an empty list does."""
        attribute = {"threepid": {"email": ["mail"], "msisdn": []}}
        by_medium = read(attribute=attribute).attribute.by_medium
        self.assertEqual(dict(by_medium), {"email": ("mail",)})

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


class PresetTests(SynchronousTestCase):
    """Defaults by product."""

    def test_preset_fills_in(self) -> None:
        """What is not written comes from the preset."""
        settings = read(preset="univention")
        self.assertEqual(settings.attribute.uid.value, "uid")
        self.assertEqual(settings.connection.port, 7389)
        self.assertEqual(read({"tls": True}, preset="univention").connection.port, 7636)
        self.assertEqual(settings.auth.filter, "(univentionObjectType=users/user)")
        self.assertEqual(settings.profile.role.group.member, "uniqueMember")

    def test_what_is_written_counts(self) -> None:
        """A preset changes no key that has a value."""
        settings = read(
            {"port": 4},
            preset="ad",
            filter="(a=b)",
            attribute={"name": "cn", "uid": {"value": "x"}, "threepid": {"email": []}},
        )
        self.assertEqual(settings.connection.port, 4)
        self.assertEqual(settings.filter, "(a=b)")
        self.assertEqual(settings.directory.filter, "(a=b)")
        self.assertEqual(settings.attribute.name, "cn")
        self.assertEqual(settings.attribute.uid.value, "x")
        self.assertEqual(set(settings.attribute.by_medium), {"msisdn"})

    def test_no_preset_has_no_filter(self) -> None:
        """A file of mxisd finds whom it found."""
        settings = read()
        self.assertIsNone(settings.preset)
        self.assertEqual(settings.filter, "")
        self.assertEqual(settings.defaults.enabled, "")

    def test_filling_in_twice_changes_nothing(self) -> None:
        """The effective configuration means itself."""
        for preset in Preset:
            settings = read(preset=preset.value)
            again = read(
                {"port": settings.connection.port},
                preset=preset.value,
                filter=settings.filter,
                auth={"filter": settings.auth.filter},
                attribute={"threepid": dict_of_lists(settings.attribute.threepid)},
            )
            self.assertEqual(again, settings)

    def test_unknown_preset(self) -> None:
        """The message names those that there are."""
        error = self.assertRaises(ConfigError, read, preset="exchange")
        self.assertIn("389ds", error.problems[0].text)


class ForestTests(SynchronousTestCase):
    """``activeDirectory`` as ma1sd has it."""

    def test_defaults(self) -> None:
        """Users are known by principal name; the preset is that of the product."""
        settings = read(activeDirectory=True, defaultDomain="corp.example")
        self.assertEqual(settings.attribute.uid.value, "userPrincipalName")
        self.assertIs(settings.preset, Preset.AD)
        self.assertEqual(settings.defaults.enabled, NOT_DISABLED)
        self.assertTrue(settings.is_windows)

    def test_default_domain_alone(self) -> None:
        """ma1sd reads it and does nothing with it, and so do we."""
        settings = read(defaultDomain="corp.example")
        self.assertEqual(settings.attribute.uid.value, "saMAccountName")
        self.assertFalse(settings.is_windows)

    def test_what_cannot_work(self) -> None:
        """A localpart has no domain; nor has a user ID."""
        for path, keys in (
            ("attribute.uid.type", {"attribute": {"uid": {"type": "mxid"}}}),
            (
                "attribute.uid.value",
                {"attribute": {"uid": {"value": "sAMaccountName"}}},
            ),
            ("preset", {"preset": "openldap"}),
        ):
            error = self.assertRaises(ConfigError, read, activeDirectory=True, **keys)
            self.assertEqual([each.path for each in error.problems], [path])


class ServersTests(SynchronousTestCase):
    """Where the servers are, and how to get in."""

    def addresses(self, **connection: Any) -> list[str]:
        """The servers in order, as the log names them."""
        base = {"baseDNs": ["dc=x"]}
        settings = parse(Section({"connection": {**base, **connection}}))
        return [str(each) for each in settings.connection.addresses]

    def problems(self, **connection: Any) -> list[str]:
        """The keys that do not fit."""
        values = {"connection": {"baseDNs": ["dc=x"], **connection}}
        try:
            parse(Section(values))
        except ConfigError as error:
            return [each.path for each in error.problems]
        return []

    def test_order_and_ports(self) -> None:
        """First the host, then the others; a port of their own counts."""
        self.assertEqual(
            self.addresses(host="a", hosts=["b:99", "c", "[::1]:7", "::2"], tls=True),
            ["a:636", "b:99", "c:636", "[::1]:7", "[::2]:636"],
        )
        self.assertEqual(self.addresses(hosts=["b", "b", "c"]), ["b:389", "c:389"])
        self.assertEqual(self.addresses(socket="/run/ldapi"), ["/run/ldapi"])

    def test_places_that_are_none(self) -> None:
        """Each is told by its key."""
        for path, keys in (
            ("connection.host", {}),
            ("connection.host", {"host": " "}),
            ("connection.host", {"host": "ldap://a"}),
            ("connection.host", {"host": "a:0"}),
            ("connection.host", {"host": "a b"}),
            ("connection.hosts", {"hosts": ["a", ""]}),
            ("connection.hosts", {"hosts": ["a:b"]}),
            ("connection.socket", {"host": "a", "socket": "/b"}),
            ("connection.pageSize", {"host": "a", "pageSize": -1}),
            ("connection.connections", {"host": "a", "connections": 0}),
        ):
            self.assertEqual(self.problems(**keys), [path], keys)

    def test_tls_that_does_not_fit(self) -> None:
        """What would have no effect, or two effects, is told."""
        for path, keys in (
            ("connection.startTls", {"host": "a", "tls": True, "startTls": True}),
            ("connection.startTls", {"socket": "/a", "startTls": True}),
            ("connection.tlsName", {"host": "a", "tlsName": "b"}),
            ("connection.keyFile", {"host": "a", "tls": True, "certificateFile": "b"}),
            ("connection.certificateFile", {"host": "a", "tls": True, "keyFile": "b"}),
        ):
            self.assertEqual(self.problems(**keys), [path], keys)
        self.assertEqual(self.problems(host="a", startTls=True, caFile="b"), [])

    def test_whole_forest(self) -> None:
        """Only a Global Catalog is searched from the root."""
        self.assertEqual(self.problems(host="a", port=3268, baseDNs=[""]), [])
        path = "connection.baseDNs"
        self.assertEqual(self.problems(host="a", baseDNs=[""]), [path])

    def test_security(self) -> None:
        """The two ways to TLS, and none."""
        for keys, security in (
            ({}, Security.NONE),
            ({"tls": True}, Security.TLS),
            ({"startTls": True}, Security.START_TLS),
        ):
            self.assertIs(read(keys).connection.access.security, security)


class GroupTests(SynchronousTestCase):
    """Searches for groups."""

    def test_keys(self) -> None:
        """Groups of accounts are as good as groups of entries."""
        group = {"baseDNs": ["ou=g"], "member": "memberUid", "memberValue": "uid"}
        settings = read(profile={"role": {"group": group}}).profile.role.group
        self.assertIs(settings.member_value, MemberValue.UID)
        self.assertEqual(settings.name, "cn")

    def test_nesting_needs_names(self) -> None:
        """``memberUid`` names people only."""
        group = {"baseDNs": ["ou=g"], "memberValue": "uid", "nested": True}
        error = self.assertRaises(ConfigError, read, profile={"role": {"group": group}})
        self.assertEqual(error.problems[0].path, "profile.role.group.nested")


def dict_of_lists(value: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """As YAML has it."""
    return {key: list(each) for key, each in value.items()}
