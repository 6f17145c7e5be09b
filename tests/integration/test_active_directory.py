"""The LDAP store against a real domain controller: Samba's."""

from collections.abc import Sequence

from twisted.internet.defer import Deferred, gatherResults

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.decoder import Entry
from mxisd.interfaces import Store
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, MSISDN
from mxisd.testing.stores import (
    PEOPLE,
    AssociationSourceContract,
    AuthenticatorContract,
    OutageContract,
    Person,
    ThreePidLookupContract,
)
from tests.integration.accounts import Account
from tests.integration.domain_stores import (
    ANN,
    BEA,
    DISABLED,
    EXPIRED,
    NEW,
    OUTER,
    DomainCase,
    account,
    account_name,
    company,
    contract_domain,
)
from tests.integration.samba import SambaDomain

INVALID_CREDENTIALS = 49


class ContractTests(
    ThreePidLookupContract, AssociationSourceContract, OutageContract, DomainCase
):
    """The LDAP store is a store in front of a domain, too."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Fill a domain."""
        if people is PEOPLE:
            return self.domain_store(contract_domain())
        return self.domain_store(self.domain(*map(account, people)))

    async def store_without_backend(self) -> Store:
        """Stop the domain that the store has just used."""
        domain = self.domain(*map(account, PEOPLE))
        store = self.domain_store(domain)
        await self.found(store, EMAIL, ["alice@example.org"])
        domain.stop()
        return store


class AuthenticatorContractTests(AuthenticatorContract, DomainCase):
    """The LDAP store checks a domain's passwords."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Know the contract's people, or fill a domain."""
        if people is PEOPLE:
            return self.domain_store(contract_domain())
        return self.domain_store(self.domain(*map(account, people)))


class BindTests(DomainCase):
    """As whom a domain lets one in."""

    async def code(self, who: str, password: str | None) -> int:
        """The result code of a bind."""
        client = self.domain_client(company())
        answer = await client.check(who, Secret(password or ""))
        return answer.code

    async def test_names_of_a_user(self) -> None:
        """DN, principal name, realm and NetBIOS name all do, in any case."""
        for who in (
            ANN.dn,
            ANN.dn.upper(),
            "ann@corp.example.org",
            "ANN@CORP.EXAMPLE.ORG",
            "ann@corp",
            "CORP\\ann",
            "corp\\ANN",
        ):
            self.assertEqual(await self.code(who, ANN.password), 0, who)

    async def test_principal_name_with_another_suffix(self) -> None:
        """A principal name does, and the one that the realm implies does as well."""
        for who in ("b.beck@example.org", "bea@corp.example.org", "CORP\\bea"):
            self.assertEqual(await self.code(who, BEA.password), 0, who)

    async def test_names_that_are_none(self) -> None:
        """A bare name, another domain's, or the DNS name before the backslash fail."""
        for who in ("ann", "OTHER\\ann", "corp.example.org\\ann", "CORP/ann"):
            code = await self.code(who, ANN.password)
            self.assertEqual(code, INVALID_CREDENTIALS, who)

    async def test_every_refusal_has_the_same_code(self) -> None:
        """Wrong, unknown, disabled, expired, to be changed: all are code 49."""
        for who, password in (
            (ANN.dn, "wrong"),
            (f"CN=nobody,{SambaDomain.people_dn}", "wrong"),
            (DISABLED.dn, DISABLED.password),
            (EXPIRED.dn, EXPIRED.password),
            (NEW.dn, NEW.password),
        ):
            self.assertEqual(await self.code(who, password), INVALID_CREDENTIALS, who)

    async def test_service_may_have_any_kind_of_name(self) -> None:
        """``connection.bindDn`` is a DN, a principal name or a NetBIOS name."""
        domain = company()
        for name in (domain.bind_dn, domain.bind_principal, domain.bind_account):
            store = self.domain_store(domain, {"bindDn": name})
            found = await self.found(store, EMAIL, ["ann@example.org"])
            self.assertEqual(found, {"ann@example.org": "ann"}, name)

    async def test_anonymous_search_is_no_absence(self) -> None:
        """A domain does not answer those who do not say who they are."""
        store = self.domain_store(company(), {"bindDn": "", "bindPassword": ""})
        await self.assert_unavailable(
            self.found(store, EMAIL, ["ann@example.org"]), "operationsError"
        )


class LoginTests(DomainCase):
    """Passwords, beyond the contract."""

    async def test_profile_comes_with_a_login(self) -> None:
        """Display name and 3PIDs of an account whose DN has a comma and an umlaut."""
        verdict = await self.verdict(
            self.domain_store(company()), "ann", "ann's pässword"
        )
        assert isinstance(verdict, Accepted)
        self.assertEqual(verdict.user_id.localpart, "ann")
        self.assertEqual(verdict.profile.display_name, "Müller, Ann")
        self.assertEqual(
            {(t.medium, t.address) for t in verdict.profile.threepids},
            {
                (EMAIL, "ann@example.org"),
                (EMAIL, "ann.mueller@example.org"),
                (MSISDN, "491711234567"),
                (MSISDN, "491711234568"),
            },
        )

    async def test_accounts_that_may_not_log_in(self) -> None:
        """Disabled, expired and to be changed: the password is right, and refused."""
        store = self.domain_store(company())
        for each in (DISABLED, EXPIRED, NEW):
            verdict = await self.verdict(store, each.name, each.password or "")
            self.assertEqual(verdict, Refused(), each.name)

    async def test_locked_account(self) -> None:
        """After too many wrong passwords the right one is refused as well."""
        domain = self.domain(ANN)
        domain.change(
            f"dn: {domain.base_dn}\nchangetype: modify\n"
            "replace: lockoutThreshold\nlockoutThreshold: 3\n"
        )
        store = self.domain_store(domain)
        for password in ("1", "2", "3", "ann's pässword"):
            verdict = await self.verdict(store, "ann", password)
            self.assertEqual(verdict, Refused(), password)

    async def test_filter_of_a_group_and_those_in_its_groups(self) -> None:
        """The matching rule in chain finds members of members."""
        domain = company()
        chain = f"(memberOf:1.2.840.113556.1.4.1941:={OUTER.dn})"
        store = self.domain_store(domain, auth={"filter": chain})
        verdict = await self.verdict(store, "ann", "ann's pässword")
        self.assertIsInstance(verdict, Accepted)
        direct = self.domain_store(domain, auth={"filter": f"(memberOf={OUTER.dn})"})
        verdict = await self.verdict(direct, "ann", "ann's pässword")
        self.assertEqual(verdict, NoSuchUser())
        verdict = await self.verdict(direct, "bea", "bea's")
        self.assertIsInstance(verdict, Accepted)


class SearchTests(DomainCase):
    """How a domain compares, and what it answers."""

    async def test_case_and_umlauts(self) -> None:
        """Comparisons ignore case beyond ASCII, and keep umlauts apart."""
        client = self.domain_client(company())
        for text, expected in (
            ("(displayName=*MÜL*)", ["Ann"]),
            ("(displayName=müller, ann)", ["Ann"]),
            ("(displayName=*mul*)", []),
            ("(sAMAccountName=ANN)", ["Ann"]),
            ("(mail=ANN@EXAMPLE.ORG)", ["Ann"]),
            ("(userPrincipalName=B.Beck@Example.Org)", ["bea"]),
        ):
            self.assertEqual(await self.names(client, text), expected, text)

    async def test_phones_are_compared_as_text(self) -> None:
        """Other than in OpenLDAP, spaces in a number count for a plain lookup."""
        store = self.domain_store(company())
        spaced, plain = "491711234567", "491711234568"
        self.assertEqual(await self.found(store, MSISDN, [spaced]), {})
        self.assertEqual(await self.found(store, MSISDN, [plain]), {plain: "ann"})
        listed = await self.listed(store)
        phones = {t.address for t, _ in listed if t.medium == MSISDN}
        self.assertEqual(phones, {spaced, plain})

    async def test_disabled_accounts_are_nobody(self) -> None:
        """Without any filter, a disabled account is neither found nor listed."""
        store = self.domain_store(company())
        addresses = ["dis@example.org", "ann@example.org"]
        found = await self.found(store, EMAIL, addresses)
        self.assertEqual(found, {"ann@example.org": "ann"})
        listed = {user.localpart for _, user in await self.listed(store)}
        self.assertEqual(listed, {"ann"})

    async def test_references_at_the_root_do_not_disturb(self) -> None:
        """At the domain's DN the server also refers to its other partitions."""
        domain = company()
        for base in (domain.base_dn, domain.people_dn):
            store = self.domain_store(domain, {"baseDNs": [base]})
            found = await self.found(store, EMAIL, ["ann@example.org"])
            self.assertEqual(found, {"ann@example.org": "ann"}, base)
            self.assertEqual(len(await self.listed(store)), 4, base)

    async def test_global_catalog(self) -> None:
        """It answers below an empty base, where the domain itself answers nothing."""
        domain = company()
        catalog = self.domain_client(domain, port=domain.catalog_port)
        for base in ("", domain.base_dn):
            names = await self.names(catalog, "(mail=ann@example.org)", base)
            self.assertEqual(names, ["Ann"], base)
        plain = self.names(self.domain_client(domain), "(mail=ann@example.org)", "")
        await self.assert_unavailable(plain, "noSuchObject")

    async def test_netbios_name_leads_to_the_domain(self) -> None:
        """A service account may read which naming context a NetBIOS name means."""
        domain = company()
        search = Search(
            base=f"CN=Partitions,CN=Configuration,{domain.base_dn}",
            filter=filters.parse("(&(objectClass=crossRef)(nETBIOSName=corp))"),
            attributes=["nCName", "dnsRoot", "nETBIOSName"],
        )
        [entry] = await self.domain_client(domain).search(search)
        for attribute, value in (
            ("ncname", domain.base_dn),
            ("dnsroot", domain.realm),
            ("netbiosname", domain.netbios_name),
        ):
            self.assertEqual(entry.attributes[attribute], [value.encode()])

    async def test_lists_on_many_pages_at_once(self) -> None:
        """Several lists are read at the same time, each of them complete."""
        people = [Account(name=f"p{i}", mails=[f"p{i}@example.org"]) for i in range(40)]
        client = self.domain_client(self.domain(*people))
        search = Search(
            base=SambaDomain.people_dn,
            filter=filters.parse("(mail=*)"),
            attributes=["sAMAccountName"],
        )

        async def listed() -> set[str]:
            names: set[str] = set()

            async def take(entries: Sequence[Entry]) -> None:
                names.update(map(account_name, entries))

            await client.each_page(search, 7, take)
            return names

        lists = [Deferred.fromCoroutine(listed()) for _ in range(4)]
        for names in await gatherResults(lists):
            self.assertEqual(names, {each.name for each in people})


class TlsTests(DomainCase):
    """Domains as they come: passwords only by TLS."""

    async def test_password_in_the_clear_is_refused(self) -> None:
        """The message has the server's reason, which is no wrong password."""
        domain = self.domain(ANN, needs_tls=True)
        store = self.domain_store(domain)
        for question in (
            self.found(store, EMAIL, ["ann@example.org"]),
            self.verdict(store, "ann", "ann's pässword"),
        ):
            await self.assert_unavailable(question, "strongAuthRequired")

    async def test_ldaps(self) -> None:
        """Lookups, lists and logins work by TLS, on both of its ports."""
        domain = self.domain(ANN, needs_tls=True)
        for port in (domain.tls_port, domain.catalog_tls_port):
            store = self.domain_store(
                domain, {"port": port, "tls": True, "caFile": domain.ca_file}
            )
            found = await self.found(store, EMAIL, ["ann@example.org"])
            self.assertEqual(found, {"ann@example.org": "ann"})
            self.assertEqual(len(await self.listed(store)), 4)
            verdict = await self.verdict(store, "ann", "ann's pässword")
            self.assertIsInstance(verdict, Accepted)


class RestartTests(DomainCase):
    """A domain controller that comes and goes."""

    async def test_restart_goes_unnoticed(self) -> None:
        """A lookup after a restart is answered at once, from the same data."""
        domain = self.domain(ANN)
        store = self.domain_store(domain)
        for _ in range(2):
            found = await self.found(store, EMAIL, ["ann@example.org"])
            self.assertEqual(found, {"ann@example.org": "ann"})
            domain.restart()
