"""Pages that people inside the network open, in a real browser at the real server."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.chromium import Chromium, Tab, program
from tests.integration.client import V1, V2
from tests.integration.server import IDENTITY, MxisdProcess, free_port

ADMIN = "/_mxisd/admin/v1"
OPERATORS_TOKEN = "operators-have-this-one"
INVITE = {
    "medium": "email",
    "address": "eve@example.org",
    "room_id": "!room",
    "sender": "@ceo:example.org",
}
LOOKUP = f"{V1}/lookup?medium=email&address=alice%40example.org"
UNREADABLE = "TypeError: Failed to fetch"


class Elsewhere(ThreadingHTTPServer):
    """Somebody else's site."""

    class Page(BaseHTTPRequestHandler):
        """Answers everything."""

        def do_GET(self) -> None:
            """Serve an innocent page."""
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><title>Kittens</title>")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Page)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class WebPageTests(SynchronousTestCase):
    """What scripts of a page get from a server that their reader could ask."""

    def setUp(self) -> None:
        """Start a server, another site, and a browser."""
        program()
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        self.elsewhere = Elsewhere()
        self.addCleanup(self.elsewhere.server_close)
        self.addCleanup(self.elsewhere.shutdown)
        self.server = MxisdProcess(folder, self.config())
        self.url = f"http://127.0.0.1:{self.server.port}"
        self.server.config["server"]["publicUrl"] = self.url
        self.server.start()
        self.addCleanup(self.server.stop)
        browser = Chromium(folder / "browser")
        self.addCleanup(browser.stop)
        self.tab = Tab(browser)

    def config(self) -> dict[str, Any]:
        """Alice can be found, and there are operators; mails have to wait."""
        smtp = {"host": "127.0.0.1", "port": free_port(), "tls": 0}
        email = {"identity": {"from": "id@example.org"}, "connectors": {"smtp": smtp}}
        alice = {
            "username": "alice",
            "threepids": [{"medium": "email", "address": "alice@example.org"}],
        }
        return {
            "memory": {"enabled": True, "identities": [alice]},
            "admin": {"token": OPERATORS_TOKEN},
            "threepid": {"medium": {"email": email}},
        }

    def open_elsewhere(self, host: str) -> None:
        """Be on a page of another site."""
        self.tab.open(f"http://{host}:{self.elsewhere.server_port}/")

    def fetched(self, path: str, **options: Any) -> Any:
        """What a script of the page gets: status and content, or the failure."""
        url = path if path.startswith("http") else self.url + path
        return self.tab.promised(
            f"fetch({url!r}, {options!r}).then("
            "async (r) => [r.status, r.type == 'opaque' || await r.json()],"
            "String)"
        )

    def invites(self) -> Any:
        """Who was invited."""
        return self.server.get(f"{ADMIN}/invites", OPERATORS_TOKEN)[1]["invites"]

    def test_pages_of_other_sites_read_nothing_that_is_for_near_requesters(
        self,
    ) -> None:
        """Neither from the same host at another port, nor from another name."""
        for host in ("127.0.0.1", "evil.localhost"):
            self.open_elsewhere(host)
            for path in (LOOKUP, "/status", "/version"):
                self.assertEqual(self.fetched(path), UNREADABLE, path)
            # What the browser keeps of a blind request is no use, either.
            self.fetched("/status", mode="no-cors")
            cached = self.fetched("/status", cache="force-cache")
            self.assertEqual(cached, UNREADABLE)

    def test_they_do_nothing_there_either(self) -> None:
        """Not by the requests that browsers send without asking first."""
        form = urlencode(INVITE)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        for host in ("127.0.0.1", "evil.localhost"):
            self.open_elsewhere(host)
            path = f"{V1}/store-invite"
            self.fetched(path, method="POST", mode="no-cors", headers=kind, body=form)
            sent = self.fetched(path, method="POST", headers=kind, body=form)
            self.assertEqual(sent, UNREADABLE)
            self.tab.submit_form(self.url + path, INVITE)
            self.assertIn("M_FORBIDDEN", self.tab.value("document.body.innerText"))
        self.assertEqual(self.invites(), [])
        # What they tried is good for those who may.
        self.assertEqual(self.server.post(f"{V1}/store-invite", INVITE)[0], 200)
        self.assertEqual(len(self.invites()), 1)

    def test_the_operators_token_is_no_use_to_them(self) -> None:
        """Should a page know it."""
        headers = {"Authorization": f"Bearer {OPERATORS_TOKEN}"}
        self.open_elsewhere("evil.localhost")
        self.assertEqual(self.fetched(f"{ADMIN}/status", headers=headers), UNREADABLE)
        binding = {"medium": "email", "address": "a@b.c", "mxid": "@eve:example.org"}
        added = self.fetched(
            f"{ADMIN}/bindings", method="POST", headers=headers, body=str(binding)
        )
        self.assertEqual(added, UNREADABLE)
        bindings = self.server.get(f"{ADMIN}/bindings", OPERATORS_TOKEN)[1]
        self.assertEqual(bindings["bindings"], [])

    def test_web_clients_use_v2_from_their_own_sites(self) -> None:
        """They send a token, and may read the answer, errors included."""
        self.open_elsewhere("evil.localhost")
        self.assertEqual(self.fetched(f"{V2}/terms"), [200, {"policies": {}}])
        headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
        status, content = self.fetched(
            f"{V2}/lookup", method="POST", headers=headers, body="{}"
        )
        self.assertEqual((status, content["errcode"]), (401, "M_UNAUTHORIZED"))
        status, content = self.fetched(f"{V1}/sign-ed25519", method="POST")
        self.assertEqual((status, content["errcode"]), (400, "M_MISSING_PARAMS"))

    def test_a_name_that_was_made_to_lead_here(self) -> None:
        """A page of ours under a name that is not ours is somebody else's."""
        url = f"http://evil.localhost:{self.server.port}"
        self.tab.open(f"{url}{IDENTITY}/versions")
        status, content = self.fetched(url + LOOKUP)
        self.assertEqual((status, content["errcode"]), (403, "M_FORBIDDEN"))
        self.assertEqual(
            self.fetched(f"{url}/status"), [200, {"status": {"health": "OK"}}]
        )

    def test_pages_of_our_own(self) -> None:
        """They may ask what their reader may."""
        self.tab.open(f"{self.url}{IDENTITY}/versions")
        status, content = self.fetched(LOOKUP)
        self.assertEqual((status, content["mxid"]), (200, "@alice:example.org"))
        stores = self.fetched("/status")[1]["status"]["stores"]
        self.assertEqual(stores, {"memory": "OK"})
        form = urlencode(INVITE)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        path = f"{V1}/store-invite"
        sent = self.fetched(path, method="POST", headers=kind, body=form)
        self.assertEqual(sent[0], 200)
