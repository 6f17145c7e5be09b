"""A whole server whose stores are there, and do not let it in."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.client import V1
from tests.integration.server import MxisdProcess, wait_until
from tests.integration.slapd import Member, Organisation, Slapd


class MisconfiguredTests(SynchronousTestCase):
    """What operators are told, until they have mended it."""

    def setUp(self) -> None:
        """A directory with somebody in it."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-wrong-"))
        self.addCleanup(shutil.rmtree, self.folder)
        ann = Member(uid="ann", name="Ann", mails=["ann@example.org"])
        self.slapd = Slapd(Organisation(members=[ann]))
        self.addCleanup(self.slapd.remove)
        self.slapd.start()

    def ldap(self, **connection: Any) -> dict[str, Any]:
        """A store."""
        return {
            "type": "ldap",
            "name": "staff",
            "preset": "openldap",
            "connection": {
                "host": "127.0.0.1",
                "port": self.slapd.port,
                "bindDn": self.slapd.bind_dn,
                "bindPassword": self.slapd.password,
                "baseDNs": [self.slapd.people_dn],
                **connection,
            },
        }

    def server(self, *stores: dict[str, Any]) -> MxisdProcess:
        """A running server."""
        server = MxisdProcess(self.folder, {"stores": list(stores)})
        server.start()
        self.addCleanup(server.stop)
        return server

    def states(self, server: MxisdProcess) -> dict[str, str]:
        """How the stores are."""
        found: dict[str, str] = server.get("/status")[1]["status"]["stores"]
        return found

    def test_stores_that_refuse_us(self) -> None:
        """Each is one error with the key, and its state; an outage is neither."""
        (self.folder / "text.db").write_text("no database" * 100)
        down = {"type": "rest", "name": "down", "host": "http://127.0.0.1:1"}
        files = {
            "type": "sql",
            "name": "files",
            "connection": str(self.folder / "text.db"),
            "identity": {"query": "SELECT uid FROM t WHERE m = ? AND a = ?"},
        }
        gone = {**self.ldap(baseDNs=["ou=gone,dc=example,dc=org"]), "name": "gone"}
        server = self.server(self.ldap(bindPassword="wr0ng"), gone, files, down)
        expected = {
            "staff": "MISCONFIGURED: connection.bindPassword",
            "gone": "MISCONFIGURED: connection.baseDNs",
            "files": "MISCONFIGURED: connection",
            "down": "DOWN",
        }
        for _ in range(3):
            mail = "ann@example.org"
            server.get(f"{V1}/lookup", medium="email", address=mail)
        wait_until(lambda: self.states(server) == expected, str(expected))
        log = server.log.read_text()
        for name in ("staff", "gone", "files"):
            lines = [e for e in log.splitlines() if f"Store {name}: " in e]
            self.assertEqual(len(lines), 1, lines)
            self.assertIn("#error]", lines[0])
            self.assertIn(": all parts fail, as it is configured: ", lines[0])
        self.assertIn("the server refuses this password", log)
        self.assertNotIn("wr0ng", log)
        (line,) = [e for e in log.splitlines() if "Store down " in e]
        self.assertIn("#warn]", line)

    def test_counts_at_the_start(self) -> None:
        """How many addresses there are of each medium, and of which there are none."""
        server = self.server(self.ldap())
        wait_until(lambda: "Indexed 1 hashes" in server.log.read_text(), "a list")
        log = server.log.read_text()
        self.assertIn("staff listed 1 3PIDs: 1 email", log)
        self.assertIn("1 people, 0 with `msisdn`", log)
        self.assertEqual(self.states(server), {"staff": "OK"})
