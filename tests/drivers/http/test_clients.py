"""Tests of the two HTTP clients against real servers on loopback, good and bad."""

import gzip
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import treq
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase
from twisted.web.server import NOT_DONE_YET, Request

from mxisd.drivers.http import (
    HttpClient,
    HttpClients,
    HttpFailed,
    HttpReply,
    NotConnected,
    Route,
    http_clients,
)
from mxisd.errors import ConfigError
from mxisd.model.requesters import Network
from tests.drivers.http.servers import (
    Answer,
    FakeInternet,
    SpeakingFactory,
    listen,
    listen_tls,
    says,
    site,
)
from tests.tls import CertificateAuthority

PUBLIC = "1.1.1.1"
LOOPBACK = (ip_network("127.0.0.0/8"),)


class HttpTestCase(TestCase):
    """Has a made-up internet, an authority and both clients."""

    timeout = 60

    def setUp(self) -> None:
        """Make them."""
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.internet = FakeInternet(reactor)
        self.authority = CertificateAuthority(Path(self.mktemp()))
        self.clients = self.make_clients()

    def make_clients(self, allowed: Sequence[Network] = ()) -> HttpClients:
        """Make clients that trust the authority."""
        clients = http_clients(
            self.internet,
            user_agent="mxisd/test",
            allowed=allowed,
            ca_file=self.authority.ca_file,
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(clients.configured.close()))
        return clients

    def at(self, name: str, address: str, port: int, factory: Any) -> None:
        """Put a server with TLS and a certificate for the name at a place."""
        there = listen_tls(self, self.reactor, factory, self.authority.issue(name))
        self.internet.name(name, address)
        self.internet.server(address, port, there)

    def plain_url(self, factory: Any) -> str:
        """Serve without TLS; tells the URL, which only the configured client takes."""
        return f"http://127.0.0.1:{self.plain_port(factory)}/"

    def plain_port(self, factory: Any) -> int:
        """Serve without TLS at an address of this machine."""
        port = listen(self, self.reactor, factory)
        self.internet.server("127.0.0.1", port, port)
        return port

    async def get(
        self, client: HttpClient, url: str, limit_bytes: int = 1000, **options: Any
    ) -> HttpReply:
        """Ask, with small limits."""
        options = {"seconds": 5, **options}
        return await client.request("GET", url, limit_bytes=limit_bytes, **options)

    async def failure(self, client: HttpClient, url: str, **options: Any) -> HttpFailed:
        """Ask, and expect a failure."""
        try:
            await self.get(client, url, **options)
        except HttpFailed as error:
            return error
        self.fail("there was an answer")


class ConfiguredTests(HttpTestCase):
    async def test_plain_http_to_loopback_is_fine(self) -> None:
        """The operator may name any address, without TLS too."""
        answer = Answer(b'{"a": 1}', content_type="application/json")
        reply = await self.get(self.clients.configured, self.plain_url(site(answer)))
        self.assertEqual((reply.status, reply.body), (200, b'{"a": 1}'))
        self.assertEqual(reply.headers["content-type"], "application/json")

    async def test_says_who_asks(self) -> None:
        """Requests carry our user agent, and ask for no compression."""
        answer = Answer()
        await self.get(self.clients.configured, self.plain_url(site(answer)))
        sent = answer.requests[0].requestHeaders
        self.assertEqual(sent.getRawHeaders("user-agent"), ["mxisd/test"])
        self.assertIsNone(sent.getRawHeaders("accept-encoding"))

    async def test_a_body_arrives(self) -> None:
        """What is posted is received."""

        class Echo(Answer):
            def render_POST(self, request: Request) -> bytes:
                assert request.content is not None
                body: bytes = request.content.read()
                return body

        reply = await self.clients.configured.request(
            "POST",
            self.plain_url(site(Echo())),
            body=b"hello",
            limit_bytes=100,
            seconds=5,
        )
        self.assertEqual(reply.body, b"hello")

    async def test_connections_are_kept(self) -> None:
        """A second request goes over the connection of the first."""
        answer = Answer()
        url = self.plain_url(site(answer))
        for _ in range(2):
            await self.get(self.clients.configured, url)
        self.assertEqual(len(self.internet.tried), 1)
        self.assertEqual(len(answer.requests), 2)

    async def test_a_connection_that_is_busy_while_we_close_is_not_kept(self) -> None:
        """Its answer still arrives, and then it ends, too."""

        class Later(Answer):
            def render_GET(self, request: Request) -> Any:
                asked.callback(request)
                return NOT_DONE_YET

        asked: Deferred[Request] = Deferred()
        url = self.plain_url(site(Later(b"")))
        client = http_clients(self.internet, user_agent="mxisd/test").configured
        reply = Deferred.fromCoroutine(self.get(client, url))
        request = await asked
        await client.close()
        request.write(b"late")
        request.finish()
        self.assertEqual((await reply).body, b"late")

    async def test_nobody_listens(self) -> None:
        """A refused connection says so, and that nothing was sent."""
        error = await self.failure(self.clients.configured, "http://127.0.0.1:1/")
        self.assertIsInstance(error, NotConnected)
        self.assertEqual(str(error), "no connection (Connection refused)")

    async def test_unknown_name(self) -> None:
        """A name that does not resolve says so."""
        error = await self.failure(self.clients.configured, "https://nowhere.test/")
        self.assertIsInstance(error, NotConnected)
        self.assertEqual(str(error), "the name does not resolve")

    async def test_illegal_names_fail_without_a_trace_of_the_url(self) -> None:
        """A URL that cannot be is a failure whose message and cause do not show it."""
        for url in ("https://a..b/?s3cret", "https://-x-.test/?s3cret", "nonsense"):
            error = await self.failure(self.clients.configured, url)
            shown = f"{error!r} {error.__cause__!r}"
            self.assertNotIn("s3cret", shown)

    async def test_what_is_wrong_in_the_url_is_never_shown(self) -> None:
        """Blanks and control characters in a URL are a failure, never a request."""
        for url in ("http://127.0.0.1/ s3cret", "http://127.0.0.1/\r\ns3cret", "é"):
            error = await self.failure(self.clients.configured, url)
            self.assertNotIn("s3cret", f"{error!r} {error.__cause__!r}")

    async def test_stores_get_a_treq_client(self) -> None:
        """The client for stores speaks treq, over the configured client."""
        url = self.plain_url(site(Answer(b'{"b": [2]}')))
        response = await self.clients.stores.get(url)
        self.assertEqual(await treq.json_content(response), {"b": [2]})

    async def test_stores_get_no_cookies(self) -> None:
        """What a server wants to remember of one question is forgotten at the next."""
        answer = Answer(b"{}", set_cookie="user=alice")
        url = self.plain_url(site(answer))
        for _ in range(2):
            await treq.content(await self.clients.stores.get(url))
        cookies = [request.getHeader(b"cookie") for request in answer.requests]
        self.assertEqual(cookies, [None, None])

    def test_a_bad_ca_file_is_a_configuration_error(self) -> None:
        """A file that is missing or holds no certificate names its key."""
        empty = Path(self.mktemp())
        empty.write_text("no certificate")
        for path in (empty, Path("missing.pem")):
            with self.assertRaises(ConfigError) as caught:
                http_clients(self.reactor, user_agent="x", ca_file=path)
            self.assertEqual(caught.exception.problems[0].path, "outbound.caFile")


class BadServerTests(HttpTestCase):
    """The rules that hold for both clients, shown with plain HTTP."""

    async def failing(self, factory: Any, **options: Any) -> HttpFailed:
        """Ask a bad server with the configured client."""
        url = self.plain_url(factory)
        return await self.failure(self.clients.configured, url, **options)

    async def until_closed(self, factory: SpeakingFactory) -> None:
        """Wait until nobody is connected to a server any more."""
        while factory.open:
            await deferLater(self.reactor, 0.01)

    async def test_too_long_an_answer(self) -> None:
        """One byte more than wanted is a failure; as many as wanted is not."""
        url = self.plain_url(site(Answer(b"x" * 1001)))
        error = await self.failure(self.clients.configured, url)
        self.assertEqual(str(error), "the answer is longer than 1000 bytes")
        reply = await self.get(self.clients.configured, url, limit_bytes=1001)
        self.assertEqual(len(reply.body), 1001)

    async def test_an_endless_answer_is_hung_up_on(self) -> None:
        """The connection is closed as soon as the answer is too long."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"
        server = SpeakingFactory(says(head + b"x" * 5000))
        error = await self.failing(server)
        self.assertIn("longer", str(error))
        await self.until_closed(server)

    async def test_silence(self) -> None:
        """A server that accepts and says nothing is given up in time."""
        server = SpeakingFactory(says(b""))
        error = await self.failing(server, seconds=0.1)
        self.assertEqual(str(error), "no answer within 0.1 s")
        await self.until_closed(server)

    async def test_a_trickling_head(self) -> None:
        """A status line that never ends is given up in time."""
        server = SpeakingFactory(self.trickle(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"))
        error = await self.failing(server, seconds=0.2)
        self.assertIn("no answer within", str(error))
        await self.until_closed(server)

    async def test_a_trickling_body(self) -> None:
        """Each byte does not buy more time: the deadline is for the whole."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
        server = SpeakingFactory(self.trickle(head, b"x"))
        error = await self.failing(server, seconds=0.2)
        self.assertEqual(str(error), "the answer took too long")
        await self.until_closed(server)

    def trickle(self, first: bytes, again: bytes) -> Any:
        """Say something, and then something again and again."""

        def speak(transport: Any) -> None:
            transport.write(first)
            call = [self.reactor.callLater(0, lambda: None)]

            def more() -> None:
                if transport.connected and not transport.disconnecting:
                    transport.write(again)
                    call[0] = self.reactor.callLater(0.03, more)

            more()
            self.addCleanup(lambda: call[0].active() and call[0].cancel())

        return speak

    async def test_hung_up_in_the_middle(self) -> None:
        """A body that is shorter than announced is a failure."""
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
        error = await self.failing(SpeakingFactory(says(head + b"{}", close=True)))
        self.assertIn("the connection broke", str(error))
        self.assertNotIsInstance(error, NotConnected)

    async def test_cut_chunks(self) -> None:
        """A chunked body without its last chunk is a failure."""
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
        error = await self.failing(SpeakingFactory(says(head, close=True)))
        self.assertIn("the connection broke", str(error))

    async def test_a_body_that_ends_with_the_connection(self) -> None:
        """A server may end a body of unknown length by hanging up."""
        text = b"HTTP/1.0 200 OK\r\n\r\n{}"
        url = self.plain_url(SpeakingFactory(says(text, close=True)))
        reply = await self.get(self.clients.configured, url)
        self.assertEqual(reply.body, b"{}")

    async def test_not_http(self) -> None:
        """Another protocol's greeting is a failure."""
        for greeting in (b"220 mail.test ESMTP\r\n", b"\x00\xff" * 50 + b"\r\n", b""):
            error = await self.failing(SpeakingFactory(says(greeting, close=True)))
            self.assertIn("the connection broke", str(error))

    async def test_compressed_unasked(self) -> None:
        """A compressed answer is refused: small on the wire, it may be huge."""
        answer = Answer(gzip.compress(b"x" * 999), content_encoding="gzip")
        error = await self.failing(site(answer))
        self.assertIn("compressed", str(error))

    async def test_a_cancelled_question_is_no_failure_of_the_server(self) -> None:
        """Who gives up gets the cancellation back, and the connection is closed."""
        server = SpeakingFactory(says(b""))
        url = self.plain_url(server)
        asking = Deferred.fromCoroutine(self.get(self.clients.configured, url))
        while not server.received:
            await deferLater(self.reactor, 0.01)
        asking.cancel()
        with self.assertRaises(CancelledError):
            await asking
        await self.until_closed(server)

    async def test_cancelled_while_connecting(self) -> None:
        """The same holds before there is a connection."""
        url = self.plain_url(SpeakingFactory(says(b"")))
        asking = Deferred.fromCoroutine(self.get(self.clients.configured, url))
        asking.cancel()
        with self.assertRaises(CancelledError):
            await asking


class RedirectTests(HttpTestCase):
    async def following(self, client: HttpClient, url: str, **options: Any) -> bytes:
        """Get, following redirects, and return the body."""
        options = {"seconds": 5, **options}
        return (await client.get_following(url, limit_bytes=1000, **options)).body

    def redirecting(self, times: int) -> Any:
        """What redirects so often before it answers."""

        class Redirecting(Answer):
            def render_GET(self, request: Request) -> bytes:
                self.requests.append(request)
                if len(self.requests) > times:
                    return b"there"
                request.setResponseCode(302)
                request.setHeader("Location", f"/{len(self.requests)}")
                return b"elsewhere"

        return site(Redirecting())

    async def test_three_are_followed(self) -> None:
        """Three redirects are followed, relative ones too, inside as well."""
        self.at("ours.test", "10.0.0.1", 443, self.redirecting(3))
        body = await self.following(self.clients.configured, "https://ours.test/")
        self.assertEqual(body, b"there")

    async def test_a_fourth_is_not(self) -> None:
        """A loop ends at the fourth."""
        self.at("ours.test", "10.0.0.1", 443, self.redirecting(4))
        with self.assertRaises(HttpFailed) as caught:
            await self.following(self.clients.configured, "https://ours.test/")
        self.assertEqual(str(caught.exception), "too many redirects")

    async def test_a_plain_request_does_not_follow(self) -> None:
        """Other requests see a redirect as the answer it is."""
        url = self.plain_url(self.redirecting(1))
        reply = await self.get(self.clients.configured, url)
        self.assertEqual((reply.status, reply.body), (302, b"elsewhere"))

    async def test_all_share_one_deadline(self) -> None:
        """Redirects do not buy more time."""

        class Slow(Answer):
            def render_GET(self, request: Request) -> Any:
                request.setResponseCode(302)
                request.setHeader("Location", "/")
                call = case.reactor.callLater(0.15, request.finish)
                request.notifyFinish().addErrback(lambda _: call.cancel())
                return NOT_DONE_YET

        case = self
        self.at("ours.test", "10.0.0.1", 443, site(Slow()))
        client, url = self.clients.configured, "https://ours.test/"
        with self.assertRaises(HttpFailed) as caught:
            await self.following(client, url, seconds=0.25)
        self.assertIn("no answer within", str(caught.exception))
        await deferLater(self.reactor, 0.05)

    async def refused(self, location: str) -> str:
        """Be redirected there by a public server; tells why that failed."""
        self.at("public.test", PUBLIC, 443, site(Answer(status=302, location=location)))
        with self.assertRaises(HttpFailed) as caught:
            await self.following(self.clients.guarded, "https://public.test/")
        return str(caught.exception)

    async def test_guarded_is_not_led_inside(self) -> None:
        """A redirect to a private address is refused, by name and by number."""
        self.internet.name("inside.test", "10.0.0.1")
        self.assertIn("10.0.0.1 is not", await self.refused("https://inside.test/"))
        self.assertIn("127.0.0.1 is not", await self.refused("https://127.0.0.1/"))
        self.assertIn("::1 is not", await self.refused("https://[::1]/"))
        self.assertEqual({host for host, _ in self.internet.tried}, {PUBLIC})

    async def test_guarded_is_not_led_to_http(self) -> None:
        """A redirect away from TLS is refused."""
        why = await self.refused("http://public.test/")
        self.assertEqual(why, "only https is allowed")

    async def test_configured_is_not_led_to_http(self) -> None:
        """Nor is it with a redirect back: whoever is in the middle decided on that."""
        back = Answer(status=302, location="https://ours.test/file")
        port = self.plain_port(site(back))
        for location in (f"http://127.0.0.1:{port}/", "HTTP://ours.test/", "ftp://x/"):
            first = Answer(status=302, location=location)
            self.at("ours.test", "10.0.0.1", 443, site(first))
            with self.assertRaises(HttpFailed) as caught:
                await self.following(self.clients.configured, "https://ours.test/")
            self.assertEqual(str(caught.exception), "only https is allowed")
        self.assertEqual(back.requests, [])
        self.assertEqual(self.internet.tried, [("10.0.0.1", 443)])

    async def test_following_begins_with_https(self) -> None:
        """The first server of all is asked by no other way."""
        url = self.plain_url(site(Answer()))
        with self.assertRaises(HttpFailed) as caught:
            await self.following(self.clients.configured, url)
        self.assertEqual(str(caught.exception), "only https is allowed")

    async def test_configured_goes_inside_within_one_domain_only(self) -> None:
        """To names below the first one; any other host must be public."""
        inside = Answer(b"inside")
        for name, address in (
            ("ours.test", "10.0.0.1"),
            ("www.ours.test", "10.0.0.2"),
            ("theirs.test", "10.0.0.3"),
            ("notours.test", "10.0.0.4"),
        ):
            self.at(name, address, 443, site(inside))
        self.internet.name("WWW.ours.test", "10.0.0.2")
        for location, is_followed in (
            ("https://www.ours.test/", True),
            ("https://WWW.ours.test/", True),
            ("https://theirs.test/", False),
            ("https://notours.test/", False),
            ("https://127.0.0.1/", False),
            ("https://localhost/", False),
        ):
            first = Answer(status=307, location=location)
            self.at("ours.test", "10.0.0.1", 443, site(first))
            client, url = self.clients.configured, "https://ours.test/"
            await self.clients.configured.close()
            if is_followed:
                self.assertEqual(await self.following(client, url), b"inside")
            else:
                with self.assertRaises(HttpFailed):
                    await self.following(client, url)
        self.assertEqual(len(inside.requests), 2)

    async def test_others_do_not_lead_back_inside(self) -> None:
        """A public server that ours redirects to is followed, but like any stranger."""
        self.at("ours.test", "10.0.0.1", 443, site(Answer(b"inside")))
        there = "https://theirs.test/"
        self.at("ours.test", "10.0.0.1", 443, site(Answer(status=301, location=there)))
        self.at("theirs.test", PUBLIC, 443, site(Answer(b"theirs")))
        client, url = self.clients.configured, "https://ours.test/"
        self.assertEqual(await self.following(client, url), b"theirs")
        self.at(
            "theirs.test", PUBLIC, 443, site(Answer(status=301, location=url + "2"))
        )
        with self.assertRaises(HttpFailed) as caught:
            await self.following(client, url)
        self.assertIn("10.0.0.1 is not a public address", str(caught.exception))

    async def test_no_legal_url(self) -> None:
        """A redirect to what is none is a failure like any other."""
        for location in ("https://[", "https://[x]/", "https://a:b/", "//[::1/x"):
            self.assertTrue(await self.refused(location))

    async def test_a_user_name_is_refused(self) -> None:
        """A redirect with credentials in its URL is refused."""
        self.assertIn("user name", await self.refused("https://a:b@public.test/"))


class GuardedTests(HttpTestCase):
    async def test_a_public_server_is_asked(self) -> None:
        """Name, address and certificate are right: the answer comes."""
        self.at("public.test", PUBLIC, 443, site(Answer(b"hello")))
        reply = await self.get(self.clients.guarded, "https://public.test/")
        self.assertEqual(reply.body, b"hello")

    async def test_private_addresses_are_refused_after_resolution(self) -> None:
        """A harmless name at a private address is not connected to."""
        for address in ("127.0.0.1", "10.1.2.3", "::1", "::ffff:10.0.0.1", "fe80::1"):
            self.internet.name("sly.test", address)
            error = await self.failure(self.clients.guarded, "https://sly.test/")
            self.assertIsInstance(error, NotConnected)
            self.assertIn("is not a public address", str(error))
        self.assertEqual(self.internet.tried, [])

    async def test_literals_are_refused(self) -> None:
        """A private address in the URL is not connected to either."""
        for host in ("127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:127.0.0.1]"):
            error = await self.failure(self.clients.guarded, f"https://{host}/")
            self.assertIn("is not a public address", str(error))
        self.assertEqual(self.internet.tried, [])

    async def test_rebinding(self) -> None:
        """What the name resolved to earlier gives no right to its new address."""
        self.at("sly.test", PUBLIC, 443, site(Answer()))
        self.internet.name("sly.test", PUBLIC, "127.0.0.1")
        await self.get(self.clients.guarded, "https://sly.test/")
        error = await self.failure(self.clients.guarded, "https://sly.test/")
        self.assertIn("127.0.0.1 is not a public address", str(error))
        self.assertEqual(self.internet.tried, [(PUBLIC, 443)])

    async def test_the_public_one_of_several_addresses_is_used(self) -> None:
        """A private address beside a public one is skipped."""
        self.at("mixed.test", PUBLIC, 443, site(Answer(b"hello")))
        self.internet.name("mixed.test", f"10.0.0.1 {PUBLIC}")
        reply = await self.get(self.clients.guarded, "https://mixed.test/")
        self.assertEqual(reply.body, b"hello")
        self.assertEqual(self.internet.tried, [(PUBLIC, 443)])

    async def test_an_allowed_network(self) -> None:
        """With the operator's consent a private address is reached."""
        guarded = self.make_clients(LOOPBACK).guarded
        self.at("inside.test", "127.0.0.1", 443, site(Answer(b"hello")))
        reply = await self.get(guarded, "https://inside.test/")
        self.assertEqual(reply.body, b"hello")

    async def test_http_is_refused(self) -> None:
        """Without TLS nobody is asked."""
        error = await self.failure(self.clients.guarded, "http://public.test/")
        self.assertEqual(str(error), "only https is allowed")

    async def test_the_certificate_must_be_for_the_name(self) -> None:
        """A good certificate of somebody else is refused."""
        self.at("other.test", PUBLIC, 443, site(Answer()))
        self.internet.name("public.test", PUBLIC)
        error = await self.failure(self.clients.guarded, "https://public.test/")
        self.assertIsInstance(error, NotConnected)
        self.assertEqual(str(error), "TLS: the certificate is for another name")

    async def test_the_certificate_must_be_trusted(self) -> None:
        """A certificate of an unknown authority is refused."""
        self.authority = CertificateAuthority(Path(self.mktemp()))
        self.at("public.test", PUBLIC, 443, site(Answer()))
        error = await self.failure(self.clients.guarded, "https://public.test/")
        self.assertIsInstance(error, NotConnected)
        self.assertEqual(str(error), "TLS: the certificate's authority is not known")

    async def test_no_tls_at_all(self) -> None:
        """A server that speaks plain HTTP where TLS is due is a TLS failure."""
        refusal = says(b"HTTP/1.1 400 Bad Request\r\n\r\n", close=True)
        port = listen(self, self.reactor, SpeakingFactory(refusal))
        self.internet.name("public.test", PUBLIC)
        self.internet.server(PUBLIC, 443, port)
        error = await self.failure(self.clients.guarded, "https://public.test/")
        self.assertIn("TLS: the server spoke plain text", str(error))

    async def test_certificates_for_addresses(self) -> None:
        """An address in the URL is checked against the certificate's addresses."""
        self.at(PUBLIC, PUBLIC, 443, site(Answer(b"hello")))
        reply = await self.get(self.clients.guarded, f"https://{PUBLIC}/")
        self.assertEqual(reply.body, b"hello")

    async def test_a_route_changes_only_where_to_connect(self) -> None:
        """Along a route the certificate and Host are still those of the URL."""
        answer = Answer(b"hello")
        self.at("public.test", PUBLIC, 9000, site(answer))
        self.internet.name("public.test")
        self.internet.name("target.test", PUBLIC)
        reply = await self.get(
            self.clients.guarded,
            "https://public.test/",
            route=Route("target.test", 9000),
        )
        self.assertEqual(reply.body, b"hello")
        host = answer.requests[0].requestHeaders.getRawHeaders("host")
        self.assertEqual(host, ["public.test"])

    async def test_a_route_inside_is_refused(self) -> None:
        """A route is no way around the guard."""
        error = await self.failure(
            self.clients.guarded, "https://public.test/", route=Route("10.0.0.1", 443)
        )
        self.assertIn("10.0.0.1 is not a public address", str(error))

    async def test_connections_are_not_kept(self) -> None:
        """Each request makes its own connection, and so is checked anew."""
        self.at("public.test", PUBLIC, 443, site(Answer()))
        for _ in range(2):
            await self.get(self.clients.guarded, "https://public.test/")
        self.assertEqual(self.internet.tried, [(PUBLIC, 443)] * 2)

    async def test_nothing_is_logged(self) -> None:
        """A request is no event for the operator, whichever client sends it."""
        self.at("public.test", PUBLIC, 443, site(Answer()))
        with capturedLogs() as events:
            for client in (self.clients.guarded, self.clients.configured):
                await self.get(client, "https://public.test/")
        self.assertEqual([formatEvent(event) for event in events], [])

    async def test_endless_headers(self) -> None:
        """Headers without end are cut, long before the deadline."""

        def speak(transport: Any) -> None:
            transport.write(b"HTTP/1.1 200 OK\r\n" + b"X-Y: abcdefgh\r\n" * 100_000)

        server = SpeakingFactory(speak)
        self.at("public.test", PUBLIC, 443, server)
        error = await self.failure(
            self.clients.guarded, "https://public.test/", seconds=15
        )
        self.assertIn("the connection broke", str(error))
        while server.open:
            await deferLater(self.reactor, 0.01)
