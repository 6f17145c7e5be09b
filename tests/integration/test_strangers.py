"""Strangers send us to servers whose names nobody knows; our own work goes on."""

import json
import os
import re
import socket
import sys
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.client import V2, IdentityClient
from tests.integration.homeserver import HomeserverProcess
from tests.integration.name_server import NameServer, let_the_system_hang
from tests.integration.server import PATIENCE, MxisdProcess, wait_until
from tests.integration.sinks import MailSink

ADMIN = "/_mxisd/admin/v1"
TOKEN = "4c0d0f8c2a6d41b7a4b0a1f3b7d2e9c5"
CLIENT = "monkeys=are.GREAT_-"
MANY = 210
STOP_SECONDS = 15
ALICE = "alice@example.org"


class Pending:
    """A request whose answer nobody reads yet."""

    def __init__(self, port: int, path: str, body: Any, *headers: str) -> None:
        content = json.dumps(body)
        head = [
            f"POST {path} HTTP/1.1",
            "Host: id.example.org",
            "Connection: close",
            f"Content-Length: {len(content)}",
            *headers,
        ]
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._socket.sendall(("\r\n".join(head) + "\r\n\r\n" + content).encode())

    def answer(self) -> tuple[int, str]:
        """Wait for the answer: its status and code."""
        with self._socket, self._socket.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
        match = re.match(rb"HTTP/1.1 (\d+)", head)
        assert match is not None, head
        return int(match[1]), json.loads(body).get("errcode", "")


class StrangersTests(SynchronousTestCase):
    """Neither the server's name servers nor the system's say a word about some."""

    def setUp(self) -> None:
        """Start servers."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.name_server = NameServer().start()
        self.addCleanup(self.name_server.stop)
        self.mail_sink = MailSink()
        self.mail_sink.start()
        self.addCleanup(self.mail_sink.stop)
        self.homeserver = HomeserverProcess(self.folder / "homeserver", "alice", "bob")
        self.addCleanup(self.homeserver.stop)
        let_the_system_hang(self.folder)
        path = os.pathsep.join([str(self.folder), *filter(None, sys.path)])
        self.server = MxisdProcess(self.folder, self.config(), {"PYTHONPATH": path})
        self.server.start()
        self.addCleanup(self.server.stop)

    def config(self) -> dict[str, Any]:
        """A homeserver of our own, open to others; a store that is out of reach."""
        smtp = {"host": "localhost", "port": self.mail_sink.port, "tls": 0}
        email = {"identity": {"from": "id@example.org"}, "connectors": {"smtp": smtp}}
        threepids = [{"medium": "email", "address": ALICE}]
        person = {"username": "alice", "password": "x", "threepids": threepids}
        return {
            "matrix": {"domain": self.homeserver.server_name},
            "accountConfig": {"allowOnlyTrustDomains": False},
            "admin": {"token": TOKEN},
            "dns": {"servers": [f"127.0.0.1:{self.name_server.port}"]},
            "lookup": {"timeout": "2s", "storeTimeout": "1s"},
            "outbound": {"caFile": str(self.homeserver.ca_file)},
            "memory": {"enabled": True, "identities": [person]},
            "rest": {"enabled": True, "host": "http://people.slow.test"},
            "threepid": {"medium": {"email": email}},
        }

    def unbind(self, name: str, source: str) -> Pending:
        """Ask to unbind somebody of a homeserver, with a signature of no worth."""
        body = {
            "mxid": f"@a:{name}",
            "threepid": {"medium": "email", "address": ALICE},
        }
        signature = f'X-Matrix origin="{name}",key="ed25519:1",sig="AAAA"'
        return Pending(
            self.server.port,
            f"{V2}/3pid/unbind",
            body,
            f"Authorization: {signature}",
            f"X-Forwarded-For: {source}",
        )

    def register(self, name: str, source: str) -> Pending:
        """Register with a homeserver."""
        body = {"access_token": "openid-bob", "matrix_server_name": name}
        path = f"{V2}/account/register"
        return Pending(self.server.port, path, body, f"X-Forwarded-For: {source}")

    def assert_own_work_goes_on(self) -> None:
        """People log in, get mails, and are found by a new index."""
        alice = IdentityClient(self.server, self.homeserver, "alice")
        body = {"client_secret": CLIENT, "send_attempt": 1, "email": "a@elsewhere.test"}
        path = f"{V2}/validate/email/requestToken"
        self.assertEqual(self.server.post(path, body, alice.token)[0], 200)
        self.assertEqual(len(self.mail_sink.mails), 1)
        status, begun = self.server.post(f"{ADMIN}/hashes/rebuild", {}, TOKEN)
        self.assertEqual(status, 202)
        wait_until(lambda: self.refreshes() >= begun["through_at"], "a new index")
        self.assertEqual(set(alice.hashed(ALICE)), {ALICE})

    def refreshes(self) -> int:
        """How often the index was made."""
        refreshes: int = self.server.get(f"{ADMIN}/hashes", TOKEN)[1]["refreshes"]
        return refreshes

    def pepper(self, client: IdentityClient) -> str | None:
        """The current one, if there is one yet."""
        reply = self.server.get(f"{V2}/hash_details", client.token)[1]
        pepper: str | None = reply.get("lookup_pepper")
        return pepper

    def test_many_sources(self) -> None:
        """Their questions wait for each other, and nobody else does."""
        pending = [
            self.unbind(f"x{number}.slow.test", f"198.51.100.{number}")
            for number in range(MANY)
        ]
        wait_until(lambda: len(self.name_server.asked) >= 20, "strangers are asked")
        self.assert_own_work_goes_on()
        answers = [each.answer() for each in pending]
        # Neither "no" nor an error of ours: it could not be told.
        self.assertEqual({status for status, _ in answers}, {502, 503})

    def test_one_source(self) -> None:
        """It may do less than all together, and is told so; our users may be there."""
        source = "198.51.100.1"
        pending = [self.unbind(f"x{n}.slow.test", source) for n in range(20)]
        wait_until(lambda: len(self.name_server.asked) >= 10, "strangers are asked")
        pending += [self.register(f"y{n}.slow.test", source) for n in range(20)]
        elsewhere = self.register("z.slow.test", "198.51.100.2")
        ours = self.register(self.homeserver.server_name, source)
        self.assertEqual(ours.answer()[0], 200)
        answers = [each.answer() for each in pending]
        self.assertEqual(answers.count((429, "M_LIMIT_EXCEEDED")), 30)
        self.assertEqual(answers.count((502, "M_UNKNOWN")), 10)
        self.assertEqual(elsewhere.answer()[0], 502)

    def test_a_store_whose_name_hangs(self) -> None:
        """It has one thread, and is left out."""
        alice = IdentityClient(self.server, self.homeserver, "alice")
        pepper = wait_until(lambda: self.pepper(alice), "the index is there")
        pending = [
            Pending(
                self.server.port,
                f"{V2}/lookup",
                {
                    "algorithm": "none",
                    "pepper": pepper,
                    "addresses": [f"nobody{number}@example.org email"],
                },
                f"Authorization: Bearer {alice.token}",
            )
            for number in range(40)
        ]
        self.assertEqual([each.answer()[0] for each in pending], [200] * 40)
        self.assert_own_work_goes_on()

    def test_the_end(self) -> None:
        """The server ends in time, whatever hangs."""
        for number in range(20):
            self.unbind(f"x{number}.slow.test", f"198.51.100.{number}")
        alice = IdentityClient(self.server, self.homeserver, "alice")
        wait_until(lambda: alice.plain(ALICE), "Alice is found, the other store hangs")
        alice.plain("nobody@example.org")
        began = time.monotonic()
        self.server.stop()
        self.assertLess(time.monotonic() - began, STOP_SECONDS)
