"""A reverse proxy with TLS before a server that has none."""

import ssl
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.integration.server import PATIENCE
from tests.tls import CertificateAuthority

PASSED_ON = ("Authorization", "Content-Type")


class TlsFront(ThreadingHTTPServer):
    """
    Serves https in a thread.

    :ivar name: ``127.0.0.1:PORT``.
    :ivar target: The URL behind it, without a slash at its end.
    :ivar passed: The paths and ``Authorization`` headers of the requests so far.
    """

    daemon_threads = True

    class Page(BaseHTTPRequestHandler):
        """Passes requests on."""

        server: "TlsFront"

        def do_GET(self) -> None:
            """Pass on."""
            self._pass_on(None)

        def do_POST(self) -> None:
            """Pass on."""
            self._pass_on(self.rfile.read(int(self.headers["Content-Length"])))

        def _pass_on(self, body: bytes | None) -> None:
            headers = {k: self.headers[k] for k in PASSED_ON if k in self.headers}
            self.server.passed.append((self.path, headers.get("Authorization", "")))
            url = self.server.target + self.path
            request = urllib.request.Request(url, body, headers, method=self.command)
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
                    self._answer(reply.status, reply.read())
            except urllib.error.HTTPError as error:
                self._answer(error.code, error.read())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            # Clients that keep connections would send a POST into a closed one.
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    def __init__(self, authority: CertificateAuthority) -> None:
        super().__init__(("127.0.0.1", 0), self.Page)
        issued = authority.issue("localhost", "127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.cert_file, issued.key_file)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.name = f"127.0.0.1:{self.server_port}"
        self.target = ""
        self.passed: list[tuple[str, str]] = []
        Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Be gone."""
        self.shutdown()
        self.server_close()
