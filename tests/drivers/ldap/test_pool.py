from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap import filters, pool
from mxisd.drivers.ldap.connection import Search
from mxisd.drivers.ldap.failover import Servers
from mxisd.drivers.ldap.pool import Pool
from mxisd.drivers.ldap.server import Access, Address
from mxisd.errors import StoreUnavailable
from tests.drivers.ldap import answers
from tests.drivers.ldap.network import SEARCH, Link, Network, ask, friendly

QUESTION = Search(base="dc=x", filter=filters.present("mail"), attributes=["mail"])


class PoolTests(SynchronousTestCase):
    """Connections that searches share."""

    def setUp(self) -> None:
        """Connect to a server that answers when it is told to."""
        self.network = Network(a=self.hold)
        self.held: list[tuple[Link, int]] = []
        self.is_holding = False
        servers = Servers(self.network, "staff", [Address("a", 389)], Access(timeout=9))
        self.pool = Pool(self.network, servers, 3)
        self.successResultOf(self.search())
        self.is_holding = True

    def hold(self, link: Link, tag: int, message_id: int) -> None:
        """Keep the question in mind."""
        if self.is_holding and tag == SEARCH and link.tags.count(SEARCH) > 1:
            self.held.append((link, message_id))
        else:
            friendly(link, tag, message_id)

    def search(self) -> "Deferred[Any]":
        """Ask something."""
        return ask(self.network, self.pool.search(QUESTION))

    def searches(self, count: int) -> "list[Deferred[Any]]":
        """Ask something often, one after the other."""
        found: list[Deferred[Any]] = []
        for _ in range(count):
            found.append(Deferred.fromCoroutine(self.pool.search(QUESTION)))
            self.network.settle()
        return found

    def release(self) -> None:
        """Answer everything."""
        held, self.held = self.held, []
        for link, message_id in held:
            link.send(answers.done(message_id))
        self.network.settle()

    def loads(self) -> list[int]:
        """How many questions are on each connection."""
        links = [link for link, _ in self.held]
        return sorted(links.count(link) for link in self.network.links)

    def test_one_is_enough_for_a_few(self) -> None:
        """As long as a connection has little to do, there is no other one."""
        asked = self.searches(pool.BUSY)
        self.assertEqual(self.loads(), [pool.BUSY])
        self.release()
        for each in asked:
            self.successResultOf(each)

    def test_more_for_many(self) -> None:
        """With more to do there are more, up to the limit, with equal loads."""
        self.searches(pool.IN_FLIGHT)
        self.assertEqual(len(self.network.links), 3)
        self.assertLessEqual(max(self.loads()) - min(self.loads()), 1)

    def test_cap(self) -> None:
        """Whoever comes above the cap waits; whoever gives up does so alone."""
        asked = self.searches(pool.IN_FLIGHT + 3)
        self.assertEqual(len(self.held), pool.IN_FLIGHT)
        asked[pool.IN_FLIGHT + 1].cancel()
        self.failureResultOf(asked[pool.IN_FLIGHT + 1], CancelledError)
        self.release()
        self.assertEqual(len(self.held), 2)
        self.release()
        for each in (*asked[: pool.IN_FLIGHT + 1], asked[-1]):
            self.successResultOf(each)

    def test_growth_that_is_refused(self) -> None:
        """A server that allows no more connections goes on with what there is."""
        self.network.is_full = True
        self.searches(pool.BUSY + 5)
        self.network.pass_time(0.3)
        self.searches(5)
        self.assertEqual(self.network.attempts.count("a"), 2)
        self.assertEqual(self.loads(), [pool.BUSY + 10])
        self.release()

    def test_impatient_caller(self) -> None:
        """Who gives up while the connection is made does so alone."""
        for link in list(self.network.links):
            link.lose()
        self.is_holding = False
        first = Deferred.fromCoroutine(self.pool.search(QUESTION))
        second = Deferred.fromCoroutine(self.pool.search(QUESTION))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.network.settle()
        self.successResultOf(second)
        self.assertEqual(self.network.attempts, ["a", "a"])

    def test_lost_connections(self) -> None:
        """Questions on a connection that is lost are asked once more, not twice."""

        def dying(link: Link, tag: int, message_id: int) -> None:
            if link.tags.count(SEARCH) > 1:
                link.lose()
            else:
                friendly(link, tag, message_id)

        asked = self.searches(3)
        (link,) = self.network.links
        link.lose()
        self.is_holding = False
        self.network.settle()
        for each in asked:
            self.successResultOf(each)
        self.network.hosts["a"] = dying
        self.failureResultOf(self.search(), StoreUnavailable)

    def test_end_while_connecting(self) -> None:
        """Whoever waits for a connection when everything ends is told."""
        for link in list(self.network.links):
            link.lose()
        answer = Deferred.fromCoroutine(self.pool.search(QUESTION))
        closed = ask(self.network, self.pool.close())
        self.successResultOf(closed)
        self.failureResultOf(answer, StoreUnavailable)

    def test_many_wait_for_a_server_that_is_down(self) -> None:
        """Each of them is told so, however many there are."""
        asked = self.searches(pool.IN_FLIGHT) + self.searches(500)
        self.network.hosts.clear()
        for link in list(self.network.links):
            link.lose()
        self.network.pass_time(20)
        for each in asked:
            self.failureResultOf(each, StoreUnavailable)
