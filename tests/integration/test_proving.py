"""People prove their addresses: the real server, a mail server, a text gateway."""

import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.client import V1, V2, IdentityClient
from tests.integration.homeserver import HomeserverProcess
from tests.integration.server import PATIENCE, MxisdProcess
from tests.integration.sinks import MailSink, TextSink

CLIENT = "monkeys=are.GREAT_-"
ADDRESS = "proved@example.org"


class ProvingTests(SynchronousTestCase):
    """Everything is real but the reader."""

    def setUp(self) -> None:
        """Start servers."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.mail_sink, self.text_sink = MailSink(), TextSink()
        self.mail_sink.start()
        self.addCleanup(self.mail_sink.stop)
        self.addCleanup(self.text_sink.stop)
        self.homeserver = HomeserverProcess(self.folder / "homeserver", "alice")
        self.addCleanup(self.homeserver.stop)
        self.server = MxisdProcess(self.folder, self.config())
        self.server.config["server"]["publicUrl"] = (
            f"http://127.0.0.1:{self.server.port}"
        )
        self.server.start()
        self.addCleanup(self.server.stop)
        self.token = IdentityClient(self.server, self.homeserver, "alice").token

    def config(self) -> dict[str, Any]:
        """Messages by mail and by text, and a homeserver on loopback."""
        gateway = {
            "url": f"http://127.0.0.1:{self.text_sink.server_port}/send",
            "format": "json",
            "body": '{"to": "%NUMBER%", "text": "%TEXT%"}',
        }
        smtp = {"host": "127.0.0.1", "port": self.mail_sink.port, "tls": 0}
        return {
            "matrix": {"domain": self.homeserver.server_name},
            "outbound": {
                "allowedCidr": ["127.0.0.0/8"],
                "caFile": str(self.homeserver.ca_file),
            },
            "threepid": {
                "medium": {
                    "email": {
                        "identity": {"from": "id@example.org"},
                        "connectors": {"smtp": smtp},
                    },
                    "msisdn": {
                        "connector": "http",
                        "connectors": {"http": gateway},
                    },
                }
            },
            "logging": {"app": "info"},
        }

    def request(self, attempt: int = 1) -> Any:
        """Ask for a mail; status and reply."""
        body = {"client_secret": CLIENT, "send_attempt": attempt, "email": ADDRESS}
        path = f"{V2}/validate/email/requestToken"
        return self.server.post(path, body, self.token)

    def link(self) -> str:
        """The link in the last mail."""
        part = self.mail_sink.mails[-1].get_body(("plain",))
        assert part is not None
        match = re.search(r"https?://\S+", part.get_content())
        assert match is not None
        return match[0]

    def open(self, link: str) -> str:
        """Open a link as a browser; the page."""
        with urllib.request.urlopen(link, timeout=PATIENCE) as response:
            page: str = response.read().decode()
        return page

    def validated(self, base: str, sid: str) -> Any:
        """What the session has proved; status and reply."""
        path = f"{base}/3pid/getValidated3pid"
        token = self.token if base == V2 else None
        return self.server.get(path, token, sid=sid, client_secret=CLIENT)

    def test_by_mail_and_across_a_crash(self) -> None:
        """The link works though the server was killed after it had sent the mail."""
        status, reply = self.request()
        self.assertEqual((status, self.request()), (200, (200, reply)))
        (mail,) = self.mail_sink.mails
        self.assertEqual(mail["To"], ADDRESS)
        self.server.restart(signal.SIGKILL)
        self.assertEqual(self.validated(V2, reply["sid"])[0], 400)
        for _ in range(2):
            self.assertIn("That worked", self.open(self.link()))
        self.server.restart(signal.SIGKILL)
        status, proved = self.validated(V2, reply["sid"])
        self.assertEqual((status, proved["medium"]), (200, "email"))
        self.assertEqual(proved["address"], ADDRESS)
        self.assert_discreet()

    def test_by_text_as_homeservers_ask(self) -> None:
        """v1 without login; the user types the digits."""
        body = {
            "country": "GB",
            "phone_number": "07700900001",
            "client_secret": CLIENT,
            "send_attempt": 1,
        }
        path = f"{V1}/validate/msisdn"
        status, reply = self.server.post(f"{path}/requestToken", body)
        self.assertEqual((status, reply["msisdn"]), (200, "447700900001"))
        (text,) = self.text_sink.texts
        self.assertEqual(text["to"], "+447700900001")
        digits = re.search(r"\b[0-9]{6}\b", text["text"])
        assert digits is not None
        given = {"sid": reply["sid"], "client_secret": CLIENT, "token": digits[0]}
        submitted = self.server.post(f"{path}/submitToken", given)
        self.assertEqual(submitted, (200, {"success": True}))
        self.assertEqual(self.validated(V1, reply["sid"])[0], 200)
        self.assert_discreet(digits[0])

    def test_a_mail_server_that_is_down(self) -> None:
        """The client learns it, and the same attempt works when it is up again."""
        self.mail_sink.stop()
        status, reply = self.request()
        self.assertEqual((status, reply["errcode"]), (400, "M_EMAIL_SEND_ERROR"))
        self.mail_sink.start()
        self.assertEqual(self.request()[0], 200)
        self.assertIn("That worked", self.open(self.link()))

    def test_the_limits_of_the_configuration(self) -> None:
        """One address gets five mails in a row by default."""
        answers = [self.request(attempt) for attempt in range(1, 7)]
        self.assertEqual([status for status, _ in answers], [200] * 5 + [429])
        self.assertEqual(answers[-1][1]["errcode"], "M_LIMIT_EXCEEDED")
        self.assertEqual(len(self.mail_sink.mails), 5)

    def assert_discreet(self, *more: str) -> None:
        """Neither addresses nor secrets are in the log."""
        log = self.server.log.read_text(encoding="utf-8")
        self.assertIn("ValidationNotice sent by", log)
        tokens = [link.partition("token=")[2] for link in self._links()]
        for secret in (CLIENT, ADDRESS, "447700900001", *tokens, *more):
            self.assertNotIn(secret, log)

    def _links(self) -> list[str]:
        return [self.link()] if self.mail_sink.mails else []
