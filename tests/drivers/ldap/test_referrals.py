from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap import filters, referrals
from mxisd.drivers.ldap.client import LdapClient, ListCut
from mxisd.drivers.ldap.connection import Scope, Search, SearchAnswer
from mxisd.drivers.ldap.server import Access, Address, Security
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret
from tests.drivers.ldap import answers
from tests.drivers.ldap.lines import log_lines
from tests.drivers.ldap.network import (
    BIND,
    SEARCH,
    Behaviour,
    Link,
    Network,
    ask,
    friendly,
)

QUESTION = Search(base="dc=x", filter=filters.present("mail"), attributes=["mail"])


def referring(*uris: str) -> Behaviour:
    """Find one entry, and one reference for each URI."""

    def behave(link: Link, tag: int, message_id: int) -> None:
        if tag == SEARCH:
            for uri in uris:
                link.send(answers.reference(message_id, uri))
        friendly(link, tag, message_id)

    return behave


def sending_away(*uris: str, tags: tuple[int, ...] = (SEARCH,)) -> Behaviour:
    """Answer with a referral."""

    def behave(link: Link, tag: int, message_id: int) -> None:
        if tag in tags:
            kind = 0x65 if tag == SEARCH else 0x61
            link.send(answers.referral(message_id, *uris, kind=kind))
        else:
            friendly(link, tag, message_id)

    return behave


class ReferralsCase(SynchronousTestCase):
    """A client of the server ``a``, and what else there is."""

    def setUp(self) -> None:
        """Watch the log."""
        self.network = Network()
        self.lines = log_lines(self)

    def client(self, follow: bool = True) -> LdapClient:
        """A client that binds."""
        access = Access(bind_dn="cn=x", bind_password=Secret("pw"), timeout=4)
        return LdapClient(
            self.network,
            "staff",
            [Address("a", 389)],
            access,
            follow_referrals=follow,
        )

    def search(
        self, client: LdapClient | None = None, search: Search = QUESTION
    ) -> "Deferred[Any]":
        """Ask something."""
        return ask(self.network, (client or self.client()).search(search))

    def found(self, answer: "Deferred[Any]") -> list[str]:
        """Which hosts have answered."""
        return [e.dn.decode().removeprefix("cn=") for e in self.successResultOf(answer)]


class HintTests(ReferralsCase):
    """Where referrals are not followed."""

    def test_reference_is_told_once(self) -> None:
        """What is here is found; the log says what is missing, and how to mend it."""
        self.network.hosts = {"a": referring("ldap://b.example/dc=b,dc=x")}
        client = self.client(follow=False)
        for _ in range(3):
            self.assertEqual(self.found(self.search(client)), ["a"])
        (line,) = [line for line in self.lines if "points to" in line]
        for words in ("staff", "b.example", "3268", "3269", "followReferrals"):
            self.assertIn(words, line)

    def test_partitions_of_active_directory(self) -> None:
        """References that every domain controller sends are not worth a word."""
        self.network.hosts = {
            "a": referring(
                "ldap://DomainDnsZones.x/DC=DomainDnsZones,DC=x",
                "ldap://ForestDnsZones.x/DC=ForestDnsZones,DC=x",
                "ldap://x/CN=Configuration,DC=x",
                "ldap://x/cn=schema,CN=Configuration,DC=x",
            )
        }
        self.assertEqual(self.found(self.search(self.client(follow=False))), ["a"])
        self.assertEqual([line for line in self.lines if "points to" in line], [])
        self.assertEqual(self.found(self.search()), ["a"])

    def test_referral_is_no_answer(self) -> None:
        """A base, or a password, that is elsewhere is an error with the same hint."""
        self.network.hosts = {"a": sending_away("ldap://b/", tags=(SEARCH,))}
        answer = self.search(self.client(follow=False))
        error = self.failureResultOf(answer, StoreUnavailable).value
        self.assertIn("connection.followReferrals", str(error))
        self.network.hosts = {"a": sending_away("ldap://b/", tags=(BIND,))}
        client = self.client(follow=False)
        check = ask(self.network, client.check(b"cn=y", Secret("pw")))
        error = self.failureResultOf(check, StoreUnavailable).value
        self.assertIn("connection.followReferrals", str(error))


class FollowTests(ReferralsCase):
    """Where they are."""

    def test_references(self) -> None:
        """All servers' entries are found, after a bind at each of them."""
        self.network.hosts = {
            "a": referring("ldap://b/dc=b,dc=x", "ldap://c/dc=c,dc=x"),
            "b": friendly,
            "c": referring("ldap://d/dc=d,dc=c,dc=x"),
            "d": friendly,
        }
        self.assertEqual(self.found(self.search()), ["a", "b", "c", "d"])
        self.network.pass_time(1)
        self.assertEqual({link.host for link in self.network.links}, {"a"})

    def test_circle(self) -> None:
        """Each server is asked once for each base; nothing is found twice."""
        self.network.hosts = {
            "a": referring("ldap://b/dc=b,dc=x"),
            "b": referring("ldap://a/dc=x", "ldap://b/DC=B,dc=x"),
        }
        self.assertEqual(self.found(self.search()), ["a", "b"])

    def test_circle_without_an_answer(self) -> None:
        """Servers that send us to each other are no answer."""
        self.network.hosts = {
            "a": sending_away("ldap://b/"),
            "b": sending_away("ldap://a/"),
        }
        error = self.failureResultOf(self.search(), StoreUnavailable).value
        self.assertIn("circle", str(error))

    def test_too_many(self) -> None:
        """Neither a long way nor a wide one is followed to its end."""
        chain = {f"h{i}": referring(f"ldap://h{i + 1}/dc={i}") for i in range(20)}
        self.network.hosts = {"a": referring("ldap://h0/"), **chain}
        self.failureResultOf(self.search(), StoreUnavailable)
        self.assertNotIn(f"h{referrals.HOPS}", self.network.attempts)
        many = {f"h{i}": friendly for i in range(20)}
        fan = referring(*(f"ldap://{host}/dc={host}" for host in many))
        self.network.hosts = {"a": fan, **many}
        self.network.attempts.clear()
        self.failureResultOf(self.search(), StoreUnavailable)
        self.assertLessEqual(len(set(self.network.attempts)), referrals.SERVERS + 1)

    def test_incomplete_is_not_complete(self) -> None:
        """A server that is down, or refuses, or cuts its answer, spoils it all."""

        def cutting(link: Link, tag: int, message_id: int) -> None:
            if tag == SEARCH:
                link.send(answers.done(message_id, 4))
            else:
                friendly(link, tag, message_id)

        def refusing(link: Link, tag: int, message_id: int) -> None:
            link.send(answers.bound(message_id, 49))

        self.network.hosts = {"a": referring("ldap://b/dc=b")}
        self.failureResultOf(self.search(), StoreUnavailable)
        self.network.hosts["b"] = refusing
        self.failureResultOf(self.search(), StoreUnavailable)
        self.network.hosts["b"] = cutting
        self.failureResultOf(self.search(), ListCut)
        first = ask(self.network, self.client().first(QUESTION, 10))
        self.assertTrue(self.successResultOf(first).is_cut)

    def test_nowhere(self) -> None:
        """A referral that cannot be read is no answer."""
        for uri in ("http://b/", "ldap:///dc=x", "ldapi://%2Frun%2Fldapi", ""):
            self.network.hosts = {"a": referring(uri)}
            error = self.failureResultOf(self.search(), StoreUnavailable).value
            self.assertIn("nowhere", str(error))

    def test_password(self) -> None:
        """A password is shown where a referral points to, under the name in it."""
        self.network.hosts = {
            "a": sending_away("ldap://b/", tags=(BIND,)),
            "b": sending_away("ldap://c/uid=ann,dc=c", tags=(BIND,)),
            "c": friendly,
        }
        check = ask(self.network, self.client().check(b"uid=ann", Secret("pw")))
        self.assertEqual(self.successResultOf(check).code, 0)
        self.assertEqual(self.network.attempts, ["a", "b", "c"])

    def test_password_in_a_circle(self) -> None:
        """Servers that send a password to each other do not judge it."""
        self.network.hosts = {
            "a": sending_away("ldap://b/", tags=(BIND,)),
            "b": sending_away("ldap://a/", tags=(BIND,)),
        }
        check = ask(self.network, self.client().check(b"uid=ann", Secret("pw")))
        self.failureResultOf(check, StoreUnavailable)

    def test_scope(self) -> None:
        """A reference within a level is one entry; a referral is the level itself."""
        asked: list[tuple[str, Scope]] = []

        async def attempt(target: Any, search: Search) -> Any:
            asked.append((search.base, search.scope))
            if target is None:
                return first
            return SearchAnswer(entries=(), code=0)

        follow = referrals.Referrals("staff", [], Access(), are_followed=True)
        level = Search(base="dc=x", filter=None, attributes=[], scope=Scope.ONE)
        uris = ["ldap://b/dc=b", "ldap://c/dc=c??sub", "ldap://d"]
        first = SearchAnswer(entries=(), code=0, references=[[uri] for uri in uris])
        self.successResultOf(Deferred.fromCoroutine(follow.search(level, attempt)))
        expected = [("dc=b", Scope.BASE), ("dc=c", Scope.SUBTREE), ("dc=x", Scope.BASE)]
        self.assertEqual(asked[1:], expected)
        asked.clear()
        first = SearchAnswer(entries=(), code=10, referrals=["ldap://b/dc=b"])
        self.successResultOf(Deferred.fromCoroutine(follow.search(level, attempt)))
        self.assertEqual(asked[1:], [("dc=b", Scope.ONE)])

    def test_access(self) -> None:
        """The other server is entered as the first one, by name only if it is known."""
        targets: list[referrals.Target] = []

        async def attempt(target: Any, search: Search) -> Any:
            if target is None:
                uris = ["ldap://known/dc=a", "ldap://b/dc=b"]
                return SearchAnswer(
                    entries=(), code=0, references=[[uri] for uri in uris]
                )
            targets.append(target)
            return SearchAnswer(entries=(), code=0)

        access = Access(security=Security.TLS, tls_name="ldap.x", ca_file="/ca")
        known = Address("known", 636)
        follow = referrals.Referrals("staff", [known], access, are_followed=True)
        self.successResultOf(Deferred.fromCoroutine(follow.search(QUESTION, attempt)))
        names = {str(t.address): t.access.tls_name for t in targets}
        self.assertEqual(names, {"known:636": "ldap.x", "b:636": None})
        for target in targets:
            self.assertEqual(target.access.security, Security.TLS)
            self.assertEqual(target.access.ca_file, "/ca")
