"""People bind their addresses: the real server, a mail server, a homeserver."""

import re
import signal
import sqlite3
import urllib.request
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.client import V1, V2, IdentityClient
from tests.integration.homeserver import HomeserverProcess
from tests.integration.server import PATIENCE, MxisdProcess, wait_until
from tests.integration.sinks import MailSink
from tests.remote.fake_homeserver import KEY

CLIENT = "monkeys=are.GREAT_-"
ADDRESS = "Strauß@example.org"
FOLDED = "strauss@example.org"
SPELLINGS = (FOLDED, "strauß@example.org")


class BindingTests(SynchronousTestCase):
    """Everything is real but the reader."""

    def setUp(self) -> None:
        """Start servers."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.mail_sink = MailSink()
        self.mail_sink.start()
        self.addCleanup(self.mail_sink.stop)
        self.homeserver = HomeserverProcess(self.folder / "homeserver", "alice", "bob")
        self.addCleanup(self.homeserver.stop)
        self.server = MxisdProcess(self.folder, self.config())
        self.name = f"127.0.0.1:{self.server.port}"
        self.server.config["server"]["publicUrl"] = f"http://{self.name}"
        self.server.start()
        self.addCleanup(self.server.stop)
        self.alice = IdentityClient(self.server, self.homeserver, "alice")

    def config(self) -> dict[str, Any]:
        """Messages by mail, and a homeserver on loopback that is a stranger."""
        smtp = {"host": "127.0.0.1", "port": self.mail_sink.port, "tls": 0}
        email = {
            "identity": {"from": "id@example.org"},
            "connectors": {"smtp": smtp},
        }
        return {
            "accountConfig": {"allowOnlyTrustDomains": False},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(self.homeserver.ca_file),
            },
            "threepid": {"medium": {"email": email}},
            "logging": {"app": "info"},
        }

    def user_id(self, name: str = "alice") -> str:
        """A user of the homeserver."""
        return f"@{name}:{self.homeserver.server_name}"

    def proved(self, client: IdentityClient, address: str = ADDRESS) -> dict[str, str]:
        """A session that was validated by the link in the mail."""
        body = {"client_secret": CLIENT, "send_attempt": 1, "email": address}
        path = f"{V2}/validate/email/requestToken"
        status, reply = self.server.post(path, body, client.token)
        self.assertEqual(status, 200, reply)
        part = self.mail_sink.mails[-1].get_body(("plain",))
        assert part is not None
        match = re.search(r"https?://\S+", part.get_content())
        assert match is not None
        urllib.request.urlopen(match[0], timeout=PATIENCE).close()
        return {"sid": reply["sid"], "client_secret": CLIENT}

    def bind(self, client: IdentityClient, name: str = "alice") -> Any:
        """Prove and bind; status and reply."""
        body = {**self.proved(client), "mxid": self.user_id(name)}
        return self.server.post(f"{V2}/3pid/bind", body, client.token)

    def assert_owner(self, owner: str | None) -> None:
        """Who is found, in the clear and by hash, by each spelling and by v1."""
        expected = {} if owner is None else dict.fromkeys(SPELLINGS, owner)
        self.assertEqual(self.alice.plain(*SPELLINGS), expected)
        self.assertEqual(self.alice.hashed(*SPELLINGS), expected)
        path = f"{V1}/lookup"
        _, found = self.server.get(path, medium="email", address=FOLDED)
        self.assertEqual(found.get("mxid"), owner)

    def unbind(self, name: str = "alice", **changes: str) -> Any:
        """Unbind as the homeserver does; status and reply."""
        content = {
            "mxid": self.user_id(name),
            "threepid": {"medium": "email", "address": ADDRESS},
        }
        origin, path = self.homeserver.server_name, f"{V2}/3pid/unbind"
        signed = {
            "method": "POST",
            "uri": path,
            "origin": origin,
            "destination_is": self.name,
            "content": content,
            **changes,
        }
        signature = KEY.signed(signed, origin)["signatures"][origin][KEY.key_id]
        header = (
            f'X-Matrix origin="{origin}",key="{KEY.key_id}",sig="{signature}",'
            f'destination="{self.name}"'
        )
        return self.server.post_as(path, content, header)

    def hashes(self) -> int:
        """How many hashes of bindings are on record."""
        records = sqlite3.connect(self.folder / "mxisd.db", timeout=30)
        ((count,),) = records.execute("SELECT COUNT(*) FROM binding_hashes")
        records.close()
        return int(count)

    def test_from_proof_to_unbind(self) -> None:
        """Found at once, after a crash too, until the homeserver unbinds."""
        self.assert_owner(None)
        status, association = self.bind(self.alice)
        self.assertEqual((status, association["address"]), (200, FOLDED))
        self.assertIn("example.org", association["signatures"])
        self.assert_owner(self.user_id())
        self.server.restart(signal.SIGKILL)
        self.wait_for_hashes()
        self.assert_owner(self.user_id())
        looked_up = self.server.get(f"{V1}/lookup", medium="email", address=FOLDED)
        self.assertEqual(looked_up, (200, association))
        for changes in ({"destination_is": "evil.org"}, {"method": "PUT"}):
            status, refusal = self.unbind(**changes)
            self.assertEqual((status, refusal["errcode"]), (403, "M_FORBIDDEN"))
        self.assert_owner(self.user_id())
        self.assertEqual(self.unbind(), (200, {}))
        self.assert_owner(None)
        self.assertEqual(self.hashes(), 0)
        self.assertEqual(self.unbind(), (200, {}))
        self.assert_told()
        self.server.restart(signal.SIGKILL)
        self.wait_for_hashes()
        self.assert_owner(None)
        self.assert_discreet()

    def test_a_domain_with_umlauts(self) -> None:
        """The mail goes to the A-label, which is the identity; both labels find it."""
        session = self.proved(self.alice, "Ann@Faß.example")
        self.assertEqual(self.mail_sink.recipients, ["ann@xn--fa-hia.example"])
        self.assertEqual(self.mail_sink.mails[0]["To"], "ann@xn--fa-hia.example")
        path, written = f"{V2}/3pid/getValidated3pid", "ann@faß.example"
        _, proved = self.server.get(path, self.alice.token, **session)
        self.assertEqual(proved["address"], written)
        body = {**session, "mxid": self.user_id()}
        status, reply = self.server.post(f"{V2}/3pid/bind", body, self.alice.token)
        self.assertEqual((status, reply.get("address")), (200, written))
        labels = (written, "ann@xn--fa-hia.example")
        expected = dict.fromkeys(labels, self.user_id())
        asked = (*labels, "ann@fass.example")
        self.assertEqual(self.alice.hashed(*asked), expected)
        self.assertEqual(self.alice.plain(*asked), expected)
        for address, owner in {**expected, "ann@fass.example": None}.items():
            _, found = self.server.get(f"{V1}/lookup", medium="email", address=address)
            self.assertEqual(found.get("mxid"), owner)
            self.assertEqual(found.get("address"), owner and address)
        threepid = {"medium": "email", "address": labels[1]}
        unbind: Any = {"mxid": self.user_id(), "threepid": threepid}
        path = f"{V2}/3pid/unbind"
        self.assertEqual(self.server.post(path, unbind, self.alice.token), (200, {}))
        self.assertEqual(self.alice.hashed(*asked), {})

    def wait_for_hashes(self) -> None:
        """After a start the first pepper may take a moment."""
        path = f"{V2}/hash_details"
        token = self.alice.token
        wait_until(lambda: self.server.get(path, token)[0] == 200, "hashes are there")

    def assert_told(self) -> None:
        """The owner of the address got a mail about the one that was unbound."""
        wait_until(lambda: len(self.mail_sink.mails) == 2, "the notice is there")
        mail = self.mail_sink.mails[-1]
        part = mail.get_body(("plain",))
        assert part is not None
        # The homeserver is none of ours: its name and port become no link.
        host, _, port = self.homeserver.server_name.partition(":")
        self.assertIn(f"@alice:{host}: {port}", part.get_content())
        self.assertEqual(mail["To"], FOLDED)

    def test_it_moves_and_each_proof_is_good(self) -> None:
        """Bob takes the address over; his token, or a session, frees it again."""
        bob = IdentityClient(self.server, self.homeserver, "bob")
        self.assertEqual(self.bind(self.alice)[0], 200)
        self.assertEqual(self.bind(bob, "alice")[1]["errcode"], "M_UNAUTHORIZED")
        self.assertEqual(self.bind(bob, "bob")[0], 200)
        self.assert_owner(self.user_id("bob"))
        self.assertEqual(self.unbind(), (200, {}))
        self.assert_owner(self.user_id("bob"))
        threepid = {"medium": "email", "address": FOLDED}
        body: dict[str, Any] = {"mxid": self.user_id("bob"), "threepid": threepid}
        path = f"{V2}/3pid/unbind"
        self.assertEqual(self.server.post(path, body, self.alice.token)[0], 403)
        self.assertEqual(self.server.post(path, body, bob.token), (200, {}))
        self.assert_owner(None)
        self.assertEqual(self.bind(bob, "bob")[0], 200)
        body |= self.proved(self.alice)
        self.assertEqual(self.server.post(path, body), (200, {}))
        self.assert_owner(None)

    def test_a_homeserver_that_is_down(self) -> None:
        """The binding stays, and this is no refusal."""
        self.assertEqual(self.bind(self.alice)[0], 200)
        self.homeserver.stop()
        self.assertEqual(self.unbind()[0], 502)
        self.assert_owner(self.user_id())

    def test_switched_off(self) -> None:
        """Nobody can bind, what was bound is not found, and may be taken back."""
        self.assertEqual(self.bind(self.alice)[0], 200)
        self.server.config["bindings"] = {"enabled": False}
        self.server.restart()
        self.wait_for_hashes()
        self.assert_owner(None)
        self.assertEqual(self.bind(self.alice)[0], 403)
        self.assertGreater(self.hashes(), 0)
        self.assertEqual(self.unbind(), (200, {}))
        self.assertEqual(self.hashes(), 0)

    def test_unbinding_switched_off(self) -> None:
        """What was bound stays so."""
        self.assertEqual(self.bind(self.alice)[0], 200)
        self.server.config["session"] = {"policy": {"unbind": {"enabled": False}}}
        self.server.restart()
        self.wait_for_hashes()
        status, reply = self.unbind()
        self.assertEqual((status, reply["errcode"]), (404, "M_UNRECOGNIZED"))
        self.assert_owner(self.user_id())

    def assert_discreet(self) -> None:
        """Neither addresses nor secrets are in the log."""
        log = self.server.log.read_text(encoding="utf-8")
        self.assertIn("is no longer bound by email", log)
        for secret in (CLIENT, ADDRESS, *SPELLINGS, self.alice.token):
            self.assertNotIn(secret, log)
