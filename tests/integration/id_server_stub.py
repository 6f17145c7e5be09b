"""An identity server that agrees to every binding, for a Synapse that is told so."""

import base64
import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.tls import CertificateAuthority

SERVER_NAME = "127.0.0.1"


def session_for(medium: str, address: str) -> str:
    """The ``sid`` that makes the stub say that this 3PID was validated and bound."""
    text = json.dumps([medium, address]).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


class IdentityServerStub:
    """
    Serves https in a thread, as tests block while Synapse asks it.

    :ivar name: What Synapse knows it by, ``127.0.0.1:PORT``.
    """

    def __init__(self, authority: CertificateAuthority) -> None:
        issued = authority.issue("localhost", "127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.cert_file, issued.key_file)
        self._server = ThreadingHTTPServer((SERVER_NAME, 0), _Binding)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.name = f"{SERVER_NAME}:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Binding(BaseHTTPRequestHandler):
    """Says to each bind what its ``sid`` holds, and yes to everything else."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {}
        if self.path.endswith("/3pid/bind"):
            padded = body["sid"] + "=" * (-len(body["sid"]) % 4)
            medium, address = json.loads(base64.urlsafe_b64decode(padded))
            answer = {"medium": medium, "address": address, "mxid": body["mxid"]}
        sent = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the terminal clean."""
