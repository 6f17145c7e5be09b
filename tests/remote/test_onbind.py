"""Tests of telling homeservers whose an address is: production clients on loopback."""

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from mxisd.errors import HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.ports import IOnBind
from mxisd.remote.onbind import ONBIND, TOTAL_SECONDS, OnBind
from tests.drivers.http.counting import Counting, answer
from tests.drivers.http.servers import listen, site
from tests.remote.federation import FederationTestCase

FIRST, SECOND = "1.1.1.1", "1.1.1.2"
CONTENT = {"mxid": "@bob:example.test", "invites": [{"room_id": "ü"}]}


class OnBindResource(Resource):
    """
    An endpoint that answers with a status for each method.

    :ivar asked: Method, path, headers and body of each request.
    """

    isLeaf = True

    def __init__(self, **statuses: int) -> None:
        super().__init__()
        self._statuses = statuses
        self.asked: list[tuple[str, Request, Any]] = []

    def render(self, request: Request) -> bytes:
        """Answer."""
        method = request.method.decode()
        assert request.content is not None
        self.asked.append((method, request, json.loads(request.content.read())))
        request.setResponseCode(self._statuses.get(method, 405))
        return b"whatever"


class Hanging(Resource):
    """Never answers."""

    isLeaf = True

    def render_POST(self, request: Request) -> int:
        """Wait."""
        return NOT_DONE_YET


class OnBindTests(FederationTestCase):
    def make(self, **federation: Any) -> OnBind:
        """Make what is tested."""
        made = OnBind(self.federation(**federation))
        self.assertTrue(IOnBind.providedBy(made))
        return made

    def homeserver_at(self, address: str, resource: Resource, port: int = 8448) -> None:
        """Put a homeserver with a good certificate at an address."""
        self.at("example.test", address, port, site(resource))

    async def tell(self, made: OnBind | None = None) -> int:
        """Tell the homeserver."""
        name = ServerName.parse("example.test")
        return await (made or self.make()).onbind(name, CONTENT)

    async def test_told(self) -> None:
        """By POST, as JSON, without a header that says who we are."""
        resource = OnBindResource(POST=200)
        self.internet.name("example.test", FIRST)
        self.homeserver_at(FIRST, resource)
        self.assertEqual(await self.tell(), 200)
        ((method, request, content),) = resource.asked
        self.assertEqual((method, content), ("POST", CONTENT))
        self.assertEqual(request.path, ONBIND.encode())
        headers = request.requestHeaders
        self.assertIsNone(headers.getRawHeaders("Authorization"))
        self.assertEqual(headers.getRawHeaders("Content-Type"), ["application/json"])

    async def test_put_where_there_is_no_post(self) -> None:
        """And what it says then counts; other refusals are not argued with."""
        for statuses, methods, expected in (
            ({"PUT": 200}, ["POST", "PUT"], 200),
            ({"POST": 404, "PUT": 403}, ["POST", "PUT"], 403),
            ({"POST": 404}, ["POST", "PUT"], 405),
            ({"POST": 403, "PUT": 200}, ["POST"], 403),
            ({"POST": 502, "PUT": 200}, ["POST"], 502),
        ):
            resource = OnBindResource(**statuses)
            self.internet.name("example.test", FIRST)
            self.homeserver_at(FIRST, resource)
            self.assertEqual(await self.tell(), expected)
            self.assertEqual([each[0] for each in resource.asked], methods)

    async def test_the_next_target(self) -> None:
        """When the first one is down."""
        fed = "_matrix-fed._tcp.example.test"
        for priority, address in enumerate((FIRST, SECOND)):
            self.resolver.add(fed, f"t{priority}.test", 7000, priority=priority)
            self.internet.name(f"t{priority}.test", address)
        self.homeserver_at(SECOND, OnBindResource(POST=200), 7000)
        self.assertEqual(await self.tell(), 200)

    async def test_a_stranger_with_the_address(self) -> None:
        """Whoever has no certificate for the name is told nothing."""
        resource = OnBindResource(POST=200)
        self.internet.name("example.test", FIRST)
        self.at("other.test", FIRST, 8448, site(resource))
        with self.assertRaises(HomeserverUnavailable) as caught:
            await self.tell()
        self.assertIn("another name", str(caught.exception))
        self.assertEqual(resource.asked, [])

    async def test_private_addresses(self) -> None:
        """Nobody can have us tell our own network."""
        self.internet.name("example.test", "10.0.0.1")
        with self.assertRaises(HomeserverUnavailable):
            await self.tell()
        tried = [each for each in self.internet.tried if each[0] == "10.0.0.1"]
        self.assertEqual(tried, [])

    async def test_the_operators_url(self) -> None:
        """``dns.overwrite`` is used as it is, for that name in any case."""
        resource = OnBindResource(POST=200)
        port = listen(self, self.reactor, site(resource))
        self.internet.server("127.0.0.1", port, port)
        url = f"http://127.0.0.1:{port}/prefix/"
        made = self.make(overwrites={"Example.test": url})
        self.assertEqual(await self.tell(made), 200)
        ((_, request, _),) = resource.asked
        self.assertEqual(request.path, b"/prefix" + ONBIND.encode())

    async def test_put_where_connections_end(self) -> None:
        """It leaves, whatever the server does with the connection of the POST."""
        lacking = b"HTTP/1.%d 404 Not Found\r\nContent-Length: 0\r\n%s\r\n"
        for refusal in (lacking % (0, b""), lacking % (1, b"Connection: Close\r\n")):
            self.assertEqual(await self.told_after(refusal, is_ended=False), 200)
            self.assertEqual(await self.told_after(refusal, is_ended=True), 200)
        self.assertEqual(await self.told_after(lacking % (1, b""), is_ended=True), 200)

    async def told_after(self, refusal: bytes, is_ended: bool) -> int:
        """Tell a server that refuses POST; tells what it says to PUT in the end."""

        def script(transport: Any, *_: int) -> None:
            is_post = server.heard[-1] == b"POST"
            transport.write(refusal if is_post else answer())
            if is_ended:
                transport.loseConnection()

        server = Counting(script)
        port = listen(self, self.reactor, server)
        self.internet.server("127.0.0.1", port, port)
        made = self.make(overwrites={"example.test": f"http://127.0.0.1:{port}"})
        for _ in range(3):
            status = await self.tell(made)
        self.assertEqual(server.heard.count(b"POST"), 3)
        return status

    async def test_a_deadline_for_everything(self) -> None:
        """A homeserver that never answers is given up."""
        clock = Clock()
        port = listen(self, self.reactor, site(Hanging()))
        self.internet.server("127.0.0.1", port, port)
        overwrites = {"example.test": f"http://127.0.0.1:{port}"}
        made = self.make(clock=clock, overwrites=overwrites)
        telling = Deferred.fromCoroutine(self.tell(made))
        clock.advance(TOTAL_SECONDS)
        with self.assertRaises(HomeserverUnavailable):
            await telling
