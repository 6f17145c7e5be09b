"""What the log tells of lookups at debug."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.client import V1, IdentityClient
from tests.integration.homeserver import HomeserverProcess
from tests.integration.server import MxisdProcess, free_port, wait_until

ALICE, NOBODY = "alice@example.org", "nobody@example.org"
IDENTITIES = [
    {"username": "alice", "threepids": [{"medium": "email", "address": ALICE}]}
]


class LookupLogTests(SynchronousTestCase):
    """A store that knows Alice, and one that is down."""

    def setUp(self) -> None:
        """Start a homeserver, and describe a server."""
        folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        self.addCleanup(shutil.rmtree, folder)
        self.homeserver = HomeserverProcess(folder / "homeserver", "alice")
        self.addCleanup(self.homeserver.stop)
        down = {"identity": {"single": "/single", "bulk": "/bulk"}}
        config: dict[str, Any] = {
            "matrix": {"domain": self.homeserver.server_name},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(self.homeserver.ca_file),
            },
            "hashing": {"algorithms": ["sha256", "none"]},
            "stores": [
                {"name": "staff", "type": "memory", "identities": IDENTITIES},
                {
                    "name": "guests",
                    "type": "rest",
                    "host": f"http://127.0.0.1:{free_port()}",
                    "endpoints": down,
                },
            ],
        }
        self.server = MxisdProcess(folder, config)
        self.addCleanup(self.server.stop)

    def looked_up(self) -> list[str]:
        """The lines of lookups of all kinds for Alice and for nobody."""
        self.server.start()
        client = IdentityClient(self.server, self.homeserver, "alice")
        wait_until(lambda: client.hashed(ALICE), "the index is there")
        lines = len(self.server.log.read_text().splitlines())
        self.server.get(f"{V1}/lookup", medium="email", address="Alice@Example.ORG")
        self.server.get(f"{V1}/lookup", medium="email", address=NOBODY)
        self.server.post(
            f"{V1}/bulk_lookup", {"threepids": [["email", ALICE], ["email", NOBODY]]}
        )
        self.assertEqual(len(client.plain(ALICE, NOBODY)), 1)
        self.assertEqual(len(client.hashed(ALICE, NOBODY)), 1)
        log = self.server.log.read_text().splitlines()
        return [line for line in log[lines:] if " lookup " in line]

    def test_at_debug(self) -> None:
        """Who was asked, what each answered, who decided: under one name."""
        self.server.environment = {"MXISD_LOG_LEVEL": "debug"}
        lines = self.looked_up()
        for line in lines:
            self.assertIn("#debug", line)
        text = "\n".join(lines)
        # The first lookup is Alice's.
        (name, by_hash) = re.findall(r"(\w{10}) \(hash (\w{10})\) by staff", text)[0]
        self.assertEqual(text.count(f"{name} (hash {by_hash}) by staff"), 3)
        self.assertEqual(text.count("bindings answered after"), 4)
        self.assertEqual(text.count(f"found {name}; not found"), 3)
        self.assertRegex(text, rf"lookup by hash of 2 took \S+ ms: found {by_hash};")
        self.assertRegex(text, r"\) by nobody; unavailable: guests")
        self.assertIn("guests was unavailable after", text)
        for secret in (ALICE, NOBODY, "Alice@"):
            self.assertNotIn(secret, self.server.log.read_text())

    def test_above_debug(self) -> None:
        """Nothing of it."""
        self.assertEqual(self.looked_up(), [])
