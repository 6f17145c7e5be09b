"""The system's resolver, in threads of its own."""

import socket
import threading
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mxisd.drivers.system_names import SystemNames, addresses_of
from mxisd.services import NamesService

Found = Any


@implementer(IResolutionReceiver)
@define(eq=False)
class Receiver:
    """Takes what is found."""

    found: list[Any] = field(factory=list)
    complete: "Deferred[list[Any]]" = field(factory=Deferred)
    resolution: Any = None

    def resolutionBegan(self, resolutionInProgress: Any) -> None:
        """Keep what can be cancelled."""
        self.resolution = resolutionInProgress

    def addressResolved(self, address: Any) -> None:
        """Keep an address."""
        self.found.append(address)

    def resolutionComplete(self) -> None:
        """That was all."""
        self.complete.callback(self.found)


class SlowSystem:
    """
    Stands in for ``getaddrinfo``, which here may hang until the test is over.

    :ivar asked: The names so far.
    """

    def __init__(self, case: Any) -> None:
        self.asked: list[str] = []
        self.release = threading.Event()
        case.addCleanup(self.release.set)

    def __call__(self, name: str, port: int, family: int, kind: int) -> Found:
        """Answer, or hang."""
        self.asked.append(name)
        if name.endswith(".slow.test"):
            self.release.wait(20)
        if name == "none.test":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        if name == "odd.test":
            raise UnicodeError
        v4: Found = (socket.AF_INET, kind, 6, "", ("192.0.2.1", port))
        v6: Found = (socket.AF_INET6, kind, 6, "", ("2001:db8::1", port, 0, 0))
        return [each for each in (v4, v6) if family in (socket.AF_UNSPEC, each[0])]


class SystemNamesTests(TestCase):
    """The system may hang."""

    timeout = 60

    def setUp(self) -> None:
        """Have a system."""
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.system = SlowSystem(self)
        self.names = SystemNames(reactor, look_up=self.system)
        self.assertTrue(IHostnameResolver.providedBy(self.names))

    def ask(self, name: str, *more: Any) -> Receiver:
        """Ask for a name."""
        receiver = Receiver()
        self.names.resolveHostName(receiver, name, *more)
        return receiver

    async def test_an_answer(self) -> None:
        """With the port, of the kinds that are wanted."""
        v4 = IPv4Address("TCP", "192.0.2.1", 443)
        v6 = IPv6Address("TCP", "2001:db8::1", 443)
        for kinds, expected in (
            (None, [v4, v6]),
            ([IPv4Address], [v4]),
            ([IPv6Address], [v6]),
        ):
            found = await self.ask("good.test", 443, kinds).complete
            self.assertEqual(found, expected)
        found = await self.ask("good.test", 53, [IPv4Address], "UDP").complete
        self.assertEqual(found, [IPv4Address("UDP", "192.0.2.1", 53)])

    async def test_literals(self) -> None:
        """They need no thread."""
        self.names.at_once = 0
        self.assertEqual(len(self.successResultOf(self.ask("192.0.2.1").complete)), 2)

    async def test_no_answer(self) -> None:
        """Nothing is found, and nobody waits for ever."""
        for name in ("none.test", "odd.test"):
            self.assertEqual(await self.ask(name).complete, [])

    async def test_a_name_that_hangs_holds_up_no_other(self) -> None:
        """Nor the reactor's threads; however often it is asked for."""
        hanging = [self.ask(f"{n % 15}.slow.test", 443) for n in range(60)]
        self.assertEqual(len(await self.ask("good.test").complete), 2)
        pool = self.reactor.getThreadPool()
        self.assertEqual(await deferToThreadPool(self.reactor, pool, int, "5"), 5)
        self.assertEqual(sum("slow" in each for each in self.system.asked), 15)
        self.assertFalse(any(each.complete.called for each in hanging))
        self.system.release.set()
        for each in hanging:
            self.assertEqual(len(await each.complete), 2)

    async def test_too_many_that_hang(self) -> None:
        """There are threads for so many, and the others are not found."""
        self.names.at_once = 2
        hanging = [self.ask(f"{n}.slow.test") for n in range(2)]
        self.assertEqual(self.successResultOf(self.ask("good.test").complete), [])
        self.system.release.set()
        for each in hanging:
            await each.complete
        self.assertEqual(len(await self.ask("good.test").complete), 2)

    async def test_who_gives_up(self) -> None:
        """They hear nothing more; others do."""
        leaving, staying = self.ask("a.slow.test"), self.ask("a.slow.test")
        leaving.resolution.cancel()
        self.system.release.set()
        self.assertEqual(len(await staying.complete), 2)
        self.assertEqual(self.successResultOf(leaving.complete), [])

    async def test_addresses(self) -> None:
        """For those who connect by themselves."""
        found = await addresses_of("good.test", self.names)
        self.assertEqual(found, ("192.0.2.1", "2001:db8::1"))
        waiting = Deferred.fromCoroutine(addresses_of("a.slow.test", self.names))
        waiting.addTimeout(0.05, self.reactor)
        with self.assertRaises(TimeoutError):
            await waiting
        self.system.release.set()
        await self.ask("a.slow.test").complete
        await deferLater(self.reactor, 0)


class ServiceTests(TestCase):
    """The reactor of the server."""

    async def test_it_takes_over_and_gives_back(self) -> None:
        """Everything that resolves names uses it while the server runs."""
        from twisted.internet import reactor

        running: Any = reactor
        former = running.nameResolver
        service = NamesService(reactor)
        service.startService()
        self.assertIsInstance(running.nameResolver, SystemNames)
        self.assertEqual(await running.resolve("127.0.0.1"), "127.0.0.1")
        self.assertIn(
            "127.0.0.1", await addresses_of("localhost", running.nameResolver)
        )
        service.stopService()
        self.assertIs(running.nameResolver, former)
