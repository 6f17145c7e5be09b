"""Idle connections, as many as anybody likes to open, and few descriptors."""

import shutil
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.client import V1, V2
from tests.integration.server import (
    PATIENCE,
    MxisdProcess,
    wait_until,
    without_root,
)
from tests.integration.smtp_server import MailServer

DESCRIPTORS = 256
CONNECTIONS = DESCRIPTORS // 2
SHARE = CONNECTIONS // 8
STRANGER = "127.0.0.2"
HEAD = f"POST {V2}/account/register HTTP/1.1\r\nHost: here\r\n".encode()
REQUEST = {"client_secret": "secret", "send_attempt": 1, "email": "a@example.org"}


def is_open(client: socket.socket) -> bool:
    """Whether the other side has not hung up."""
    client.settimeout(0)
    try:
        return bool(client.recv(1))
    except BlockingIOError:
        return True
    finally:
        client.settimeout(PATIENCE)


class CrowdTests(SynchronousTestCase):
    """A server that may open 256 files."""

    def setUp(self) -> None:
        """Start it, with a mail server, and without a trusted proxy."""
        folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, folder)
        self.mails = MailServer().start()
        self.addCleanup(self.mails.stop)
        smtp = {"host": "127.0.0.1", "port": self.mails.port, "tls": 0}
        email = {
            "identity": {"from": "id@example.org"},
            "connectors": {"smtp": smtp},
        }
        config = {"threepid": {"medium": {"email": email}}}
        self.server = MxisdProcess(folder, config, descriptors=DESCRIPTORS)
        self.server.config["server"] |= {"trustedProxies": ["192.0.2.1/32"]}
        self.server.start()
        self.addCleanup(self.server.stop)
        crowd = ExitStack()
        self.addCleanup(crowd.close)
        self.crowd = crowd

    def connect(
        self, source: str, count: int, greeting: bytes = b""
    ) -> list[socket.socket]:
        """Open so many connections from a loopback address."""
        sockets = []
        for _ in range(count):
            client = socket.socket()
            self.crowd.enter_context(client)
            client.bind((source, 0))
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", self.server.port))
            if greeting:
                client.sendall(greeting)
            sockets.append(client)
        return sockets

    def assert_served(self) -> None:
        """Others get their answers, and their mails."""
        self.assertEqual(self.server.get("/status")[0], 200)
        self.assertEqual(self.server.get(f"{V2}/account")[0], 401)
        sent = self.server.post(f"{V1}/validate/email/requestToken", REQUEST)
        self.assertEqual(sent[0], 200, sent)
        self.assertEqual(len(self.mails.delivered), 1)

    def warnings(self) -> list[str]:
        """What the log warns of; nothing of it is a surprise."""
        log = without_root(self.server.log.read_text())
        for word in ("Traceback", "EMFILE", "Too many open files"):
            self.assertNotIn(word, log)
        return [line for line in log.splitlines() if "#warn" in line]

    def test_one_client_with_many(self) -> None:
        """It has its share, and others do not notice."""
        clients = self.connect(STRANGER, 1100)
        self.assert_served()
        (warning,) = self.warnings()
        for word in (STRANGER, f" {SHARE} ", "server.trustedProxies"):
            self.assertIn(word, warning)
        left = wait_until(lambda: self.left(clients, SHARE), "the others are closed")
        left[0].sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        self.assertIn(b"M_MISSING_PARAMS", left[0].recv(4096))

    def left(self, clients: list[socket.socket], count: int) -> list[socket.socket]:
        """Those that are still open, once there are so few."""
        left = [client for client in clients if is_open(client)]
        return left if len(left) <= count else []

    def test_one_client_with_many_that_have_begun(self) -> None:
        """Half requests keep their places, and their source is full."""
        self.connect(STRANGER, SHARE, HEAD)
        # By this answer, they have been read.
        self.server.get("/status")
        (refused,) = self.connect(STRANGER, 1)
        self.assertEqual(refused.recv(1), b"")
        self.assert_served()

    def test_many_clients_with_a_few(self) -> None:
        """All places are taken, and the longest idle connection gives way."""
        crowd = [
            client
            for index in range(60)
            for client in self.connect(f"127.0.1.{index + 1}", 10)
        ]
        self.assert_served()
        (warning,) = self.warnings()
        for word in (f" {CONNECTIONS} ", "LimitNOFILE"):
            self.assertIn(word, warning)
        self.assertEqual(crowd[0].recv(1), b"")
        self.assertLess(self.open_files(), DESCRIPTORS - 64)

    def open_files(self) -> int:
        """How many descriptors the server has open, once it has closed some."""
        folder = Path("/proc", str(self.server.pid), "fd")

        def count() -> int:
            found = len(list(folder.iterdir()))
            return found if found < CONNECTIONS + 64 else 0

        counted: int = wait_until(count, "connections are closed")
        return counted

    def test_requests_of_all_kinds(self) -> None:
        """Over real sockets: served, refused and hung up on as RFC 9112 has it."""
        url = f"http://id.example.org{V2}"
        headers = "X: y\r\n" * 101
        for head, status, goes_on in (
            (f"GET {url} HTTP/1.1\r\nHost: id.example.org\r\n", 200, True),
            (f"GET {V2} HTTP/1.1\r\nHost: x\r\nConnection: x,close\r\n", 200, False),
            (f"GET {V2} HTTP/1.0\r\n", 200, False),
            (f"GET {V2} HTTP/1.1\r\n", 400, False),
            (f"GET {V2} HTTP/1.1\r\nHost: x\r\nHost: x\r\n", 400, False),
            (f"GET {V2} HTTP/1.1\r\nHost : x\r\n", 400, False),
            (f"GET {V2} HTTP/1.1\nHost: x\n", 400, False),
            (f"GET {V2} HTTP/1.1\r\nHost: x\r\n{headers}", 431, False),
            (f"GET /{'x' * 20_000} HTTP/1.1\r\nHost: x\r\n", 414, False),
        ):
            (client,) = self.connect("127.0.0.1", 1, f"{head}\r\n".encode())
            with client.makefile("rb") as answer:
                first = answer.readline()
                self.assertTrue(first.startswith(b"HTTP/1."), first)
                self.assertEqual(int(first.split()[1]), status, head[:80])
                if not goes_on:
                    rest = answer.read()
                    self.assertIn(b"\r\nConnection: close\r\n", rest)
                    self.assertIn(b"{", rest)
            self.assertEqual(is_open(client), goes_on, head[:80])
            client.close()
        self.assertEqual(self.warnings(), [])
