"""Tests of JSON over HTTP, against servers on loopback, good and bad."""

import json
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.server import NOT_DONE_YET, Request

from mxisd.drivers.http import http_clients
from mxisd.drivers.http.json_client import REQUESTS, JsonClient, JsonReply, all_of
from mxisd.drivers.http.own_client import own_client
from mxisd.drivers.tls_files import TlsFiles
from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.model.secret import Secret
from tests.drivers.http.servers import (
    Answer,
    SpeakingFactory,
    listen,
    listen_tls,
    says,
    site,
)
from tests.tls import CertificateAuthority, IssuedCertificate


class Posted(Answer):
    """Answers every POST alike, and remembers the requests with their bodies."""

    def __init__(self, body: bytes = b"{}") -> None:
        super().__init__(body)
        self.bodies: list[bytes] = []

    def render_POST(self, request: Request) -> bytes:
        """Answer."""
        assert request.content is not None
        self.bodies.append(request.content.read())
        return self.render_GET(request)


class Holding(Answer):
    """Answers nobody until it is told to."""

    def render_GET(self, request: Request) -> Any:
        """Wait."""
        self.requests.append(request)
        return NOT_DONE_YET

    def let_go(self) -> None:
        """Answer everybody who waits."""
        waiting, self.requests = self.requests, []
        for request in waiting:
            request.write(b"{}")
            request.finish()


class JsonCase(TestCase):
    """Has the client that stores get."""

    timeout = 60

    def setUp(self) -> None:
        """Make it."""
        self.clients = http_clients(reactor, user_agent="mxisd/test")
        self.addCleanup(lambda: Deferred.fromCoroutine(self.clients.configured.close()))

    def client(self, **options: Any) -> JsonClient:
        """A client with options."""
        return JsonClient(http=self.clients.stores, clock=reactor, **options)

    def url(self, factory: Any) -> str:
        """Serve, and tell where."""
        return f"http://127.0.0.1:{listen(self, reactor, factory)}/path?secret=s3cret"

    async def failure(self, answer: Any) -> str:
        """What is said about a question that fails; neither URL nor content is."""
        with self.assertRaises(StoreUnavailable) as caught:
            await answer
        self.assertNotIn("s3cret", str(caught.exception))
        return str(caught.exception)


class JsonClientTests(JsonCase):
    async def test_posts_json(self) -> None:
        """Compact, in order, in ASCII, with the media type that old servers know."""
        answer = Posted(b'{"a": "\xc3\xbc"}')
        reply = await self.client().post(self.url(site(answer)), {"z": "ü\0", "a": 1})
        self.assertEqual(reply, JsonReply(200, {"a": "ü"}))
        self.assertEqual(answer.bodies, [b'{"z":"\\u00fc\\u0000","a":1}'])
        sent = answer.requests[0].requestHeaders
        self.assertEqual(
            sent.getRawHeaders("content-type"), ["application/json; charset=UTF-8"]
        )
        self.assertIsNone(sent.getRawHeaders("authorization"))

    async def test_gets_json_with_parameters(self) -> None:
        """Whatever is in a parameter stays in it."""
        answer = Answer(b"[1]")
        evil = "a&b=c#d?%41\r\nX: ü"
        url = self.url(site(answer))
        reply = await self.client().get(url, params={"q": evil})
        self.assertEqual(reply.document, [1])
        args = answer.requests[0].args
        self.assertEqual(args, {b"secret": [b"s3cret"], b"q": [evil.encode()]})

    async def test_token(self) -> None:
        """It goes along, unless the caller has another one."""
        answer = Answer()
        client, url = self.client(token=Secret("t0ken")), self.url(site(answer))
        await client.get(url)
        await client.get(url, headers={"Authorization": "Bearer other"})
        tokens = [
            r.requestHeaders.getRawHeaders("authorization") for r in answer.requests
        ]
        self.assertEqual(tokens, [["Bearer t0ken"], ["Bearer other"]])

    async def test_statuses(self) -> None:
        """What is no success and not wanted is a failure that names the status."""
        for status in (301, 302, 400, 401, 403, 404, 429, 500, 503):
            url = self.url(site(Answer(b"{}", status, location="http://127.0.0.1/")))
            reason = await self.failure(self.client().get(url))
            self.assertIn(f"answered {status}", reason)
            reply = await self.client().get(url, wanted={status})
            self.assertEqual(reply, JsonReply(status, {}))
            self.assertFalse(reply.is_success)

    async def test_html_of_a_wanted_status(self) -> None:
        """A page about what is not found is as good as no page."""
        url = self.url(site(Answer(b"<html>", 404)))
        reply = await self.client().get(url, wanted={404})
        self.assertEqual(reply, JsonReply(404, None))

    async def test_empty_answers(self) -> None:
        """No body is a document, of nothing."""
        for body in (b"", b" \r\n"):
            reply = await self.client().get(self.url(site(Answer(body))))
            self.assertEqual(reply, JsonReply(200, None))
            self.assertTrue(reply.is_success)

    async def test_byte_order_mark(self) -> None:
        """Some libraries begin with one; it means nothing."""
        reply = await self.client().get(self.url(site(Answer(b"\xef\xbb\xbf[1]"))))
        self.assertEqual(reply.document, [1])

    async def test_answers_that_are_no_json(self) -> None:
        """Pages, other encodings and bottomless depth are failures."""
        huge = b"1" * 5000
        for body in (b"<html>", b'"\xfc"', b"{", b"[" * 100_000, huge):
            reason = await self.failure(self.client().get(self.url(site(Answer(body)))))
            self.assertIn("no JSON", reason)

    async def test_long_answers(self) -> None:
        """An answer over the limit is a failure, one that fits is none."""
        body = json.dumps("x" * 98).encode()
        url = self.url(site(Answer(body)))
        await self.client(limit_bytes=100).get(url)
        reason = await self.failure(self.client(limit_bytes=99).get(url))
        self.assertIn("longer than 99 bytes", reason)
        large = self.url(site(Answer(b" " * 10_000_000)))
        self.assertIn("longer", await self.failure(self.client().get(large)))

    async def test_servers_that_do_not_speak_http(self) -> None:
        """Hanging up, nonsense and half an answer are failures."""
        half = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}"
        for said in (b"", b"220 mail.example.org\r\n\r\n", half):
            url = self.url(SpeakingFactory(says(said, close=True)))
            self.assertIn("connection", await self.failure(self.client().get(url)))

    async def test_nobody_listens(self) -> None:
        """A refused connection is a failure."""
        factory: Any = site(Answer())
        port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        url = f"http://127.0.0.1:{port.getHost().port}/"
        await port.stopListening()
        self.assertIn("no connection", await self.failure(self.client().get(url)))

    async def test_illegal_urls(self) -> None:
        """They are failures like others."""
        for url in ("http://s3cret..x:1/", "ftp://s3cret/", "http://127.0.0.1:99999/"):
            await self.failure(self.client().get(url))

    async def test_slow_servers(self) -> None:
        """A head, or a body, that does not come in time is a failure."""
        half = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}"
        for factory in (site(Holding()), SpeakingFactory(says(half))):
            client = self.client(seconds=0.3)
            reason = await self.failure(client.get(self.url(factory)))
            self.assertIn("within 0.3 s", reason)

    async def test_bounded_concurrency(self) -> None:
        """No more than so many requests are under way; the others follow."""
        holding = Holding()
        client, url = self.client(seconds=30), self.url(site(holding))
        asking = [Deferred.fromCoroutine(client.get(url)) for _ in range(REQUESTS + 3)]
        await self.until(lambda: len(holding.requests) >= REQUESTS)
        await deferLater(reactor, 0.1, lambda: None)
        self.assertEqual(len(holding.requests), REQUESTS)
        holding.let_go()
        await self.until(lambda: len(holding.requests) >= 3)
        holding.let_go()
        for each in asking:
            self.assertEqual((await each).document, {})

    async def test_cancelling(self) -> None:
        """Who gives up is told so, and leaves room for others."""
        holding = Holding()
        client, url = self.client(), self.url(site(holding))
        for count in range(REQUESTS + 1):
            asking = Deferred.fromCoroutine(client.get(url))
            await self.until(lambda n=count: len(holding.requests) > n)
            asking.cancel()
            with self.assertRaises(CancelledError):
                await asking
        good = await client.get(self.url(site(Answer())))
        self.assertEqual(good.status, 200)

    async def until(self, is_so: Any) -> None:
        """Wait for something, for half a minute at most."""
        for _ in range(600):
            if is_so():
                return
            await deferLater(reactor, 0.05, lambda: None)
        self.fail("it did not happen")


class AllOfTests(JsonCase):
    async def test_answers_keep_their_order(self) -> None:
        """Whoever is first, answers stand where their questions stood."""

        async def later(seconds: float) -> float:
            await deferLater(reactor, seconds, lambda: None)
            return seconds

        self.assertEqual(await all_of(map(later, (0.05, 0.0))), [0.05, 0.0])
        self.assertEqual(await all_of([]), [])

    async def test_the_first_failure_ends_the_others(self) -> None:
        """It is raised as it is."""

        async def fail() -> None:
            raise StoreUnavailable("down")

        waiting = Waiting()
        with self.assertRaisesRegex(StoreUnavailable, "down"):
            await all_of([waiting.wait(), fail()])
        self.assertEqual(waiting.ended, 1)

    async def test_cancelling_cancels_all(self) -> None:
        """Nothing goes on when nobody waits."""
        waiting = Waiting()
        asking = Deferred.fromCoroutine(all_of([waiting.wait(), waiting.wait()]))
        asking.cancel()
        with self.assertRaises(CancelledError):
            await asking
        self.assertEqual(waiting.ended, 2)


class Waiting:
    """Waits until it is told not to."""

    ended = 0

    async def wait(self) -> None:
        """Wait."""
        try:
            await Deferred()
        except CancelledError:
            self.ended += 1
            raise


class OwnClientTests(JsonCase):
    """Clients with authorities and certificates of their own."""

    def setUp(self) -> None:
        """Make two authorities."""
        super().setUp()
        self.authority = CertificateAuthority(Path(self.mktemp()))
        self.stranger = CertificateAuthority(Path(self.mktemp()))

    def own(self, **files: Any) -> JsonClient:
        """A client with these files."""
        named: Any = {key: str(name) for key, name in files.items() if name}
        own = own_client(reactor, TlsFiles(**named), user_agent="mxisd/test")
        self.addCleanup(lambda: Deferred.fromCoroutine(own.close()))
        return JsonClient(http=own.treq, clock=reactor)

    def secure_url(self, answer: Answer, certificate: Any = None) -> str:
        """Serve with TLS, and tell where."""
        own = certificate or self.authority.issue("localhost")
        port = listen_tls(self, reactor, site(answer), own)
        return f"https://localhost:{port}/?s3cret"

    def demanding_url(self) -> str:
        """Serve those only whom our authority has certified."""
        own = self.authority.issue("localhost")
        ours = Certificate.loadPEM(self.authority.ca_file.read_bytes())

        class Demanding(IssuedCertificate):
            def options(self) -> Any:
                options: Any = super().options()
                options.verify = options.requireCertificate = True
                options.trustRoot = trustRootFromCertificates([ours])
                return options

        return self.secure_url(Answer(), Demanding(own.cert_file, own.key_file))

    async def test_ca_file(self) -> None:
        """Only its authorities are trusted; without it, the system's are."""
        url = self.secure_url(Answer())
        self.assertEqual(
            (await self.own(ca_file=self.authority.ca_file).get(url)).status, 200
        )
        for ca_file in (None, self.stranger.ca_file):
            reason = await self.failure(self.own(ca_file=ca_file).get(url))
            self.assertIn("TLS", reason)

    async def test_names_and_dates(self) -> None:
        """A certificate for another name, or of yesterday, is not taken."""
        for certificate in (
            self.authority.issue("elsewhere.example.org"),
            self.authority.issue("localhost", is_expired=True),
        ):
            url = self.secure_url(Answer(), certificate)
            client = self.own(ca_file=self.authority.ca_file)
            self.assertIn("TLS", await self.failure(client.get(url)))

    async def test_client_certificate(self) -> None:
        """It is shown to servers that want one."""
        url = self.demanding_url()
        good = self.authority.issue_client("mxisd")
        bad = self.stranger.issue_client("mxisd")
        ca_file = self.authority.ca_file
        client = self.own(
            ca_file=ca_file, certificate_file=good.cert_file, key_file=good.key_file
        )
        self.assertEqual((await client.get(url)).status, 200)
        for certificate, key in ((bad.cert_file, bad.key_file), (None, None)):
            client = self.own(
                ca_file=ca_file, certificate_file=certificate, key_file=key
            )
            await self.failure(client.get(url))

    async def test_renewed_files_are_noticed(self) -> None:
        """A file that is replaced counts for the next connection."""
        ca_file = Path(self.mktemp())
        ca_file.write_bytes(self.stranger.ca_file.read_bytes())
        client, url = self.own(ca_file=ca_file), self.secure_url(Answer())
        await self.failure(client.get(url))
        ca_file.write_bytes(self.authority.ca_file.read_bytes() + b"\n")
        self.assertEqual((await client.get(url)).status, 200)

    async def test_files_that_cannot_be_used(self) -> None:
        """The key to mend is named."""
        good, other = (self.authority.issue_client("a") for _ in range(2))
        old = self.authority.issue_client("old", is_expired=True)
        missing = Path(self.mktemp())
        for files, key in (
            ({"ca_file": missing}, "caFile"),
            ({"ca_file": good.key_file}, "caFile"),
            (_pair(missing, good.key_file), "certificateFile"),
            (_pair(good.cert_file, good.cert_file), "keyFile"),
            (_pair(good.cert_file, other.key_file), "keyFile"),
            (_pair(old.cert_file, old.key_file), "certificateFile"),
        ):
            with self.assertRaises(Misconfigured) as caught:
                await self.own(**files).get("https://localhost:1/")
            self.assertEqual(caught.exception.path, key)

    async def test_cookies_are_forgotten(self) -> None:
        """What a server wants to remember of one user is not sent with the next."""
        answer = Answer(set_cookie="session=alice")
        client, url = self.own(), self.url(site(answer))
        await client.get(url)
        await client.get(url)
        self.assertIsNone(answer.requests[1].requestHeaders.getRawHeaders("cookie"))


def _pair(certificate: Path, key: Path) -> dict[str, Path]:
    return {"certificate_file": certificate, "key_file": key}
