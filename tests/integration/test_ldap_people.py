"""Directory searches, profiles and roles against a real OpenLDAP server."""

from collections.abc import Iterable, Sequence
from typing import Any

from mxisd.errors import StoreUnavailable
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.login import NoSuchUser, Refused
from mxisd.model.profiles import DirectoryEntry, Profile, SearchBy
from mxisd.model.threepids import EMAIL, canonical
from mxisd.testing.stores import (
    DOMAIN,
    PEOPLE,
    DirectoryContract,
    OutageContract,
    Person,
    ProfileContract,
)
from tests.integration.ldap_stores import LdapCase, member
from tests.integration.organisation import (
    BASE_DN,
    PEOPLE_DN,
    entry_ldif,
    stranger,
)
from tests.integration.slapd import Member, Slapd

GROUPS_DN = f"ou=groups,{BASE_DN}"
GROUPS = entry_ldif(GROUPS_DN, {"objectClass": ["organizationalUnit"]})
ACCOUNT = ["inetOrgPerson", "mxisdTestPerson", "mxisdTestAccount"]
SEARCHER = UserId("searcher", DOMAIN)


def person_dn(uid: str) -> str:
    """Where a member is."""
    return f"uid={uid},{PEOPLE_DN}"


def group_dn(name: str) -> str:
    """Where a group is."""
    return f"cn={name},{GROUPS_DN}"


def group(name: str, members: Sequence[str]) -> str:
    """A group as LDIF."""
    return entry_ldif(
        group_dn(name), {"objectClass": ["groupOfNames"], "member": members}
    )


def groups_of(people: Iterable[Person]) -> str:
    """A contract's roles as groups."""
    members: dict[str, list[str]] = {}
    for person in people:
        for role in person.roles:
            members.setdefault(role, []).append(person_dn(person.username))
    return "\n".join([GROUPS, *(group(name, dns) for name, dns in members.items())])


class PeopleCase(LdapCase):
    """Stores with groups."""

    def grouped(self, slapd: Slapd, **keys: Any) -> Store:
        """A store that searches groups for roles."""
        searched = {"baseDNs": [GROUPS_DN], **keys}
        return self.store(slapd, profile={"role": {"group": searched}})

    async def hits(
        self, store: Store, term: str, by: SearchBy = SearchBy.NAME, limit: int = 10
    ) -> tuple[list[str], bool]:
        """The localparts that a search finds, and whether there were more."""
        assert store.directory is not None
        page = await store.directory.search(term, by, limit, SEARCHER)
        return [each.user_id.localpart for each in page.entries], page.limited

    async def profile(self, store: Store, localpart: str) -> Profile | None:
        """A user's profile."""
        assert store.profile is not None
        found: Profile | None = await store.profile.profile(UserId(localpart, DOMAIN))
        return found

    async def roles(self, store: Store, localpart: str) -> set[str]:
        """A user's roles."""
        found = await self.profile(store, localpart)
        assert found is not None
        return set(found.roles)


class ContractTests(DirectoryContract, ProfileContract, OutageContract, PeopleCase):
    """The LDAP store searches and describes people."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Fill a directory."""
        slapd = self.slapd(*map(member, people), extra_ldif=groups_of(people))
        return self.grouped(slapd)

    async def store_without_backend(self) -> Store:
        """Stop the server that the store has just used."""
        slapd = self.slapd(*map(member, PEOPLE), extra_ldif=groups_of(PEOPLE))
        store = self.grouped(slapd)
        await self.profile(store, "alice")
        slapd.stop()
        return store


class DirectoryTests(PeopleCase):
    """Searches."""

    async def test_what_is_searched_by_name(self) -> None:
        """The name, the user ID and the configured others; addresses are not."""
        slapd = self.slapd(
            Member(uid="ann", name="Ann Archer", mails=["boss@example.org"]),
            Member(uid="bea", name="Bea", more={"title": ["Boss of all"]}),
            Member(uid="boss.c", name="Cid"),
        )
        store = self.store(slapd)
        self.assertEqual(await self.hits(store, "boss"), (["boss.c"], False))
        other = {"attribute": {"other": ["title"]}}
        store = self.store(slapd, directory=other)
        self.assertEqual(await self.hits(store, "BOSS"), (["bea", "boss.c"], False))

    async def test_phones(self) -> None:
        """Part of a number is enough, however it is written; letters find none."""
        slapd = self.slapd(
            Member(uid="ann", name="Ann", phones=["+49 171 1234567"]),
            Member(uid="bea", name="Bea", phones=["+49 30 555-77"]),
        )
        store = self.store(slapd)
        for term, localparts in (
            ("171 123", ["ann"]),
            ("+49171", ["ann"]),
            ("(30) 555/77", ["bea"]),
            ("+49", []),
            ("abc", []),
            ("-", []),
            ("%", []),
        ):
            found = await self.hits(store, term, SearchBy.THREEPID)
            self.assertEqual(found, (localparts, False), term)

    async def test_empty_terms_find_nobody(self) -> None:
        """Nothing is no part of anything; nor is a novel."""
        store = self.store(self.slapd(Member(uid="ann", name="Ann", mails=["a@x"])))
        for term in ("", "  ", "a" * 501):
            for by in SearchBy:
                self.assertEqual(await self.hits(store, term, by), ([], False))

    async def test_filter_of_the_feature(self) -> None:
        """``directory.filter`` decides who appears, and nothing else."""
        slapd = self.slapd(
            Member(uid="ann", name="Ann X", mails=["ann@x"], employee_number="1"),
            Member(uid="bea", name="Bea X", mails=["bea@x"]),
        )
        store = self.store(slapd, directory={"filter": "(employeeNumber=*)"})
        self.assertEqual(await self.hits(store, "x"), (["ann"], False))
        self.assertEqual(await self.found(store, EMAIL, ["bea@x"]), {"bea@x": "bea"})

    async def test_limit_of_the_server(self) -> None:
        """What the server cuts is told as limited; what it gave is shown."""
        people = [Member(uid=f"p{i}", name=f"Person {i}") for i in range(30)]
        slapd = self.slapd(*people, size_limit=5)
        found, is_limited = await self.hits(self.store(slapd), "person", limit=10)
        self.assertEqual((len(found), is_limited), (5, True))

    async def test_nobodies_do_not_count(self) -> None:
        """Entries without a legal user ID appear in no search."""
        nobody = stranger("Ann Nobody", "x" * 250)
        slapd = self.slapd(Member(uid="ann", name="Ann Somebody"), extra_ldif=nobody)
        store = self.store(slapd)
        self.assertEqual(await self.hits(store, "body"), (["ann"], False))

    async def test_entry_without_a_name(self) -> None:
        """It is found by its user ID."""
        slapd = self.slapd(Member(uid="ann", name="Ann", more={"displayName": []}))
        store = self.store(slapd)
        assert store.directory is not None
        page = await store.directory.search("ann", SearchBy.NAME, 5, SEARCHER)
        expected = DirectoryEntry(UserId("ann", DOMAIN), None)
        self.assertEqual(page.entries, (expected,))


class RoleTests(PeopleCase):
    """Groups as roles."""

    async def test_nested_groups(self) -> None:
        """Groups in groups count where that is asked for; circles end."""
        slapd = self.slapd(
            Member(uid="ann", name="Ann"),
            Member(uid="bea", name="Bea"),
            extra_ldif="\n".join(
                (
                    GROUPS,
                    group("inner", [person_dn("ann"), group_dn("outer")]),
                    group("middle", [group_dn("inner")]),
                    group("outer", [group_dn("middle"), person_dn("bea")]),
                    group("other", [person_dn("bea")]),
                )
            ),
        )
        flat, nested = self.grouped(slapd), self.grouped(slapd, nested=True)
        self.assertEqual(await self.roles(flat, "ann"), {"inner"})
        self.assertEqual(await self.roles(nested, "ann"), {"inner", "middle", "outer"})
        expected = {"inner", "middle", "outer", "other"}
        self.assertEqual(await self.roles(nested, "bea"), expected)

    async def test_groups_by_account_name(self) -> None:
        """``memberUid`` names members by user ID."""
        posix = entry_ldif(
            group_dn("staff"),
            {
                "objectClass": ["posixGroup"],
                "gidNumber": ["1"],
                "memberUid": ["ann"],
            },
        )
        slapd = self.slapd(
            Member(uid="ann", name="Ann"), extra_ldif=GROUPS + "\n" + posix
        )
        store = self.grouped(
            slapd,
            filter="(objectClass=posixGroup)",
            member="memberUid",
            memberValue="uid",
        )
        self.assertEqual(await self.roles(store, "ann"), {"staff"})

    async def test_attribute_of_the_user(self) -> None:
        """DNs count by their first value, other texts as they are."""
        values = [r"cn=Staff\, Berlin,ou=groups,dc=x", "plain role"]
        slapd = self.slapd(Member(uid="ann", name="Ann", more={"description": values}))
        store = self.store(slapd, profile={"role": {"attribute": "description"}})
        self.assertEqual(
            await self.roles(store, "ann"), {"Staff, Berlin", "plain role"}
        )

    async def test_more_groups_than_the_server_answers_at_once(self) -> None:
        """All of them are read, page by page."""
        groups = [group(f"g{i}", [person_dn("ann")]) for i in range(40)]
        slapd = self.slapd(
            Member(uid="ann", name="Ann"),
            extra_ldif="\n".join([GROUPS, *groups]),
            size_limit=10,
        )
        store = self.store(
            slapd,
            {"pageSize": 10},
            profile={"role": {"group": {"baseDNs": [GROUPS_DN]}}},
        )
        self.assertEqual(len(await self.roles(store, "ann")), 40)

    async def test_missing_subtree_of_groups(self) -> None:
        """No answer about groups is no absence of roles."""
        slapd = self.slapd(Member(uid="ann", name="Ann"))
        store = self.grouped(slapd)
        with self.assertRaises(StoreUnavailable):
            await self.profile(store, "ann")


class DisabledTests(PeopleCase):
    """Accounts that are switched off."""

    async def test_they_are_nobody(self) -> None:
        """Neither lookup, list, search, profile nor login knows them."""
        off = {"objectClass": ACCOUNT}
        slapd = self.slapd(
            Member(
                uid="ann",
                name="Ann X",
                mails=["ann@x"],
                password="pw",
                more={**off, "userAccountControl": ["514"]},
            ),
            Member(
                uid="bea",
                name="Bea X",
                mails=["bea@x"],
                password="pw",
                more={**off, "userAccountControl": ["512"]},
            ),
        )
        store = self.store(slapd)
        found = await self.found(store, EMAIL, ["ann@x", "bea@x"])
        self.assertEqual(found, {"bea@x": "bea"})
        listed = [user.localpart for _, user in await self.listed(store)]
        self.assertEqual(listed, ["bea"])
        self.assertEqual(await self.hits(store, "x"), (["bea"], False))
        self.assertIsNone(await self.profile(store, "ann"))
        self.assertIsNotNone(await self.profile(store, "bea"))
        self.assertEqual(await self.verdict(store, "ann", "pw"), Refused())


class ForestTests(PeopleCase):
    """``activeDirectory``: users of several domains, known by principal name."""

    async def store_of_a_forest(self) -> Store:
        """Two people of the same login in two domains."""
        known = {
            "objectClass": ["inetOrgPerson", "mxisdTestPerson", "mxisdTestAccount"]
        }
        slapd = self.slapd(
            Member(
                uid="1",
                name="Ann",
                mails=["ann@x"],
                password="first",
                more={**known, "userPrincipalName": ["Ann@Corp.Example"]},
            ),
            Member(
                uid="2",
                name="Other Ann",
                mails=["other@x"],
                password="second",
                more={**known, "userPrincipalName": ["ann@sub.corp.example"]},
            ),
        )
        return self.store(
            slapd,
            attribute={},
            filter="(objectClass=mxisdTestAccount)",
            activeDirectory=True,
            defaultDomain="corp.example",
        )

    async def test_two_of_one_login(self) -> None:
        """Lookup, search and login tell them apart; no password fits the other."""
        store = await self.store_of_a_forest()
        other = "ann/sub.corp.example"
        found = await self.found(store, EMAIL, ["ann@x", "other@x"])
        self.assertEqual(found, {"ann@x": "ann", "other@x": other})
        self.assertEqual(await self.hits(store, "ann"), (["ann", other], False))
        for localpart, right, wrong in (
            ("ann", "first", "second"),
            (other, "second", "first"),
        ):
            accepted = await self.verdict(store, localpart, right)
            self.assertEqual(accepted.user_id, UserId(localpart, DOMAIN))
            self.assertEqual(await self.verdict(store, localpart, wrong), Refused())
        for nobody in ("ann/corp.example", "ann/other.example", "bob"):
            verdict = await self.verdict(store, nobody, "first")
            self.assertEqual(verdict, NoSuchUser())

    async def test_principal_name_as_login(self) -> None:
        """What Windows users type is understood; they become who they are."""
        store = await self.store_of_a_forest()
        accepted = await self.verdict(store, "ANN@sub.Corp.example", "second")
        self.assertEqual(accepted.user_id, UserId("ann/sub.corp.example", DOMAIN))
        verdict = await self.verdict(store, "ann@sub.corp.example", "first")
        self.assertEqual(verdict, Refused())
        for nobody in (
            "NOWHERE\\ann",
            "\\ann",
            "corp\\",
            "ann@nowhere",
            "*@corp.example",
        ):
            verdict = await self.verdict(store, nobody, "first")
            self.assertEqual(verdict, NoSuchUser(), nobody)


class ProfileTests(PeopleCase):
    """Profiles."""

    async def test_filter_of_the_feature(self) -> None:
        """``profile.filter`` decides who has one."""
        slapd = self.slapd(
            Member(uid="ann", name="Ann", mails=["ann@x"], employee_number="1"),
            Member(uid="bea", name="Bea"),
        )
        store = self.store(slapd, profile={"filter": "(employeeNumber=*)"})
        found = await self.profile(store, "ann")
        assert found is not None
        self.assertIn(canonical(EMAIL, "ann@x"), found.threepids)
        self.assertIsNone(await self.profile(store, "bea"))

    async def test_two_entries_with_one_user_id(self) -> None:
        """Neither of them speaks for the user; the log counts them."""
        double = entry_ldif(
            f"cn=double,{PEOPLE_DN}",
            {
                "objectClass": ["inetOrgPerson"],
                "cn": ["double"],
                "sn": ["x"],
                "uid": ["ANN"],
            },
        )
        slapd = self.slapd(Member(uid="ann", name="Ann"), extra_ldif=double)
        store, lines = self.store(slapd), self.log_lines()
        self.assertIsNone(await self.profile(store, "ann"))
        self.assertTrue(any("2 entries of staff" in line for line in lines))
