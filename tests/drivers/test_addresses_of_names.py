"""Addresses in the DNS, against a real name server on loopback."""

import errno
import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.names import dns, error
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mxisd.drivers.dns import (
    ATTEMPTS_SECONDS,
    READ_AGAIN_SECONDS,
    SECONDS,
    Dns,
    DnsCrowded,
    DnsFailed,
    NameServers,
)
from tests.clocks import HeldReactor
from tests.drivers.name_server import NameServer

A, AAAA, CNAME = dns.Record_A, dns.Record_AAAA, dns.Record_CNAME
SERVFAIL = error.ResolverError()


def open_sockets() -> int:
    """How many there are."""
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum(os.readlink(path).startswith("socket:") for path in links)


class AddressTestCase(TestCase):
    """Has a name server, and asks it, while time passes as a test says."""

    timeout = 60

    def setUp(self) -> None:
        """Start the name server."""
        from twisted.internet import reactor

        self.reactor: Any = HeldReactor(reactor)
        self.server = NameServer(self, self.reactor)
        self.zone = self.server.zone
        self.resolver = self.server.resolver()
        self.dns = self.make()
        self.before = open_sockets()

    def make(self, at_once: int = 20, waiting: int = 100) -> Dns:
        """Ask the name server, so many questions at a time."""
        return Dns.using(self.resolver, self.reactor, at_once, waiting)

    def ask(self, name: str, asked: Dns | None = None) -> "Deferred[Any]":
        """Ask for a name."""
        return Deferred.fromCoroutine((asked or self.dns).addresses(name))

    async def failure(self, name: str) -> str:
        """Ask, expect a failure, and tell what the operator reads."""
        with self.assertRaises(DnsFailed) as caught:
            await self.ask(name)
        return str(caught.exception)

    async def arrived(self, count: int) -> None:
        """Let the questions arrive, and as many as might come unwanted."""
        while len(self.zone.asked) < count:
            await self.reactor.rest(0.01)
        await self.reactor.rest(0.1)


class AnswerTests(AddressTestCase):
    """What the answers mean."""

    async def test_both_kinds(self) -> None:
        """IPv4 and IPv6 are asked for apart, and nothing else is."""
        self.zone.records["dual.test"] = [A("127.0.0.1"), AAAA("::1")]
        self.assertEqual(await self.ask("Dual.test"), ("127.0.0.1", "::1"))
        self.assertEqual(sorted(self.zone.asked), ["dual.test A", "dual.test AAAA"])

    async def test_one_kind(self) -> None:
        """It is enough, also if the other question fails."""
        self.zone.records["v4.test"] = [A("127.0.0.2")]
        self.zone.records["v6.test"] = [AAAA("::2")]
        for failures in ({}, {"v4.test AAAA": SERVFAIL, "v6.test A": SERVFAIL}):
            self.zone.failures = dict(failures)
            self.assertEqual(await self.ask("v4.test"), ("127.0.0.2",))
            self.assertEqual(await self.ask("v6.test."), ("::2",))
        self.flushLoggedErrors(error.ResolverError)

    async def test_none(self) -> None:
        """No such name, or a name of something else."""
        self.zone.records["text.test"] = [dns.Record_TXT(b"hello")]
        for name in ("none.test", "text.test"):
            self.assertEqual(await self.ask(name), ())

    async def test_failures_are_no_absence(self) -> None:
        """Not of both questions, and not of one while the other finds nothing."""
        self.zone.failures["fail.test"] = SERVFAIL
        self.zone.failures["half.test AAAA"] = SERVFAIL
        self.zone.records["half.test"] = []
        for name in ("fail.test", "half.test"):
            failed = await self.failure(name)
            self.assertEqual(failed, "the name servers failed (DNSServerError)")
        self.flushLoggedErrors(error.ResolverError)

    async def test_silence(self) -> None:
        """It ends in time."""
        self.zone.silent.add("slow.test")
        asking = self.ask("slow.test")
        await self.arrived(2)
        self.assertNoResult(asking)
        self.reactor.pass_by(SECONDS + 0.1)
        failed = self.failureResultOf(asking, DnsFailed)
        self.assertEqual(str(failed.value), "no answer from the name servers")

    async def test_aliases(self) -> None:
        """They are followed, one after the other."""
        self.zone.records |= {
            "a.test": [CNAME(b"B.test")],
            "b.test": [CNAME(b"c.test")],
            "c.test": [A("127.0.0.3")],
        }
        self.assertEqual(await self.ask("a.test"), ("127.0.0.3",))

    async def test_an_alias_of_nobody(self) -> None:
        """It has no address."""
        self.zone.records["a.test"] = [CNAME(b"gone.test")]
        self.assertEqual(await self.ask("a.test"), ())

    async def test_aliases_in_a_circle(self) -> None:
        """They end."""
        self.zone.records |= {
            "a.test": [CNAME(b"b.test")],
            "b.test": [CNAME(b"a.test")],
        }
        self.assertEqual(await self.failure("a.test"), "its aliases lead nowhere")
        self.assertLess(len(self.zone.asked), 25)

    async def test_many_addresses(self) -> None:
        """An answer too long for a datagram is fetched over TCP."""
        addresses = [f"127.1.{n // 256}.{n % 256}" for n in range(200)]
        self.zone.records["big.test"] = [A(each) for each in addresses]
        self.assertEqual(set(await self.ask("big.test")), set(addresses))

    async def test_names_of_no_sense(self) -> None:
        """Nobody is asked, however often."""
        names = ("x..y", ".", "", "a" * 64 + ".test", "a." * 130, "ü.test", "a\ufffd")
        for name in names * 2:
            self.assertEqual(await self.failure(name), "not a legal name")
        self.assertEqual(self.zone.asked, [])


class LimitTests(AddressTestCase):
    """How much is asked at a time."""

    def silence(self, count: int) -> list[str]:
        """Some names of which nothing will be heard."""
        names = [f"slow{number}.test" for number in range(count)]
        self.zone.silent.update(names)
        return names

    async def test_no_more_than_there_is_room_for(self) -> None:
        """Those in line wait, others fail at once; descriptors do not pile up."""
        asked = self.make(5, 10)
        asking = [self.ask(name, asked) for name in self.silence(40)]
        for each in asking[15:]:
            self.failureResultOf(each, DnsCrowded)
        await self.arrived(10)
        self.assertEqual(len({each.split()[0] for each in self.zone.asked}), 5)
        self.assertEqual(open_sockets(), self.before + 10)
        await self.end_of_questions()
        for each in asking[:15]:
            self.failureResultOf(each, DnsFailed)

    async def test_others_have_their_own_room(self) -> None:
        """They neither wait nor fail."""
        self.zone.records["good.test"] = [A("127.0.0.1")]
        strangers, ours = self.make(5, 10), self.make(5, 10)
        asking = [self.ask(name, strangers) for name in self.silence(40)]
        for each in asking:
            each.addErrback(lambda _: None)
        with self.assertRaises(DnsCrowded):
            await self.ask("good.test", strangers)
        self.assertEqual(await self.ask("good.test", ours), ("127.0.0.1",))
        self.assertFalse(asking[0].called)
        await self.end_of_questions()

    async def test_who_gives_up_frees_no_slot(self) -> None:
        """The sockets of their question are open as long as it lasts."""
        self.zone.records["good.test"] = [A("127.0.0.1")]
        asked = self.make(1, 1)
        (name,) = self.silence(1)
        giving_up = self.ask(name, asked)
        giving_up.cancel()
        self.failureResultOf(giving_up, CancelledError)
        waiting = self.ask("good.test", asked)
        await self.arrived(2)
        self.assertEqual({each.split()[0] for each in self.zone.asked}, {name})
        self.reactor.pass_by(sum(ATTEMPTS_SECONDS) + 0.1)
        self.assertEqual(await waiting, ("127.0.0.1",))

    async def test_services_wait_in_the_same_line(self) -> None:
        """They take a socket, too."""
        asked = self.make(1, 0)
        (name,) = self.silence(1)
        self.ask(name, asked).addErrback(lambda _: None)
        with self.assertRaises(DnsCrowded):
            await asked.services("_matrix._tcp.good.test")
        await self.end_of_questions()

    async def end_of_questions(self) -> None:
        """Let time pass until all sockets are closed."""
        while open_sockets() > self.before:
            self.reactor.advance(0.1)
            await self.reactor.rest(0)


class _Reactor:
    """Has no descriptors for a while."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.is_short = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenUDP(self, *args: Any, **options: Any) -> Any:
        """Fail as the operating system does."""
        if self.is_short:
            problem = OSError(errno.EMFILE, "Too many open files")
            raise CannotListenError("", 0, problem)
        return self._reactor.listenUDP(*args, **options)


class FileTests(SynchronousTestCase):
    """``resolv.conf``."""

    def test_it_is_read_again(self) -> None:
        """Also when it could not be read, or made no sense, for a while."""
        path, clock = Path(self.mktemp()), Clock()
        path.mkdir()
        servers: Any = NameServers(resolv=str(path), reactor=clock)
        path.rmdir()
        for time, text, expected in (
            (1, "nameserver 192.0.2.1\n", "192.0.2.1"),
            (2, "nameserver\n", "192.0.2.1"),
            (3, "nameserver 192.0.2.2\n", "192.0.2.2"),
        ):
            path.write_text(text)
            os.utime(path, (time, time))
            clock.advance(READ_AGAIN_SECONDS)
            self.assertEqual([host for host, _ in servers.dynServers], [expected])


class ShortageTests(AddressTestCase):
    """No descriptors."""

    async def test_a_question_without_a_socket(self) -> None:
        """It fails, and the next one about the same name does not hang."""
        self.zone.records["good.test"] = [A("127.0.0.1")]
        short = _Reactor(self.reactor)
        resolver = NameServers.at([("127.0.0.1", self.server.port)], short)
        asked = Dns.using(resolver, self.reactor)
        for _ in range(2):
            with self.assertRaises(DnsFailed) as caught:
                await self.ask("good.test", asked)
            reason = "the name servers failed (CannotListenError)"
            self.assertEqual(str(caught.exception), reason)
        short.is_short = False
        self.assertEqual(await self.ask("good.test", asked), ("127.0.0.1",))
