"""Who answers at the public URL, asked by the real client."""

import json
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from mxisd.drivers.http import http_clients
from mxisd.errors import Problem, Weight
from mxisd.public_url import found_at_public_url
from tests.config.fakes import FOUNDATION, loaded
from tests.drivers.http.servers import (
    FakeInternet,
    SpeakingFactory,
    listen,
    listen_tls,
    says,
    site,
)
from tests.tls import CertificateAuthority

KEY = "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI+/"
NAME = "id.example.org"
VERSIONS = {"versions": ["r0.3.0", "v1.5"]}


class Server(Resource):
    """An identity server, or something like it."""

    isLeaf = True

    def __init__(self, versions: Any = VERSIONS, status: int = 200) -> None:
        super().__init__()
        self.versions = versions
        self.status = status
        self.keys = [KEY]

    def render_GET(self, request: Request) -> bytes:
        """Answer."""
        if request.path == b"/base/_matrix/identity/versions":
            request.setResponseCode(self.status)
            return json.dumps(self.versions).encode()
        if request.path == b"/base/_matrix/identity/api/v1/pubkey/isvalid":
            (asked,) = request.args[b"public_key"]
            return json.dumps({"valid": asked.decode() in self.keys}).encode()
        request.setResponseCode(404)
        return b"<html>"


class PublicUrlTests(TestCase):
    """What is told of it."""

    timeout = 30

    def setUp(self) -> None:
        """A client that trusts one authority."""
        self.internet = FakeInternet(reactor)
        self.authority = CertificateAuthority(Path(self.mktemp()))
        self.clients = http_clients(
            self.internet, user_agent="mxisd/test", ca_file=self.authority.ca_file
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(self.clients.configured.close()))

    async def found(
        self, url: str = f"https://{NAME}/base", key: str | None = KEY
    ) -> Problem | None:
        """Ask."""
        text = f"{FOUNDATION}server: {{publicUrl: '{url}'}}\n"
        config = loaded(text).config
        return await found_at_public_url(config, self.clients.configured, key)

    def serve(self, factory: Any, certified: str = NAME) -> None:
        """Serve at the name."""
        issued = self.authority.issue(certified)
        self.internet.name(NAME, "1.1.1.1")
        port = listen_tls(self, reactor, factory, issued)
        self.internet.server("1.1.1.1", 443, port)

    async def assert_told(self, words: str, *, is_certain: bool) -> None:
        """Something is wrong."""
        found = await self.found()
        assert found is not None
        self.assertEqual(found.path, "server.publicUrl")
        self.assertTrue(found.text.startswith(f"https://{NAME}/base: "))
        self.assertIn(words, found.text)
        weight = Weight.ERROR if is_certain else Weight.WARNING
        self.assertIs(found.weight, weight)

    async def test_it_is_us(self) -> None:
        """The server that runs has the key that is configured."""
        self.serve(site(Server()))
        self.assertIsNone(await self.found())

    async def test_somebody_else(self) -> None:
        """Another identity server, which does not know our key."""
        server = Server()
        server.keys = []
        self.serve(site(server))
        await self.assert_told("another identity server", is_certain=True)

    async def test_before_the_first_start(self) -> None:
        """There is no key yet: any identity server may be it."""
        server = Server()
        server.keys = []
        self.serve(site(server))
        self.assertIsNone(await self.found(key=None))

    async def test_no_identity_server(self) -> None:
        """A refusal, a redirect, JSON of something else: the proxy has to be mended."""
        server = Server()
        self.serve(site(server))
        for server.versions, server.status, words in (
            (VERSIONS, 404, "(status 404)"),
            (VERSIONS, 302, "(status 302)"),
            ({"name": "x"}, 200, "(status 200)"),
            (["v1.1"], 200, "(status 200)"),
            ({"versions": "v1.1"}, 200, "(status 200)"),
        ):
            await self.assert_told("no identity server answers at", is_certain=True)
            await self.assert_told(words, is_certain=True)

    async def test_a_page(self) -> None:
        """What the proxy serves beside us."""
        self.serve(site(Resource()))
        await self.assert_told("(status 404)", is_certain=True)

    async def test_a_proxy_with_nobody_behind(self) -> None:
        """That is so before the first start."""
        server = Server()
        self.serve(site(server))
        for server.status in (502, 503, 504):
            words = f"a proxy answers {server.status}"
            await self.assert_told(words, is_certain=False)

    async def test_nobody(self) -> None:
        """A name that does not resolve, and a port where nobody listens."""
        await self.assert_told("the name does not resolve", is_certain=False)
        self.internet.name(NAME, "1.1.1.1")
        self.internet.server("1.1.1.1", 443, 1)
        await self.assert_told("nobody answers", is_certain=False)

    async def test_certificates(self) -> None:
        """Clients would refuse it as well."""
        self.serve(site(Server()), "other.example.org")
        await self.assert_told("for another name", is_certain=True)
        self.authority = CertificateAuthority(Path(self.mktemp()))
        self.serve(site(Server()))
        await self.assert_told("authority is not known", is_certain=True)
        self.internet.server(
            "1.1.1.1", 443, listen(self, reactor, SpeakingFactory(says(b"HTTP/1.1 4")))
        )
        await self.assert_told("TLS: ", is_certain=True)

    async def test_plain_http(self) -> None:
        """For tests."""
        port = listen(self, reactor, site(Server()))
        self.internet.server("127.0.0.1", port, port)
        self.assertIsNone(await self.found(f"http://127.0.0.1:{port}/base"))
