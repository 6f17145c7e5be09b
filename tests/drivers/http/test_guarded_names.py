"""The guarded client and the names of strangers, which a real name server knows."""

from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.names import dns

from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpClient, NotConnected, NotTried, Route
from mxisd.drivers.names import HostsFile, Names
from tests.drivers.http.servers import Answer, FakeNames, site
from tests.drivers.http.test_clients import HttpTestCase
from tests.drivers.name_server import NameServer

FIRST, SECOND = "1.1.1.1", "1.1.1.2"


class _NeverAnswers(FakeNames):
    """A resolver that hangs."""

    asked = 0

    def resolveHostName(
        self, resolutionReceiver: Any, hostName: str, *more: Any, **options: Any
    ) -> Any:
        """Begin, and no more."""
        self.asked += 1
        resolutionReceiver.resolutionBegan(None)


class GuardedNamesTests(HttpTestCase):
    """The reactor's own resolver hangs, and is not asked."""

    timeout = 60

    def setUp(self) -> None:
        """Have a name server, and a server with a name."""
        super().setUp()
        self.server = NameServer(self, self.reactor)
        self.zone = self.server.zone
        self.answer = Answer(b"good")
        self.at("good.test", FIRST, 443, site(self.answer))
        self.zone.records["good.test"] = [dns.Record_A(FIRST)]
        self.system = _NeverAnswers()
        self.internet.nameResolver = self.system
        self.hosts = Path(self.mktemp())
        self.client = self.make()

    def make(self, at_once: int = 20, waiting: int = 100) -> HttpClient:
        """Make a client."""
        resolver = self.server.resolver()
        dns = Dns.using(resolver, self.reactor, at_once, waiting)
        names = Names(dns, HostsFile(str(self.hosts)))
        return self.clients.guarded.resolving(names)

    async def why(self, url: str, client: HttpClient | None = None) -> str:
        """Ask, and tell why nothing was sent."""
        error = await self.failure(client or self.client, url)
        self.assertIsInstance(error, NotConnected)
        return str(error)

    async def test_an_address(self) -> None:
        """It is found, and connected to."""
        reply = await self.get(self.client, "https://good.test/")
        self.assertEqual((reply.body, self.system.asked), (b"good", 0))

    async def test_along_a_route(self) -> None:
        """Its name is resolved in the same way."""
        self.zone.records["alias.test"] = [dns.Record_CNAME(b"good.test")]
        route = Route("alias.test", 443)
        reply = await self.get(self.client, "https://good.test/", route=route)
        self.assertEqual((reply.body, self.system.asked), (b"good", 0))

    async def test_literals(self) -> None:
        """They need no resolver."""
        self.assertIn("not a public address", await self.why("https://127.0.0.1/"))
        self.assertIn("not a public address", await self.why("https://[::1]/"))
        self.assertEqual(self.zone.asked, [])

    async def test_private_addresses(self) -> None:
        """They are refused, whichever way leads there."""
        self.zone.records["in.test"] = [dns.Record_A("10.0.0.1")]
        self.zone.records["alias.test"] = [dns.Record_CNAME(b"in.test")]
        self.hosts.write_text("10.0.0.2 hosts.test\n")
        for name in ("in.test", "alias.test", "hosts.test"):
            self.assertIn("not a public address", await self.why(f"https://{name}/"))
        self.assertEqual(self.internet.tried, [])

    async def test_why_there_is_no_address(self) -> None:
        """The operator can tell who is to blame."""
        self.zone.silent.add("slow.test")
        self.zone.failures["fail.test"] = RuntimeError()
        for name, reason in (
            ("none.test", "the name does not resolve"),
            ("slow.test", "no answer from the name servers"),
            ("fail.test", "the name servers failed (DNSServerError)"),
        ):
            self.assertEqual(await self.why(f"https://{name}/"), reason)
        self.flushLoggedErrors(RuntimeError)

    async def test_no_room(self) -> None:
        """That tells nothing about the server, and is told apart."""
        error = await self.failure(self.make(0, 0), "https://good.test/")
        self.assertIsInstance(error, NotTried)
        self.assertEqual(str(error), "too many names are asked for right now")

    async def test_hosts_file(self) -> None:
        """It goes before the DNS, and is read again when it has changed."""
        self.assertIn("does not resolve", await self.why("https://new.test/"))
        self.hosts.write_text(f"{FIRST} old.test\n")
        self.zone.records["new.test"] = [dns.Record_A("10.0.0.1")]
        self.at("new.test", SECOND, 443, site(self.answer))
        self.hosts.write_text(f"{SECOND} x.test NEW.test # 10.0.0.1 new.test\nx y\n\n")
        reply = await self.get(self.client, "https://new.test/")
        self.assertEqual(reply.body, b"good")
        self.hosts.unlink()
        self.hosts.write_text("")
        self.assertIn("not a public address", await self.why("https://new.test/"))

    async def test_cancelled_while_a_name_is_resolved(self) -> None:
        """Who gives up is not told that there is no such name."""
        self.zone.silent.add("slow.test")
        for client in (self.client, self.clients.guarded, self.clients.configured):
            asking = Deferred.fromCoroutine(self.get(client, "https://slow.test/"))
            asking.cancel()
            self.failureResultOf(asking, CancelledError)
        self.zone.silent.clear()
        await self.why("https://slow.test/")
