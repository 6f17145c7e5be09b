"""What ``make run`` starts can do everything: the real process with sample.yaml."""

import re
import smtplib
import subprocess
import sys
import urllib.request
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from twisted.trial.unittest import SynchronousTestCase

import mxisd
from tests.integration.client import V1, V2, IdentityClient
from tests.integration.invited_homeserver import InvitedHomeserver
from tests.integration.links import opened, short_link
from tests.integration.server import PATIENCE, MxisdProcess, free_port, wait_until
from tests.integration.sinks import MailSink
from tests.tls import CertificateAuthority

ROOT = Path(mxisd.__file__).parent.parent
ALICE, BOB = "@alice:example.org", "@bob:example.org"
WORK, GUEST = "alice@work.example", "guest@elsewhere.example"
CLIENT = "demo"
LINK = re.compile(r"https?://\S+")


class DemoTests(SynchronousTestCase):
    """Only ports are changed, and where the homeserver of example.org is."""

    def setUp(self) -> None:
        """Start everything."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        authority = CertificateAuthority(folder / "ca")
        self.homeserver: Any = InvitedHomeserver(authority)
        self.homeserver.start()
        self.addCleanup(self.homeserver.stop)
        place = f"https://{self.homeserver.server_name}"
        self.homeserver.server_name = "example.org"
        self.mail_sink = MailSink()
        self.mail_sink.start()
        self.addCleanup(self.mail_sink.stop)
        sample = yaml.safe_load((ROOT / "sample.yaml").read_text(encoding="utf-8"))
        self.server = MxisdProcess(folder, sample)
        url = f"http://127.0.0.1:{self.server.port}"
        sample["server"].update(port=self.server.port, publicUrl=url)
        smtp = sample["threepid"]["medium"]["email"]["connectors"]["smtp"]
        smtp["port"] = self.mail_sink.port
        federation = [{"name": "example.org", "value": place}]
        self.server.config |= {
            "dns": {"overwrite": {"homeserver": {"federation": federation}}},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(authority.ca_file),
            },
        }
        self.url = url
        self.server.start()
        self.addCleanup(self.server.stop)
        self.alice = self.client("alice")
        self.bob = self.client("bob")

    def client(self, name: str) -> IdentityClient:
        """Log in one of the demo's people."""
        client = IdentityClient(self.server, self.homeserver, name)
        wait_until(lambda: self.has_hashes(client.token), "hashes are there")
        return client

    def has_hashes(self, token: str) -> bool:
        """Whether the first pepper is there."""
        status, _ = self.server.get(f"{V2}/hash_details", token)
        return bool(status == 200)

    def mails(self, address: str, count: int) -> list[EmailMessage]:
        """The mails to somebody, when there are as many."""
        found: list[EmailMessage] = []

        def are_there() -> bool:
            mails = self.mail_sink.mails
            found[:] = [each for each in mails if each["To"] == address]
            return len(found) >= count

        wait_until(are_there, "mails are there")
        self.assertEqual(len(found), count)
        return found

    def follow(self, mail: EmailMessage) -> None:
        """Open the link of a mail."""
        link = link_of(mail)
        self.assertTrue(link.startswith(self.url), link)
        urllib.request.urlopen(link, timeout=PATIENCE).close()

    def bind(self, client: IdentityClient, user_id: str, address: str) -> None:
        """Ask for a mail, open its link, and bind."""
        count = len([each for each in self.mail_sink.mails if each["To"] == address])
        body = {"client_secret": CLIENT, "send_attempt": 1, "email": address}
        path = f"{V2}/validate/email/requestToken"
        status, session = self.server.post(path, body, client.token)
        self.assertEqual(status, 200, session)
        self.follow(self.mails(address, count + 1)[-1])
        wish = {"sid": session["sid"], "client_secret": CLIENT, "mxid": user_id}
        status, reply = self.server.post(f"{V2}/3pid/bind", wish, client.token)
        self.assertEqual(status, 200, reply)

    def invite(self, client: IdentityClient, sender: str) -> Any:
        """Store an invite as Synapse does; status and reply."""
        body = {
            "medium": "email",
            "address": GUEST,
            "room_id": "!tea:example.org",
            "sender": sender,
            "sender_display_name": "Alice Liddell",
            "room_name": "Tea party",
            "room_alias": "#tea:example.org",
            "room_avatar_url": "",
            "room_join_rules": "invite",
            "sender_avatar_url": "",
            "org.matrix.web_client_location": "https://app.example.org",
        }
        return self.server.post(f"{V2}/store-invite", body, client.token)

    def test_an_address_comes_and_goes(self) -> None:
        """Proved by the link of a mail, bound, found, and unbound again."""
        self.assertEqual(self.alice.hashed("bob@example.org"), {"bob@example.org": BOB})
        self.bind(self.alice, ALICE, WORK)
        for found in (self.alice.hashed(WORK), self.alice.plain(WORK)):
            self.assertEqual(found, {WORK: ALICE})
        wish = {"mxid": ALICE, "threepid": {"medium": "email", "address": WORK}}
        reply = self.server.post(f"{V2}/3pid/unbind", wish, self.alice.token)
        self.assertEqual(reply, (200, {}))
        for found in (self.alice.hashed(WORK), self.alice.plain(WORK)):
            self.assertEqual(found, {})
        self.mails(WORK, 2)

    def test_somebody_is_invited(self) -> None:
        """A mail; and who proves to be its reader gets the invite."""
        status, stored = self.invite(self.alice, ALICE)
        self.assertEqual(status, 200, stored)
        (mail,) = self.mails(GUEST, 1)
        led_on = opened(self.server, short_link(text_of(mail)))
        room = "https://app.example.org/#/room/%21tea%3Aexample.org?via=example.org"
        self.assertEqual(led_on.location, room)
        self.assertIn("Tea party", text_of(mail))
        self.assertEqual(self.homeserver.told, [])
        self.bind(self.bob, BOB, GUEST)
        wait_until(lambda: self.homeserver.told, "the homeserver is told", 60)
        self.assertEqual(self.homeserver.told, [stored["token"]])

    def test_only_some_may_invite(self) -> None:
        """The demo's store says that Alice is staff, and Bob is not."""
        policy = {"ifSender": {"hasRole": ["staff"]}}
        self.server.config["invite"] = {"policy": policy}
        self.server.restart()
        status, refusal = self.invite(self.bob, BOB)
        self.assertEqual((status, refusal["errcode"]), (403, "M_FORBIDDEN"))
        self.assertEqual(self.invite(self.alice, ALICE)[0], 200)
        self.mails(GUEST, 1)

    def test_as_the_readme_says(self) -> None:
        """A mail is asked for by a form without any login, and its link works."""
        form = {"client_secret": CLIENT, "email": WORK, "send_attempt": "1"}
        url = f"{self.url}{V1}/validate/email/requestToken"
        body = urlencode(form).encode()
        urllib.request.urlopen(url, body, timeout=PATIENCE).close()
        self.follow(self.mails(WORK, 1)[0])


def text_of(mail: EmailMessage) -> str:
    """What a mail says."""
    part = mail.get_body(("plain",))
    assert part is not None
    text: str = part.get_content()
    return text


def link_of(mail: EmailMessage) -> str:
    """The first link of a mail."""
    match = LINK.search(text_of(mail))
    assert match is not None
    return match[0]


class ShownMailTests(SynchronousTestCase):
    """What shows the demonstration's mails."""

    def test_a_mail_is_shown(self) -> None:
        """Its text as a person reads it; long lines are whole."""
        port = free_port()
        link = f"https://id.example.org/{'x' * 200}=ü"
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "id@x.org", "a@x.org", "Grüße"
        mail.set_content(f"Open this:\n{link}\n")
        mail.add_alternative("<p>html</p>", subtype="html")
        command = [sys.executable, str(ROOT / "contrib" / "show_mails.py"), str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            self.addCleanup(process.kill)
            self.assertIn(str(port), process.stdout.readline())
            with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
                client.send_message(mail)
            process.terminate()
            shown = process.communicate(timeout=PATIENCE)[0]
        self.assertIn("To: a@x.org\nSubject: Grüße\n\nOpen this:\n" + link, shown)
        self.assertNotIn("<p>", shown)
