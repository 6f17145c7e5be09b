"""Tests of DNS questions against a real name server on loopback."""

from typing import Any, cast

from twisted.internet import defer
from twisted.internet.task import Clock
from twisted.names import dns, error
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mxisd.drivers.dns import Dns, DnsFailed, SrvRecord
from tests.drivers.name_server import NameServer

NAME = "_matrix-fed._tcp.example.org"


class ServicesTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        """Start a name server."""
        from twisted.internet import reactor

        server = NameServer(self, reactor)
        self.zone, clock = server.zone, cast(Any, reactor)
        self.dns = Dns.using(server.resolver(), clock)

    async def test_records(self) -> None:
        """All fields of the records arrive."""
        self.zone.records[NAME] = [
            dns.Record_SRV(10, 5, 8448, b"a.example.org"),
            dns.Record_SRV(20, 0, 443, b"b.example.org"),
        ]
        self.assertEqual(
            await self.dns.services(NAME),
            (
                SrvRecord(10, 5, 8448, "a.example.org"),
                SrvRecord(20, 0, 443, "b.example.org"),
            ),
        )

    async def test_a_root_target_is_empty(self) -> None:
        """The target that means "not offered" arrives as the empty text."""
        self.zone.records[NAME] = [dns.Record_SRV(0, 0, 0, b".")]
        (record,) = await self.dns.services(NAME)
        self.assertEqual(record.target, "")

    async def test_no_such_name(self) -> None:
        """A name that does not exist has no records."""
        self.assertEqual(await self.dns.services(NAME), ())

    async def test_no_such_records(self) -> None:
        """A name without records of that type has none."""
        self.zone.records[NAME] = [dns.Record_TXT(b"hello")]
        self.assertEqual(await self.dns.services(NAME), ())

    async def test_a_failing_server(self) -> None:
        """A name server's failure is no absence."""
        self.zone.failures[NAME] = RuntimeError()
        with self.assertRaises(DnsFailed):
            await self.dns.services(NAME)
        self.flushLoggedErrors(RuntimeError)

    async def test_many_records(self) -> None:
        """An answer too long for a datagram is fetched over TCP."""
        self.zone.records[NAME] = [
            dns.Record_SRV(1, 1, port, b"long-name-of-target.example.org")
            for port in range(1, 101)
        ]
        ports = {each.port for each in await self.dns.services(NAME)}
        self.assertEqual(ports, set(range(1, 101)))


class _Failing:
    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    def lookupService(self, name: str, timeout: Any) -> "defer.Deferred[Any]":
        return defer.fail(self._failure)


class FailureTests(SynchronousTestCase):
    def test_each_failure_is_ours(self) -> None:
        """Whatever the resolver fails with, it could not be told."""
        for failure in (
            defer.TimeoutError(),
            dns.DNSQueryTimeoutError(1),
            error.DNSServerError(),
            error.DNSQueryRefusedError(),
            error.ResolverError(),
            OSError(101, "network is unreachable"),
            UnicodeError(),
        ):
            asked = Dns.using(_Failing(failure), Clock())
            asking = defer.Deferred.fromCoroutine(asked.services(NAME))
            self.failureResultOf(asking, DnsFailed)
