from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.ldap import logins
from mxisd.drivers.ldap.failover import Servers
from mxisd.drivers.ldap.logins import Logins
from mxisd.drivers.ldap.server import Access, Address
from mxisd.errors import StoreUnavailable
from mxisd.model.secret import Secret
from tests.drivers.ldap import answers
from tests.drivers.ldap.network import BIND, Link, Network, ask, friendly, silent


class LoginsTests(SynchronousTestCase):
    """Connections for passwords."""

    def setUp(self) -> None:
        """A server that accepts everybody."""
        self.network = Network(a=friendly)
        servers = Servers(self.network, "staff", [Address("a", 389)], Access(timeout=9))
        self.logins = Logins(self.network, servers)

    def bind(self) -> "Deferred[Any]":
        """Try a password."""
        return ask(self.network, self.logins.bind("uid=ann", Secret("pw")))

    def code(self) -> int:
        """Try a password; gives the result code."""
        code: int = self.successResultOf(self.bind()).code
        return code

    def test_connection_is_used_again(self) -> None:
        """One connection does for many passwords, whatever their result."""
        codes = iter([0, 49, 53, 0])

        def judging(link: Link, tag: int, message_id: int) -> None:
            link.send(answers.bound(message_id, next(codes), "data 52e"))

        self.network.hosts["a"] = judging
        self.assertEqual([self.code() for _ in range(4)], [0, 49, 53, 0])
        (link,) = self.network.links
        self.assertEqual(link.tags, [BIND] * 4)

    def test_idle_connection_is_closed(self) -> None:
        """Half a minute after the last password."""
        self.code()
        self.network.pass_time(logins.IDLE - 1)
        self.code()
        self.network.pass_time(logins.IDLE - 1)
        self.assertEqual(self.network.count("a"), 1)
        self.network.pass_time(2)
        self.assertEqual(self.network.count("a"), 0)
        self.assertEqual(self.network.getDelayedCalls(), [])

    def test_lost_idle_connection(self) -> None:
        """A connection that has ended in between goes unnoticed."""
        self.code()
        self.network.links[0].lose()
        self.assertEqual(self.code(), 0)

    def test_connection_that_ends_with_the_question(self) -> None:
        """The password is tried once more on a fresh one, and no more than that."""
        self.code()

        def once(link: Link, tag: int, message_id: int) -> None:
            self.network.hosts["a"] = friendly
            link.lose()

        self.network.hosts["a"] = once
        self.assertEqual(self.code(), 0)
        self.assertEqual(len(self.network.attempts), 2)
        self.network.hosts["a"] = lambda link, tag, message_id: link.lose()
        self.failureResultOf(self.bind(), StoreUnavailable)
        self.assertEqual(len(self.network.attempts), 3)

    def test_several_at_once(self) -> None:
        """Each has a connection, up to a limit; others wait for their turn."""
        self.network.hosts["a"] = silent
        asked = [self.bind() for _ in range(logins.LOGINS + 2)]
        self.assertEqual(len(self.network.links), logins.LOGINS)
        asked[-1].cancel()
        self.failureResultOf(asked[-1], CancelledError)
        self.network.hosts["a"] = friendly
        asked[0].cancel()
        self.failureResultOf(asked[0], CancelledError)
        self.network.settle()
        self.assertEqual(self.successResultOf(asked[-2]).code, 0)

    def test_given_up_password(self) -> None:
        """A connection whose bind nobody waits for is not used again."""
        self.network.hosts["a"] = silent
        answer = self.bind()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.network.settle()
        self.assertEqual(self.network.links, [])
        self.network.hosts["a"] = friendly
        self.assertEqual(self.code(), 0)

    def test_hanging_server(self) -> None:
        """A password gets no answer, and the next one does not wait."""
        self.network.hosts["a"] = silent
        answer = self.bind()
        self.network.pass_time(8.55, 0.05)
        self.failureResultOf(answer, StoreUnavailable)
        self.failureResultOf(self.bind(), StoreUnavailable)
        self.assertEqual(len(self.network.attempts), 1)

    def test_end(self) -> None:
        """Idle connections are closed."""
        self.code()
        closed = ask(self.network, self.logins.close())
        self.successResultOf(closed)
        self.assertEqual(self.network.links, [])
