"""``--check-config --connect`` against real servers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from mxisd.randomness import SystemRandom
from mxisd.records.key_files import open_key_ring
from tests.integration.name_server import SILENT, let_the_system_hang
from tests.integration.server import PATIENCE, TWISTD, free_port, without_root
from tests.integration.slapd import Member, Organisation, Slapd
from tests.integration.smtp_server import MailServer
from tests.tls import CertificateAuthority


class Public(BaseHTTPRequestHandler):
    """What clients find at the public URL."""

    def do_GET(self) -> None:
        """Answer as an identity server does."""
        body = json.dumps({"versions": ["v1.1"]}).encode()
        self.send_response(200 if self.path.endswith("/versions") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


NO_PHONES: dict[str, Any] = {"threepid": {"msisdn": []}}


class ConnectCase(SynchronousTestCase):
    """Runs the check."""

    def setUp(self) -> None:
        """A folder, and somebody at the public URL."""
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-connect-"))
        self.addCleanup(shutil.rmtree, self.folder)
        public = ThreadingHTTPServer(("127.0.0.1", 0), Public)
        self.addCleanup(public.server_close)
        self.addCleanup(public.shutdown)
        Thread(target=public.serve_forever, daemon=True).start()
        self.public_url = f"http://127.0.0.1:{public.server_port}"

    def checked(self, *stores: dict[str, Any], **more: Any) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        config = {
            "matrix": {"domain": "example.org"},
            "server": {"publicUrl": self.public_url},
            "key": {"path": str(self.folder / "keys")},
            "storage": {"provider": {"sqlite": {"database": str(self.folder / "db")}}},
            "stores": list(stores),
            **more,
        }
        path = self.folder / "mxisd.yaml"
        path.write_text(yaml.safe_dump(config))
        options = ("-c", str(path), "--check-config", "--connect")
        search = os.pathsep.join([str(self.folder), *filter(None, sys.path)])
        done = subprocess.run(
            [*TWISTD, "-n", "--pidfile=", "mxisd", *options],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=self.folder,
            check=False,
            env={**os.environ, "PYTHONPATH": search},
        )
        return done.returncode, done.stdout, without_root(done.stderr)


class PublicUrlTests(ConnectCase):
    """The public URL."""

    def test_nobody_is_there(self) -> None:
        """It may be before the first start, or out of sight: a warning, by its line."""
        self.public_url = "http://127.0.0.1:1"
        code, output, errors = self.checked()
        self.assertEqual(code, 0, errors)
        self.assertIn("good", output)
        (line,) = errors.splitlines()
        self.assertRegex(line, r"^\S+:[0-9]+: warning: server.publicUrl: http://127.0")
        self.assertIn("nobody answers", line)

    def test_somebody_else_is_there(self) -> None:
        """The proxy leads to another server than the one with these keys."""
        self.assertEqual(self.checked()[0], 0)
        open_key_ring(str(self.folder / "keys"), "example.org", SystemRandom(), 1)
        code, _, errors = self.checked()
        self.assertEqual(code, 1)
        self.assertIn("server.publicUrl", errors)
        self.assertIn("another identity server", errors)


class SenderTests(ConnectCase):
    """A mail server."""

    def mail(self, server: MailServer, **more: Any) -> dict[str, Any]:
        """The section of a sender."""
        connector = {"host": "127.0.0.1", "port": server.port, **more}
        email = {
            "identity": {"from": "id@example.org"},
            "connectors": {"smtp": connector},
        }
        return {"medium": {"email": email}}

    def test_a_mail_server(self) -> None:
        """Greeting, TLS and login are tried, and nothing is sent."""
        authority = CertificateAuthority(self.folder)
        server = MailServer(
            certificate=authority.issue("127.0.0.1"), login=("mxisd", "swordfish")
        ).start()
        self.addCleanup(server.stop)
        known = {"tls": 2, "caFile": str(authority.ca_file)}
        good = {**known, "login": "mxisd", "password": "swordfish"}
        code, output, errors = self.checked(threepid=self.mail(server, **good))
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("good", output)
        for wrong, key, words in (
            ({**good, "password": "guppy"}, "login", "refused login and password (535"),
            ({**good, "caFile": None}, "tls", "TLS: the certificate's authority"),
            ({**good, "port": free_port()}, "host", "no connection"),
        ):
            code, _, errors = self.checked(threepid=self.mail(server, **wrong))
            (line,) = errors.splitlines()
            self.assertEqual(code, 1)
            self.assertIn(f": threepid.medium.email.connectors.smtp.{key}: 127", line)
            self.assertIn(words, line)
            self.assertNotIn("guppy", line)
        self.assertEqual(server.delivered, [])


class LdapTests(ConnectCase):
    """A directory."""

    def ldap(self, slapd: Slapd, connection: Any = None, **more: Any) -> dict[str, Any]:
        """A store."""
        return {
            "type": "ldap",
            "name": "staff",
            "preset": "openldap",
            "connection": {
                "host": "127.0.0.1",
                "port": slapd.port,
                "bindDn": slapd.bind_dn,
                "bindPassword": slapd.password,
                "baseDNs": [slapd.people_dn],
                **(connection or {}),
            },
            **more,
        }

    def slapd(self, **how: Any) -> Slapd:
        """A directory with somebody in it."""
        ann = Member(uid="ann", name="Ann", mails=["ann@x"], phones=["+4917112345"])
        slapd = Slapd(Organisation(members=[ann]), **how)
        self.addCleanup(slapd.remove)
        slapd.start()
        return slapd

    def test_a_name_that_hangs(self) -> None:
        """It is told in time, and the check does not wait for the system."""
        let_the_system_hang(self.folder)
        slapd = self.slapd()
        hanging = self.ldap(slapd, {"host": f"ldap{SILENT}"})
        code, _, errors = self.checked(hanging)
        self.assertEqual(code, 1)
        self.assertIn("staff", errors)

    def test_all_is_well(self) -> None:
        """Then the configuration is good, and nothing of ours was made."""
        code, output, errors = self.checked(self.ldap(self.slapd()))
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("staff: lists 1 people, 1 email, 1 msisdn\n", output)
        self.assertIn("good", output)
        self.assertFalse((self.folder / "db").exists())

    def test_what_does_not_work_is_named(self) -> None:
        """Each fault leads to its own key."""
        slapd = self.slapd()
        for store, words in (
            (
                self.ldap(slapd, {"bindPassword": "wrong"}),
                "staff.connection.bindPassword: 127.0.0.1",
            ),
            (
                self.ldap(slapd, {"baseDNs": ["ou=nowhere,dc=example,dc=org"]}),
                "staff.connection.baseDNs: ou=nowhere,dc=example,dc=org cannot be",
            ),
            (
                self.ldap(slapd, attribute={"uid": {"value": "sAMAccountName"}}),
                "staff.attribute.uid.value: no entry that we may read",
            ),
            (
                self.ldap(slapd, auth={"filter": "(title=boss)"}),
                "staff.auth.filter: lets nobody through: (title=boss)",
            ),
        ):
            code, _, errors = self.checked(store)
            self.assertEqual(code, 1)
            (line,) = errors.splitlines()
            self.assertRegex(line, r"^\S+/mxisd.yaml:[0-9]+: staff")
            self.assertIn(words, line)

    def test_what_may_not_be_meant(self) -> None:
        """Attributes that nobody has, and a server that does not page, are warnings."""
        slapd = self.slapd(has_pages=False)
        store = self.ldap(slapd, attribute={"threepid": {"email": ["email"]}})
        code, output, errors = self.checked(store)
        self.assertEqual(code, 0)
        self.assertIn("staff: lists 1 people, 1 msisdn\n", output)
        one, other = errors.splitlines()
        self.assertIn(
            "warning: staff.attribute.threepid.email: 1 people, 0 with `email`", one
        )
        self.assertIn("in email.", one)
        self.assertIn("warning: staff.connection.pageSize: the server does not", other)

    def test_a_list_that_is_cut(self) -> None:
        """Nobody would be found by hash: that does not work, and says so."""
        others = [Member(uid=uid, name=uid, mails=[f"{uid}@x"]) for uid in "abcdef"]
        slapd = Slapd(Organisation(members=others), has_pages=False, size_limit=3)
        self.addCleanup(slapd.remove)
        slapd.start()
        code, _, errors = self.checked(self.ldap(slapd, attribute=NO_PHONES))
        self.assertEqual(code, 1)
        (line,) = errors.splitlines()
        self.assertIn("staff.connection.pageSize: people cannot be listed", line)

    def test_a_server_that_is_down(self) -> None:
        """The others are checked all the same."""
        up, down = self.slapd(), self.slapd()
        down.stop()
        first = {**self.ldap(down), "name": "first"}
        second = self.ldap(up, auth={"filter": "(title=boss)"})
        code, _, errors = self.checked(first, second)
        self.assertEqual(code, 1)
        one, other = errors.splitlines()
        self.assertIn("first: no connection", one)
        self.assertIn("staff.auth.filter", other)
