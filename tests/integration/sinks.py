"""Where messages end up: a mail server and a gateway for text messages."""

import json
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests.integration.server import free_port


class MailSink:
    """
    A mail server that keeps what it gets.

    :ivar mails: In order.
    :ivar recipients: Those of the envelopes, in the same order.
    :ivar refuses: Whether it takes none now.
    """

    def __init__(self) -> None:
        self.refuses = False
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.port = free_port()
        self._controller: Any = None

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """Keep a mail."""
        if self.refuses:
            return "451 not now"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        return "250 kept"

    def start(self) -> None:
        """Listen; always on the same port."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """Be down."""
        self._controller.stop()


class TextSink(ThreadingHTTPServer):
    """
    A gateway for text messages.

    :ivar texts: The JSON objects that it got, in order.
    """

    daemon_threads = True

    class Page(BaseHTTPRequestHandler):
        """Takes everything."""

        def do_POST(self) -> None:
            """Keep a message."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert isinstance(self.server, TextSink)
            self.server.texts.append(json.loads(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Page)
        self.texts: list[dict[str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Be gone."""
        self.shutdown()
        self.server_close()
