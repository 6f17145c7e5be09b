"""LDAP servers in memory, under a clock that the test turns."""

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import (
    IHostnameResolver,
    IReactorPluggableNameResolver,
)
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from mxisd.drivers.ldap.decoder import Splitter
from tests.drivers.ldap import answers

BIND, SEARCH, ABANDON = 0x60, 0x63, 0x50

Behaviour = Callable[["Link", int, int], None]
"""What a server does with a request: its tag and its message ID."""


def friendly(link: "Link", tag: int, message_id: int) -> None:
    """Accept every password; find one entry, which is named after the host."""
    if tag == BIND:
        link.send(answers.bound(message_id))
    elif tag == SEARCH:
        link.send(answers.entry(message_id, f"cn={link.host}", {}))
        link.send(answers.done(message_id))


def silent(link: "Link", tag: int, message_id: int) -> None:
    """Say nothing."""


class Link(StringTransport):
    """
    The client's end of a connection to a server in memory.

    :ivar host: Where it leads.
    :ivar tags: The requests so far.
    """

    def __init__(self, network: "Network", host: str, port: int) -> None:
        super().__init__()
        self.host, self.port = host, port
        self.tags: list[int] = []
        self.is_lost = False
        self.protocol: Any = None
        self._network = network
        self._splitter = Splitter()

    def write(self, data: bytes) -> None:
        """Hand each request to the server."""
        for message in self._splitter.feed(data):
            start = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
            size = message[start + 1]
            message_id = int.from_bytes(message[start + 2 : start + 2 + size], "big")
            self._network.callLater(
                0, self._serve, message[start + 2 + size], message_id
            )

    def send(self, data: bytes) -> None:
        """Let the server say something."""
        self._network.callLater(0, self._receive, data)

    def lose(self) -> None:
        """End it."""
        if not self.is_lost:
            self.is_lost = True
            self._network.links.remove(self)
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def loseConnection(self) -> None:
        """End it, soon."""
        self._network.callLater(0, self.lose)

    def abortConnection(self) -> None:
        """End it, soon."""
        self._network.callLater(0, self.lose)

    def _serve(self, tag: int, message_id: int) -> None:
        self.tags.append(tag)
        behaviour = self._network.hosts.get(self.host)
        if behaviour is not None and not self.is_lost:
            behaviour(self, tag, message_id)

    def _receive(self, data: bytes) -> None:
        if not self.is_lost:
            self.protocol.dataReceived(data)


@implementer(IHostnameResolver)
class _Names:
    def resolveHostName(
        self, resolutionReceiver: Any, hostName: str, *args: Any, **kwargs: Any
    ) -> Any:
        resolutionReceiver.resolutionBegan(None)
        resolutionReceiver.addressResolved(IPv4Address("TCP", hostName, 389))
        resolutionReceiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class Network(MemoryReactorClock):
    """
    A reactor whose connections lead to servers in memory.

    :ivar hosts: What each server does; connections to others are refused.
    :ivar is_full: Whether all of them refuse further connections.
    :ivar links: The connections that are open.
    :ivar attempts: The hosts that connections were tried to.
    """

    def __init__(self, **hosts: Behaviour) -> None:
        super().__init__()
        self.hosts: dict[str, Behaviour] = hosts
        self.is_full = False
        self.links: list[Link] = []
        self.attempts: list[str] = []
        self.nameResolver = _Names()

    def installNameResolver(self, resolver: Any) -> Any:
        """Nobody needs this."""
        raise NotImplementedError

    def connectTCP(
        self, host: str, port: int, factory: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Connect, or not, soon."""
        connector = super().connectTCP(host, port, factory, *args, **kwargs)
        self.attempts.append(host)
        self.callLater(0, self._decide, connector, factory, host, port)
        return connector

    def _decide(self, connector: Any, factory: Any, host: str, port: int) -> None:
        if connector.stoppedConnecting:
            return
        if host not in self.hosts or self.is_full:
            reason = Failure(ConnectionRefusedError())
            factory.clientConnectionFailed(connector, reason)
            return
        link = Link(self, host, port)
        self.links.append(link)
        link.protocol = factory.buildProtocol(None)
        link.protocol.makeConnection(link)

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        # The clock's own: the reactor's would also run what is due at its start.
        while any(call.getTime() <= self.seconds() for call in self.getDelayedCalls()):
            Clock.advance(self, 0)

    def pass_time(self, seconds: float, step: float = 0.1) -> None:
        """Let time pass, in small steps."""
        self.settle()
        for _ in range(round(seconds / step)):
            Clock.advance(self, step)
            self.settle()

    def count(self, host: str) -> int:
        """How many connections there are to a host."""
        return sum(link.host == host for link in self.links)


def ask(network: Network, coroutine: Any) -> "Deferred[Any]":
    """Ask, and wait for as long as some refused connections take."""
    answer: Deferred[Any] = Deferred.fromCoroutine(coroutine)
    network.settle()
    for _ in range(5):
        if not answer.called:
            network.pass_time(0.1)
    return answer
