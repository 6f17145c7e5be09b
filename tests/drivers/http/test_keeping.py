"""Connections that are kept, or not, and questions that are asked again, or not."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import treq
from twisted.internet import reactor as real_reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mxisd.drivers.http import HttpFailed, http_clients
from mxisd.drivers.http.json_client import JsonClient
from mxisd.drivers.http.own_client import own_client
from mxisd.drivers.tls_files import TlsFiles
from mxisd.errors import StoreUnavailable
from tests.drivers.http.counting import Counting, Script, answer, hanging_up, saying
from tests.drivers.http.servers import listen, listen_tls
from tests.tls import CertificateAuthority

reactor: Any = real_reactor


class KeepingCase(TestCase):
    """Has the configured client, and that of stores."""

    timeout = 60

    def setUp(self) -> None:
        """Make them."""
        self.clients = http_clients(reactor, user_agent="mxisd/test")
        self.addCleanup(lambda: Deferred.fromCoroutine(self.clients.configured.close()))
        self.json = JsonClient(http=self.clients.stores, clock=reactor)

    def serve(self, script: Script) -> Counting:
        """Serve, at ``self.url``."""
        server = Counting(script)
        self.url = f"http://127.0.0.1:{listen(self, reactor, server)}/"
        return server

    async def ask(self) -> Any:
        """Ask something that may be asked twice."""
        return (await self.json.post(self.url, {}, is_repeatable=True)).document

    async def request(self, method: str, body: bytes | None = None) -> bytes:
        """Ask with the other client."""
        client = self.clients.configured
        reply = await client.request(
            method, self.url, body=body, limit_bytes=99, seconds=20
        )
        return reply.body

    async def settle(self) -> None:
        """Let news of the network arrive."""
        await deferLater(reactor, 0.05)


class KeptTests(KeepingCase):
    async def test_kept(self) -> None:
        """Connections that servers keep open serve the next question."""
        for text in (
            answer(),
            answer(b"Connection: keep-alive"),
            answer(b"Connection: Keep-Alive", version=b"1.0"),
            answer(b"X-Connection: close"),
        ):
            server = self.serve(saying(text))
            for _ in range(3):
                self.assertEqual(await self.ask(), {})
                await self.settle()
            self.assertEqual(server.connections, 1, text)

    async def test_not_kept(self) -> None:
        """Those of which they say that they close them are closed."""
        for text in (
            answer(version=b"1.0"),
            answer(b"Connection: close"),
            answer(b"Connection: Close"),
            answer(b"connection: CLOSE"),
            answer(b"Connection: keep-alive, Close"),
            answer(b"Connection: Keep-Alive", b"Connection: x,close"),
        ):
            server = self.serve(saying(text))
            for _ in range(3):
                self.assertEqual(await self.ask(), {})
                await self.settle()
            self.assertEqual(server.connections, 3, text)

    async def test_a_store_with_files_of_its_own(self) -> None:
        """Its client keeps connections by the same rules."""
        server = self.serve(saying(answer(b"Connection: Close")))
        own = own_client(reactor, TlsFiles(), user_agent="mxisd/test")
        self.addCleanup(lambda: Deferred.fromCoroutine(own.close()))
        client = JsonClient(http=own.treq, clock=reactor)
        for _ in range(3):
            await client.post(self.url, {}, is_repeatable=True)
        self.assertEqual(server.connections, 3)


class RepeatingTests(KeepingCase):
    async def test_questions(self) -> None:
        """One that goes into a dead connection is asked again, over a new one."""
        server = self.serve(hanging_up)
        for heard in (1, 3, 4, 6):
            self.assertEqual(await self.ask(), {})
            self.assertEqual(server.heard, [b"POST"] * heard)

    async def test_methods_that_may_be_repeated(self) -> None:
        """They say it themselves."""
        for method, body in (("GET", None), ("PUT", b"{}"), ("DELETE", None)):
            self.serve(hanging_up)
            for _ in range(4):
                self.assertEqual(await self.request(method, body), b"{}")

    async def test_orders_are_given_once(self) -> None:
        """What may not be repeated has a new connection, so that it is heard."""
        server = self.serve(hanging_up)
        for _ in range(3):
            self.assertEqual(await self.ask(), {})
            self.assertEqual((await self.json.post(self.url, {})).document, {})
            self.assertEqual(await self.request("POST", b"{}"), b"{}")
        orders, questions, repetitions = 6, 3, 1
        self.assertEqual(len(server.heard), orders + questions + repetitions)

    async def test_bytes_are_an_order(self) -> None:
        """Gateways that send messages get each of them once, whatever is posted how."""
        server = self.serve(hanging_up)
        await self.ask()
        contents: Any = ({"data": b"{}"}, {"json": {}}, {"data": {"a": "b"}})
        for content in contents:
            await treq.content(await self.clients.stores.post(self.url, **content))
        self.assertEqual((len(server.heard), server.connections), (4, 4))

    async def test_an_order_that_fails_is_not_given_again(self) -> None:
        """Nobody knows whether it was carried out."""
        server = self.serve(lambda transport, *_: transport.loseConnection())
        with self.assertRaises(StoreUnavailable):
            await self.json.post(self.url, {})
        with self.assertRaises(HttpFailed):
            await self.request("POST", b"{}")
        self.assertEqual(len(server.heard), 2)

    async def test_twice_is_enough(self) -> None:
        """A server that hangs up on the second try, too, does not answer."""

        def script(transport: Any, connection: int, request: int) -> None:
            if connection == request == 1:
                transport.write(answer())
            else:
                transport.abortConnection()

        server = self.serve(script)
        await self.ask()
        with self.assertRaises(StoreUnavailable):
            await self.ask()
        self.assertEqual(len(server.heard), 3)

    async def test_new_connections_say_the_truth(self) -> None:
        """What fails over a new one is not asked again."""
        server = self.serve(lambda transport, *_: transport.loseConnection())
        with self.assertRaises(StoreUnavailable):
            await self.ask()
        self.assertEqual(len(server.heard), 1)

    async def test_an_answer_that_has_begun(self) -> None:
        """With its first byte the server is known to have heard the question."""

        def script(transport: Any, connection: int, request: int) -> None:
            transport.write(answer() if request == 1 else b"H")
            if request > 1:
                transport.loseConnection()

        server = self.serve(script)
        await self.ask()
        with self.assertRaises(StoreUnavailable):
            await self.ask()
        self.assertEqual(len(server.heard), 2)

    async def test_idle_connections_that_are_closed(self) -> None:
        """At once, or a little later: every question is answered."""
        for wait in (0.0, 0.002, 0.01):

            def script(transport: Any, *_: int, wait: float = wait) -> None:
                transport.write(answer())
                reactor.callLater(wait, transport.loseConnection)

            self.serve(script)
            for pause in (0.0, 0.001, 0.002, 0.003, 0.01, 0.011) * 3:
                self.assertEqual(await self.ask(), {})
                await deferLater(reactor, pause)
        await self.settle()

    async def test_who_gives_up(self) -> None:
        """A question that nobody waits for is not asked again."""

        def script(transport: Any, connection: int, request: int) -> None:
            if request == 1:
                transport.write(answer())

        server = self.serve(script)
        await self.ask()
        asking = Deferred.fromCoroutine(self.ask())
        while len(server.heard) < 2:
            await deferLater(reactor, 0.01)
        asking.cancel()
        with self.assertRaises(CancelledError):
            await asking
        await self.settle()
        self.assertEqual((len(server.heard), server.connections), (2, 1))


class HalfTests(KeepingCase):
    """Answers that are not whole are none."""

    async def test_half_answers(self) -> None:
        """However the rest is missing, and whatever is there already."""
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        old = b"HTTP/1.0 200 OK\r\n\r\n"
        for text, end in (
            (answer(body=b"{}")[:-1], "loseConnection"),
            (answer(body=b"{}   ")[:-3], "loseConnection"),
            (answer(body=b"    ")[:-4], "loseConnection"),
            (chunked, "loseConnection"),
            (chunked + b"2\r\n{}\r\n", "loseConnection"),
            (chunked + b"2\r\n{}\r\n0\r\n", "loseConnection"),
            (old, "abortConnection"),
            (old + b"{}", "abortConnection"),
        ):

            def script(
                transport: Any, *_: int, text: bytes = text, end: str = end
            ) -> None:
                transport.write(text)
                reactor.callLater(0.02, getattr(transport, end))

            self.serve(script)
            with self.assertRaises(StoreUnavailable, msg=text):
                await self.ask()
            with self.assertRaises(HttpFailed, msg=text):
                await self.request("GET")

    async def test_a_tls_connection_that_is_cut(self) -> None:
        """Whoever sits in between can cut it, but not end it well."""
        authority = CertificateAuthority(Path(self.mktemp()))

        def script(transport: Any, *_: int) -> None:
            transport.write(b"HTTP/1.0 200 OK\r\n\r\n{}")
            if is_cut:
                reactor.callLater(0.02, transport.transport.loseConnection)
            else:
                transport.loseConnection()

        certificate = authority.issue("localhost")
        port = listen_tls(self, reactor, Counting(script), certificate)
        self.url = f"https://localhost:{port}/"
        self.clients = http_clients(
            reactor, user_agent="mxisd/test", ca_file=authority.ca_file
        )
        is_cut = False
        self.assertEqual(await self.request("GET"), b"{}")
        is_cut = True
        with self.assertRaises(HttpFailed):
            await self.request("GET")


class _Simple(BaseHTTPRequestHandler):
    """Python's own server: HTTP/1.0, and nothing said about the connection."""

    def do_POST(self) -> None:
        """Answer with what was asked."""
        question = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(question)))
        self.end_headers()
        self.wfile.write(question)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 64


class SimpleServerTests(KeepingCase):
    async def test_eight_at_a_time(self) -> None:
        """Each of many questions to Python's own server has its answer."""
        server = _Server(("127.0.0.1", 0), _Simple)
        self.url = f"http://127.0.0.1:{server.server_port}/"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            await gatherResults(
                [Deferred.fromCoroutine(self.many(each)) for each in range(8)]
            )
        finally:
            await deferToThread(server.shutdown)
            server.server_close()
            thread.join()

    async def many(self, client: int) -> None:
        """Ask a hundred times."""
        for number in range(100):
            question = {"n": [client, number]}
            reply = await self.json.post(self.url, question, is_repeatable=True)
            self.assertEqual(reply.document, json.loads(json.dumps(question)))
