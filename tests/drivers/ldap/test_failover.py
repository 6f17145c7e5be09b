from itertools import pairwise
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap import failover, filters
from mxisd.drivers.ldap.client import LdapClient
from mxisd.drivers.ldap.connection import Search, TimedOut
from mxisd.drivers.ldap.server import Access, Address
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret
from tests.drivers.ldap import answers
from tests.drivers.ldap.lines import log_lines
from tests.drivers.ldap.network import (
    BIND,
    SEARCH,
    Link,
    Network,
    ask,
    friendly,
    silent,
)

QUESTION = Search(base="dc=x", filter=filters.present("mail"), attributes=["mail"])
TIMEOUT = 4.0


class FailoverCase(SynchronousTestCase):
    """A client of several servers."""

    def connect(self, *hosts: str, **access: Any) -> None:
        """Make a client."""
        self.network = Network()
        settings = {"bind_dn": "cn=x", "bind_password": Secret("pw"), **access}
        self.client = LdapClient(
            self.network,
            "staff",
            [Address(host, 389) for host in hosts],
            Access(timeout=TIMEOUT, **settings),
        )
        self.lines = log_lines(self)

    def search(self) -> "Deferred[Any]":
        """Ask something."""
        return ask(self.network, self.client.search(QUESTION))

    def check(self) -> "Deferred[Any]":
        """Try a password."""
        return ask(self.network, self.client.check(b"uid=ann", Secret("pw")))

    def assert_answered(self, answer: "Deferred[Any]", host: str) -> None:
        """The answer is there, and comes from this host."""
        (entry,) = self.successResultOf(answer)
        self.assertEqual(entry.dn, f"cn={host}".encode())

    def changes(self) -> list[str]:
        """What the log says about servers."""
        return [line for line in self.lines if "now asks" in line]


class FailoverTests(FailoverCase):
    """From the first server to the next."""

    def test_order_of_preference(self) -> None:
        """As long as the first server answers, nobody asks another one."""
        self.connect("a", "b")
        self.network.hosts = {"a": friendly, "b": friendly}
        for _ in range(3):
            self.assert_answered(self.search(), "a")
            self.successResultOf(self.check())
        self.assertEqual(set(self.network.attempts), {"a"})
        self.assertEqual(self.changes(), [])

    def test_refused_connection(self) -> None:
        """A server that is down costs no time, and is told once."""
        self.connect("a", "b")
        self.network.hosts = {"b": friendly}
        for _ in range(3):
            self.assert_answered(self.search(), "b")
            self.assertEqual(self.successResultOf(self.check()).code, 0)
        self.assertEqual(self.network.attempts.count("a"), 1)
        (line,) = self.changes()
        self.assertIn("Store staff now asks b:389: no connection to a:389", line)

    def test_refused_bind(self) -> None:
        """A server that does not let us in is as good as down."""
        self.connect("a", "b")

        def refusing(link: Link, tag: int, message_id: int) -> None:
            link.send(answers.bound(message_id, 52, "going down"))

        self.network.hosts = {"a": refusing, "b": friendly}
        self.assert_answered(self.search(), "b")
        self.assertIn("unavailable: going down", self.changes()[0])

    def test_hanging_first_server(self) -> None:
        """A server that accepts and says nothing costs half of the time, once."""
        self.connect("a", "b")
        self.network.hosts = {"a": silent, "b": friendly}
        answer = self.search()
        self.network.pass_time(TIMEOUT / 2 - 0.7)
        self.assertNoResult(answer)
        self.network.pass_time(0.4)
        self.assert_answered(answer, "b")
        self.network.pass_time(10)
        self.assert_answered(self.search(), "b")
        self.successResultOf(self.check())

    def test_hanging_first_server_of_an_anonymous_client(self) -> None:
        """Who does not bind asks something, or would take a hanging server for one."""
        self.connect("a", "b", bind_dn="", bind_password=Secret(""))
        self.network.hosts = {"a": silent, "b": friendly}
        answer = self.search()
        self.network.pass_time(TIMEOUT / 2 + 0.1)
        self.assert_answered(answer, "b")
        self.network.pass_time(2 * failover.PROBE)
        self.assert_answered(self.search(), "b")
        self.assertEqual(len(self.changes()), 1)

    def test_server_that_begins_to_hang(self) -> None:
        """A question to a server that hangs is put to the next one in time."""
        self.connect("a", "b")
        self.network.hosts = {"a": friendly, "b": friendly}
        self.assert_answered(self.search(), "a")
        self.successResultOf(self.check())
        self.network.hosts["a"] = silent
        questions = [self.search() for _ in range(5)]
        login = self.check()
        self.network.pass_time(TIMEOUT / 2 + 0.1)
        for question in questions:
            self.assert_answered(question, "b")
        self.assertEqual(self.successResultOf(login).code, 0)
        self.assertEqual(len(self.changes()), 1)

    def test_server_that_dies(self) -> None:
        """A question whose connection ends is put to the next server at once."""
        self.connect("a", "b")

        def dying(link: Link, tag: int, message_id: int) -> None:
            if tag == SEARCH:
                del self.network.hosts["a"]
                link.lose()
            else:
                friendly(link, tag, message_id)

        self.network.hosts = {"a": dying, "b": friendly}
        self.assert_answered(self.search(), "b")

    def test_all_are_down(self) -> None:
        """The error names each server; right after it nobody tries again."""
        self.connect("a", "b", "c")
        error = self.failureResultOf(self.search(), StoreUnavailable).value
        for host in "abc":
            self.assertIn(f"no connection to {host}:389", str(error))
        self.assertNotIsInstance(error, TimedOut)
        self.failureResultOf(self.search(), StoreUnavailable)
        self.failureResultOf(self.check(), StoreUnavailable)
        self.assertEqual(self.network.attempts, ["a", "b", "c"])
        self.network.hosts = {"c": friendly}
        self.network.pass_time(0.2)
        self.assert_answered(self.search(), "c")

    def test_all_hang(self) -> None:
        """If time was the reason, the error is a time-out."""
        self.connect("a", "b")
        self.network.hosts = {"a": silent}
        answer = self.search()
        self.network.pass_time(TIMEOUT)
        self.failureResultOf(answer, TimedOut)

    def test_pauses_double_up_to_a_limit(self) -> None:
        """While nobody answers, pauses between attempts grow to five seconds."""
        self.connect("a")
        attempts = []
        for _ in range(2000):
            before = len(self.network.attempts)
            self.failureResultOf(self.search(), StoreUnavailable)
            if len(self.network.attempts) > before:
                attempts.append(self.network.seconds())
            self.network.pass_time(0.01, 0.01)
        pauses = [b - a for a, b in pairwise(attempts)]
        expected = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
        for pause, about in zip(pauses, expected, strict=False):
            # A refusal takes its time, too.
            self.assertTrue(about <= pause <= about + 0.25, pauses)


class WayBackTests(FailoverCase):
    """Back to the server that is preferred."""

    def setUp(self) -> None:
        """Lose the first of two servers."""
        self.connect("a", "b")
        self.network.hosts = {"b": friendly}
        self.assert_answered(self.search(), "b")
        self.successResultOf(self.check())

    def test_back(self) -> None:
        """Half a minute after it is back, it is asked again; it is told once."""
        self.network.hosts["a"] = friendly
        self.network.pass_time(failover.PROBE - 1)
        self.assert_answered(self.search(), "b")
        self.network.pass_time(2)
        for _ in range(2):
            self.assert_answered(self.search(), "a")
            self.successResultOf(self.check())
        self.network.pass_time(1)
        self.assertEqual(self.network.count("b"), 0)
        self.assertEqual(len(self.changes()), 2)
        self.assertEqual(self.changes()[1], "Store staff now asks a:389 again")

    def test_still_hanging(self) -> None:
        """A server that accepts and says nothing is not back; nobody notices."""
        self.network.hosts["a"] = silent
        for _ in range(20):
            self.network.pass_time(failover.PROBE / 5)
            self.assert_answered(self.search(), "b")
            self.assertEqual(self.successResultOf(self.check()).code, 0)
        self.assertEqual(len(self.changes()), 1)
        self.assertGreater(self.network.attempts.count("a"), 3)

    def test_work_in_hand_is_finished_at_the_old_server(self) -> None:
        """Its connection is closed when its last answer has come."""
        held = []

        def holding(link: Link, tag: int, message_id: int) -> None:
            held.append((link, message_id))

        self.network.pass_time(failover.PROBE - 0.6)
        self.network.hosts.update(a=friendly, b=holding)
        old = self.search()
        self.network.pass_time(0.5)
        self.assert_answered(self.search(), "a")
        self.assertEqual(self.network.count("b"), 1)
        link, message_id = held[0]
        link.send(answers.entry(message_id, "cn=b", {}) + answers.done(message_id))
        self.network.settle()
        self.assert_answered(old, "b")
        self.network.settle()
        self.assertTrue(link.is_lost)

    def test_second_server_goes_too(self) -> None:
        """If the one in use is lost, those before it are tried again."""
        del self.network.hosts["b"]
        self.network.hosts["a"] = friendly
        for link in list(self.network.links):
            link.lose()
        self.network.pass_time(0.2)
        self.assert_answered(self.search(), "a")

    def test_end(self) -> None:
        """After the end nobody is tried any more."""
        closed = ask(self.network, self.client.close())
        self.network.settle()
        self.successResultOf(closed)
        self.failureResultOf(self.search(), StoreUnavailable)
        self.failureResultOf(self.check(), StoreUnavailable)
        self.assertEqual(self.network.links, [])
        self.network.pass_time(2)
        self.assertEqual(self.network.getDelayedCalls(), [])

    def test_end_during_a_probe(self) -> None:
        """An attempt that is under way is given up."""
        self.network.hosts["a"] = silent
        self.network.pass_time(failover.PROBE + 0.2)
        self.assertEqual(self.network.count("a"), 1)
        ask(self.network, self.client.close())
        self.network.pass_time(2)
        self.assertEqual(self.network.links, [])
        self.assertEqual(self.network.getDelayedCalls(), [])


class BindOnceTests(FailoverCase):
    """Passwords."""

    def test_service_password_is_shown_once_per_connection(self) -> None:
        """A connection binds before its first search, and never again."""
        self.connect("a")
        self.network.hosts = {"a": friendly}
        for _ in range(3):
            self.search()
        (link,) = self.network.links
        self.assertEqual(link.tags, [BIND, SEARCH, SEARCH, SEARCH])
