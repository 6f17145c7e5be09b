"""Tests of the keys, and of which parts they make."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.config.structure import Section
from mxisd.drivers.sql.address import Engine
from mxisd.errors import ConfigError
from mxisd.stores.wordpress import factory
from mxisd.stores.wordpress.queries import contains
from mxisd.testing.tools import tools_for_tests

BASE = {"rest": {"base": "https://blog.example.org"}}
CONNECTION = "//127.0.0.1/wordpress?user=u&password=swordfish"


def parsed(**sql: Any) -> Any:
    """The settings of a section."""
    return factory.parse(Section({**BASE, "sql": {"connection": CONNECTION, **sql}}))


class SettingsTests(SynchronousTestCase):
    """What a section may say."""

    def problem(self, section: dict[str, Any]) -> str:
        """The key that is wrong; passwords are not repeated."""
        with self.assertRaises(ConfigError) as caught:
            factory.parse(Section(section))
        self.assertNotIn("swordfish", str(caught.exception))
        (problem,) = caught.exception.problems
        return str(problem.path)

    def test_section_of_mxisd(self) -> None:
        """Every key that it had is taken."""
        settings = factory.parse(
            Section(
                {
                    "rest": {
                        "base": "http://localhost:8080",
                        "credential": {"username": "admin", "password": "swordfish"},
                    },
                    "sql": {
                        "type": "mysql",
                        "connection": CONNECTION,
                        "tablePrefix": "wp_",
                        "query": {
                            "threepid": {"email": "SELECT 1 AS uid WHERE 1 = ?"},
                            "directory": {
                                "name": "SELECT 1, 2 WHERE 1 LIKE ?",
                                "threepid": "SELECT 1, 2 WHERE 1 LIKE ?",
                            },
                        },
                    },
                }
            )
        )
        address = settings.sql.address
        assert address is not None
        self.assertEqual(address.engine, Engine.MYSQL)
        self.assertEqual(address.password.value, "swordfish")

    def test_base(self) -> None:
        """With or without a slash, a folder, and what is added to it."""
        for base in ("https://x.org/blog", "https://x.org/blog/"):
            for end in ("", "wp-json", "wp-json/"):
                whole = f"{base.rstrip('/')}/{end}" if end else base
                settings = factory.parse(Section({"rest": {"base": whole}}))
                expected = "https://x.org/blog/wp-json/jwt-auth/v1"
                self.assertEqual(settings.rest.api, expected)
        for wrong in ("", "blog", "ftp://x", "https://", "https://u:swordfish@x/"):
            self.assertEqual(self.problem({"rest": {"base": wrong}}), "rest.base")
        self.assertEqual(self.problem({}), "rest.base")

    def test_database(self) -> None:
        """Its address and the prefix are judged at once."""
        for sql, path in (
            ({"connection": "localhost/swordfish"}, "sql.connection"),
            ({"connection": CONNECTION, "tablePrefix": "wp-"}, "sql.tablePrefix"),
            ({"connection": CONNECTION, "tablePrefix": "a;--"}, "sql.tablePrefix"),
            ({"connection": CONNECTION, "timeout": 0}, "sql.timeout"),
        ):
            self.assertEqual(self.problem({**BASE, "sql": sql}), path)

    def test_own_queries(self) -> None:
        """They need a place for what is asked for, and a list needs none."""
        for query, path in (
            ({"threepid": {"email": "SELECT 1 AS uid"}}, "threepid.email"),
            ({"threepid": {"x": "SELECT ? IN (??)"}}, "threepid.x"),
            ({"profile": "SELECT '?'"}, "profile"),
            ({"lookup": "SELECT ?"}, "lookup"),
        ):
            section = {**BASE, "sql": {"connection": CONNECTION, "query": query}}
            self.assertEqual(self.problem(section), f"sql.query.{path}")
        parsed(query={"threepid": {"email": "", "x": "SELECT ? UNION SELECT ?"}})

    def test_site_without_database(self) -> None:
        """There are logins, and nothing else."""
        store = factory.build(factory.parse(Section(BASE)), tools_for_tests())
        self.assertIsNotNone(store.authenticator)
        for name in ("lookup", "associations", "directory", "profile", "service"):
            self.assertIsNone(getattr(store, name), name)

    def test_hash_switch(self) -> None:
        """``hashEnabled: false`` leaves the list out."""
        for switch in (True, False):
            sql = {"connection": CONNECTION}
            section = Section({**BASE, "sql": sql, "hashEnabled": switch})
            store = factory.build(factory.parse(section), tools_for_tests())
            self.assertEqual(store.associations is not None, switch)
            self.assertIsNotNone(store.lookup)

    def test_prefix_is_applied(self) -> None:
        """In our queries, and in the operator's."""
        own = "SELECT user_login AS uid FROM %TABLE_PREFIX%users WHERE ID = ?"
        settings = parsed(tablePrefix="b_", query={"threepid": {"x": own}})
        store: Any = factory.build(settings, tools_for_tests())
        queries = [
            *store.lookup.queries.values(),
            *store.directory.queries.values(),
            store.associations.query,
            store.profile.query,
        ]
        self.assertEqual(len(queries), 6)
        for query in queries:
            self.assertIn("b_users", query.text)
            self.assertNotIn("%TABLE", query.text)
            is_own = query.text.startswith(
                "SELECT user_login AS uid FROM b_users WHERE ID"
            )
            expected = "sql.query.threepid.x" if is_own else "sql.tablePrefix"
            self.assertEqual(query.path, expected)


class PatternTests(SynchronousTestCase):
    """Parts of texts as patterns."""

    @given(st.text(), st.text())
    def test_literal(self, term: str, other: str) -> None:
        """A pattern matches what contains the term, and nothing else."""
        self.assertTrue(_like(f"{other}{term}{other}", contains(term)))
        self.assertEqual(_like(other, contains(term)), term in other)


def _like(value: str, pattern: str) -> bool:
    """LIKE as MariaDB does it, of a pattern that begins and ends with a wildcard."""
    inner = pattern[1:-1]
    plain, rest = "", iter(inner)
    for letter in rest:
        assert letter not in "%_", "a wildcard"
        plain += next(rest) if letter == "\\" else letter
    return plain in value
