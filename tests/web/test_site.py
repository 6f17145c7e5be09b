"""The server, on a real socket where that matters."""

from collections.abc import Sequence
from pathlib import Path
from socket import create_connection
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mxisd.web.site import build_site
from tests.web.test_channel import PING, REGISTER, length
from tests.web.world import V2, Wire, World


class SiteTests(SynchronousTestCase):
    """The server in memory."""

    def setUp(self) -> None:
        """A world with a log."""
        self.world = World()
        self.path = Path(self.mktemp())
        self.world.settings = {"access_log": str(self.path)}
        self.site = self.world.site()

    def lines(self) -> list[str]:
        """The access log without times."""
        lines = self.path.read_text().splitlines()
        return [line.split(" ", 1)[1].rsplit(" ", 1)[0] for line in lines]

    def test_requests_are_logged_without_their_query(self) -> None:
        """Each second, and without the tokens that are in there."""
        self.site.doStart()
        wire = Wire(self.site)
        wire.send(
            f"GET {V2}/account?access_token=secret HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        wire.send(PING)
        self.world.clock.advance(1)
        size = len(wire.answers()[0].body)
        expected = [f"GET {V2}/account 401 {size}", f"GET {V2} 200 2"]
        self.assertEqual(self.lines(), expected)
        self.site.doStop()

    def test_refusals_are_logged(self) -> None:
        """With as much of the request as was there, at the stop if not before."""
        self.site.doStart()
        Wire(self.site).send(REGISTER + length(1 << 20))
        Wire(self.site).send(b"rubbish\r\n")
        self.site.doStop()
        first, second = self.lines()
        self.assertIn(f"POST {V2}/account/register 413", first)
        self.assertIn("- - 400", second)

    def test_http2_is_not_offered(self) -> None:
        """It would come without our limits."""
        self.assertEqual(self.site.acceptableProtocols(), [b"http/1.1"])


class SocketTests(TestCase):
    """The server on a loopback socket."""

    def setUp(self) -> None:
        """Listen."""
        world = World()
        self.site: Any = build_site(
            world.web_settings(),
            world.features(),
            world.tasks.shield,
            world.random,
            reactor,
        )
        listening: Any = reactor
        self.port = listening.listenTCP(0, self.site, interface="127.0.0.1")

        self.addCleanup(lambda: Deferred.fromCoroutine(self.stop()))

    async def stop(self) -> None:
        """Stop, and let the connections end."""
        await self.port.stopListening()
        while len(self.site.connections):
            await deferLater(self.site.reactor, 0.01)

    def talk(self, *pieces: bytes) -> "Deferred[bytes]":
        """Send pieces from a thread, then read a JSON object."""
        return deferToThread(_talk, self.port.getHost().port, pieces)

    async def test_a_request(self) -> None:
        """It works on a real socket."""
        answer = await self.talk(
            PING.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertTrue(answer.endswith(b"\r\n\r\n{}"))

    async def test_a_refusal_reaches_clients_that_still_send(self) -> None:
        """They read the answer instead of a reset, though nobody reads their body."""
        size = 3 * 1024 * 1024
        for head in (length(size), b"Transfer-Encoding: chunked\r\n\r\n300000\r\n"):
            answer = await self.talk(REGISTER + head, b"x" * size)
            self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
            self.assertIn(b"M_TOO_LARGE", answer)


def _talk(port: int, pieces: Sequence[bytes]) -> bytes:
    with create_connection(("127.0.0.1", port), timeout=20) as client:
        for piece in pieces:
            client.sendall(piece)
        received = b""
        while not received.endswith(b"}") and (piece := client.recv(65536)):
            received += piece
        return received
