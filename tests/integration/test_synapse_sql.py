"""The synapseSql store against the databases of real Synapses."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from mxisd.drivers.sql.address import Engine
from mxisd.errors import StoreUnavailable
from mxisd.interfaces import Store
from mxisd.model.profiles import SearchBy
from mxisd.model.threepids import EMAIL, MSISDN, canonical
from mxisd.stores.synapse.sql.patterns import pattern
from mxisd.testing.stores import (
    ALICE,
    PEOPLE,
    AssociationSourceContract,
    DirectoryContract,
    OutageContract,
    Person,
    ProfileContract,
    ThreePidLookupContract,
)
from tests.integration.postgres import Postgres, shared_postgres
from tests.integration.synapse import Synapse, crowd
from tests.integration.synapse_stores import SynapseCase, add_nobodies, peopled

OWNED = {"identity": {"requireConsent": False}}
NEW_DATABASE = "CREATE DATABASE {} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"


class Place:
    """
    A Synapse and its database.

    :ivar section: The keys of a store that fits.
    """

    synapse: Synapse
    section: dict[str, Any]

    def execute(self, sql: str, *parameters: Any) -> None:
        """Change the database behind Synapse's back."""
        self.fill({sql: [parameters]})

    def fill(self, statements: dict[str, list[Any]]) -> None:
        """Run each statement for each of its rows."""
        raise NotImplementedError


class SqlitePlace(Place):
    """With SQLite, as a Synapse for a few."""

    def __init__(self, synapse: Synapse) -> None:
        self.synapse = synapse
        self.section = {"type": "sqlite", "connection": synapse.database}

    def fill(self, statements: dict[str, list[Any]]) -> None:
        """Write into the file."""
        path = self.synapse.database
        with closing(sqlite3.connect(path, timeout=60)) as database, database:
            for sql, rows in statements.items():
                database.executemany(sql, rows)


class PostgresPlace(Place):
    """With PostgreSQL, without a locale, as Synapse wants it."""

    def __init__(self, name: str, server: Postgres | None = None) -> None:
        self.server, self.name = server or shared_postgres(), name
        self.server.execute(NEW_DATABASE.format(name))
        address = self.server.address(name)
        self.synapse = Synapse(
            {
                "user": address.user,
                "host": address.host,
                "port": address.port,
                "dbname": name,
            }
        )
        place = f"//{address.host}:{address.port}/{name}"
        self.section = {
            "type": "postgresql",
            "connection": f"{place}?user={address.user}&password=not%20used",
        }

    def fill(self, statements: dict[str, list[Any]]) -> None:
        """Send it to the server."""
        for sql, rows in statements.items():
            self.server.fill(sql.replace("?", "%s"), rows, self.name)

    def missed(self, texts: list[str], patterns: list[str]) -> Sequence[Any]:
        """The texts that their patterns do not find, in the middle of something."""
        sql = (
            "SELECT said FROM UNNEST(%s::text[], %s::text[]) AS each (said, pattern) "
            "WHERE NOT 'x' || said || 'y' ~ pattern"
        )
        return self.server.execute(sql, [texts, patterns], self.name)


@cache
def peopled_postgres() -> PostgresPlace:
    """The contracts' people in PostgreSQL; Synapse itself is not needed any more."""
    place = PostgresPlace("peopled")
    try:
        place.synapse.start()
        for person in PEOPLE:
            place.synapse.add(person)
    finally:
        place.synapse.remove()
    return place


class SqlCase(SynapseCase):
    """Makes ``synapseSql`` stores around an SQLite file."""

    def shared(self) -> Place:
        """The contracts' people, for who only reads."""
        return SqlitePlace(peopled())

    def place(self) -> Place:
        """A place of the test's own."""
        return SqlitePlace(self.synapse())

    def store(self, place: Place, **section: Any) -> Store:
        """The store of a section that fits the database."""
        values = {"timeout": "60s", **place.section}
        return self.built("synapseSql", **{**values, **section})


class PostgresCase(SqlCase):
    """Makes them around a PostgreSQL."""

    def shared(self) -> PostgresPlace:
        """The contracts' people, for who only reads."""
        return peopled_postgres()

    def place(self) -> Place:
        """A place of the test's own."""
        place = PostgresPlace("own" + self.id().rpartition(".")[2][:40])
        self.addCleanup(place.synapse.remove)
        place.synapse.start()
        return place


class _Contracts(
    ThreePidLookupContract,
    AssociationSourceContract,
    DirectoryContract,
    ProfileContract,
    OutageContract,
):
    has_roles = False

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Take the shared database, or fill one."""
        if people is PEOPLE:
            return self.store(self.shared())
        place = self.place()
        place.fill(crowd(people))
        return self.store(place)

    def shared(self) -> Place:
        """The contracts' people."""
        raise NotImplementedError

    def place(self) -> Place:
        """A place of the test's own."""
        raise NotImplementedError

    def store(self, place: Place, **section: Any) -> Store:
        """The store of a section that fits the database."""
        raise NotImplementedError


class SqliteContractTests(SqlCase, _Contracts):
    """The store is a store, with SQLite."""

    async def store_without_backend(self) -> Store:
        """Point to a file that is not there."""
        return self.store(self.shared(), connection="/nowhere/homeserver.db")


class PostgresContractTests(PostgresCase, _Contracts):
    """The store is a store, with PostgreSQL."""

    async def store_without_backend(self) -> Store:
        """Stop the server that the store has just used."""
        server = Postgres()
        self.addCleanup(server.remove)
        server.start()
        place = PostgresPlace("gone", server)
        self.addCleanup(place.synapse.remove)
        place.synapse.start()
        place.synapse.add(ALICE)
        place.synapse.stop()
        store = self.store(place)
        self.assertEqual(len(await self.found(store, EMAIL, "alice@example.org")), 1)
        server.stop()
        return store


class _People:
    """What both engines do; each test has a Synapse of its own."""

    async def test_who_is_no_person_is_never_told(self: Any) -> None:
        """Neither guests nor deactivated, locked, bridged, bot or support users."""
        place = self.place()
        nobodies = add_nobodies(place.synapse)
        addresses = [f"nobody{index}@example.org" for index in range(len(nobodies))]
        for section in ({}, OWNED):
            store = self.store(place, **section)
            self.assertEqual(await self.found(store, EMAIL, *addresses), {})
            self.assertEqual(await self.listed(store), [])
            for term in ("Nobody", "bot", "bridge"):
                self.assertEqual(await self.hits(store, term), [])
            for by in SearchBy:
                self.assertEqual(await self.hits(store, "nobody", by), [])
            for user_id in nobodies:
                self.assertIsNone(await self.profile(store, user_id), user_id)

    async def test_consent(self: Any) -> None:
        """By default only what was published counts, and no more once withdrawn."""
        place = self.place()
        synapse = place.synapse
        mail, phone = "alice@example.org", "491711234567"
        alice = synapse.add(ALICE, consents=False)
        store, careless = self.store(place), self.store(place, **OWNED)
        self.assertEqual(await self.found(store, EMAIL, mail), {})
        self.assertEqual(await self.listed(store), [])
        self.assertEqual(await self.hits(store, mail, SearchBy.THREEPID), [])
        self.assertEqual(await self.found(careless, EMAIL, mail), {mail: alice})
        self.assertEqual(await self.found(careless, MSISDN, phone), {phone: alice})
        self.assertEqual(len(await self.listed(careless)), 3)
        self.assertEqual(await self.hits(careless, mail, SearchBy.THREEPID), [alice])
        synapse.bind(alice, [(EMAIL, mail)])
        self.assertEqual(await self.found(store, EMAIL, mail), {mail: alice})
        synapse.unbind(alice, EMAIL, mail)
        self.assertEqual(await self.found(store, EMAIL, mail), {})
        profile = await self.profile(store, alice)
        assert profile is not None
        self.assertEqual(len(profile.threepids), 3)

    async def test_an_address_with_two_owners(self: Any) -> None:
        """It is that of who still has it, in a lookup and in the list alike."""
        place = self.place()
        mail = (EMAIL, "shared@example.org")
        for name in ("first", "second", "third"):
            place.synapse.add(Person(username=name), consents=False)
            place.synapse.bind(f"@{name}:example.org", [mail])
        second = "@second:example.org"
        threepid = {"medium": EMAIL, "address": mail[1]}
        place.synapse.put_user(second, threepids=[threepid])
        store, lines = self.store(place), self.log_lines()
        self.assertEqual(await self.found(store, *mail), {mail[1]: second})
        self.assertTrue(any("several users" in line for line in lines))
        listed = await self.listed(store)
        self.assertEqual(str(listed[0][1]), second)

    async def test_odd_rows(self: Any) -> None:
        """They are left out and counted; phone numbers may have a plus and blanks."""
        place = self.place()
        user = place.synapse.add(Person(username="odd"))
        insert = "INSERT INTO user_threepids VALUES (?, ?, ?, 0, 0)"
        place.fill(
            {
                insert: [
                    (user, EMAIL, "nonsense"),
                    (user, MSISDN, "12"),
                    (user, MSISDN, "+49 30 1234567"),
                    (user, EMAIL, "good@example.org"),
                ]
            }
        )
        store, lines = self.store(place, **OWNED), self.log_lines()
        listed = {threepid.address for threepid, _ in await self.listed(store)}
        self.assertEqual(listed, {"good@example.org", "49301234567"})
        (line,) = [each for each in lines if "no addresses" in each]
        self.assertIn("2 values", line)
        self.assertNotIn("nonsense", "".join(lines))
        found = await self.found(store, MSISDN, "+49 30 1234567")
        self.assertEqual(found, {"49301234567": user})

    async def test_historical_user_ids(self: Any) -> None:
        """Capitals stay: the homeserver knows the user by them."""
        place = self.place()
        insert = "INSERT INTO users (name) VALUES (?)"
        place.execute(insert, "@Old.Timer:example.org")
        insert = "INSERT INTO user_threepid_id_server VALUES (?, ?, ?, 'id.x')"
        place.execute(insert, "@Old.Timer:example.org", EMAIL, "old@example.org")
        store = self.store(place)
        found = await self.found(store, EMAIL, "old@example.org")
        self.assertEqual(found, {"old@example.org": "@Old.Timer:example.org"})
        self.assertEqual(await self.hits(store, "old.t"), ["@Old.Timer:example.org"])

    async def test_profile_of_a_historical_user_id(self: Any) -> None:
        """Who was found by capitals has a profile under them, and only there."""
        place, user_id = self.place(), "@Old.Timer:example.org"
        threepid = (user_id, EMAIL, "old@example.org")
        place.fill(
            {
                "INSERT INTO users (name) VALUES (?)": [(user_id,)],
                "INSERT INTO profiles (user_id, full_user_id, displayname) "
                "VALUES (?, ?, ?)": [("Old.Timer", user_id, "Old Timer")],
                "INSERT INTO user_threepids VALUES (?, ?, ?, 0, 0)": [threepid],
            }
        )
        role = {"role": {"query": "SELECT 'staff' FROM users WHERE name = ?"}}
        store = self.store(place, profile=role)
        profile = await self.profile(store, user_id)
        assert profile is not None
        self.assertEqual(profile.display_name, "Old Timer")
        self.assertEqual(profile.threepids, {canonical(*threepid[1:])})
        self.assertEqual(profile.roles, {"staff"})
        self.assertIsNone(await self.profile(store, user_id.lower()))

    async def test_room_names(self: Any) -> None:
        """As Synapse knows them at present."""
        place = self.place()
        alice = place.synapse.add(ALICE)
        room_id = place.synapse.room("Café", alice)
        names = self.store(
            place,
        ).room_names
        assert names is not None
        self.assertEqual(await names.room_name(room_id), "Café")
        for nothing in ("!nothing:example.org", "'", "\0", "%"):
            self.assertIsNone(await names.room_name(nothing))

    async def test_metacharacters(self: Any) -> None:
        """A term, an address and a user ID are never more than that."""
        store = self.store(self.shared())
        for odd in (
            "%",
            "_",
            "a.*e",
            "a?ice",
            "[a-z]",
            "' OR '1'='1",
            "\\",
            "\0",
            "^a",
        ):
            self.assertEqual(await self.hits(store, odd), [], odd)
            self.assertEqual(await self.hits(store, odd, SearchBy.THREEPID), [], odd)
            threepid = f"x{odd}@example.org".replace(" ", "").replace("\0", "")
            self.assertEqual(await self.found(store, EMAIL, threepid), {}, odd)

    async def test_self_check(self: Any) -> None:
        """Our queries fit today's schema; an own one that does not is named."""
        good = self.store(self.shared()).self_check
        assert good is not None
        self.assertEqual(list(await good.problems()), [])
        wrong = {"query": "SELECT user_id AS uid FROM t WHERE a = ? AND b = ?"}
        store = self.store(self.shared(), identity=wrong)
        assert store.self_check is not None
        (problem,) = await store.self_check.problems()
        self.assertEqual(problem.path, "identity.query")
        await self.assert_misconfigured(self.found(store, EMAIL, "a@b.c"), problem.path)
        self.assertEqual(await self.hits(store, "liddell"), ["@alice:example.org"])

    async def test_queries_of_mxisd(self: Any) -> None:
        """Queries of an operator's own are asked the way mxisd asked them."""
        table = "user_threepids WHERE medium = ? AND address = ?"
        store = self.store(
            self.shared(),
            identity={"query": f"SELECT user_id AS uid FROM {table}"},
            lookup={
                "query": "SELECT user_id AS mxid, medium, address "
                "FROM user_threepid_id_server"
            },
            directory={
                "query": {
                    "name": {
                        "type": "localpart",
                        "value": "SELECT user_id, displayname FROM profiles "
                        "WHERE displayname LIKE ?",
                    }
                }
            },
            profile={
                "displayName": {
                    "query": "SELECT 'Mx ' || displayname FROM profiles "
                    "WHERE full_user_id = ?"
                },
                "role": {"query": "SELECT 'staff' WHERE ? LIKE '@alice%'"},
            },
        )
        mail = canonical(EMAIL, "second@example.org")
        found = await self.found(store, *(EMAIL, mail.address))
        self.assertEqual(found, {mail.address: "@alice:example.org"})
        self.assertEqual(len(await self.listed(store)), 5)
        self.assertEqual(await self.hits(store, "Lidd"), ["@alice:example.org"])
        profile = await self.profile(store, "@alice:example.org")
        assert profile is not None
        self.assertEqual(profile.display_name, "Mx Alice Liddell")
        self.assertEqual(profile.roles, {"staff"})


class SqlitePeopleTests(_People, SqlCase):
    """Today's schema in SQLite."""


class PostgresPeopleTests(_People, PostgresCase):
    """Today's schema in PostgreSQL."""

    async def test_rights_in_the_documentation(self) -> None:
        """An account that may read just what our queries name is enough."""
        place = self.shared()
        users = "name, creation_ts, is_guest, deactivated, locked, appservice_id"
        tables = "profiles, user_threepids, user_threepid_id_server, room_stats_state"
        for sql in (
            "CREATE ROLE narrow LOGIN PASSWORD 'secret'",
            f"GRANT SELECT ({users}, user_type) ON users TO narrow",
            f"GRANT SELECT ON {tables} TO narrow",
        ):
            place.server.execute(sql, None, place.name)
        keys = {"user": "narrow", "password": "secret"}
        store = self.store(place, **keys)
        assert store.self_check is not None
        self.assertEqual(list(await store.self_check.problems()), [])
        self.assertEqual(await self.hits(store, "liddell"), ["@alice:example.org"])
        place.server.execute("REVOKE ALL ON profiles FROM narrow", None, place.name)
        check = self.store(place, **keys).self_check
        assert check is not None
        problems = await check.problems()
        expected = {
            "directory.query.name.value",
            "directory.query.threepid.value",
            "profile.displayName.query",
        }
        self.assertEqual({each.path for each in problems}, expected)

    async def test_outages(self) -> None:
        """A hang ends in time, and a restart goes unnoticed."""
        server = Postgres()
        self.addCleanup(server.remove)
        server.start()
        place = PostgresPlace("outage", server)
        self.addCleanup(place.synapse.remove)
        place.synapse.start()
        place.synapse.add(ALICE)
        place.synapse.stop()
        store, mail = self.store(place, timeout="2s"), "alice@example.org"
        self.assertEqual(len(await self.found(store, EMAIL, mail)), 1)
        server.restart()
        self.assertEqual(len(await self.found(store, EMAIL, mail)), 1)
        server.pause()
        for asking in (
            self.found(store, EMAIL, mail),
            self.hits(store, "alice"),
            self.profile(store, "@alice:example.org"),
        ):
            await self.assert_unavailable(asking)
        server.resume()
        await self.assert_works_again(store, mail)

    async def assert_works_again(self, store: Store, mail: str) -> None:
        """The store answers, after a few tries at most."""
        for _ in range(30):
            try:
                found = await self.found(store, EMAIL, mail)
            except StoreUnavailable:
                await deferLater(reactor, 1)
            else:
                self.assertEqual(len(found), 1)
                return
        self.fail("the store does not recover")

    async def test_patterns(self) -> None:
        """Any two characters side by side are found, in PostgreSQL's own words."""
        characters = "aZßüΣİж0_ \t\n~`!@#$%^&*()-+={}[]|\\:;\"'<>,.?/\u00a0\u0301💥"
        terms = [one + other for one in characters for other in characters]
        patterns = [pattern(Engine.POSTGRESQL, term) for term in terms]
        rows = self.shared().missed(terms, patterns)
        self.assertEqual(rows, [])
