"""Tests of server discovery: the specification's table, row by row."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.names.error import DNSServerError
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpFailed, HttpReply
from mxisd.errors import HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.remote.destinations import Destination
from mxisd.remote.discovery import TARGETS, ServerDiscovery
from mxisd.remote.lanes import Lane
from mxisd.remote.trails import Trail
from tests.remote.doubles import FakeClient, FakeResolver, LowestLots, delegating

NO_FILE = HttpReply(404, {}, b"")
DOWN = HttpFailed("no connection")

SERVICES = {
    "_matrix-fed._tcp.new.test": ("fed.test", 7000),
    "_matrix._tcp.new.test": ("ignored.test", 1),
    "_matrix._tcp.old.test": ("legacy.test", 7001),
}

# server name, its well-known file, whether that is asked for,
# then: connect to, Host header, whose certificate
TABLE: list[tuple[str, HttpReply | HttpFailed, bool, str, str, str]] = [
    # 1: IP literals
    ("1.1.1.1", DOWN, False, "1.1.1.1 8448", "1.1.1.1", "1.1.1.1"),
    ("1.1.1.1:99", DOWN, False, "1.1.1.1 99", "1.1.1.1:99", "1.1.1.1"),
    ("[2a00::1]", DOWN, False, "2a00::1 8448", "[2a00::1]", "[2a00::1]"),
    ("[2a00::1]:99", DOWN, False, "2a00::1 99", "[2a00::1]:99", "[2a00::1]"),
    # 2: an explicit port
    ("new.test:99", DOWN, False, "new.test 99", "new.test:99", "new.test"),
    # 3.1: delegated to an IP literal
    ("a.test", delegating("1.1.1.1"), True, "1.1.1.1 8448", "1.1.1.1", "1.1.1.1"),
    ("a.test", delegating("1.1.1.1:9"), True, "1.1.1.1 9", "1.1.1.1:9", "1.1.1.1"),
    ("a.test", delegating("[::5]:9"), True, "::5 9", "[::5]:9", "[::5]"),
    # 3.2: delegated to a port
    ("a.test", delegating("new.test:9"), True, "new.test 9", "new.test:9", "new.test"),
    # 3.3, 3.4: delegated to a name with SRV records, new and old ones
    ("a.test", delegating("new.test"), True, "fed.test 7000", "new.test", "new.test"),
    (
        "a.test",
        delegating("old.test"),
        True,
        "legacy.test 7001",
        "old.test",
        "old.test",
    ),
    # 3.5: delegated to a name without
    ("a.test", delegating("b.test"), True, "b.test 8448", "b.test", "b.test"),
    ("new.test", delegating("b.test"), True, "b.test 8448", "b.test", "b.test"),
    # 4, 5: SRV records of the name itself
    ("new.test", NO_FILE, True, "fed.test 7000", "new.test", "new.test"),
    ("old.test", DOWN, True, "legacy.test 7001", "old.test", "old.test"),
    # 6: nothing
    ("a.test", NO_FILE, True, "a.test 8448", "a.test", "a.test"),
    ("a.test", delegating("no such name"), True, "a.test 8448", "a.test", "a.test"),
]


class DestinationsTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Publish the records."""
        self.resolver = FakeResolver()
        for name, (target, port) in SERVICES.items():
            self.resolver.add(name, target, port)
        self.trail = Trail()
        self.forget()

    def forget(self) -> None:
        """Start with an empty memory."""
        self.clock: Any = Clock()
        self.dns = Dns.using(self.resolver, self.clock)
        self.discovery = ServerDiscovery.using(self.clock, LowestLots())

    def asking(self, name: str, client: FakeClient) -> "Deferred[Any]":
        """Ask where a server is."""
        anything: Any = client
        lane = Lane(anything, self.dns)
        return Deferred.fromCoroutine(
            self.discovery.destinations(ServerName.parse(name), lane, self.trail)
        )

    def found(
        self, name: str, answer: HttpReply | HttpFailed = NO_FILE
    ) -> tuple[Destination, ...]:
        """Find out where a server is."""
        found: tuple[Destination, ...] = self.successResultOf(
            self.asking(name, FakeClient([answer]))
        )
        return found

    def test_the_table(self) -> None:
        """Each row leads to its address, Host header and certificate."""
        for name, answer, is_asked, address, host, certified in TABLE:
            self.forget()
            client = FakeClient([answer])
            (found,) = self.successResultOf(self.asking(name, client))
            route = f"{found.route.host} {found.route.port}"
            self.assertEqual(
                (route, found.host, found.certified, bool(client.asked)),
                (address, host, certified, is_asked),
                (name, answer),
            )

    def test_new_records_hide_old_ones(self) -> None:
        """The deprecated service is not even asked for when there is the new one."""
        self.found("new.test")
        self.assertEqual(self.resolver.asked, ["_matrix-fed._tcp.new.test"])

    def test_nobody_asks_the_dns_about_addresses(self) -> None:
        """Names that say it all need no SRV records."""
        for name in ("1.1.1.1", "[2a00::1]", "new.test:99"):
            self.found(name)
        self.found("a.test", delegating("new.test:9"))
        self.assertEqual(self.resolver.asked, [])

    def test_there_is_no_second_round(self) -> None:
        """The delegated name's own well-known file is not asked for."""
        client = FakeClient([delegating("b.test"), delegating("c.test")])
        (found,) = self.successResultOf(self.asking("a.test", client))
        self.assertEqual(found.host, "b.test")
        self.assertEqual(len(client.asked), 1)

    def test_several_targets_in_order(self) -> None:
        """All targets are given, lowest priority first, but not without end."""
        for number in range(9, 0, -1):
            name = "_matrix-fed._tcp.many.test"
            self.resolver.add(name, f"t{number}.test", 1, priority=number)
        hosts = [each.route.host for each in self.found("many.test")]
        self.assertEqual(hosts, [f"t{number}.test" for number in range(1, TARGETS + 1)])

    def test_not_offered(self) -> None:
        """A domain that says it has no homeserver is taken at its word."""
        self.resolver.add("_matrix-fed._tcp.none.test", ".", 0)
        self.resolver.add("_matrix._tcp.none.test", "server.test", 1)
        asking = self.asking("none.test", FakeClient([NO_FILE]))
        self.failureResultOf(asking, HomeserverUnavailable)

    def test_a_failing_name_server_is_skipped(self) -> None:
        """When SRV records cannot be asked for, the next step is tried and noted."""
        for service in ("_matrix-fed", "_matrix"):
            self.resolver.failures[f"{service}._tcp.a.test"] = DNSServerError()
        (found,) = self.found("a.test")
        self.assertEqual(found.route.port, 8448)
        self.assertIn("the name servers failed", str(self.trail))

    def test_a_question_that_was_not_asked(self) -> None:
        """It is no reason to go on, perhaps to the wrong server."""
        self.dns = Dns.using(self.resolver, self.clock, at_once=0, waiting=0)
        asking = self.asking("a.test", FakeClient([NO_FILE]))
        self.failureResultOf(asking, HomeserverUnavailable)
        self.assertIn("too many names", str(self.trail))

    def test_the_trail_tells_every_step(self) -> None:
        """What was tried can be read afterwards."""
        self.found("old.test", DOWN)
        self.assertEqual(
            str(self.trail),
            "well-known of old.test: no connection; "
            "SRV _matrix-fed._tcp.old.test: none; "
            "SRV _matrix._tcp.old.test: 1 found",
        )

    def test_capitals_share_the_memory(self) -> None:
        """A host is remembered whatever its spelling."""
        client = FakeClient([delegating("b.test")])
        for name in ("a.test", "A.Test"):
            self.successResultOf(self.asking(name, client))
        self.assertEqual(len(client.asked), 1)
