"""The SQL store against files and real servers."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from mxisd.errors import Misconfigured
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.login import NoSuchUser, Refused
from mxisd.model.profiles import SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, ThreePid, canonical
from mxisd.testing.stores import (
    ALICE,
    ALICE_MAIL,
    BOB_MAIL,
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
from tests.integration.sql_stores import (
    MariaDbCase,
    PostgresqlCase,
    SqlCase,
    SqliteWorld,
    bulk,
)


class FilledStore(SqlCase):
    """Makes the contract's stores."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Fill a database."""
        return self.store(self.filled(people))


class SqliteContractTests(
    FilledStore,
    ThreePidLookupContract,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    ProfileContract,
    OutageContract,
):
    """A file is a store."""

    async def store_without_backend(self) -> Store:
        """Delete the file that the store has just read."""
        world = self.filled(PEOPLE)
        assert isinstance(world, SqliteWorld)
        store = self.store(world)
        await self.listed(store)
        world.path.unlink()
        return store


class ServerContracts(
    ThreePidLookupContract,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    ProfileContract,
    OutageContract,
):
    """All contracts, with a server that can be stopped."""

    async def store_without_backend(self) -> Store:
        """Stop the server that the store has just used."""
        world = self.filled(PEOPLE)  # type: ignore[attr-defined]
        store: Store = self.store(world)  # type: ignore[attr-defined]
        await self.listed(store)  # type: ignore[attr-defined]
        self.addCleanup(world.server.start)
        world.server.stop()
        return store


class PostgresqlContractTests(PostgresqlCase, FilledStore, ServerContracts):
    """A PostgreSQL database is a store."""


class MariaDbContractTests(MariaDbCase, FilledStore, ServerContracts):
    """A MariaDB database is a store."""


class BulkStore(FilledStore):
    """Makes stores that ask for many addresses at once."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Fill a database."""
        world = self.filled(people)
        return self.store(world, identity=bulk(world))


class SqliteBulkTests(BulkStore, ThreePidLookupContract):
    """Lists of addresses work in a file."""


class PostgresqlBulkTests(PostgresqlCase, BulkStore, ThreePidLookupContract):
    """Lists of addresses work in PostgreSQL."""


class MariaDbBulkTests(MariaDbCase, BulkStore, ThreePidLookupContract):
    """Lists of addresses work in MariaDB."""


class StoreTests(FilledStore):
    """What the store does with a file; engines override which database."""

    async def test_connection_in_one_text(self) -> None:
        """mxisd's way to name a database works."""
        world = self.filled(PEOPLE)
        address = world.address()
        text = address.database
        if address.host is not None:
            login = f"user={address.user}&password={address.password.value}"
            text = f"//{address.host}:{address.port}/{address.database}?{login}"
        values = {"host": None, "port": None, "database": None, "user": None}
        store = self.store(world, connection=text, password=None, **values)
        self.assertEqual(len(await self.listed(store)), 5)

    async def test_bad_rows(self) -> None:
        """Cost nobody else a lookup or a place in the list; the log counts them."""
        world = self.filled(PEOPLE)
        world.fill(
            "addresses",
            [
                ("j\nrg", "email", "joerg@example.org"),
                (None, "email", "null@example.org"),
                ("carl", "email", None),
                ("carl", "email", "nonsense"),
                ("carl", "msisdn", "0171"),
                ("x" * 300, "email", "long@example.org"),
            ],
        )
        store, lines = self.store(world), self.log_lines()
        self.assertEqual(len(await self.listed(store)), 5)
        for words in ("3 rows of staff", "3 values of staff are no addresses"):
            self.assertEqual(len([line for line in lines if words in line]), 1, lines)
        assert store.lookup is not None
        bad = [canonical(EMAIL, f"{n}@example.org") for n in ("joerg", "null", "long")]
        found = await store.lookup.lookup(frozenset([*bad, BOB_MAIL]))
        self.assertEqual(list(found), [BOB_MAIL])
        self.assertNotIn("@example.org", "".join(lines))

    async def test_labels_of_domains(self) -> None:
        """A row may have either; both find it, and no other domain does."""
        world = self.filled(PEOPLE)
        world.fill(
            "addresses",
            [
                ("carl", "email", "Carl@bücher.example"),
                ("dora", "email", "dora@xn--bcher-kva.example"),
                ("dora", "Email", "SMTP:dora@faß.example"),
            ],
        )
        expected = {
            canonical(EMAIL, f"{name}@bücher.example"): UserId(name, DOMAIN)
            for name in ("carl", "dora")
        }
        for store in (self.store(world), self.store(world, identity=bulk(world))):
            assert store.lookup is not None
            for domain in ("bücher.example", "xn--bcher-kva.example"):
                asked = [canonical(EMAIL, f"{n}@{domain}") for n in ("carl", "dora")]
                found = await store.lookup.lookup(frozenset(asked))
                self.assertEqual(dict(found), expected)
        listed = {t.address for t, _ in await self.listed(self.store(world))}
        self.assertLess({t.address for t in expected}, listed)
        self.assertIn("dora@xn--fa-hia.example", listed)

    async def test_wrong_queries_cost_their_own_capability(self) -> None:
        """Each is reported under its key, and the others answer."""
        world = self.filled(PEOPLE)
        store = self.store(
            world,
            lookup={"query": "SELECT username, medium, address FROM addresses"},
            auth={"query": "SELECT nothing FROM people WHERE username = ?"},
        )
        assert store.lookup is not None and store.self_check is not None
        self.assertEqual(len(await store.lookup.lookup(frozenset([ALICE_MAIL]))), 1)
        with self.assertRaises(Misconfigured) as caught:
            await self.listed(store)
        self.assertEqual(caught.exception.path, "lookup.query")
        self.assertIn("mxid", str(caught.exception))
        problems = {each.path: each.text for each in await store.self_check.problems()}
        self.assertEqual(set(problems), {"lookup.query", "auth.query"})
        self.assertIn("nothing", problems["auth.query"])

    async def test_self_check_of_a_good_store(self) -> None:
        """Finds nothing, whether addresses are asked one by one or all at once."""
        world = self.filled(())
        for section in ({}, {"identity": bulk(world)}):
            store = self.store(world, **section)
            assert store.self_check is not None
            self.assertEqual(list(await store.self_check.problems()), [])

    async def test_user_ids_in_the_database(self) -> None:
        """With ``type: mxid`` columns hold user IDs, of whatever server."""
        world = self.filled(())
        world.fill("addresses", [("@Ann:other.example", "email", "ann@example.org")])
        found = "SELECT username AS uid FROM addresses WHERE medium = ? AND address = ?"
        store = self.store(world, identity={"query": found})
        ann = UserId("ann", "other.example")
        mail = canonical(EMAIL, "ann@example.org")
        assert store.lookup is not None
        self.assertEqual(await store.lookup.lookup(frozenset([mail])), {mail: ann})
        self.assertEqual(await self.listed(store), [(mail, ann)])

    async def test_what_is_switched_off_is_absent(self) -> None:
        """Each by its own switch, or for lack of a query."""
        world = self.filled(())
        off = {"enabled": False}
        store = self.store(world, auth=off, directory=off, identity=off, profile=off)
        for name in ("lookup", "associations", "authenticator", "directory", "profile"):
            self.assertIsNone(getattr(store, name), name)
        store = self.store(world, auth={}, directory={}, lookup={})
        for name in ("associations", "authenticator", "directory"):
            self.assertIsNone(getattr(store, name), name)

    async def test_hashes_that_are_refused(self) -> None:
        """A plain-text password lets nobody in; the log says why, and not which."""
        world = self.filled(())
        world.fill("people", [("ann", "Ann", "hush-hush"), ("bea", "Bea", "")])
        store, lines = self.store(world), self.log_lines()
        assert store.authenticator is not None
        for name in ("ann", "bea"):
            user_id = UserId(name, DOMAIN)
            for password in ("hush-hush", "other"):
                verdict = await store.authenticator.authenticate(
                    user_id, Secret(password)
                )
                self.assertEqual(verdict, Refused())
        self.assertIn("nobody can log in with it", "".join(lines))
        self.assertNotIn("hush", "".join(lines))

    async def test_a_user_who_is_there_twice(self) -> None:
        """Nobody knows whose password counts: none does."""
        world = self.filled([ALICE, ALICE])
        store = self.store(world)
        assert store.authenticator is not None
        verdict = await store.authenticator.authenticate(
            ALICE.user_id, Secret("wonderland")
        )
        self.assertEqual(verdict, Refused())

    async def test_hostile_values(self) -> None:
        """Whatever is asked for, only what equals it is found."""
        world = self.filled(PEOPLE)
        odd = "a'\"\\%_?$1;--{x}%s"
        world.fill("addresses", [("odd", "badge", odd)])
        store = self.store(world)
        many = self.store(world, identity=bulk(world))
        hostile = ThreePid("badge", odd)
        for each in (store, many):
            assert each.lookup is not None
            found = await each.lookup.lookup(frozenset([hostile]))
            self.assertEqual([user.localpart for user in found.values()], ["odd"])
        for texts in _hostile_texts():
            asked = frozenset(ThreePid("badge", text) for text in texts)
            for each in (store, many):
                assert each.lookup is not None
                self.assertEqual(await each.lookup.lookup(asked), {})
            assert store.directory is not None
            for text in texts:
                page = await store.directory.search(
                    f"zz{text}", SearchBy.NAME, 10, ALICE.user_id
                )
                self.assertEqual(page.entries, ())

    async def test_hostile_users(self) -> None:
        """A user ID is asked for as it is; nobody else logs in or is described."""
        store = self.store(self.filled(PEOPLE))
        assert store.authenticator is not None and store.profile is not None
        for texts in _hostile_texts():
            for text in texts:
                user_id = UserId(f"alice{text}", DOMAIN)
                secret = Secret("wonderland")
                verdict = await store.authenticator.authenticate(user_id, secret)
                self.assertEqual(verdict, NoSuchUser())
                self.assertIsNone(await store.profile.profile(user_id))


class PostgresqlStoreTests(PostgresqlCase, StoreTests):
    """The same with PostgreSQL."""


class MariaDbStoreTests(MariaDbCase, StoreTests):
    """The same with MariaDB."""


def _hostile_texts() -> list[list[str]]:
    """Texts that mean something to somebody, and random ones."""
    drawn: list[list[str]] = [
        ["' OR '1'='1", '"', "\\", "%", "_", "?", "??", "%s", "%(x)s", "$1", ":x"],
        ["\0", "a\0b", "\n", "\r\n", "\ud800", ";", "--", "/*", "*/", "{token}"],
        ["%TOKEN%", "'; DROP TABLE people; --", "\\'", "\x1a", "😀", "ﬁ"],
    ]

    @settings(max_examples=10, database=None, deadline=None)
    @given(st.lists(st.text(st.characters(codec=None), min_size=1), max_size=20))
    def draw(texts: list[str]) -> None:
        drawn.append([text for text in texts if text.strip()])

    draw()
    return drawn
