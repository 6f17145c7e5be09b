"""How many connections there may be."""

from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

import mxisd
from mxisd.web.channel import ABORT_SECONDS
from mxisd.web.connections import (
    CLOSING,
    MAX_CONNECTIONS,
    RESERVED_DESCRIPTORS,
    SHARES,
    WARNING_SECONDS,
    connections_within,
)
from tests.web.test_channel import PING, REGISTER, length
from tests.web.world import Wire, World

SHARE = 3
TOTAL = SHARE * SHARES
PROXY = "127.0.0.1"
CLIENT = "192.0.2.1"


@implementer(IReadWriteDescriptor)
class Descriptor:
    """A socket, as the reactor sees it, that has nothing to send."""

    def __init__(self, wire: Wire) -> None:
        """Take the place of a connection's transport."""
        self.is_free = False
        self._wire = wire
        wire.channel.transport = self

    def loseConnection(self) -> None:
        """Do nothing yet."""

    def doWrite(self) -> Any:
        """Say that it can be closed."""
        return ConnectionDone()

    def doRead(self) -> None:
        """Read nothing."""

    def connectionLost(self, reason: Failure) -> None:
        """Be closed."""
        self.is_free = True
        self._wire.channel.connectionLost(reason)

    def fileno(self) -> int:
        """A number."""
        return 5

    def logPrefix(self) -> str:
        """A name."""
        return "socket"


class ConnectionsTestCase(SynchronousTestCase):
    """A server that takes three connections of each client, and 24 in all."""

    def setUp(self) -> None:
        """Start it, and listen to the log."""
        self.world = World()
        self.world.settings = {"max_connections": TOTAL}
        self.site = self.world.site()
        self.site.doStart()
        self.addCleanup(self.site.doStop)
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def connect(self, host: str = CLIENT, count: int = 1) -> list[Wire]:
        """Connect; each is let in, a moment after the one before."""
        wires = []
        for _ in range(count):
            wires.append(Wire(self.site, host))
            self.world.clock.advance(0.001)
        return wires

    def crowd(self, count: int) -> list[Wire]:
        """Connect from many addresses, two from each."""
        return [
            wire
            for index in range(count // 2)
            for wire in self.connect(f"198.51.100.{index}", 2)
        ]

    def is_taken(self, host: str = CLIENT) -> bool:
        """Whether one more is let in; it is gone again at once."""
        channel: Any = self.site.buildProtocol(IPv4Address("TCP", host, 4))
        return channel is not None

    def warnings(self) -> list[str]:
        """What was warned of."""
        return [
            event["log_format"].format(**event)
            for event in self.events
            if event.get("log_level") == LogLevel.warn
        ]


class SourceTests(ConnectionsTestCase):
    """The share of one address."""

    def test_one_more_than_its_share(self) -> None:
        """The one that has been idle for longest is closed for it, of that address."""
        (other,) = self.connect("192.0.2.2")
        first, second, third = self.connect(count=SHARE)
        first.send(PING)
        (fourth,) = self.connect()
        self.assertEqual(
            [wire.is_closed for wire in (other, first, second, third, fourth)],
            [False, False, True, False, False],
        )

    def test_what_is_busy_is_not_closed(self) -> None:
        """Neither while a request comes in nor while it is answered."""
        for wire in self.connect(count=SHARE):
            wire.send(REGISTER + length(2))
        self.assertFalse(self.is_taken())
        self.assertTrue(self.is_taken("192.0.2.2"))
        self.assertTrue(self.is_taken(PROXY))

    def test_many_at_once(self) -> None:
        """Some are closed for others; the rest is refused, and nobody else is."""
        self.connect(count=SHARE + CLOSING // SHARES)
        self.assertFalse(self.is_taken())
        self.assertTrue(self.is_taken("192.0.2.2"))

    def test_places_are_given_back(self) -> None:
        """By those who hang up, and by those who were closed, once."""
        wires = self.connect(count=SHARE)
        for wire in wires:
            wire.send(REGISTER)
        wires[0].channel.connectionLost(None)
        wires[0] = self.connect()[0]
        self.assertEqual(len(self.site.connections), SHARE)
        (newcomer,) = self.connect()
        self.assertTrue(wires[0].is_closed)
        wires[0].channel.connectionLost(None)
        newcomer.send(REGISTER)
        self.assertFalse(self.is_taken())
        for wire in (*wires[1:], newcomer):
            wire.channel.connectionLost(None)
        self.assertEqual(len(self.site.connections), 0)
        for wire in self.connect(count=SHARE):
            wire.send(REGISTER)
        self.assertFalse(self.is_taken())

    def test_proxies_and_unix_sockets_have_no_share(self) -> None:
        """Behind one address there are all clients."""
        wires = self.connect(PROXY, TOTAL)
        self.assertFalse(any(wire.is_closed for wire in wires))
        self.assertEqual(self.warnings(), [])
        for address in (UNIXAddress(None), None):
            self.assertTrue(self.site.connections.make_room(address))

    def test_what_one_source_is(self) -> None:
        """A network of 64 bits is; an IPv4 address in IPv6's clothes is that one."""
        connections = self.site.connections
        for wire in self.connect(count=SHARE):
            wire.send(REGISTER)
        for index in range(SHARE):
            wire = Wire(self.site, f"2001:db8::{index}:1")
            wire.send(REGISTER)
        for host, is_taken in (
            ("2001:db8::f:f:f:f", False),
            ("2001:db8:0:1::1", True),
            ("::ffff:192.0.2.1", False),
            ("::ffff:192.0.2.2", True),
            ("::ffff:127.0.0.1", True),
            ("fe80::1%eth0", True),
        ):
            address = IPv6Address("TCP", host, 4)
            self.assertIs(connections.make_room(address), is_taken, host)

    def test_one_warning(self) -> None:
        """It names address and key, and comes once in a while."""
        wires = self.connect(count=SHARE + 5)
        (warning,) = self.warnings()
        for word in (CLIENT, str(SHARE), "server.trustedProxies"):
            self.assertIn(word, warning)
        for wire in wires:
            wire.channel.connectionLost(None)
        self.world.clock.advance(WARNING_SECONDS)
        self.connect(count=SHARE + 5)
        self.assertEqual(len(self.warnings()), 2)


class TotalTests(ConnectionsTestCase):
    """All of them together."""

    def test_one_more_than_all(self) -> None:
        """The one that has been idle for longest is closed for it, whoever has it."""
        wires = self.crowd(TOTAL)
        (newcomer,) = self.connect(PROXY)
        self.assertTrue(wires[0].is_closed)
        self.assertFalse(any(wire.is_closed for wire in (*wires[1:], newcomer)))

    def test_none_is_idle(self) -> None:
        """Then whoever comes is refused, until somebody leaves."""
        wires = self.crowd(TOTAL)
        for wire in wires:
            wire.send(REGISTER)
        self.assertFalse(self.is_taken(PROXY))
        wires[0].channel.connectionLost(None)
        self.assertTrue(self.is_taken(PROXY))

    def test_closing_is_done_at_once(self) -> None:
        """Nobody has to wait for a descriptor that is not needed any more."""
        first, *_ = self.connect(PROXY, TOTAL)
        descriptor = Descriptor(first)
        self.connect(PROXY)
        self.assertTrue(descriptor.is_free)
        self.assertEqual(len(self.site.connections), TOTAL)

    def test_closing_takes_time(self) -> None:
        """Whoever has not read all keeps a descriptor: not too many do."""
        self.connect(PROXY, TOTAL + CLOSING)
        self.assertEqual(len(self.site.connections), TOTAL + CLOSING)
        self.assertFalse(self.is_taken(PROXY))
        self.assertEqual(len(self.site.connections), TOTAL + CLOSING)

    def test_who_does_not_let_go_is_cut_off(self) -> None:
        """A client that is to be closed cannot keep its descriptor."""
        first = self.connect(PROXY, TOTAL + 1)[0]
        transport: Any = first.transport
        self.assertFalse(transport.disconnected)
        self.world.clock.pump([1] * int(ABORT_SECONDS + 1))
        self.assertTrue(transport.disconnected)

    def test_one_warning(self) -> None:
        """It names the limit and what helps."""
        self.crowd(TOTAL + 8)
        (warning,) = self.warnings()
        for word in (str(TOTAL), "LimitNOFILE=4480", "ulimit -n"):
            self.assertIn(word, warning)

    def test_the_warning_where_more_descriptors_do_not_help(self) -> None:
        """It names what does."""
        self.world.settings = {"max_connections": MAX_CONNECTIONS}
        self.site = self.world.site()
        self.connect(PROXY, MAX_CONNECTIONS + 1)
        (warning,) = self.warnings()
        self.assertNotIn("LimitNOFILE", warning)
        self.assertIn("firewall", warning)


class DescriptorTests(SynchronousTestCase):
    """How many descriptors are left for ourselves."""

    def test_a_reserve(self) -> None:
        """It is the same for all but the smallest limits."""
        plenty = MAX_CONNECTIONS + RESERVED_DESCRIPTORS
        for descriptors, connections in (
            (256, 128),
            (1024, 1024 - RESERVED_DESCRIPTORS),
            (plenty - 1, MAX_CONNECTIONS - 1),
            (plenty, MAX_CONNECTIONS),
            (524_288, MAX_CONNECTIONS),
        ):
            self.assertEqual(connections_within(descriptors), connections)
        self.assertLess(CLOSING, RESERVED_DESCRIPTORS // 2)

    def test_the_unit_allows_all(self) -> None:
        """The systemd unit and the docs name the sum of connections and reserve."""
        root = Path(mxisd.__file__).parent.parent
        for file in ("contrib/mxisd.service", "docs/operating.rst"):
            text = (root / file).read_text()
            self.assertIn(f"LimitNOFILE={MAX_CONNECTIONS + RESERVED_DESCRIPTORS}", text)
