"""Two companies under one roof: a ``stores:`` list with two real directories."""

import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.client import V1, IdentityClient
from tests.integration.homeserver import HomeserverProcess
from tests.integration.server import MxisdProcess, wait_until
from tests.integration.slapd import Member, Organisation, Slapd

SHARED = "both@example.org"
WINDOWS = ["inetOrgPerson", "mxisdTestPerson", "mxisdTestAccount"]


def windows(uid: str, account: str, mail: str, control: str = "512") -> Member:
    """Somebody as an Active Directory has them."""
    more = {
        "objectClass": WINDOWS,
        "sAMAccountName": [account],
        "userAccountControl": [control],
    }
    return Member(uid=uid, name=account, mails=[mail], more=more)


NORTH = (
    Member(uid="ann", name="Ann", mails=["ann@north.example", SHARED]),
    Member(uid="nils", name="Nils", mails=["nils@north.example"]),
)
SOUTH = (
    windows("x1", "Bea", "bea@south.example"),
    windows("x2", "Sam", SHARED),
    windows("x3", "Gone", "gone@south.example", control="514"),
)


class TwoDirectoriesTests(SynchronousTestCase):
    """One server asks an OpenLDAP by StartTLS and an Active Directory by ldaps."""

    def setUp(self) -> None:
        """Start two directories, a homeserver, and mxisd in between."""
        folder = Path(tempfile.mkdtemp(prefix="mxisd-two-"))
        self.north = self.slapd(*NORTH)
        self.south = self.slapd(*SOUTH)
        homeserver = HomeserverProcess(folder / "homeserver", "alice")
        self.addCleanup(homeserver.stop)
        self.domain = homeserver.server_name
        self.server = MxisdProcess(folder, self.config(homeserver)).start()
        self.addCleanup(self.server.stop)
        self.client = IdentityClient(self.server, homeserver, "alice")

    def slapd(self, *members: Member) -> Slapd:
        """A running directory."""
        slapd = Slapd(Organisation(members=members))
        self.addCleanup(slapd.remove)
        slapd.start()
        return slapd

    def config(self, homeserver: HomeserverProcess) -> dict[str, Any]:
        """The list of stores, and a homeserver on loopback."""
        south = self.connection(self.south, port=self.south.tls_port, tls=True)
        return {
            "matrix": {"domain": homeserver.server_name},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(homeserver.ca_file),
            },
            "stores": [
                {
                    "name": "north",
                    "type": "ldap",
                    "preset": "openldap",
                    "connection": self.connection(self.north, startTls=True),
                },
                {
                    "name": "south",
                    "type": "ldap",
                    "preset": "ad",
                    "filter": "(objectClass=mxisdTestAccount)",
                    "connection": south,
                },
            ],
        }

    def connection(self, slapd: Slapd, **more: Any) -> dict[str, Any]:
        """Where a directory is."""
        return {
            "host": "localhost",
            "port": slapd.port,
            "bindDn": slapd.bind_dn,
            "bindPassword": slapd.password,
            "baseDNs": [slapd.people_dn],
            "caFile": slapd.ca_file,
            **more,
        }

    def expected(self, **found: str) -> dict[str, str]:
        """User IDs by address."""
        return {
            mail.replace("_at_", "@") + ".example": f"@{uid}:{self.domain}"
            for mail, uid in found.items()
        }

    def status(self, health: str) -> str:
        """What ``/status`` tells; empty if the health is another one."""
        _, reply = self.server.get("/status")
        return str(reply) if reply["status"]["health"] == health else ""

    def test_both_are_one(self) -> None:
        """Everybody is found, in the clear and by hash; who is in both is the first."""
        mails = ["ann@north.example", "nils@north.example", "bea@south.example"]
        expected = self.expected(
            ann_at_north="ann", nils_at_north="nils", bea_at_south="bea"
        ) | {SHARED: f"@ann:{self.domain}"}
        asked = [*mails, SHARED, "gone@south.example", "nobody@north.example"]
        wait_until(lambda: self.client.hashed(mails[2]), "the index is built")
        wait_until(lambda: self.client.hashed(mails[0]), "the index is built")
        self.assertEqual(self.client.plain(*asked), expected)
        self.assertEqual(self.client.hashed(*asked), expected)

    def test_one_is_down(self) -> None:
        """The other one answers, and ``/status`` names the one that does not."""
        bea = self.expected(bea_at_south="bea")
        self.assertEqual(self.client.plain(*bea), bea)
        self.north.stop()
        self.assertEqual(self.client.plain("ann@north.example", *bea), bea)
        # At first it is degraded until there is an index of hashes.
        wait_until(lambda: "'north': 'DOWN'" in self.status("DEGRADED"), "it tells")
        told = self.status("DEGRADED")
        self.assertIn("'south': 'OK'", told)
        query = {"medium": "email", "address": "ann@north.example"}
        self.assertEqual(self.server.get(f"{V1}/lookup", **query)[0], 503)
        self.north.start()
        self.assertEqual(
            wait_until(lambda: self.client.plain(query["address"]), "north is back"),
            self.expected(ann_at_north="ann"),
        )
