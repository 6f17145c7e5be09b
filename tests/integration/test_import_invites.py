"""Invites of other servers, from where they were stored to the room."""

import json
import time
from pathlib import Path
from typing import Any

from signedjson.key import decode_verify_key_bytes
from signedjson.sign import verify_signed_json
from twisted.trial.unittest import SynchronousTestCase
from unpaddedbase64 import decode_base64, encode_base64

from mxisd.model.signing import SigningKey
from mxisd.records.bindings import BIND
from mxisd.records.key_folders import EPHEMERAL, adopt_key, save_key
from tests.importing.files import MXISD, DatabaseFile, rows_of
from tests.integration.client import V1, V2
from tests.integration.import_command import ImportCommand
from tests.integration.invited_homeserver import InvitedHomeserver
from tests.integration.server import MxisdProcess, wait_until
from tests.integration.sinks import MailSink
from tests.integration.sydent import SECRET, Sydent
from tests.tls import CertificateAuthority

ADDRESS = "bob@example.org"
NAME = "id.example.org"
ROOM = "!room:example.org"
TOLD_SECONDS = 60
KEY = SigningKey("AAAAAC-_x1yz", b"e" * 32)
REGULAR_KEY = SigningKey("0", b"r" * 32)


class ImportedInvitesCase(SynchronousTestCase):
    """Has a homeserver of everybody, and a server that is to have the invites."""

    def setUp(self) -> None:
        """Start everything but our server."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        authority = CertificateAuthority(self.folder / "ca")
        self.homeserver = InvitedHomeserver(authority)
        self.homeserver.start()
        self.addCleanup(self.homeserver.stop)
        self.mail_sink = MailSink()
        self.mail_sink.start()
        self.addCleanup(self.mail_sink.stop)
        smtp = {"host": "127.0.0.1", "port": self.mail_sink.port, "tls": 0}
        email = {"identity": {"from": "id@example.org"}, "connectors": {"smtp": smtp}}
        config = {
            "matrix": {"domain": self.homeserver.server_name},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(authority.ca_file),
            },
            "threepid": {"medium": {"email": email}},
            "invite": {"resolution": {"timer": 1, "period": "seconds"}},
        }
        self.server = MxisdProcess(self.folder, config)
        server = {"hostname": "127.0.0.1", "port": self.server.port, "name": NAME}
        self.server.config["server"] = server

    def take(self, *arguments: str) -> str:
        """Import, and start our server; the report."""
        command = ImportCommand(self.folder, self.server.config)
        code, report, errors = command.run(*arguments)
        self.assertEqual((code, errors), (0, ""), report)
        self.assertNotIn(ADDRESS, report)
        self.server.start()
        self.addCleanup(self.server.stop)
        return report

    def user(self, name: str) -> str:
        """Somebody of the homeserver."""
        return f"@{name}:{self.homeserver.server_name}"

    def is_valid(self, public_key: str) -> Any:
        """Whether our server says so of an ephemeral key."""
        path = f"{V1}/pubkey/ephemeral/isvalid"
        return self.server.get(path, public_key=public_key)[1]["valid"]

    def sign(self, token: str, private_key: str) -> Any:
        """Accept an invite as Bob; status and reply."""
        body = {"token": token, "private_key": private_key, "mxid": self.user("bob")}
        return self.server.post(f"{V1}/sign-ed25519", body)

    def assert_accepts(self, token: str, private_key: str, public_key: str) -> None:
        """A room that has the public key lets in who has the private one."""
        status, signed = self.sign(token, private_key)
        self.assertEqual(status, 200, signed)
        raw = decode_base64(public_key.replace("-", "+").replace("_", "/"))
        verify_signed_json(signed, NAME, decode_verify_key_bytes("ed25519:0", raw))
        wrong = encode_base64(bytes(32))
        self.assertEqual(self.sign(token, wrong)[0], 404)

    def assert_told(self, *tokens: str) -> None:
        """The homeserver hears of these, once, and nobody gets a mail."""
        told = self.homeserver.told
        wait_until(lambda: set(tokens) <= set(told), "it is told", TOLD_SECONDS)
        time.sleep(2)
        self.assertEqual(sorted(told), sorted(tokens))
        self.assertEqual(self.mail_sink.mails, [])


class SydentInvitesTests(ImportedInvitesCase):
    """From a real sydent to a running mxisd."""

    def test_what_was_blocked_stays_blocked(self) -> None:
        """A room on sydent's list is on ours, with the settings that are printed."""
        sydent = Sydent(self.folder)
        lists = (
            "email.third_party_invite_room_blocklist = !a:b\n    !spam:example.org\n"
        )
        lists += "email.third_party_invite_homeserver_blocklist = spam.example\n"
        written = sydent.ini.read_text()
        sydent.ini.write_text(written.replace("[email]\n", f"[email]\n{lists}"))
        sydent.start()
        self.addCleanup(sydent.stop)
        token = sydent.register("alice", self.homeserver.server_name)
        invite = {
            "medium": "email",
            "address": ADDRESS,
            "sender": self.user("alice"),
            "room_id": "!spam:example.org",
        }
        self.assertEqual(sydent.ask(f"{V2}/store-invite", invite, token)[0], 403)
        sydent.stop()

        report = json.loads(self.take("--json", str(sydent.ini)))
        blocked = report["settings"]["invite"]["blocked"]
        self.assertEqual(blocked["rooms"], ["!a:b", "!spam:example.org"])
        self.assertEqual(blocked["homeservers"], ["spam.example"])
        # Every key that sydent itself writes is known.
        told = report["not_taken"] + report["by_itself"]
        self.assertIn("general.log.level", told)
        self.assertEqual([each for each in told if "does not know" in each], [])
        self.server.stop()
        self.server.config["invite"]["blocked"] = blocked
        self.server.start()
        path = f"{V1}/store-invite"
        self.assertEqual(self.server.post(path, invite)[0], 403)
        self.assertEqual(self.server.post(path, {**invite, "room_id": ROOM})[0], 200)

    def test_an_invite_goes_on(self) -> None:
        """The mail of sydent's still accepts it; a bind brings it into the room."""
        sydent = Sydent(self.folder)
        sydent.start()
        self.addCleanup(sydent.stop)
        alice = sydent.register("alice", self.homeserver.server_name)
        bob = sydent.register("bob", self.homeserver.server_name)
        stored, token, private_key = sydent.invite(ADDRESS, self.user("alice"), alice)
        sid, mailed = sydent.request_token(ADDRESS, bob)
        sydent.stop()

        report = self.take(str(sydent.ini))
        self.assertIn("\n  invites: 1 taken\n  ephemeral keys: 1 taken\n", report)
        long_term, ephemeral = (each["public_key"] for each in stored["public_keys"])
        self.assertTrue(self.is_valid(ephemeral))
        path = f"{V1}/pubkey/isvalid"
        self.assertTrue(self.server.get(path, public_key=long_term)[1]["valid"])
        self.assert_accepts(token, private_key, ephemeral)
        proof = {"client_secret": SECRET, "sid": sid}
        for path, more in (
            ("validate/email/submitToken", {"token": mailed}),
            ("3pid/bind", {"mxid": self.user("bob")}),
        ):
            reply = self.server.post(f"{V2}/{path}", {**proof, **more}, bob)
            self.assertEqual(reply[0], 200, reply)
        self.assert_told(token)
        self.assertEqual(self.sign(token, private_key)[0], 404)


class MxisdInvitesTests(ImportedInvitesCase):
    """From the files of a mxisd to a running server of ours."""

    def test_an_invite_goes_on(self) -> None:
        """Its key accepts it; with the next sweep its owner is in the room."""
        keys = self.folder / "old-keys"
        adopt_key(keys, REGULAR_KEY)
        save_key(keys, EPHEMERAL, KEY)
        source = DatabaseFile(self.folder / "old.db", MXISD)
        properties = {
            "room_name": "Room",
            "created_at": str(int(time.time() * 1000) - 120_000),
            "e_key_algo": "ed25519",
            "e_key_serial": KEY.serial,
            "e_key_public": KEY.public_key,
        }
        invite = {
            "sender": self.user("alice"),
            "medium": "email",
            "address": "Bob@Example.org",
            "properties": json.dumps(properties),
        }
        source.add("invite_3pid", id="1", token="one", roomId=ROOM, **invite)
        invite["properties"] = "{}"
        source.add("invite_3pid", id="2", token="two", roomId="!keyless", **invite)
        ended = {
            "resolvedTo": self.user("bob"),
            "resolvedAt": 1,
            "couldPublish": 1,
            "publishAttempts": 1,
        }
        source.add(
            "invite_3pid_history",
            **{"id": "3", "token": "three", "roomId": "!past", **invite, **ended},
        )
        report = self.take("--keys", str(keys), str(source.path))
        self.assertIn("pending invites: 2 taken\n    1 without their", report)
        self.assert_accepts("one", encode_base64(KEY.seed), KEY.public_key)
        self.assertEqual(self.sign("two", encode_base64(bytes(32)))[0], 404)
        self.assertTrue(self.is_valid(KEY.public_key))
        DatabaseFile(self.folder / "mxisd.db", "").run(
            BIND, "email", ADDRESS, None, self.user("bob"), 0, 0, 2**53
        )
        self.assert_told("one", "two")
        self.assertFalse(self.is_valid(KEY.public_key))
        found = rows_of(self.folder / "mxisd.db", "SELECT token FROM deliveries")
        self.assertEqual(sorted(found), [("one",), ("two",)])
