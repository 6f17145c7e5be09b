"""A real sydent for tests."""

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest

from tests.integration.server import PATIENCE, free_port, wait_until
from tests.integration.smtp_server import MailServer

PYTHON = Path(__file__).parent.parent.parent / ".venv-sydent" / "bin" / "python"
REMINDER = "make .venv-sydent/has-sydent"
SECRET = "client-s3cret"

CONFIGURATION = """
[general]
server.name = id.example.org
pidfile.path = {folder}/sydent.pid
templates.path = {folder}/templates
ip.whitelist = 127.0.0.0/8, ::1
[db]
db.file = {folder}/sydent.db
[http]
clientapi.http.bind_address = 127.0.0.1
clientapi.http.port = {port}
replication.https.port = {other_port}
federation.verifycerts = False
[email]
email.smtphost = 127.0.0.1
email.smtpport = {smtp_port}
email.tlsmode = 0
"""
MAILS = {
    "verification": "Subject: Hello\n\ntoken=%(token)s\n",
    "invite": (
        "Subject: Come\n\ntoken=%(token)s private_key=%(ephemeral_private_key)s end\n"
    ),
}


class Sydent:
    """
    Sydent in a folder, with a mail server of its own.

    :ivar ini: Its configuration, into which it writes its key.
    """

    def __init__(self, folder: Path) -> None:
        """
        Prepare it; nothing is started yet.

        :raise SkipTest: If sydent is not installed; a failure where ``CI`` is set.
        """
        _check_installed()
        self.folder = folder
        self.port = free_port()
        self.mail = MailServer()
        self.ini = folder / "sydent.conf"
        templates = folder / "templates" / "matrix-org"
        templates.mkdir(parents=True)
        for name, text in MAILS.items():
            (templates / f"{name}_template.eml").write_text(text)
        self.ini.write_text(
            CONFIGURATION.format(
                folder=folder,
                port=self.port,
                other_port=free_port(),
                smtp_port=self.mail.port,
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Sydent":
        """Start, and wait for the first answer."""
        self.mail.start()
        environment = {**os.environ, "SYDENT_CONF": str(self.ini)}
        environment.pop("PYTHONPATH", None)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(PYTHON), "-m", "sydent.sydent"],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
            )
        wait_until(self._is_up, "sydent answers", 2 * PATIENCE)
        return self

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE)
            self._process = None
            self.mail.stop()

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        try:
            return bool(self.ask("/_matrix/identity/api/v1")[0] == 200)
        except OSError:
            return False

    def ask(self, path: str, body: Any = None, token: str = "") -> Any:
        """GET, or POST a JSON body; status and decoded JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def register(self, user: str, homeserver: str) -> str:
        """Give a user of a :class:`HomeserverProcess` an account; its token."""
        body = {
            "access_token": f"openid-{user}",
            "expires_in": 3600,
            "matrix_server_name": homeserver,
            "token_type": "Bearer",
        }
        status, answer = self.ask("/_matrix/identity/v2/account/register", body)
        assert status == 200, answer
        return str(answer["token"])

    def request_token(self, address: str, token: str) -> tuple[str, str]:
        """Ask for a token by mail; the session's ID, and the token."""
        path = "/_matrix/identity/v2/validate/email/requestToken"
        body = {"client_secret": SECRET, "email": address, "send_attempt": 1}
        answer, (mailed,) = self._mailed(path, body, token, rb"token=(\w+)")
        return str(answer["sid"]), mailed

    def invite(self, address: str, sender: str, token: str) -> tuple[Any, str, str]:
        """Invite somebody by mail; the answer, and the mail's token and private key."""
        path = "/_matrix/identity/v2/store-invite"
        body = {
            "medium": "email",
            "address": address,
            "room_id": "!room:example.org",
            "sender": sender,
        }
        pattern = rb"token=(\S+) private_key=(\S+)"
        answer, (mailed, key) = self._mailed(path, body, token, pattern)
        return answer, mailed, key

    def _mailed(self, path: str, body: Any, token: str, pattern: bytes) -> Any:
        """POST what has a mail sent; the answer, and what the mail says."""
        seen = len(self.mail.delivered)
        status, answer = self.ask(path, body, token)
        assert status == 200, answer
        wait_until(lambda: len(self.mail.delivered) > seen, "the mail is there")
        content = self.mail.delivered[-1].content.replace(b"=\r\n", b"")
        found = re.search(pattern, content)
        assert found is not None, content
        return answer, [each.decode() for each in found.groups()]

    def bind(self, address: str, user_id: str, token: str) -> None:
        """Prove that an address is one's own, and publish it."""
        sid, mailed = self.request_token(address, token)
        proof = {"client_secret": SECRET, "sid": sid}
        for path, more in (
            ("validate/email/submitToken", {"token": mailed}),
            ("3pid/bind", {"mxid": user_id}),
        ):
            body = {**proof, **more}
            status, answer = self.ask(f"/_matrix/identity/v2/{path}", body, token)
            assert status == 200 and answer.get("success", True), answer


def _check_installed() -> None:
    if PYTHON.exists():
        return
    if os.environ.get("CI"):
        raise AssertionError(f"Sydent is missing: {REMINDER}")
    raise SkipTest(f"SYDENT IS MISSING: {REMINDER}")
