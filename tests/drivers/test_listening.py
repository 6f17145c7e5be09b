"""A port that is taken first, and listened on later."""

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from mxisd.drivers.listening import BoundPort
from tests.integration.server import free_port


class BoundPortTests(TestCase):
    """On loopback."""

    def setUp(self) -> None:
        """Find a port."""
        self.port = free_port()

    def bound(self, host: str = "127.0.0.1") -> BoundPort:
        """Take it."""
        bound = BoundPort(host, self.port)
        self.addCleanup(bound.close)
        return bound

    def can_connect(self, host: str = "127.0.0.1") -> bool:
        """Whether anybody listens."""
        try:
            socket.create_connection((host, self.port), 5).close()
        except ConnectionRefusedError:
            return False
        return True

    def listen(self, bound: BoundPort) -> Any:
        """Listen; a test ends with its port."""
        listening = bound.listen(Factory.forProtocol(Protocol), reactor)
        self.addCleanup(listening.stopListening)
        return listening

    def test_it_is_listened_on_later(self) -> None:
        """Until then nobody can connect; IPv6 and names are addresses, too."""
        for host in ("127.0.0.1", "localhost", "::1"):
            bound = self.bound(host)
            self.assertFalse(self.can_connect(host))
            self.assertEqual(self.listen(bound).getHost().port, self.port)
            self.assertTrue(self.can_connect(host))
            self.port = free_port()

    async def test_it_is_given_back(self) -> None:
        """When it is listened on no longer, or never was; a restart has it at once."""
        self.bound().close()
        listening: Any = self.bound().listen(Factory.forProtocol(Protocol), reactor)
        self.assertTrue(self.can_connect())
        await listening.stopListening()
        self.assertFalse(self.can_connect())
        self.assertTrue(self.listen(self.bound()))

    def test_a_port_that_is_taken(self) -> None:
        """It is known at once, with host, port and reason."""
        self.listen(self.bound())
        error = self.assertRaises(CannotListenError, self.bound)
        for word in ("127.0.0.1", str(self.port), "in use"):
            self.assertIn(word, str(error))

    def test_addresses_that_are_not_ours(self) -> None:
        """Neither those of others nor what can be no name."""
        for host in ("192.0.2.1", "a..b"):
            self.assertRaises(CannotListenError, self.bound, host)

    def test_two_that_take_it_at_once(self) -> None:
        """Whoever listens first has it, and the other one is told."""
        first, second = self.bound(), self.bound()
        self.listen(first)
        self.assertRaises(CannotListenError, self.listen, second)
