"""
The WordPress store against a real WordPress with a real MariaDB.

The plugin "JWT Authentication for WP REST API" is in no package registry: a few lines
of PHP answer in its place, and WordPress itself judges the passwords.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from mxisd.config.structure import Section
from mxisd.drivers.http import http_clients
from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.profiles import SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, MSISDN, ThreePid, canonical
from mxisd.stores.wordpress import factory
from mxisd.testing.stores import (
    ALICE,
    ALICE_MAIL,
    DOMAIN,
    PEOPLE,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    OutageContract,
    Person,
    ProfileContract,
    ThreePidLookupContract,
)
from mxisd.testing.tools import tools_for_tests
from tests.integration.wordpress import (
    PREFIX,
    Account,
    WordPress,
    account,
    shared_wordpress,
)

MANY = 50
"""More people than these are not made by WordPress, which takes its time for each."""

META = "%TABLE_PREFIX%usermeta m JOIN %TABLE_PREFIX%users u ON u.ID = m.user_id"
OWN_QUERIES = {
    "threepid": {
        "email": (
            "SELECT user_login AS uid, user_email AS address "
            "FROM %TABLE_PREFIX%users WHERE user_email IN (??) UNION "
            f"SELECT u.user_login, m.meta_value FROM {META} "
            "WHERE m.meta_key = 'extra_email' AND m.meta_value IN (??)"
        ),
        "msisdn": (
            f"SELECT u.user_login AS uid FROM {META} WHERE m.meta_key = 'extra_msisdn' "
            "AND REPLACE(m.meta_value, ' ', '') = CONCAT('+', ?)"
        ),
    },
    "directory": {
        "threepid": (
            f"SELECT DISTINCT u.user_login, u.display_name FROM {META} "
            "WHERE u.user_email LIKE ? "
            "OR (m.meta_key = 'extra_email' AND m.meta_value LIKE ?)"
        ),
    },
    "profile": (
        "SELECT REPLACE(m.meta_key, 'extra_', '') AS medium, m.meta_value AS address "
        f"FROM {META} WHERE m.meta_key LIKE 'extra%' AND u.user_login = ?"
    ),
    "lookup": (
        "SELECT user_login AS uid, 'email' AS medium, user_email AS address "
        "FROM %TABLE_PREFIX%users WHERE user_email <> '' UNION ALL "
        f"SELECT u.user_login, REPLACE(m.meta_key, 'extra_', ''), m.meta_value "
        f"FROM {META} WHERE m.meta_key IN ('extra_email', 'extra_msisdn')"
    ),
}
"""For people with several addresses, in the tables' rows where plugins put them."""


class WordPressCase(TestCase):
    """Fills the site, and makes stores."""

    timeout = 120

    def site(self, *accounts: Account) -> WordPress:
        """The shared site with these users."""
        site = shared_wordpress()
        site.fill(accounts)
        return site

    def own_site(self, *accounts: Account) -> WordPress:
        """A site for this test, which may be stopped."""
        site = WordPress()
        self.addCleanup(site.remove)
        site.start()
        site.fill(accounts)
        return site

    def store(self, site: WordPress, rest: str = "", **sql: Any) -> Store:
        """The store of a section that fits the site."""
        clients = http_clients(reactor, user_agent="mxisd")
        self.addCleanup(lambda: Deferred.fromCoroutine(clients.configured.close()))
        tools = tools_for_tests("blog", reactor=reactor, http=clients.stores)
        database = {"connection": site.connection, "tablePrefix": PREFIX, **sql}
        section = Section({"rest": {"base": rest or site.base}, "sql": database})
        store = factory.build(factory.parse(section), tools)
        assert store.service is not None
        self.addCleanup(store.service.stopService)
        return store

    async def found(
        self, store: Store, medium: str, addresses: Iterable[str]
    ) -> dict[str, str]:
        """Localparts by address."""
        assert store.lookup is not None
        asked = frozenset(canonical(medium, address) for address in addresses)
        answer = await store.lookup.lookup(asked)
        return {key.address: user_id.localpart for key, user_id in answer.items()}

    async def listed(self, store: Store) -> dict[str, str]:
        """Localparts by address, of everybody."""
        result: dict[str, str] = {}

        async def put(batch: Sequence[tuple[ThreePid, UserId]]) -> None:
            result.update({key.address: user.localpart for key, user in batch})

        assert store.associations is not None
        await store.associations.associations(put)
        return result

    async def verdict(self, store: Store, localpart: str, password: str) -> Any:
        """What the store says to a password."""
        assert store.authenticator is not None
        user_id = UserId(localpart, DOMAIN)
        return await store.authenticator.authenticate(user_id, Secret(password))

    async def hits(
        self, store: Store, term: str, by: SearchBy = SearchBy.NAME
    ) -> list[str]:
        """The localparts that a search finds."""
        assert store.directory is not None
        page = await store.directory.search(term, by, 10, ALICE.user_id)
        return [entry.user_id.localpart for entry in page.entries]

    async def misconfigured(self, question: Any, path: str) -> None:
        """The question fails, and names the key."""
        with self.assertRaises(Misconfigured) as caught:
            await question
        self.assertEqual(caught.exception.path, path)


class ContractCase(WordPressCase):
    """People with several addresses, found by queries of the operator's."""

    # WordPress judges a login by its own name only.
    takes_any_name = False

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Fill the site."""
        site = shared_wordpress()
        if len(people) > MANY:
            site.fill_quickly([account(person) for person in people])
        else:
            site.fill([account(person) for person in people])
        return self.store(site, query=OWN_QUERIES)


class ContractTests(ContractCase, ThreePidLookupContract, AssociationSourceContract):
    """The WordPress store is a store."""


class DirectoryContractTests(ContractCase, DirectoryContract):
    """The WordPress store searches."""


class ProfileContractTests(ContractCase, ProfileContract):
    """The WordPress store knows profiles with roles."""


class AuthenticatorContractTests(ContractCase, AuthenticatorContract):
    """The WordPress store checks passwords."""

    async def test_wrong_password_is_refused(self) -> None:
        """A wrong one is refused; WordPress passes over blanks around a right one."""
        for wrong in ("Wonderland", "wonder land", "wonder", "*", "\0"):
            self._assert_refused(await self._verdict(ALICE.user_id, wrong))
        verdict = await self._verdict(ALICE.user_id, "wonderland ")
        self.assertIsInstance(verdict, Accepted)


class OutageContractTests(OutageContract, WordPressCase):
    """Nothing counts as absent while site and database are away."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Fill the shared site."""
        return self.store(self.site(*map(account, people)))

    async def store_without_backend(self) -> Store:
        """Stop both, after they have been used."""
        site = self.own_site(account(ALICE))
        store = self.store(site)
        await self.found(store, EMAIL, ["alice@example.org"])
        site.stop()
        site.mariadb.stop()
        return store


class DefaultQueryTests(WordPressCase):
    """What is found in WordPress's own tables, with no query of the operator's."""

    async def test_lookup_and_list(self) -> None:
        """By e-mail address, whatever its case; phone numbers are not known."""
        site = self.site(*map(account, PEOPLE))
        store = self.store(site)
        expected = {"alice@example.org": "alice", "bob@example.org": "bob"}
        asked = ["ALICE@example.org", "bob@example.org", "nobody@example.org"]
        self.assertEqual(await self.found(store, EMAIL, asked), expected)
        self.assertEqual(await self.found(store, MSISDN, ["491711234567"]), {})
        self.assertEqual(await self.listed(store), expected)

    async def test_alike_is_not_equal(self) -> None:
        """MariaDB takes ü and u for the same letter; the store does not."""
        site = self.site(Account("ann", "ann@bucher.example"))
        store = self.store(site)
        for other in ("ann@bücher.example", "änn@bucher.example"):
            self.assertEqual(await self.found(store, EMAIL, [other]), {})

    async def test_names_that_are_no_localparts(self) -> None:
        """Users with blanks or @ are nobody; capitals are lowered; the log counts."""
        site = self.site(
            Account("Ann B", "blank@x.org", "Zed Blank"),
            Account("ann@x.org", "at@x.org", "Zed At"),
            Account("ANN.C", "capital@x.org", "Zed Capital"),
        )
        store = self.store(site)
        expected = {"capital@x.org": "ann.c"}
        asked = ["blank@x.org", "at@x.org", "capital@x.org"]
        with capturedLogs() as log:
            self.assertEqual(await self.found(store, EMAIL, asked), expected)
            self.assertEqual(await self.listed(store), expected)
        lines = [formatEvent(event) for event in log]
        counted = [line for line in lines if line.startswith("2 users")]
        self.assertEqual(len(counted), 2, lines)
        self.assertNotIn("@", "".join(counted))
        self.assertEqual(await self.hits(store, "zed"), ["ann.c"])
        for localpart in ("ann b", "ann@x.org"):
            verdict = await self.verdict(store, localpart, "unguessable-Wt7")
            self.assertEqual(verdict, NoSuchUser())

    async def test_searches(self) -> None:
        """Display name, login, nickname, first and last name; or the address."""
        site = self.site(
            Account("ann", "a@x.org", "Shown", meta=[("first_name", "Anna-Lena")]),
            Account("tom", "t@x.org", "Tom 100%_'\\", meta=[("secret", "Anna")]),
        )
        store = self.store(site)
        expectations = {
            "anna": ["ann"],
            "SHOWN": ["ann"],
            "0%_'\\": ["tom"],
            "%": ["tom"],
            "_": ["tom"],
            "\\": ["tom"],
            "%%": [],
            "1_0": [],
            "' OR 1=1 -- ": [],
            "\0": [],
        }
        for term, expected in expectations.items():
            self.assertEqual(await self.hits(store, term), expected, term)
        by = SearchBy.THREEPID
        self.assertEqual(await self.hits(store, "A@X", by), ["ann"])
        self.assertEqual(await self.hits(store, "anna", by), [])

    async def test_roles(self) -> None:
        """As WordPress writes them; what is unreadable is not the same as none."""
        site = self.site(
            Account("ann", "a@x.org", "Ann", roles=["editor", "rédaction"]),
            Account("tom", "t@x.org", "Tom"),
        )
        store = self.store(site)
        assert store.profile is not None
        profile = await store.profile.profile(UserId("ann", DOMAIN))
        assert profile is not None
        self.assertEqual(profile.roles, frozenset(["editor", "rédaction"]))
        self.assertEqual(profile.threepids, frozenset([canonical(EMAIL, "a@x.org")]))
        profile = await store.profile.profile(UserId("tom", DOMAIN))
        assert profile is not None
        self.assertEqual(profile.roles, frozenset())
        site.execute(
            f"UPDATE {PREFIX}usermeta SET meta_value = 'O:8:\"stdClass\":0:{{}}' "
            f"WHERE meta_key = '{PREFIX}capabilities'"
        )
        with self.assertRaises(StoreUnavailable):
            await store.profile.profile(UserId("ann", DOMAIN))

    async def test_rows_of_nonsense(self) -> None:
        """Bad addresses and empty logins are left out, and spoil nothing."""
        site = self.site(account(ALICE))
        for login, mail in (("", "x@x.org"), ("bad", "no address"), ("t", "@@")):
            site.mariadb.fill(
                f"INSERT INTO {PREFIX}users (user_login, user_email) VALUES (%s, %s)",
                [(login, mail)],
                site.database,
            )
        listed = await self.listed(self.store(site))
        self.assertEqual(listed, {"alice@example.org": "alice"})

    async def test_address_of_two_users(self) -> None:
        """The login that sorts first has it."""
        site = self.site(account(ALICE))
        site.mariadb.fill(
            f"INSERT INTO {PREFIX}users (user_login, user_email) VALUES (%s, %s)",
            [("zoe", "team@x.org"), ("ann", "Team@x.org")],
            site.database,
        )
        with capturedLogs() as log:
            found = await self.found(self.store(site), EMAIL, ["team@x.org"])
        self.assertEqual(found, {"team@x.org": "ann"})
        self.assertIn("1 addresses belong", "".join(map(formatEvent, log)))


class MisconfiguredTests(WordPressCase):
    """A part that cannot work says so, and the others go on."""

    async def test_wrong_prefix(self) -> None:
        """The key is named; logins still work."""
        site = self.site(account(ALICE))
        store = self.store(site, tablePrefix="wp_")
        await self.misconfigured(
            self.found(store, EMAIL, ["alice@example.org"]), "sql.tablePrefix"
        )
        await self.misconfigured(self.listed(store), "sql.tablePrefix")
        await self.misconfigured(self.hits(store, "alice"), "sql.tablePrefix")
        verdict = await self.verdict(store, "alice", "wonderland")
        self.assertIsInstance(verdict, Accepted)
        assert store.self_check is not None
        (problem,) = await store.self_check.problems()
        self.assertEqual(problem.path, "sql.tablePrefix")

    async def test_wrong_queries(self) -> None:
        """Each names its key; those of WordPress's own tables go on."""
        site = self.site(account(ALICE))
        query = {
            "threepid": {"msisdn": "SELECT user_login FROM blog_users WHERE ID = ?"},
            "directory": {"name": "SELECT user_login FROM blog_users WHERE ID = ?"},
            "lookup": "SELEKT",
        }
        store = self.store(site, query=query)
        found = await self.found(store, EMAIL, ["alice@example.org"])
        self.assertEqual(found, {"alice@example.org": "alice"})
        await self.misconfigured(
            self.found(store, MSISDN, ["491711234567"]), "sql.query.threepid.msisdn"
        )
        await self.misconfigured(self.hits(store, "x"), "sql.query.directory.name")
        await self.misconfigured(self.listed(store), "sql.query.lookup")
        assert store.self_check is not None
        problems = await store.self_check.problems()
        self.assertEqual(
            {each.path for each in problems},
            {
                "sql.query.threepid.msisdn",
                "sql.query.directory.name",
                "sql.query.lookup",
            },
        )

    async def test_plugin_that_is_missing(self) -> None:
        """A site without the plugin is told apart from a wrong password."""
        site = self.own_site(account(ALICE))
        store = self.store(site)
        for mood in ("absent", "jwt_auth_bad_config"):
            site.mood(mood)
            await self.misconfigured(
                self.verdict(store, "alice", "wonderland"), "rest.base"
            )
        site.mood("absent")
        assert store.self_check is not None
        (problem,) = await store.self_check.problems()
        self.assertEqual(problem.path, "rest.base")
        site.mood("")
        self.assertEqual(list(await store.self_check.problems()), [])


class LoginTests(WordPressCase):
    """What WordPress says to passwords."""

    async def test_quotes_in_passwords(self) -> None:
        """However the password came to be: by a form, or by a program."""
        odd = 'it\'s "quoted" \\ 100%'
        site = self.site(Account("form", "f@x.org", "Form", odd))
        store = self.store(site)
        self.assertIsInstance(await self.verdict(store, "form", odd), Accepted)
        self.assertEqual(await self.verdict(store, "form", odd + "'"), Refused())

    async def test_profile_of_a_login(self) -> None:
        """Name and address come with it."""
        site = self.site(account(ALICE))
        verdict = await self.verdict(self.store(site), "alice", "wonderland")
        assert isinstance(verdict, Accepted)
        self.assertEqual(verdict.profile.display_name, "Alice Liddell")
        self.assertEqual(verdict.profile.threepids, frozenset([ALICE_MAIL]))

    async def test_e_mail_address_is_no_login(self) -> None:
        """WordPress would take it, but it is no localpart."""
        site = self.site(account(ALICE))
        store = self.store(site)
        verdict = await self.verdict(store, "alice@example.org", "wonderland")
        self.assertEqual(verdict, NoSuchUser())

    async def test_words_that_are_no_verdict(self) -> None:
        """A plugin that guards logins may refuse everybody: no verdict."""
        site = self.own_site(account(ALICE))
        site.mood("[jwt_auth] too_many_retries")
        with self.assertRaises(StoreUnavailable) as caught:
            await self.verdict(self.store(site), "alice", "wonderland")
        self.assertIn("too_many_retries", str(caught.exception))
        site.mood("[jwt_auth] authentication_failed")
        verdict = await self.verdict(self.store(site), "alice", "wonderland")
        self.assertEqual(verdict, NoSuchUser())


class OutageTests(WordPressCase):
    """Site and database fail, and come back, each for itself."""

    async def test_restarts(self) -> None:
        """The other half goes on meanwhile; afterwards all is well."""
        site = self.own_site(account(ALICE))
        store = self.store(site, timeout=2)
        mail = ["alice@example.org"]
        expected = {"alice@example.org": "alice"}
        self.assertEqual(await self.found(store, EMAIL, mail), expected)
        site.stop()
        self.assertEqual(await self.found(store, EMAIL, mail), expected)
        with self.assertRaises(StoreUnavailable):
            await self.verdict(store, "alice", "wonderland")
        site.start()
        verdict = await self.verdict(store, "alice", "wonderland")
        self.assertIsInstance(verdict, Accepted)
        site.mariadb.pause()
        with self.assertRaises(StoreUnavailable) as caught:
            await self.found(store, EMAIL, mail)
        self.assertNotIn("alice", str(caught.exception))
        site.mariadb.resume()
        site.mariadb.restart()
        self.assertEqual(await self.found(store, EMAIL, mail), expected)

    async def test_site_without_database(self) -> None:
        """WordPress says so by a page of HTML, and that is no verdict."""
        site = self.own_site(account(ALICE))
        store = self.store(site)
        site.mariadb.stop()
        with self.assertRaises(StoreUnavailable):
            await self.verdict(store, "alice", "wonderland")
