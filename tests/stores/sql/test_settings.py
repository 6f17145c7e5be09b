from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.drivers.sql.address import Engine
from mxisd.errors import ConfigError
from mxisd.model.secret import Secret
from mxisd.stores.sql.factory import parse
from mxisd.stores.sql.settings import IdType, SqlSettings, search_type


def read(**section: Any) -> SqlSettings:
    """Settings of a section."""
    return parse(Section(section))


class SqlSettingsTests(SynchronousTestCase):
    """Keys under the names that mxisd gave them."""

    def assert_problem(self, path: str, **section: Any) -> str:
        """There is one problem, at this key; gives its text."""
        error = self.assertRaises(ConfigError, read, **section)
        self.assertEqual([problem.path for problem in error.problems], [path])
        text: str = error.problems[0].text
        return text

    def test_configuration_of_mxisd(self) -> None:
        """Each key that mxisd and ma1sd read is read."""
        settings = read(
            type="postgresql",
            connection="//localhost/users?user=mxisd&password=hush%20hush",
            auth={"enabled": False},
            directory={
                "enabled": True,
                "query": {
                    "name": {"type": "localpart", "value": "SELECT ?"},
                    "threepid": {"type": "SELECT 1", "value": "SELECT ?"},
                },
            },
            identity={
                "enabled": True,
                "type": "uid",
                "query": "SELECT ?, ?",
                "medium": {"email": "SELECT ?"},
            },
            lookup={"query": "SELECT 1"},
            profile={
                "enabled": True,
                "displayName": {"query": "SELECT ?"},
                "threepid": {"query": "SELECT ?"},
                "role": {"type": "mxid", "query": "SELECT ?"},
            },
        )
        address = settings.address
        self.assertEqual(address.engine, Engine.POSTGRESQL)
        self.assertEqual(address.password, Secret("hush hush"))
        self.assertTrue(settings.identity.type.is_localpart)
        self.assertIs(settings.profile.role.type, IdType.MXID)
        self.assertNotIn("hush", repr(settings))

    def test_separate_keys(self) -> None:
        """Say the same as a connection, and go before it."""
        settings = read(
            engine="mariadb",
            host="db",
            port=3307,
            database="users",
            user="me",
            password="hush",
            tls=True,
            caFile="/ca.pem",
            timeout="2s",
            connections=7,
        )
        address = settings.address
        self.assertEqual((address.host, address.port), ("db", 3307))
        self.assertEqual((address.timeout, address.connections), (2.0, 7))
        self.assertTrue(address.tls)
        settings = read(type="mysql", connection="//a/b?user=c", host="d")
        self.assertEqual((settings.address.host, settings.address.user), ("d", "c"))

    def test_sqlite_is_the_default(self) -> None:
        """A path is enough."""
        settings = read(connection="/var/lib/people.db")
        self.assertIs(settings.address.engine, Engine.SQLITE)
        self.assertEqual(settings.address.database, "/var/lib/people.db")

    def test_what_is_wrong(self) -> None:
        """Each problem has its key, and repeats no secret."""
        self.assert_problem("connection")
        text = self.assert_problem("connection", type="mysql", connection="hush")
        self.assertNotIn("hush", text)
        self.assert_problem("engine", type="mysql", engine="sqlite", database="a")
        self.assert_problem("port", database="a", port=0)
        self.assert_problem("timeout", database="a", timeout=0)
        self.assert_problem("connections", database="a", connections=0)
        self.assert_problem("type", database="a", type="oracle")
        name = {"query": {"name": {"type": "email"}}}
        self.assert_problem("directory.query.name.type", database="a", directory=name)

    def test_queries_are_not_judged_here(self) -> None:
        """A wrong query costs its capability, and not the start of the server."""
        settings = read(database="a", identity={"query": "SELECT 1"})
        self.assertEqual(settings.explained["identity.query"], "SELECT 1")

    def test_types_of_searches(self) -> None:
        """Capitals do not matter, and mxisd's default means what was meant."""
        for text, expected in (
            ("SELECT 1", IdType.LOCALPART),
            ("Localpart", IdType.LOCALPART),
            ("uid", IdType.UID),
            ("mxid", IdType.MXID),
        ):
            self.assertIs(search_type(text), expected)

    def test_default_query(self) -> None:
        """Synapse's table is asked if no other query is written."""
        self.assertIn("user_threepids", read(database="a").explained["identity.query"])
        section = {"bulk": {"medium": {"email": "SELECT ??"}}}
        explained = read(database="a", identity=section).explained
        self.assertEqual(list(explained), ["identity.bulk.medium.email"])
