"""Invitations: the real server, a mail server, and homeservers that fail."""

import signal
import sqlite3
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from twisted.trial.unittest import SynchronousTestCase

from mxisd.records.bindings import BIND
from tests.integration.client import V1, V2
from tests.integration.dying import DyingProcess
from tests.integration.invited_homeserver import InvitedHomeserver
from tests.integration.links import opened, short_link
from tests.integration.server import PATIENCE, wait_until
from tests.integration.sinks import MailSink
from tests.tls import CertificateAuthority

COMMITS = 7
"""Those that an invitation's life has at least."""


class InvitationCase(SynchronousTestCase):
    """Has a homeserver of ours, and another one."""

    def setUp(self) -> None:
        """Start everything but our server."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.authority = CertificateAuthority(self.folder / "ca")
        self.ours, self.other = self.homeserver(), self.homeserver()
        self.mail_sink = MailSink()
        self.mail_sink.start()
        self.addCleanup(self.mail_sink.stop)

    def homeserver(self) -> InvitedHomeserver:
        """Start a homeserver."""
        made = InvitedHomeserver(self.authority)
        made.start()
        self.addCleanup(made.stop)
        return made

    def make(self, name: str = "server", **invite: Any) -> DyingProcess:
        """Make our server; it looks for people every second."""
        folder = self.folder / name
        folder.mkdir()
        smtp = {"host": "127.0.0.1", "port": self.mail_sink.port, "tls": 0}
        email = {
            "identity": {"from": "id@example.org"},
            "connectors": {"smtp": smtp},
        }
        self.server = DyingProcess(
            folder,
            {
                "matrix": {"domain": self.ours.server_name},
                "outbound": {
                    "allowedCidr": ["127.0.0.0/8"],
                    "caFile": str(self.authority.ca_file),
                },
                "threepid": {"medium": {"email": email}},
                "invite": {"resolution": {"timer": 1, "period": "seconds"}, **invite},
                "limits": {"enabled": False},
                "logging": {"access": str(folder / "access.log")},
            },
        )
        self.addCleanup(self.end, self.server)
        return self.server

    def end(self, server: DyingProcess) -> None:
        """Stop a server, if it is alive."""
        if server._process is not None and not server.is_dead:
            server.stop()

    @property
    def access_log(self) -> Path:
        """Of our server."""
        return self.server.folder / "access.log"

    def register(self) -> str:
        """Log Alice in."""
        body = {
            "access_token": "openid-alice",
            "token_type": "Bearer",
            "expires_in": 3600,
            "matrix_server_name": self.ours.server_name,
        }
        status, reply = self.server.post(f"{V2}/account/register", body)
        assert status == 200, reply
        token: str = reply["token"]
        return token

    def store(self, token: str, address: str, room: str = "!room") -> Any:
        """Invite somebody; the reply, or ``None`` if it is to be tried again."""
        body = {
            "medium": "email",
            "address": address,
            "room_id": room,
            "sender": f"@alice:{self.ours.server_name}",
            "room_name": "<b>%TOKEN%\r\nBcc: x@example.org",
            "sender_display_name": "Alice",
            "org.matrix.web_client_location": "https://app.example.org",
        }
        status, reply = self.server.post(f"{V2}/store-invite", body, token)
        if status == 503:
            return None
        assert status == 200, reply
        return reply

    def bind(self, address: str, homeserver: InvitedHomeserver) -> None:
        """Have somebody with that address, as a bind would."""
        user_id = f"@bob:{homeserver.server_name}"
        self.change(BIND, "email", address, None, user_id, 0, 0, 2**53)

    def change(self, sql: str, *parameters: Any) -> None:
        """Change the tables."""
        path = self.server.folder / "mxisd.db"
        records = sqlite3.connect(path, timeout=30)
        with records:
            records.execute(sql, parameters)
        records.close()

    def outcome(self, token: str) -> Any:
        """How a delivery ended; ``None`` if it has not."""
        path = self.server.folder / "mxisd.db"
        records = sqlite3.connect(path, timeout=30)
        sql = "SELECT outcome FROM deliveries WHERE token = ?"
        rows = records.execute(sql, (token,)).fetchall()
        records.close()
        return rows[0][0] if rows else None

    def has_failed(self, table: str, token: str) -> bool:
        """Whether a delivery, or a message, has failed at least once."""
        path = self.server.folder / "mxisd.db"
        records = sqlite3.connect(path, timeout=30)
        sql = f"SELECT 1 FROM {table} WHERE token = ? AND failures > 0"
        rows = records.execute(sql, (token,)).fetchall()
        records.close()
        return bool(rows)

    def hurry(self, table: str, token: str) -> None:
        """Let the time until another try pass, if there has been a try."""
        if self.has_failed(table, token):
            self.change(f"UPDATE {table} SET due_ms = 0 WHERE token = ?", token)

    def mails(self, address: str) -> list[Any]:
        """The messages to somebody."""
        return [each for each in self.mail_sink.mails if address in str(each["To"])]


class FailingHomeserverTests(InvitationCase):
    """Homeservers that are down, refuse, complain, or are slow."""

    def setUp(self) -> None:
        """Start our server."""
        super().setUp()
        self.make(webClient="https://client.example.org").start()
        self.token = self.register()

    def invited(self, address: str, room: str = "!room") -> str:
        """Invite somebody; the token of the invite."""
        token: str = self.store(self.token, address, room)["token"]
        return token

    def wait_for(self, homeserver: InvitedHomeserver, *tokens: str) -> None:
        """Wait until a homeserver knows of these."""
        wait_until(lambda: set(tokens) <= set(homeserver.told), "it is told", 60)

    def test_from_the_invite_to_the_room(self) -> None:
        """A mail, a link that signs, and every room is told once."""
        address = "bob@example.org"
        stored = self.store(self.token, address)
        second = self.invited(address, "!second")
        wait_until(lambda: len(self.mails(address)) == 2, "mails")
        mail = self.mails(address)[0]
        self.assertIsNone(mail["Bcc"])
        text = mail.get_body(("plain",)).get_content()
        self.assertIn("%TOKEN%", text)
        link, html = short_link(text), mail.get_body(("html",)).get_content()
        self.assertIn(f'href="{link}"', html)
        self.assertNotIn("private_key", text + html)
        led_on = opened(self.server, link)
        self.assertEqual(led_on.status, 303)
        self.assertTrue(led_on.location.startswith("https://client.example.org/#/room"))
        query = parse_qs(urlsplit(led_on.location).fragment.partition("?")[2])
        values = parse_qs(urlsplit(query["signurl"][0]).query)
        request = {key: value[0] for key, value in values.items()}
        key = stored["public_keys"][1]["public_key"]
        path = f"{V1}/pubkey/ephemeral/isvalid"
        self.assertTrue(self.server.get(path, public_key=key)[1]["valid"])
        status, signed = self.server.post(
            f"{V1}/sign-ed25519", {**request, "mxid": "@bob:example.org"}
        )
        self.assertEqual(status, 200, signed)
        self.bind(address, self.other)
        self.wait_for(self.other, request["token"], second)
        self.assertFalse(self.server.get(path, public_key=key)[1]["valid"])
        time.sleep(2)
        self.assertEqual(len(self.other.told), 2)
        self.assertEqual(self.ours.told, [])
        room = "https://client.example.org/#/room/%21room?via="
        self.assertTrue(opened(self.server, link).location.startswith(room))
        code = link.partition("?")[2]
        secrets = (request["token"], request["private_key"], address, code)
        access_log = self.access_log.read_text()
        self.assertIn("GET /_matrix/identity/i 303", access_log)
        log = self.server.log.read_text() + access_log
        self.assertEqual([each for each in secrets if each in log], [])

    def test_down(self) -> None:
        """Nobody else waits; a restart asks again at once."""
        self.other.stop()
        late, early = self.invited("late@example.org"), self.invited("a@example.org")
        self.bind("late@example.org", self.other)
        self.bind("a@example.org", self.ours)
        self.wait_for(self.ours, early)
        # After some failures it would take longer than this test may.
        sql = "UPDATE deliveries SET failures = 9, due_ms = ? WHERE token = ?"
        later_ms = int((time.time() + 3600) * 1000)
        wait_until(lambda: self.has_failed("deliveries", late), "a first try")
        self.change(sql, later_ms, late)
        self.other.start()
        self.server.restart(signal.SIGKILL)
        self.wait_for(self.other, late)

    def test_complaints_are_repeated(self) -> None:
        """401, 429 and 5xx: after some seconds it is told again."""
        for status in (401, 429, 500, 502):
            self.other.status = status
            address = f"s{status}@example.org"
            token = self.invited(address)
            self.bind(address, self.other)
            wait_until(lambda s=status: ("POST", s) in self.other.asked, "a try")
            self.other.status = 200
            if status > 401:
                wait_until(
                    lambda t=token: self.has_failed("deliveries", t), "a failure"
                )
                self.hurry("deliveries", token)
            self.wait_for(self.other, token)

    def test_refusals_are_final(self) -> None:
        """400 at once, 403 once the invite is a minute old; they are kept."""
        for status in (400, 403):
            self.other.status = status
            self.other.asked.clear()
            address = f"s{status}@example.org"
            token = self.invited(address)
            self.change("UPDATE invites SET created_ms = created_ms - 70000")
            self.bind(address, self.other)
            wait_until(lambda t=token: self.outcome(t), "an end")
            self.assertEqual(self.outcome(token), "refused")
            self.assertEqual(self.other.asked, [("POST", status)])

    def test_slow(self) -> None:
        """One that takes its time does not take that of others."""
        self.other.delay = 8
        slow, fast = self.invited("s@example.org"), self.invited("f@example.org")
        self.bind("s@example.org", self.other)
        self.bind("f@example.org", self.ours)
        self.wait_for(self.ours, fast)
        self.assertEqual(self.other.told, [])
        self.wait_for(self.other, slow)

    def test_other_methods_and_another_homeserver(self) -> None:
        """PUT where there is no POST; the sender's where there is neither."""
        self.other.methods = {"PUT"}
        first = self.invited("first@example.org")
        self.bind("first@example.org", self.other)
        self.wait_for(self.other, first)
        self.assertEqual(self.other.asked, [("POST", 405), ("PUT", 200)])
        self.other.methods = set()
        second = self.invited("second@example.org")
        self.bind("second@example.org", self.other)
        self.wait_for(self.ours, second)


class LinkTests(InvitationCase):
    """Web clients that the operator named, and others."""

    def follow(self, address: str) -> Any:
        """Open the link of a mail; what comes of it."""
        (mail,) = wait_until(lambda: self.mails(address), "a mail")
        return opened(self.server, short_link(mail.get_body(("plain",)).get_content()))

    def test_a_client_is_named(self) -> None:
        """It gets the key from then on; before, it shows the room."""
        self.make().start()
        address = "bob@example.org"
        self.store(self.register(), address)
        room = "https://app.example.org/#/room/%21room?"
        self.assertNotIn("private_key", self.follow(address).location)
        self.assertTrue(self.follow(address).location.startswith(f"{room}via="))
        log = self.server.log.read_text()
        self.assertEqual(log.count("to invite.allowedWebClients"), 1)
        self.assertIn("app.example.org", log)
        self.server.config["invite"]["allowedWebClients"] = ["app.example.org"]
        self.server.restart()
        location = self.follow(address).location
        self.assertTrue(location.startswith(f"{room}email="), location)
        self.assertIn("private_key", location)

    def test_an_invite_that_expires(self) -> None:
        """Its link says so."""
        self.make().start()
        address = "bob@example.org"
        self.store(self.register(), address)
        self.assertEqual(self.follow(address).status, 303)
        self.change("UPDATE invites SET created_ms = 1")
        wait_until(lambda: self.follow(address).status == 404, "an end")
        self.assertIn("This invitation is over", self.follow(address).body)


class RestartTests(InvitationCase):
    """Before the first look that is due."""

    def test_who_appeared_while_we_were_down(self) -> None:
        """Is found soon after the start."""
        self.make(resolution={"timer": 1, "period": "hours"}).start()
        address = "new@example.org"
        invite = self.store(self.register(), address)["token"]
        self.server.stop()
        self.bind(address, self.other)
        self.server.start()
        wait_until(lambda: invite in self.other.told, "it is told", 60)


class KillTests(InvitationCase):
    """The process is killed at each commit of an invitation's life."""

    timeout = 600

    def test_what_was_done_is_done_again(self) -> None:
        """Killed before a commit: a mail and the news may come twice, but they come."""
        self.die("before")

    def test_what_is_promised_is_done(self) -> None:
        """Killed after a commit: a mail is sent, and the homeserver hears of it."""
        self.die("after")

    def die(self, moment: str) -> None:
        """Live a life for each commit, until there are no more commits to die at."""
        for number in count(1):
            if not self.live(moment, number):
                break
        self.assertGreater(number, COMMITS)

    def live(self, moment: str, number: int) -> int:
        """Live an invitation's life; tells how often the server died."""
        address = f"{moment}{number}@example.org"
        server = self.make(f"{moment}-{number}")
        server.start_dying(moment, number)
        token = self.persist(self.register)
        # So that failures are recorded, too.
        self.mail_sink.refuses = True
        invite = self.persist(lambda: self.store(token, address))["token"]
        self.persist(lambda: self.has_failed("invite_messages", invite))
        self.mail_sink.refuses = False
        self.hurry("invite_messages", invite)
        self.persist(lambda: self.mails(address))
        self.other.status = 500
        self.other.asked.clear()
        self.bind(address, self.other)
        self.persist(lambda: self.other.asked)
        self.other.status = 200
        self.persist(lambda: self.is_told(invite))
        self.persist(lambda: self.outcome(invite) == "delivered")
        deaths = server.deaths
        self.end(server)
        return deaths

    def is_told(self, invite: str) -> bool:
        """Whether the homeserver knows; nobody waits for the next try."""
        self.hurry("deliveries", invite)
        return invite in self.other.told

    def persist(self, act: Callable[[], Any]) -> Any:
        """Do something until it works, as homeservers do."""
        deadline = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < deadline:
            self.server.revive()
            try:
                result = act()
            except OSError:
                result = None
            if result:
                return result
            time.sleep(0.05)
        raise AssertionError(f"not in time: {self.server.log.read_text()}")
