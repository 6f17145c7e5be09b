"""Tests of OpenID questions: the production clients against servers on loopback."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mxisd.drivers.dns import Dns
from mxisd.drivers.http import HttpReply, http_clients
from mxisd.errors import HomeserverRejectedToken, HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.model.secret import Secret
from mxisd.ports import IHomeserver
from mxisd.remote.client import BadAnswer
from mxisd.remote.federation import Federation
from mxisd.remote.homeserver import Homeservers, openid_subject
from tests.drivers.http.servers import Answer, SpeakingFactory, listen, says, site
from tests.remote.doubles import FakeResolver, LowestLots
from tests.remote.fake_homeserver import FakeHomeserver, OpenIdResource
from tests.remote.federation import FederationTestCase, lanes

TOKEN = "to+ken/&=%é"
USER = "@alice:example.test"
FIRST, SECOND, THIRD = "1.1.1.1", "1.1.1.2", "1.1.1.3"
FED = "_matrix-fed._tcp.example.test"


class HomeserverTestCase(FederationTestCase):
    """Asks homeservers."""

    def setUp(self) -> None:
        """Know a token; nobody is there yet."""
        super().setUp()
        self.openid = OpenIdResource()
        self.openid.add_token(TOKEN, USER)
        self.homeservers = self.make()

    def make(self, **federation: Any) -> Homeservers:
        """Make what is tested."""
        made = Homeservers(self.federation(**federation))
        self.assertTrue(IHomeserver.providedBy(made))
        return made

    def homeserver_at(self, name: str, address: str, port: int = 8448) -> None:
        """Put the homeserver there."""
        self.at(name, address, port, site(self.openid))

    async def ask(self, name: str = "example.test", token: str = TOKEN) -> str:
        """Ask whose token it is."""
        return await self.homeservers.openid_user(ServerName.parse(name), Secret(token))

    async def logged_failure(self, name: str = "example.test") -> str:
        """Ask, expect a failure, and tell what the operator reads about it."""
        with capturedLogs() as events, self.assertRaises(HomeserverUnavailable) as e:
            await self.ask(name)
        line = formatEvent(events[-1])
        for shown in (line, repr(events), repr(e.exception), str(e.exception)):
            self.assertNotIn("to+ken", shown)
            self.assertNotIn("to%2Bken", shown)
        return line


class FindingTests(HomeserverTestCase):
    async def test_by_default(self) -> None:
        """Without anything published, port 8448 of the name is asked."""
        self.internet.name("example.test", FIRST)
        self.homeserver_at("example.test", FIRST)
        self.assertEqual(await self.ask(), USER)

    async def test_by_well_known(self) -> None:
        """The delegated server is asked, under its own name, behind redirects."""
        answer = Answer(b'{"m.server": "hs.test:9000"}')
        moved = Answer(status=301, location="https://www.example.test/file")
        self.internet.name("example.test", FIRST)
        self.internet.name("www.example.test", SECOND)
        self.internet.name("hs.test", THIRD)
        self.at("example.test", FIRST, 443, site(moved))
        self.at("www.example.test", SECOND, 443, site(answer))
        self.homeserver_at("hs.test", THIRD, 9000)
        self.assertEqual(await self.ask(), USER)
        host = self.openid.asked[0].requestHeaders.getRawHeaders("host")
        self.assertEqual(host, ["hs.test:9000"])

    async def test_by_srv(self) -> None:
        """The target is asked, with the name's certificate and Host."""
        self.resolver.add(FED, "target.test", 7000)
        self.internet.name("target.test", FIRST)
        self.homeserver_at("example.test", FIRST, 7000)
        self.assertEqual(await self.ask(), USER)
        host = self.openid.asked[0].requestHeaders.getRawHeaders("host")
        self.assertEqual(host, ["example.test"])

    async def test_the_targets_own_certificate_is_not_enough(self) -> None:
        """A target that has only a certificate for itself is refused."""
        self.resolver.add(FED, "target.test", 7000)
        self.internet.name("target.test", FIRST)
        self.homeserver_at("target.test", FIRST, 7000)
        line = await self.logged_failure()
        self.assertIn("the certificate is for another name", line)
        self.assertEqual(self.openid.asked, [])

    async def test_targets_are_tried_in_order(self) -> None:
        """When the first target is down and the second lies, the third is asked."""
        for priority, address in enumerate((FIRST, SECOND, THIRD)):
            self.resolver.add(FED, f"t{priority}.test", 7000, priority=priority)
            self.internet.name(f"t{priority}.test", address)
        self.at("example.test", SECOND, 7000, site(Answer(b"lies")))
        self.homeserver_at("example.test", THIRD, 7000)
        self.assertEqual(await self.ask(), USER)
        asked = [each for each in self.internet.tried if each[1] == 7000]
        self.assertEqual(asked, [(FIRST, 7000), (SECOND, 7000), (THIRD, 7000)])

    async def test_a_refusal_ends_the_search(self) -> None:
        """A token that one target does not know is not shown to the next."""
        self.resolver.add(FED, "t0.test", 7000, priority=0)
        self.resolver.add(FED, "t1.test", 7000, priority=1)
        self.internet.name("t0.test", FIRST)
        self.internet.name("t1.test", SECOND)
        self.at("example.test", FIRST, 7000, site(OpenIdResource()))
        self.homeserver_at("example.test", SECOND, 7000)
        with self.assertRaises(HomeserverRejectedToken):
            await self.ask()
        self.assertEqual(self.openid.asked, [])

    async def test_addresses_and_ports(self) -> None:
        """Names that say it all are asked directly."""
        self.homeserver_at(FIRST, FIRST)
        self.internet.name("example.test", SECOND)
        self.homeserver_at("example.test", SECOND, 99)
        self.assertEqual(await self.ask(FIRST), USER)
        self.assertEqual(await self.ask("example.test:99"), USER)
        self.assertEqual(self.internet.tried, [(FIRST, 8448), (SECOND, 99)])


class GuardTests(HomeserverTestCase):
    async def test_private_addresses_are_refused_at_every_step(self) -> None:
        """Neither the name nor a delegation nor a target leads inside."""
        self.internet.name("example.test", "10.0.0.1")
        line = await self.logged_failure()
        self.assertEqual(line.count("10.0.0.1 is not a public address"), 2)
        for name in ("127.0.0.1", "[::1]:8448", "169.254.169.254:80", "127.1.2.3"):
            self.assertIn("is not a public address", await self.logged_failure(name))
        self.assertEqual(self.internet.tried, [])

    async def test_a_delegation_inside_is_refused(self) -> None:
        """A well-known file may not point to a private address."""
        self.internet.name("example.test", FIRST)
        inside = Answer(b'{"m.server": "192.168.0.1:22"}')
        self.at("example.test", FIRST, 443, site(inside))
        self.assertIn("192.168.0.1 is not a public", await self.logged_failure())

    async def test_a_target_inside_is_refused(self) -> None:
        """An SRV record may not point to a private address."""
        self.resolver.add(FED, "target.test", 22)
        self.internet.name("target.test", "192.168.0.1")
        self.assertIn("192.168.0.1 is not a public", await self.logged_failure())

    async def test_rebinding(self) -> None:
        """A name that moves inside between well-known and question is refused."""
        self.internet.name("example.test", FIRST, "127.0.0.1")
        self.at("example.test", FIRST, 443, site(Answer(status=404)))
        self.assertIn("127.0.0.1 is not a public", await self.logged_failure())
        self.assertEqual(self.internet.tried, [(FIRST, 443)])

    async def test_allowed_networks(self) -> None:
        """With the operator's consent private addresses are asked."""
        self.homeservers = self.make(allowed="10.0.0.0/8")
        self.internet.name("example.test", "10.0.0.1")
        self.homeserver_at("example.test", "10.0.0.1")
        self.assertEqual(await self.ask(), USER)

    async def test_our_own_domain_may_be_anywhere(self) -> None:
        """The homeserver of ``matrix.domain`` is found at private addresses too."""
        self.homeservers = self.make(domain="Example.test")
        self.internet.name("example.test", "10.0.0.1")
        self.homeserver_at("example.test", "10.0.0.1")
        self.assertEqual(await self.ask(), USER)

    async def test_nobody_in_the_middle_speaks_for_our_own_domain(self) -> None:
        """A redirect of its file to plain HTTP, or to others inside, leads nowhere."""
        liar = Answer(b'{"m.server": "liar.test:9000"}')
        plain = listen(self, self.reactor, site(liar))
        self.internet.server("10.0.0.3", plain, plain)
        self.internet.name("liar.test", "10.0.0.3")
        self.internet.name("example.test", "10.0.0.1")
        self.at("liar.test", "10.0.0.3", 443, site(liar))
        self.homeserver_at("example.test", "10.0.0.1")
        for location in (f"http://liar.test:{plain}/", "https://liar.test/"):
            self.homeservers = self.make(domain="example.test")
            moved = Answer(status=302, location=location)
            self.at("example.test", "10.0.0.1", 443, site(moved))
            self.assertEqual(await self.ask(), USER)
            self.assertEqual(len(moved.requests), 1)
        self.assertEqual(liar.requests, [])


class OverwriteTests(HomeserverTestCase):
    async def test_used_as_it_is(self) -> None:
        """The operator's URL is asked, without TLS, wherever it is, under its path."""
        port = listen(self, self.reactor, site(Answer(b'{"sub": "@b:c"}')))
        self.internet.server("127.0.0.1", port, port)
        url = f"http://127.0.0.1:{port}/prefix/"
        self.homeservers = self.make(overwrites={"Example.test": url})
        self.assertEqual(await self.ask(), "@b:c")
        self.assertEqual(self.resolver.asked, [])

    async def test_only_for_that_name(self) -> None:
        """Other ports of the same host are other names."""
        self.homeservers = self.make(overwrites={"example.test": "http://127.0.0.1:1"})
        self.internet.name("example.test", FIRST)
        self.homeserver_at("example.test", FIRST, 99)
        self.assertEqual(await self.ask("example.test:99"), USER)

    async def test_down(self) -> None:
        """The log names the key when the operator's server is down."""
        self.homeservers = self.make(overwrites={"example.test": "http://127.0.0.1:1"})
        self.assertIn("dns.overwrite: no connection", await self.logged_failure())

    async def test_not_a_url(self) -> None:
        """A value that is no URL is a failure that does not show the token."""
        self.homeservers = self.make(overwrites={"example.test": "not a url"})
        self.assertIn("not a legal URL", await self.logged_failure())


class FailureTests(HomeserverTestCase):
    def setUp(self) -> None:
        """Let the name be known."""
        super().setUp()
        self.internet.name("example.test", FIRST)

    async def test_an_unknown_token(self) -> None:
        """A token that the homeserver does not know is refused."""
        self.homeserver_at("example.test", FIRST)
        with self.assertRaises(HomeserverRejectedToken):
            await self.ask(token="other")

    async def test_a_token_that_cannot_be(self) -> None:
        """A token that is not Unicode is refused without asking, and not shown."""
        self.homeserver_at("example.test", FIRST)
        with self.assertRaises(HomeserverRejectedToken) as caught:
            await self.ask(token="s3cret\ud800")
        self.assertIsNone(caught.exception.__cause__)
        self.assertEqual(self.openid.asked, [])

    async def test_nobody_there(self) -> None:
        """The log tells each step that was tried."""
        line = await self.logged_failure()
        self.assertIn("well-known of example.test: no connection", line)
        self.assertIn(f"SRV {FED}: none", line)
        self.assertIn("asking example.test port 8448 as example.test: no conn", line)

    async def test_unknown_name(self) -> None:
        """A name that does not exist says so."""
        line = await self.logged_failure("nowhere.test")
        self.assertIn("the name does not resolve", line)

    async def test_impossible_name(self) -> None:
        """A name that passes the grammar and cannot be one is a failure like others."""
        for name in ("a..b", "-", "xn--a.test", "x" * 70 + ".test", "."):
            self.assertIn("well-known", await self.logged_failure(name))

    async def test_bad_answers(self) -> None:
        """Errors, nonsense and too much are all "could not be asked"."""
        for port, (answer, why) in enumerate(
            (
                (Answer(b"oops", status=500), "HTTP 500"),
                (Answer(b"", status=404), "HTTP 404"),
                (Answer(b"", status=302, location="/x"), "HTTP 302"),
                (Answer(b"<html>"), "not JSON"),
                (Answer(b"[]"), "not a JSON object"),
                (Answer(b'{"sub": 5}'), "sub is not there"),
                (Answer(b'{"sub": "' + b"x" * 5200 + b'"}'), "longer than 5120"),
            ),
            1000,
        ):
            self.at("example.test", FIRST, port, site(answer))
            line = await self.logged_failure(f"example.test:{port}")
            self.assertIn(f"port {port} as example.test: ", line)
            self.assertIn(why, line)

    async def test_a_huge_well_known(self) -> None:
        """A well-known file of megabytes is dropped, and the search goes on."""
        big = Answer(b'{"m.server": "' + b"x" * 3_000_000)
        self.at("example.test", FIRST, 443, site(big))
        self.homeserver_at("example.test", FIRST)
        self.assertEqual(await self.ask(), USER)

    async def test_a_deadline_for_everything(self) -> None:
        """After ten seconds it is over, and the log tells where it was stuck."""
        clock = Clock()
        self.homeservers = self.make(clock=clock)
        silent = SpeakingFactory(says(b""))
        self.at("example.test", FIRST, 8448, silent)
        failing = Deferred.fromCoroutine(self.logged_failure())
        while not silent.open:
            await deferLater(self.reactor, 0.01)
        clock.advance(9.9)
        self.assertFalse(failing.called)
        clock.advance(0.1)
        self.assertIn("port 8448 as example.test: not finished", await failing)
        while silent.open:
            await deferLater(self.reactor, 0.01)

    async def test_whoever_asked_has_gone(self) -> None:
        """A cancelled question ends at once, asks nobody else and logs nothing."""
        for priority, address in enumerate((FIRST, SECOND)):
            self.resolver.add(FED, f"t{priority}.test", 7000, priority=priority)
            self.internet.name(f"t{priority}.test", address)
        silent = SpeakingFactory(says(b""))
        self.at("example.test", FIRST, 7000, silent)
        self.homeserver_at("example.test", SECOND, 7000)
        with capturedLogs() as events:
            asking = Deferred.fromCoroutine(self.ask())
            while not silent.received:
                await deferLater(self.reactor, 0.01)
            asking.cancel()
            with self.assertRaises(CancelledError):
                await asking
        self.assertEqual([formatEvent(event) for event in events], [])
        self.assertEqual(self.openid.asked, [])
        while silent.open:
            await deferLater(self.reactor, 0.01)


class FakeHomeserverTests(TestCase):
    timeout = 60

    async def test_answers_the_production_client(self) -> None:
        """The double is found under its name, and knows its tokens."""
        from twisted.internet import reactor

        homeserver = FakeHomeserver(reactor, Path(self.mktemp()))
        homeserver.add_token("abc", USER)
        clients = http_clients(
            reactor,
            user_agent="mxisd/test",
            allowed=[ip_network("127.0.0.0/8")],
            ca_file=homeserver.ca_file,
        )
        through = lanes(clients, Dns.using(FakeResolver(), reactor))
        federation = Federation.using(reactor, through, LowestLots(), {})
        homeservers = Homeservers(federation)
        name = ServerName.parse(homeserver.server_name)
        self.assertEqual(await homeservers.openid_user(name, Secret("abc")), USER)
        with self.assertRaises(HomeserverRejectedToken):
            await homeservers.openid_user(name, Secret("abd"))
        await homeserver.stop()
        with self.assertRaises(HomeserverUnavailable):
            await homeservers.openid_user(name, Secret("abc"))


class OpenIdSubjectTests(SynchronousTestCase):
    def test_refusals(self) -> None:
        """401 is a refusal; other client errors are when they say so in Matrix."""
        for status, body in (
            (401, b""),
            (401, b'{"errcode": "M_UNKNOWN_TOKEN"}'),
            (403, b'{"errcode": "M_FORBIDDEN"}'),
            (400, b'{"errcode": "M_UNKNOWN_TOKEN"}'),
        ):
            with self.assertRaises(HomeserverRejectedToken):
                openid_subject(HttpReply(status, {}, body))

    def test_other_errors(self) -> None:
        """Anything else says nothing about the token."""
        for status, body in (
            (403, b"<html>blocked</html>"),
            (403, b'{"errcode": ["M_FORBIDDEN"]}'),
            (404, b'{"errcode": "M_UNRECOGNIZED"}'),
            (429, b'{"errcode": "M_LIMIT_EXCEEDED"}'),
            (500, b'{"errcode": "M_UNKNOWN_TOKEN"}'),
            (204, b""),
        ):
            with self.assertRaises(BadAnswer):
                openid_subject(HttpReply(status, {}, body))
