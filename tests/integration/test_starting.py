"""How the server starts: when it listens, and what a daemon says if it cannot."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.client import V2, IdentityClient
from tests.integration.homeserver import HomeserverProcess
from tests.integration.server import (
    MxisdProcess,
    wait_until,
)

ALICE = "alice@example.org"
BUSY_SECONDS = 1.0

# A third party's store that makes trouble for our own records when it is made: after
# they have been looked at, and before they are opened.
TROUBLESOME = """
import os, sqlite3, threading
from pathlib import Path
from mxisd.stores import memory

parse = memory.parse
database = Path(os.environ["DATABASE"])

def build(settings, tools):
    {trouble}
    return memory.build(settings, tools)

def lock():
    connection = sqlite3.connect(database, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    threading.Timer({seconds}, connection.close).start()
"""
PLUGIN = """
from mxisd.stores.factories import StoreMaker
troublesome = StoreMaker("troublesome", "troublesome", "Makes trouble")
"""
IDENTITIES = [
    {"username": "alice", "threepids": [{"medium": "email", "address": ALICE}]}
]


def troublesome(folder: Path, trouble: str) -> Mapping[str, str]:
    """Write the store; the environment that makes it known."""
    plugins = folder / "site" / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "troublesome_store.py").write_text(PLUGIN)
    text = TROUBLESOME.format(trouble=trouble, seconds=BUSY_SECONDS)
    (folder / "site" / "troublesome.py").write_text(text)
    search = [str(folder / "site"), *filter(None, sys.path)]
    return {
        "PYTHONPATH": os.pathsep.join(search),
        "DATABASE": str(folder / "mxisd.db"),
    }


class FolderTestCase(SynchronousTestCase):
    """A folder of its own."""

    def setUp(self) -> None:
        """Make it."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, self.folder)


class FirstAnswerTests(FolderTestCase):
    """Nothing listens before it can answer."""

    def test_the_first_answer_to_a_lookup(self) -> None:
        """It is the right one, however long it takes to open what there is."""
        homeserver = HomeserverProcess(self.folder / "homeserver", "alice")
        self.addCleanup(homeserver.stop)
        config = {
            "matrix": {"domain": homeserver.server_name},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(homeserver.ca_file),
            },
            "stores": [{"type": "memory", "identities": IDENTITIES}],
        }
        server = MxisdProcess(self.folder, config).start()
        client = IdentityClient(server, homeserver, "alice")
        wait_until(lambda: client.hashed(ALICE), "the index is built")
        server.stop()
        server.config["stores"][0]["type"] = "troublesome"
        server.environment = troublesome(self.folder, "lock()")
        began = time.monotonic()
        server.spawn()
        self.addCleanup(server.stop)
        status, _ = wait_until(lambda: self.details(server, client.token), "an answer")
        self.assertGreater(time.monotonic() - began, BUSY_SECONDS)
        self.assertEqual(status, 200)
        self.assertIn(ALICE, client.hashed(ALICE))

    def details(self, server: MxisdProcess, token: str) -> Any:
        """The answer, if somebody listens."""
        try:
            return server.get(f"{V2}/hash_details", token)
        except OSError:
            return None
