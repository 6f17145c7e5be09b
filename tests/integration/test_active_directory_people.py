"""``preset: ad`` and forests, against a real domain controller: Samba's."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.profiles import SearchBy
from mxisd.model.threepids import EMAIL
from mxisd.testing.stores import (
    DOMAIN,
    PEOPLE,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    Person,
    ProfileContract,
    ThreePidLookupContract,
)
from tests.integration.accounts import Account, Group
from tests.integration.domain_stores import (
    ANN,
    BEA,
    DISABLED,
    EXPIRED,
    NEW,
    DomainCase,
    account,
    company,
)
from tests.integration.samba import SambaDomain

SEARCHER = UserId("searcher", DOMAIN)


@cache
def grouped_domain() -> SambaDomain:
    """A running domain with the people of the contracts, in groups."""
    accounts = {person.username: account(person) for person in PEOPLE}
    roles: dict[str, list[str]] = {}
    for person in PEOPLE:
        for role in person.roles:
            roles.setdefault(role, []).append(accounts[person.username].dn)
    groups = [Group(name=name, members=members) for name, members in roles.items()]
    domain = SambaDomain(*accounts.values(), *groups)
    domain.start()
    return domain


class PresetCase(DomainCase):
    """Stores with the preset."""

    def preset_store(
        self,
        domain: SambaDomain,
        connection: Mapping[str, Any] | None = None,
        **section: Any,
    ) -> Store:
        """A section as short as it can be."""
        values = {"preset": "ad", "attribute": {}, **section}
        return self.domain_store(domain, connection, **values)


class ContractTests(
    ThreePidLookupContract,
    AssociationSourceContract,
    AuthenticatorContract,
    DirectoryContract,
    ProfileContract,
    PresetCase,
):
    """With the preset, a domain has every capability."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Fill a domain, or know the contract's people."""
        if people is PEOPLE:
            return self.preset_store(grouped_domain())
        return self.preset_store(self.domain(*map(account, people)))


class WindowsNamesTests(PresetCase):
    """What users of Windows type for a login."""

    async def test_names_of_a_user(self) -> None:
        """Whatever the name, the user is who they are."""
        store = self.preset_store(company())
        for localpart in (
            "ann",
            "CORP\\ann",
            "corp\\ANN",
            "ann@corp.example.org",
            "Ann@Corp.Example.Org",
        ):
            verdict = await self.verdict(store, localpart, ANN.password or "")
            assert isinstance(verdict, Accepted), localpart
            self.assertEqual(verdict.user_id, UserId("ann", DOMAIN))

    async def test_principal_name_with_another_suffix(self) -> None:
        """The one that is written does, and the one that the domain implies."""
        store = self.preset_store(company())
        for localpart in ("b.beck@example.org", "bea@corp.example.org", "CORP\\bea"):
            verdict = await self.verdict(store, localpart, BEA.password or "")
            assert isinstance(verdict, Accepted), localpart
            self.assertEqual(verdict.user_id, UserId("bea", DOMAIN))

    async def test_names_of_nobody(self) -> None:
        """Other domains, patterns and halves are left to other stores."""
        store = self.preset_store(company())
        for localpart in (
            "OTHER\\ann",
            "corp.example.org\\ann",
            "CORP\\",
            "\\ann",
            "CORP\\a*",
            "*\\ann",
            "ann@corp",
            "ann@other.example",
            "*@corp.example.org",
            "b.beck@corp.example.org",
        ):
            verdict = await self.verdict(store, localpart, ANN.password or "")
            self.assertEqual(verdict, NoSuchUser(), localpart)

    async def test_wrong_password_by_any_name(self) -> None:
        """Who is known is refused, and not passed on."""
        store = self.preset_store(company())
        for localpart in ("CORP\\ann", "ann@corp.example.org"):
            self.assertEqual(await self.verdict(store, localpart, "wrong"), Refused())


class DisabledTests(PresetCase):
    """Accounts that may not log in."""

    async def test_disabled_account_is_nobody_everywhere(self) -> None:
        """No lookup, list, search or profile has it, and its password is refused."""
        store = self.preset_store(company())
        self.assertEqual(await self.found(store, EMAIL, DISABLED.mails), {})
        listed = {user.localpart for _, user in await self.listed(store)}
        self.assertEqual(listed, {"ann"})
        assert store.directory is not None and store.profile is not None
        page = await store.directory.search("dis", SearchBy.NAME, 5, SEARCHER)
        self.assertEqual(page.entries, ())
        self.assertIsNone(await store.profile.profile(UserId("dis", DOMAIN)))
        for each in (DISABLED, EXPIRED, NEW):
            verdict = await self.verdict(store, each.name, each.password or "")
            self.assertEqual(verdict, Refused(), each.name)


class RoleTests(PresetCase):
    """Groups as roles."""

    async def roles(self, store: Store, localpart: str) -> set[str]:
        """A user's roles."""
        assert store.profile is not None
        profile = await store.profile.profile(UserId(localpart, DOMAIN))
        assert profile is not None
        return set(profile.roles)

    async def test_direct_groups(self) -> None:
        """``memberOf`` has the groups that one is in directly."""
        store = self.preset_store(company())
        self.assertEqual(await self.roles(store, "ann"), {"inner"})
        self.assertEqual(await self.roles(store, "bea"), {"outer"})

    async def test_groups_in_groups(self) -> None:
        """A search for groups goes up to the outer ones."""
        group = {"baseDNs": [SambaDomain.base_dn], "nested": True}
        store = self.preset_store(company(), profile={"role": {"group": group}})
        self.assertEqual(await self.roles(store, "ann"), {"inner", "outer"})


class SearchTests(PresetCase):
    """Searches in the user directory."""

    async def test_more_than_the_limit(self) -> None:
        """The server knows no limit of its own; the page has ours."""
        people = [Account(name=f"p{i}", display_name=f"Person {i}") for i in range(40)]
        store = self.preset_store(self.domain(*people))
        assert store.directory is not None
        page = await store.directory.search("person", SearchBy.NAME, 3, SEARCHER)
        self.assertEqual((len(page.entries), page.limited), (3, True))


class ForestTests(PresetCase):
    """``activeDirectory`` at a Global Catalog."""

    async def test_users_by_principal_name(self) -> None:
        """Those of the default domain by login, others with their suffix."""
        domain = company()
        store = self.domain_store(
            domain,
            {"port": domain.catalog_port, "baseDNs": [""]},
            attribute={},
            activeDirectory=True,
            defaultDomain="corp.example.org",
        )
        found = await self.found(store, EMAIL, ["ann@example.org"])
        self.assertEqual(found, {"ann@example.org": "ann"})
        for localpart, person in (
            ("ann", ANN),
            ("b.beck/example.org", BEA),
            ("b.beck@example.org", BEA),
        ):
            verdict = await self.verdict(store, localpart, person.password or "")
            self.assertIsInstance(verdict, Accepted, localpart)
            verdict = await self.verdict(store, localpart, "wrong")
            self.assertEqual(verdict, Refused())
        verdict = await self.verdict(store, "b.beck", BEA.password or "")
        self.assertEqual(verdict, NoSuchUser())


class TlsTests(PresetCase):
    """Domains as they come: passwords only by TLS."""

    async def test_start_tls(self) -> None:
        """A connection that has changed to TLS is as good as ldaps."""
        domain = self.domain(ANN, needs_tls=True)
        store = self.preset_store(domain, {"startTls": True, "caFile": domain.ca_file})
        found = await self.found(store, EMAIL, ["ann@example.org"])
        self.assertEqual(found, {"ann@example.org": "ann"})
        verdict = await self.verdict(store, "ann", ANN.password or "")
        self.assertIsInstance(verdict, Accepted)
