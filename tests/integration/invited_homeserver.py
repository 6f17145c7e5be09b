"""A homeserver that is told whose addresses are, and answers as the test says."""

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.integration.server import free_port
from tests.tls import CertificateAuthority

USERINFO = "/_matrix/federation/v1/openid/userinfo"
ONBIND = "/_matrix/federation/v1/3pid/onbind"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    homeserver: "InvitedHomeserver"


class _Page(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Tell whose an OpenID token is."""
        url = urlsplit(self.path)
        if url.path != USERINFO:
            return self._answer(404, {})
        token = parse_qs(url.query)["access_token"][0]
        name = self.server.homeserver.server_name
        return self._answer(200, {"sub": f"@{token.removeprefix('openid-')}:{name}"})

    def do_POST(self) -> None:
        """Be told."""
        self._take("POST")

    def do_PUT(self) -> None:
        """Be told."""
        self._take("PUT")

    def _take(self, method: str) -> None:
        homeserver = self.server.homeserver
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(homeserver.delay)
        status = homeserver.status
        is_right = self.path == ONBIND and "Authorization" not in self.headers
        if method not in homeserver.methods or not is_right:
            status = 405
        homeserver.asked.append((method, status))
        if status == 200:
            homeserver.told += [each["signed"]["token"] for each in content["invites"]]
        self._answer(status, {})

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class InvitedHomeserver:
    """
    A homeserver with TLS, always on the same port.

    :ivar server_name: ``localhost:PORT``.
    :ivar status: Of its next answers.
    :ivar methods: Those of its endpoint.
    :ivar delay: The seconds before each answer.
    :ivar asked: The methods and statuses so far.
    :ivar told: The tokens that it accepted, in order.
    """

    def __init__(self, authority: CertificateAuthority) -> None:
        issued = authority.issue("localhost", "127.0.0.1")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(issued.cert_file, issued.key_file)
        self._port = free_port()
        self._server: _Server | None = None
        self.server_name = f"localhost:{self._port}"
        self.status = 200
        self.methods = {"POST"}
        self.delay = 0.0
        self.asked: list[tuple[str, int]] = []
        self.told: list[str] = []

    def start(self) -> None:
        """Be up."""
        self._server = _Server(("127.0.0.1", self._port), _Page)
        self._server.homeserver = self
        self._server.socket = self._context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Be down."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
