"""The whole server in front of a back end that speaks HTTP/1.0."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mxisd.testing.stores import Person
from tests.integration.client import V1, IdentityClient
from tests.integration.homeserver import HomeserverProcess
from tests.integration.rest_stores import BackendProcess
from tests.integration.server import MxisdProcess

CLIENTS, QUESTIONS = 8, 100
MAILS = [f"person{number}@example.org" for number in range(CLIENTS)]


class LostLookupTests(SynchronousTestCase):
    """Nobody is lost because a connection has ended."""

    def setUp(self) -> None:
        """Start a back end, a homeserver, and mxisd between them."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        homeserver = HomeserverProcess(self.folder / "homeserver", "alice")
        self.addCleanup(homeserver.stop)
        people = [
            Person(username=mail[:7], threepids=[("email", mail)]) for mail in MAILS
        ]
        backend = BackendProcess(people, is_old=True, domain=homeserver.server_name)
        self.addCleanup(backend.stop)
        config = {
            "matrix": {"domain": homeserver.server_name},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(homeserver.ca_file),
            },
            "rest": {"enabled": True, "host": backend.url},
        }
        self.server = MxisdProcess(self.folder, config).start()
        self.addCleanup(self.server.stop)
        self.client = IdentityClient(self.server, homeserver, "alice")
        self.domain = homeserver.server_name

    def test_everybody_is_found(self) -> None:
        """Eight clients, eight hundred lookups: each finds its person."""

        def lost(mail: str) -> int:
            expected = {mail: f"@{mail[:7]}:{self.domain}"}
            found = [self.client.plain(mail) for _ in range(QUESTIONS)]
            return QUESTIONS - found.count(expected)

        with ThreadPoolExecutor(CLIENTS) as threads:
            self.assertEqual(list(threads.map(lost, MAILS)), [0] * CLIENTS)

    def test_old_lookups(self) -> None:
        """Version 1 of the API finds it each time, too."""

        def lost(mail: str) -> int:
            asked = {"medium": "email", "address": mail}
            found = [self.server.get(f"{V1}/lookup", **asked) for _ in range(25)]
            return sum(1 for status, _ in found if status != 200)

        with ThreadPoolExecutor(CLIENTS) as threads:
            self.assertEqual(list(threads.map(lost, MAILS)), [0] * CLIENTS)
