"""The operator's door: the real server, and the real command."""

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.admin_command import AdminCommand
from tests.integration.client import V1
from tests.integration.server import PATIENCE, MxisdProcess, free_port, wait_until
from tests.integration.sinks import MailSink

ADMIN = "/_mxisd/admin/v1"
TOKEN = "4c0d0f8c2a6d41b7a4b0a1f3b7d2e9c5"
GUESSED = "somebody-guesses-this"
GUEST = "guest@elsewhere.example"
CLIENT = "monkeys=are.GREAT_-"
PEOPLE = [
    {
        "username": "alice",
        "password": "x",
        "threepids": [{"medium": "email", "address": "alice@example.org"}],
    }
]


class AdminTests(SynchronousTestCase):
    """What an operator does in a year."""

    def setUp(self) -> None:
        """Start a server, and something that takes its mails."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.mail_sink = MailSink()
        self.mail_sink.start()
        self.addCleanup(self.mail_sink.stop)
        self.owner = f"@owner:127.0.0.1:{free_port()}"
        smtp = {"host": "127.0.0.1", "port": self.mail_sink.port, "tls": 0}
        identity = {"from": "id@example.org"}
        email = {"identity": identity, "connectors": {"smtp": smtp}}
        self.server = MxisdProcess(
            self.folder,
            {
                "admin": {"token": "${file:" + str(self.folder / "token") + "}"},
                "internal": {"enabled": True},
                "memory": {"enabled": True, "identities": PEOPLE},
                "outbound": {"allowedCidr": ["127.0.0.0/8"]},
                "threepid": {"medium": {"email": email}},
            },
        )
        (self.folder / "token").write_text(TOKEN)
        self.server.start()
        self.addCleanup(self.server.stop)
        self.mxisd = AdminCommand(self.folder)

    def invite(self, room_id: str = "!room:example.org") -> str:
        """Invite a guest, as a homeserver nearby does; its token."""
        content = {
            "medium": "email",
            "address": GUEST,
            "room_id": room_id,
            "sender": "@alice:example.org",
        }
        status, reply = self.server.post(f"{V1}/store-invite", content)
        self.assertEqual(status, 200, reply)
        return str(reply["token"])

    def mails(self, count: int) -> None:
        """Wait for so many."""
        wait_until(lambda: len(self.mail_sink.mails) >= count, "the mail is there")

    def test_bindings(self) -> None:
        """Added ones are found at once; all of them can be taken away as a file."""
        words = ("email", "New@Example.org", "@new:example.org")
        code, output, errors = self.mxisd.run("bindings", "add", *words)
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("mxid: @new:example.org\n", output)
        asked = {"medium": "email", "address": "new@example.org"}
        _, found = self.server.get(f"{V1}/lookup", **asked)
        self.assertEqual(found["mxid"], "@new:example.org")
        listed = self.mxisd.json("bindings", "list", "--address", "NEW@example.org")
        self.assertEqual(len(listed["bindings"]), 1)
        code, output, errors = self.mxisd.run("bindings", "export")
        head, line = output.splitlines()
        self.assertEqual(head, "medium,address,mxid,ts,not_before,not_after")
        self.assertTrue(line.startswith("email,new@example.org,@new:example.org,"))
        self.assertEqual(errors, "1 bindings\n")
        removed = self.mxisd.json("bindings", "remove", *words[:2])
        self.assertEqual(removed, {"mxid": "@new:example.org"})
        self.assertEqual(self.server.get(f"{V1}/lookup", **asked), (200, {}))

    def test_an_output_that_takes_no_more(self) -> None:
        """Who has read enough is told nothing; a full disk is a failure."""
        reading, writing = os.pipe()
        os.close(reading)
        self.addCleanup(os.close, writing)
        for words in (("status",), ("bindings", "export", "--json")):
            self.mxisd.json("bindings", "add", "email", GUEST, self.owner)
            code, errors = self.mxisd.run_into(writing, *words)
            self.assertEqual((code, errors.replace("1 bindings\n", "")), (1, ""))
        with open("/dev/full", "wb") as full:
            code, errors = self.mxisd.run_into(full.fileno(), "status")
        self.assertEqual(code, 1)
        self.assertRegex(errors, r"\Amxisd: [^\n]*No space left[^\n]*\n\Z")
        old = AdminCommand(self.folder, {"PYTHONIOENCODING": "ascii"})
        code, _, errors = old.run("bindings", "add", "email", "ü@x.org", self.owner)
        self.assertEqual(code, 1)
        self.assertRegex(errors, r"\Amxisd: [^\n]*ascii[^\n]*\n\Z")

    def test_an_invite(self) -> None:
        """Its mail goes out again; its delivery waits for a homeserver that is down."""
        token = self.invite()
        self.mails(1)
        self.mxisd.json("invites", "resend", token)
        self.mails(2)
        (listed,) = self.mxisd.json("invites", "list", "--state", "pending")["invites"]
        self.assertEqual((listed["token"], listed["address"]), (token, GUEST))
        self.mxisd.json("bindings", "add", "email", GUEST, self.owner)
        shown = self.mxisd.json("invites", "show", token)
        self.assertEqual((shown["state"], shown["mxid"]), ("resolved", self.owner))

        def has_failed() -> bool:
            found = self.mxisd.json("deliveries", "show", token)
            return bool(found["delivery"]["failures"])

        wait_until(has_failed, "the homeserver is told in vain", PATIENCE)
        code, output, _ = self.mxisd.run("deliveries", "list", "--state", "waiting")
        self.assertEqual(code, 0)
        self.assertIn(self.owner, output)
        revoked = self.mxisd.json("deliveries", "revoke", token)
        self.assertEqual(revoked["delivery"]["state"], "revoked")
        code, output, errors = self.mxisd.run("deliveries", "revoke", token)
        self.assertEqual((code, output), (1, ""))
        self.assertRegex(errors, r"\Amxisd: .*ended already.*\n\Z")

    def test_a_revoked_invite(self) -> None:
        """It stays so after a restart, and is nobody's when its owner appears."""
        token = self.invite()
        self.mxisd.json("invites", "revoke", token)
        self.server.restart()
        self.mxisd.json("bindings", "add", "email", GUEST, self.owner)
        self.mxisd.json("invites", "resolve")
        shown = self.mxisd.json("invites", "show", token)
        self.assertEqual(shown["state"], "revoked")
        self.assertNotIn("delivery", shown)

    def test_a_session(self) -> None:
        """Closed, it is of no use, whoever has the mail."""
        content = {"client_secret": CLIENT, "email": GUEST, "send_attempt": 1}
        place = f"{V1}/validate/email"
        status, reply = self.server.post(f"{place}/requestToken", content)
        self.assertEqual(status, 200)
        sid = reply["sid"]
        self.assertEqual(self.mxisd.json("sessions", "show", sid)["state"], "open")
        self.mxisd.json("sessions", "close", sid)
        given = {"client_secret": CLIENT, "sid": sid, "token": "123456"}
        status, reply = self.server.post(f"{place}/submitToken", given)
        self.assertEqual((status, reply["errcode"]), (404, "M_NO_VALID_SESSION"))

    def test_the_index_and_the_status(self) -> None:
        """A rebuild is waited for; the store is told with its count."""
        wait_until(self.has_index, "the index is there")
        code, output, errors = self.mxisd.run("hashes", "rebuild")
        self.assertEqual(code, 0, errors)
        self.assertIn("count: 1\n", output)
        status = self.mxisd.json("status")
        self.assertEqual(status["health"], "OK")
        self.assertEqual(status["stores"], {"memory": {"state": "OK"}})
        self.assertEqual(status["hashes"]["sources"]["memory"]["count"], 1)

    def has_index(self) -> bool:
        """Whether the first index is there."""
        _, hashes = self.server.get(f"{ADMIN}/hashes", TOKEN)
        return bool(hashes.get("refreshes"))

    def test_ma1sds_door(self) -> None:
        """It is for operators only."""
        place = "/_ma1sd/internal/admin/inv_manager"
        self.assertEqual(self.server.get(place)[0], 401)
        self.assertEqual(self.server.get(place, TOKEN), (200, {}))

    def test_nobody_else_is_let_in(self) -> None:
        """One clear line each; and no secret or address gets into the log."""
        mxisd = AdminCommand(self.folder, {"MXISD_ADMIN_TOKEN": GUESSED})
        for command, words in (
            (mxisd, ("status",)),
            (mxisd, ("status", "--url", f"http://127.0.0.1:{free_port()}")),
            (self.mxisd, ("status", "--url", "http://192.0.2.1")),
            (self.mxisd, ("invites", "show", "nothing")),
        ):
            code, output, errors = command.run(*words)
            self.assertEqual((code, output), (1, ""), words)
            self.assertRegex(errors, r"\Amxisd: [^\n]*\n\Z")
        self.mxisd.json("bindings", "list", "--address", GUEST)
        # The access log is written once a second.
        line = f"GET {ADMIN}/bindings 200"
        wait_until(lambda: line in self.server.log.read_text(), "it is logged")
        log = self.server.log.read_text()
        self.assertIn("a wrong admin token came from 127.0.0.1", log)
        for secret in (TOKEN, GUESSED, GUEST):
            self.assertNotIn(secret, log)

    def test_without_a_token(self) -> None:
        """There is no door, and the command says what to do."""
        self.server.stop()
        config: Any = self.server.config
        del config["admin"]
        self.server.start()
        self.assertIn("internal.enabled", self.server.log.read_text())
        self.assertEqual(self.server.get(f"{ADMIN}/status", TOKEN)[0], 404)
        code, _, errors = self.mxisd.run("status")
        self.assertEqual(code, 1)
        self.assertIn("admin.token", errors)
        given = AdminCommand(self.folder, {"MXISD_ADMIN_TOKEN": TOKEN})
        code, _, errors = given.run("status")
        self.assertEqual(code, 1)
        self.assertIn("set admin.token", errors)
