"""The LDAP store against a real OpenLDAP server."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mxisd.drivers.ldap import filters
from mxisd.drivers.ldap.client import ListCut
from mxisd.drivers.ldap.connection import Search, TimedOut
from mxisd.errors import ConfigError, StoreUnavailable
from mxisd.interfaces import Store
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.profiles import SearchBy
from mxisd.model.secret import Secret
from mxisd.model.threepids import EMAIL, MSISDN, canonical
from mxisd.testing.stores import (
    DOMAIN,
    PEOPLE,
    AssociationSourceContract,
    AuthenticatorContract,
    OutageContract,
    Person,
    ThreePidLookupContract,
)
from tests.integration.ldap_stores import EMPLOYEE, LdapCase, member
from tests.integration.organisation import (
    BASE_DN,
    PEOPLE_DN,
    entry_ldif,
    stranger,
)
from tests.integration.slapd import Member, Organisation, Slapd
from tests.tls import CertificateAuthority

ANN = UserId("ann", DOMAIN)


class ContractTests(
    ThreePidLookupContract, AssociationSourceContract, OutageContract, LdapCase
):
    """The LDAP store is a store."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Fill a directory."""
        return self.store(self.slapd(*map(member, people)))

    async def store_without_backend(self) -> Store:
        """Stop the server that the store has just used."""
        slapd = self.slapd(*map(member, PEOPLE))
        store = self.store(slapd)
        await self.found(store, EMAIL, ["alice@example.org"])
        slapd.stop()
        return store


class AuthenticatorContractTests(AuthenticatorContract, LdapCase):
    """The LDAP store checks passwords."""

    async def store_with(self, people: Sequence[Person]) -> Store:
        """Fill a directory."""
        return self.store(self.slapd(*map(member, people)))


class LookupTests(LdapCase):
    """What people write into directories, and who is found by it."""

    async def test_generated_organisation_is_found_completely(self) -> None:
        """Every address of 200 people is found, in whatever format it is stored."""
        organisation = Organisation(people=200)
        store = self.store(self.slapd(*organisation.members))
        mails = {
            canonical(EMAIL, mail).address: one.uid
            for one in organisation.members
            for mail in (*one.mails, *one.unicode_mails)
        }
        spelled = [
            m for o in organisation.members for m in (*o.mails, *o.unicode_mails)
        ]
        self.assertEqual(await self.found(store, EMAIL, spelled), mails)
        phones = {f"4917110{i:05}": f"person.{i}" for i in range(200)}
        self.assertEqual(await self.found(store, MSISDN, phones), phones)

    async def test_listing_and_lookup_agree(self) -> None:
        """What is listed for the hash index is what a plain lookup finds."""
        store = self.store(self.slapd(*Organisation(people=50).members))
        listed = await self.listed(store)
        self.assertGreater(len(listed), 150)
        assert store.lookup is not None
        # A plain lookup needs the spelling that the directory holds.
        plain = [t for t, _ in listed if "strauss" not in t.address]
        found = await store.lookup.lookup(frozenset(plain))
        expected = {t: u for t, u in listed if "strauss" not in t.address}
        self.assertEqual(dict(found), expected)

    async def test_medium_of_ones_own_is_matched_in_exact_case(self) -> None:
        """The server compares employee numbers loosely, the store does not."""
        slapd = self.slapd(Member(uid="ann", name="Ann", employee_number="E5x"))
        store = self.store(slapd)
        found = await self.found(store, EMPLOYEE, ["E5x", "e5x", "E5X", "E5"])
        self.assertEqual(found, {"E5x": "ann"})

    async def test_metacharacters_are_literal(self) -> None:
        """An address full of metacharacters finds its owner, and nobody else's."""
        odd = "a*(b)\\c&|!=~<>é"
        slapd = self.slapd(
            Member(uid="odd", name="Odd", employee_number=odd),
            Member(uid="ann", name="Ann", employee_number="abc"),
        )
        store = self.store(slapd)
        asked = [odd, "a*", "*", "a*c", "abc)(uid=*", "\\61bc", "(", ")"]
        self.assertEqual(await self.found(store, EMPLOYEE, asked), {odd: "odd"})

    async def test_nul_is_literal(self) -> None:
        """A NUL in a value ends neither the value nor the connection."""
        slapd = self.slapd(Member(uid="ann", name="Ann", employee_number="abc"))
        client = self.client(slapd)
        for value, count in (("abc\0", 0), ("\0", 0), ("*\0*", 0), ("abc", 1)):
            entries = await client.search(
                Search(
                    base=PEOPLE_DN,
                    filter=filters.equal("employeeNumber", value),
                    attributes=["uid"],
                )
            )
            self.assertEqual(len(entries), count, repr(value))

    async def test_several_owners(self) -> None:
        """The owner whose DN sorts first is found; the log tells no address."""
        mail = "shared@example.org"
        slapd = self.slapd(
            *(Member(uid=uid, name=uid, mails=[mail]) for uid in ("zoe", "bea", "kim"))
        )
        lines = self.log_lines()
        found = await self.found(self.store(slapd), EMAIL, [mail])
        self.assertEqual(found, {mail: "bea"})
        warnings = [line for line in lines if "belong to several users" in line]
        self.assertEqual(len(warnings), 1)
        self.assertNotIn(mail, "".join(lines))

    async def test_earlier_subtree_goes_first(self) -> None:
        """An address in two subtrees belongs to the user in the first one."""
        mail = "shared@example.org"
        other = f"ou=guests,{BASE_DN}"
        guests = [
            entry_ldif(other, {"objectClass": ["organizationalUnit"]}),
            entry_ldif(
                f"uid=guest,{other}",
                {
                    "objectClass": ["inetOrgPerson"],
                    "cn": ["Guest"],
                    "sn": ["Guest"],
                    "uid": ["guest"],
                    "mail": [mail, "guest@example.org"],
                },
            ),
        ]
        slapd = self.slapd(
            Member(uid="staff", name="Staff", mails=[mail]),
            extra_ldif="\n".join(guests),
        )
        store = self.store(slapd, {"baseDNs": [PEOPLE_DN], "baseDn": other})
        found = await self.found(store, EMAIL, [mail, "guest@example.org"])
        self.assertEqual(found, {mail: "staff", "guest@example.org": "guest"})

    async def test_entries_without_legal_user_id(self) -> None:
        """Entries with no uid, or an illegal one, are skipped and counted."""
        nameless = entry_ldif(
            f"cn=printer,{PEOPLE_DN}",
            {
                "objectClass": ["inetOrgPerson"],
                "cn": ["printer"],
                "sn": ["printer"],
                "mail": ["printer@example.org"],
            },
        )
        slapd = self.slapd(
            Member(uid="Ann", name="Ann", mails=["ann@example.org"]),
            extra_ldif=f"{nameless}\n{stranger('long', 'x' * 250)}",
        )
        store, lines = self.store(slapd), self.log_lines()
        addresses = ["ann@example.org", "printer@example.org", "long@x"]
        found = await self.found(store, EMAIL, addresses)
        self.assertEqual(found, {"ann@example.org": "ann"})
        listed = await self.listed(store)
        self.assertEqual([user.localpart for _, user in listed], ["ann"])
        skipped = [line for line in lines if "no legal user ID" in line]
        self.assertEqual(len(skipped), 1)
        self.assertIn("2 entries of staff", skipped[0])

    async def test_names_that_are_no_localparts(self) -> None:
        """They are escaped in user IDs, and known by them again."""
        slapd = self.slapd(
            Member(uid="Jörg", name="Jörg", mails=["joerg@x"], password="hush")
        )
        store = self.store(slapd)
        found = await self.found(store, EMAIL, ["joerg@x"])
        self.assertEqual(found, {"joerg@x": "j=c3=b6rg"})
        for localpart in ("j=c3=b6rg", "jörg"):
            verdict = await self.verdict(store, localpart, "hush")
            assert isinstance(verdict, Accepted)
            self.assertEqual(verdict.user_id.localpart, "j=c3=b6rg")

    async def test_whole_user_ids(self) -> None:
        """With ``type: mxid`` the attribute holds the user ID."""
        slapd = self.slapd(
            Member(
                uid="x1",
                name="Ann",
                mails=["ann@example.org"],
                password="hush",
                more={"description": ["@Ann:other.example"]},
            )
        )
        attribute = {"uid": {"type": "mxid", "value": "description"}}
        store = self.store(slapd, attribute=attribute)
        ann = UserId("ann", "other.example")
        self.assertEqual([user for _, user in await self.listed(store)], [ann])
        assert store.authenticator is not None
        verdict = await store.authenticator.authenticate(ann, Secret("hush"))
        self.assertIsInstance(verdict, Accepted)

    async def test_filters_restrict(self) -> None:
        """``identity.filter`` and ``auth.filter`` each go before ``filter``."""
        slapd = self.slapd(
            *(
                Member(uid=uid, name=uid, mails=[f"{uid}@example.org"], password="pw")
                for uid in ("ann", "bea", "kim")
            )
        )
        store = self.store(
            slapd,
            filter="(uid=kim)",
            identity={"filter": "(&(objectClass=inetOrgPerson)\n (!(uid=ann)))"},
        )
        addresses = [f"{uid}@example.org" for uid in ("ann", "bea", "kim")]
        found = await self.found(store, EMAIL, addresses)
        self.assertEqual(sorted(found.values()), ["bea", "kim"])
        listed = await self.listed(store)
        self.assertEqual(sorted(user.localpart for _, user in listed), ["bea", "kim"])
        self.assertEqual(await self.verdict(store, "bea", "pw"), NoSuchUser())
        self.assertIsInstance(await self.verdict(store, "kim", "pw"), Accepted)

    async def test_attributes_that_nobody_has(self) -> None:
        """The log names them and how many people there are, when that changes."""
        ann = Member(uid="ann", name="Ann", mails=["ann@x"], phones=["+4917112345"])
        slapd = self.slapd(ann, Member(uid="bea", name="Bea"))
        uid = {"type": "uid", "value": "uid"}
        for threepid, words in (
            ({"email": ["email", "maill"]}, "2 people, 0 with `email`"),
            ({"email": ["maill"], "msisdn": []}, "has an address in maill"),
            ({"email": ["mail"], "msisdn": []}, None),
        ):
            attribute = {"uid": uid, "threepid": threepid}
            store, lines = self.store(slapd, attribute=attribute), self.log_lines()
            for _ in range(2):
                await self.listed(store)
            told = [line for line in lines if "attribute.threepid.email" in line]
            self.assertEqual(len(told), 0 if words is None else 1, lines)
            self.assertIn(words or "", "".join(told))

    async def test_filter_that_lets_nobody_through(self) -> None:
        """The log has it once, with the key."""
        slapd = self.slapd(Member(uid="ann", name="Ann", mails=["ann@x"]))
        store = self.store(slapd, identity={"filter": "(title=boss)"})
        lines = self.log_lines()
        self.assertEqual(await self.listed(store), [])
        (line,) = (each for each in lines if "identity.filter" in each)
        self.assertIn("0 people: (title=boss) lets nobody through", line)

    async def test_hash_lookup_can_be_switched_off(self) -> None:
        """An explicit ``identity.lookup: false`` is respected."""
        slapd = self.slapd()
        self.assertIsNone(
            self.store(slapd, identity={"lookup": False}).associations,
        )


class TemplateTests(LdapCase):
    """``identity.medium``: queries that operators write."""

    async def test_query_of_ones_own(self) -> None:
        """The owner of each address is found, and only by the query."""
        slapd = self.slapd(
            *(
                Member(
                    uid=f"p{i}", name=f"P{i}", more={"description": [f"smtp:a{i}@x"]}
                )
                for i in range(20)
            )
        )
        query = "(&(objectClass=inetOrgPerson)(description=smtp:%3pid))"
        store = self.store(slapd, identity={"medium": {EMAIL: query}})
        found = await self.found(store, EMAIL, [f"a{i}@x" for i in range(100)])
        self.assertEqual(found, {f"a{i}@x": f"p{i}" for i in range(20)})

    async def test_address_is_literal_in_a_query(self) -> None:
        """Neither a wildcard nor a closing bracket gets out of its value."""
        slapd = self.slapd(Member(uid="ann", name="Ann", more={"description": ["a*b"]}))
        query = "(description=TOKEN)"
        store = self.store(slapd, identity={"token": "TOKEN", "medium": {"x": query}})
        asked = ["a*b", "a*", "*", "a*b)(uid=*", "\\61\\2a\\62", "$1"]
        self.assertEqual(await self.found(store, "x", asked), {"a*b": "ann"})

    async def test_phones_with_and_without_plus(self) -> None:
        """A bare token stands for both spellings; after a plus, for the digits."""
        slapd = self.slapd(
            Member(uid="ann", name="Ann", phones=["+4917112345"]),
            Member(uid="bea", name="Bea", phones=["4917167890"]),
        )
        both = {"4917112345": "ann", "4917167890": "bea"}
        for query, expected in (
            ("(telephoneNumber=%3pid)", both),
            ("(telephoneNumber=+%3pid)", {"4917112345": "ann"}),
        ):
            store = self.store(slapd, identity={"medium": {MSISDN: query}})
            self.assertEqual(await self.found(store, MSISDN, both), expected)


class LimitTests(LdapCase):
    """Servers that answer a part only."""

    async def test_lookup_over_the_size_limit_asks_for_fewer(self) -> None:
        """A server that cuts its answer is asked again, and nothing is lost."""
        people = Organisation(people=40).members
        store = self.store(self.slapd(*people, size_limit=7))
        found = await self.found(store, EMPLOYEE, [f"E{i}x" for i in range(40)])
        self.assertEqual(found, {f"E{i}x": f"person.{i}" for i in range(40)})

    async def test_address_with_too_many_owners_is_no_answer(self) -> None:
        """If one address alone is over the limit, that is no absence."""
        people = [
            Member(uid=f"p{i}", name="P", mails=["all@example.org"]) for i in range(9)
        ]
        store = self.store(self.slapd(*people, size_limit=7))
        await self.assert_unavailable(self.found(store, EMAIL, ["all@example.org"]))

    async def test_list_that_is_cut_is_no_list(self) -> None:
        """Where the server refuses our page size, the listing fails."""
        store = self.store(self.slapd(*Organisation(people=40).members, size_limit=7))
        error = await self.assert_unavailable(self.listed(store))
        self.assertIsInstance(error, ListCut)

    async def test_server_without_pages(self) -> None:
        """It lists everybody at once; a list that it cuts is none."""
        people = Organisation(people=40).members
        slapd = self.slapd(*people, has_pages=False)
        for size in (500, 0):
            store, lines = self.store(slapd, {"pageSize": size}), self.log_lines()
            listed = await self.listed(store)
            numbers = {t.address for t, _ in listed if t.medium == EMPLOYEE}
            self.assertEqual(len(numbers), 40)
            told = [line for line in lines if "adminLimitExceeded" in line]
            self.assertEqual(len(told), 1 if size else 0)
            assert store.directory is not None
            page = await store.directory.search("person.3", SearchBy.NAME, 20, ANN)
            self.assertEqual(len(page.entries), 11)
        few = self.slapd(*people, has_pages=False, size_limit=7)
        for size in (500, 0):
            store = self.store(few, {"pageSize": size})
            error = await self.assert_unavailable(self.listed(store), "cut")
            self.assertIsInstance(error, ListCut)

    async def test_list_of_several_pages(self) -> None:
        """1200 people are listed, page by page, while others ask."""
        store = self.store(self.slapd(*Organisation(people=1200).members))
        listing = Deferred.fromCoroutine(self.listed(store))
        found = await self.found(store, EMPLOYEE, ["E7x"])
        self.assertEqual(found, {"E7x": "person.7"})
        numbers = {t.address for t, _ in await listing if t.medium == EMPLOYEE}
        self.assertEqual(len(numbers), 1200)

    async def test_missing_subtree_is_no_absence(self) -> None:
        """A base DN that does not exist is a failure, not an empty answer."""
        store = self.store(self.slapd(), {"baseDNs": [f"ou=gone,{BASE_DN}"]})
        await self.assert_unavailable(
            self.found(store, EMAIL, ["a@example.org"]), "noSuchObject"
        )


class LoginTests(LdapCase):
    """Passwords, beyond the contract."""

    async def test_profile_comes_with_a_login(self) -> None:
        """An accepted user brings display name and 3PIDs along."""
        slapd = self.slapd(*Organisation(people=4).members)
        verdict = await self.verdict(self.store(slapd), "person.3", "secret 3")
        self.assertEqual(verdict.profile.display_name, "Иван Strauß")
        self.assertEqual(
            {(t.medium, t.address) for t in verdict.profile.threepids},
            {
                (EMAIL, "person.3@example.org"),
                (EMAIL, "second.3@branch.example.org"),
                (MSISDN, "491711000003"),
                (EMPLOYEE, "E3x"),
            },
        )

    async def test_user_id_of_two_entries_is_refused(self) -> None:
        """Nobody can tell whose password counts."""
        twin = entry_ldif(
            f"cn=twin,{PEOPLE_DN}",
            {
                "objectClass": ["inetOrgPerson"],
                "cn": ["twin"],
                "sn": ["twin"],
                "uid": ["ANN"],
                "userPassword": ["other"],
            },
        )
        slapd = self.slapd(
            Member(uid="ann", name="Ann", password="pw"), extra_ldif=twin
        )
        store, lines = self.store(slapd), self.log_lines()
        for password in ("pw", "other"):
            self.assertEqual(await self.verdict(store, "ann", password), Refused())
        self.assertTrue(any("the same user ID" in line for line in lines), lines)

    async def test_failed_login_does_not_disturb_searches(self) -> None:
        """Searches go on as the service after a wrong password."""
        slapd = self.slapd(Member(uid="ann", name="Ann", mails=["a@x"], password="pw"))
        store = self.store(slapd)
        for _ in range(3):
            self.assertEqual(await self.verdict(store, "ann", "wrong"), Refused())
            self.assertEqual(await self.found(store, EMAIL, ["a@x"]), {"a@x": "ann"})

    async def test_empty_password_never_reaches_the_server(self) -> None:
        """Not even the connection is opened for an empty password."""
        slapd = self.slapd(Member(uid="ann", name="Ann"), is_verbose=True)
        verdict = await self.verdict(self.store(slapd), "ann", "")
        self.assertEqual(verdict, Refused())
        self.assertNotIn("BIND", slapd.log())

    async def test_wrong_service_password_is_no_verdict(self) -> None:
        """Without its own login the store says nothing about anybody."""
        slapd = self.slapd(Member(uid="ann", name="Ann", password="pw"))
        store = self.store(slapd, {"bindPassword": "wrong"})
        await self.assert_unavailable(
            self.verdict(store, "ann", "pw"), "invalidCredentials"
        )


class OutageTests(LdapCase):
    """Servers that come and go."""

    ANN = Member(uid="ann", name="Ann", mails=["ann@x"], password="pw")

    async def answer(self, store: Store) -> dict[str, str]:
        """One lookup."""
        return await self.found(store, EMAIL, ["ann@x"])

    async def test_restart_goes_unnoticed(self) -> None:
        """A lookup after a restart is answered at once."""
        slapd = self.slapd(self.ANN)
        store = self.store(slapd)
        await self.answer(store)
        slapd.restart()
        self.assertEqual(await self.answer(store), {"ann@x": "ann"})

    async def test_restart_during_requests(self) -> None:
        """Each of many lookups during an outage is answered, rightly or not at all."""
        slapd = self.slapd(self.ANN)
        store = self.store(slapd)
        answers = []
        for step in range(60):
            if step == 20:
                slapd.stop()
            if step == 40:
                slapd.start()
            asked = [Deferred.fromCoroutine(self.answer(store)) for _ in range(5)]
            for each in asked:
                try:
                    answers.append((step, await each))
                except StoreUnavailable:
                    answers.append((step, {}))
            await deferLater(reactor, 0.02)
        self.assertEqual({str(a) for s, a in answers if s < 20}, {"{'ann@x': 'ann'}"})
        self.assertEqual({str(a) for s, a in answers if 20 <= s < 40}, {"{}"})
        await deferLater(reactor, 1)
        self.assertEqual(await self.answer(store), {"ann@x": "ann"})

    async def test_refused_connection_fails_at_once(self) -> None:
        """Nobody waits for a server that is not there."""
        slapd = self.slapd(self.ANN)
        store = self.store(slapd)
        slapd.stop()
        check = self.within(1)
        await self.assert_unavailable(self.answer(store), "no connection to")
        await self.assert_unavailable(self.verdict(store, "ann", "pw"))
        check()

    async def test_hanging_server(self) -> None:
        """A server that hangs is given up in time, and is back when it goes on."""
        slapd = self.slapd(self.ANN)
        store = self.store(slapd, {"timeout": 0.3})
        await self.answer(store)
        slapd.pause()
        check = self.within(2)
        questions = (self.answer(store), self.answer(store), self.listed(store))
        for question in questions:
            error = await self.assert_unavailable(question)
            self.assertIsInstance(error, TimedOut)
        check()
        slapd.resume()
        await deferLater(reactor, 0.5)
        self.assertEqual(await self.answer(store), {"ann@x": "ann"})

    async def test_impatient_caller_disturbs_nobody(self) -> None:
        """Who gives up while the connection is being made does so alone."""
        store = self.store(self.slapd(self.ANN))
        first = Deferred.fromCoroutine(self.answer(store))
        second = Deferred.fromCoroutine(self.answer(store))
        first.addErrback(lambda _: None)
        first.cancel()
        self.assertEqual(await second, {"ann@x": "ann"})


class TlsTests(LdapCase):
    """ldaps, and what must not pass for it."""

    ANN = Member(uid="ann", name="Ann", mails=["ann@x"], password="pw")

    async def assert_no_bind(
        self, slapd: Slapd, connection: Mapping[str, Any], words: str
    ) -> None:
        """Nothing is answered, and no password has left us."""
        store = self.store(slapd, connection)
        check = self.within(3)
        question = self.found(store, EMAIL, ["ann@x"])
        await self.assert_unavailable(question, words)
        await self.assert_unavailable(self.verdict(store, "ann", "pw"), words)
        check()
        self.assertNotIn("BIND", slapd.log())

    async def test_verified_server(self) -> None:
        """Name, address and authority fit: lookups, lists and logins work."""
        slapd = self.slapd(self.ANN, is_verbose=True)
        for host in ("localhost", "127.0.0.1"):
            store = self.store(slapd, self.tls(slapd, host=host))
            found = await self.found(store, EMAIL, ["ann@x"])
            self.assertEqual(found, {"ann@x": "ann"})
            self.assertEqual(len(await self.listed(store)), 1)
            self.assertIsInstance(await self.verdict(store, "ann", "pw"), Accepted)
        self.assertIn("BIND", slapd.log())

    async def test_unknown_authority(self) -> None:
        """A certificate from somebody else's authority is refused."""
        slapd = self.slapd(self.ANN, is_verbose=True)
        other = CertificateAuthority(slapd.folder / "other").ca_file
        connection = self.tls(slapd, caFile=str(other))
        await self.assert_no_bind(slapd, connection, "authority is not known")

    async def test_system_authorities_do_not_know_it(self) -> None:
        """Without ``caFile`` the system's authorities decide."""
        slapd = self.slapd(self.ANN, is_verbose=True)
        connection = self.tls(slapd, caFile=None)
        await self.assert_no_bind(slapd, connection, "authority is not known")

    async def test_certificate_for_another_host(self) -> None:
        """The name in the certificate must be the name that was configured."""
        slapd = self.slapd(self.ANN, is_verbose=True, hosts=["ldap.example.org"])
        await self.assert_no_bind(slapd, self.tls(slapd), "another name")

    async def test_unreadable_ca_file(self) -> None:
        """The message names the key, at the start and afterwards."""
        slapd = self.slapd(self.ANN, is_verbose=True)
        file = slapd.folder / "gone.pem"
        connection = self.tls(slapd, caFile=str(file))
        error = self.assertRaises(ConfigError, self.store, slapd, connection)
        self.assertEqual([each.path for each in error.problems], ["connection.caFile"])
        shutil.copy(slapd.ca_file, file)
        store = self.store(slapd, connection)
        file.unlink()
        question = self.found(store, EMAIL, ["ann@x"])
        await self.assert_unavailable(question, "connection.caFile")
        self.assertNotIn("BIND", slapd.log())

    async def test_tls_to_a_plain_port(self) -> None:
        """A server that speaks in the clear is not spoken to."""
        slapd = self.slapd(self.ANN, is_verbose=True)
        connection = self.tls(slapd, port=slapd.port, timeout=1)
        await self.assert_no_bind(slapd, connection, "no connection to")

    async def test_plain_to_a_tls_port(self) -> None:
        """A server that wants TLS does not answer: no absence."""
        slapd = self.slapd(self.ANN)
        store = self.store(slapd, {"port": slapd.tls_port, "timeout": 1})
        await self.assert_unavailable(self.found(store, EMAIL, ["ann@x"]))
