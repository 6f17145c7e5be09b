"""Tests of the keys of ``synapseSql``, and of its queries as texts."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.drivers.sql.address import Engine
from mxisd.drivers.sql.statements import marks
from mxisd.errors import ConfigError
from mxisd.model.identifiers import UserId
from mxisd.stores.sql.settings import IdType
from mxisd.stores.synapse.sql.factory import build, parse
from mxisd.stores.synapse.sql.queries import ENGINES, SynapseQueries
from mxisd.stores.synapse.sql.settings import SynapseSqlSettings
from mxisd.stores.synapse.sql.terms import HomeserverNaming
from mxisd.testing.tools import tools_for_tests


def read(**section: Any) -> SynapseSqlSettings:
    """Settings of a section with a database."""
    return parse(Section({"connection": "/var/lib/synapse/homeserver.db", **section}))


class SettingsTests(SynchronousTestCase):
    def test_a_database_is_enough(self) -> None:
        """Everything but logins is there, and consent is asked for."""
        settings = read()
        self.assertTrue(settings.identity.require_consent)
        store = build(settings, tools_for_tests())
        for name in ("lookup", "associations", "directory", "profile", "room_names"):
            self.assertIsNotNone(getattr(store, name), name)
        self.assertIsNone(store.authenticator)
        self.assertIn("user_threepid_id_server", settings.explained["lookup"])

    def test_configuration_of_ma1sd(self) -> None:
        """The form that most of them have."""
        settings = read(
            type="postgresql", connection="//db:5432/synapse?user=me&password=a%20b"
        )
        address = settings.address
        self.assertEqual((address.engine, address.host), (Engine.POSTGRESQL, "db"))
        self.assertEqual(address.password.value, "a b")
        self.assertNotIn("a b", repr(settings))
        self.assertNotIn("a%20b", repr(settings))

    def test_switches(self) -> None:
        """What is switched off is not there; logins never are."""
        off = {"enabled": False}
        settings = read(
            identity=off, directory=off, profile=off, auth={"enabled": True}
        )
        store = build(settings, tools_for_tests())
        for name in ("lookup", "associations", "directory", "profile"):
            self.assertIsNone(getattr(store, name), name)
        self.assertIsNone(store.authenticator)
        store = build(read(lookup=off), tools_for_tests())
        self.assertIsNone(store.associations)
        self.assertIsNotNone(store.lookup)

    def test_type_of_a_search(self) -> None:
        """mxisd's default was a text by mistake; user IDs were meant."""
        for text, expected in (
            ("SELECT 1", IdType.MXID),
            ("mxid", IdType.MXID),
            ("localpart", IdType.LOCALPART),
        ):
            settings = read(directory={"query": {"name": {"type": text}}})
            self.assertIs(settings.directory.query.name.holds, expected)

    def test_wrong_values(self) -> None:
        """Each is a problem at its key."""
        searched = {"query": {"name": {"type": "x"}, "threepid": {"type": "y"}}}
        for section, *paths in (
            ({"type": "mariadb", "connection": "//a/b"}, "type"),
            ({"connection": ""}, "connection"),
            ({"identity": {"requireConsent": 5}}, "identity.requireConsent"),
            (
                {"directory": searched},
                "directory.query.name.type",
                "directory.query.threepid.type",
            ),
        ):
            error = self.assertRaises(ConfigError, read, **section)
            self.assertEqual([each.path for each in error.problems], paths)


class QueriesTests(SynchronousTestCase):
    def test_marks(self) -> None:
        """Each query wants what it is given, and nothing else."""
        for engine in ENGINES:
            for consented in (True, False):
                ours = SynapseQueries(engine, consented)
                wanted = {
                    ours.lookup: ["?", "??"],
                    ours.phone_lookup: ["?", "??"],
                    ours.listing: [],
                    ours.by_name: ["?", "?"],
                    ours.by_threepid: ["?"],
                    ours.name: ["?"],
                    ours.threepids: ["?"],
                    ours.room_name: ["?"],
                }
                for text, expected in wanted.items():
                    self.assertEqual(list(marks(engine, text)), expected)

    def test_consent(self) -> None:
        """Without it only the account's own 3PIDs are looked at."""
        published, owned = (SynapseQueries(Engine.SQLITE, c) for c in (True, False))
        for name in ("lookup", "phone_lookup", "listing", "by_threepid"):
            table = "user_threepid_id_server"
            self.assertIn(table, getattr(published, name))
            self.assertNotIn(table, getattr(owned, name))


class NamingTests(SynchronousTestCase):
    def test_user_ids_stay_as_they_are(self) -> None:
        """Capitals belong to old user IDs; what is none is nobody."""
        naming = HomeserverNaming("example.org", is_localpart=False)
        self.assertEqual(naming.user_id("@Old:a.b"), UserId("Old", "a.b"))
        self.assertEqual(naming.values(UserId("Old", "a.b")), ("@Old:a.b",))
        for nothing in (None, "", "alice", 5, b"\xff", "@a", "@a:b:c:d"):
            self.assertIsNone(naming.user_id(nothing))
