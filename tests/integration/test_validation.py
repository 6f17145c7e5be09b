"""The links of messages, opened in a real browser at the real server."""

import atexit
import re
import shutil
import sqlite3
import tempfile
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from mxisd.model.secret import Secret
from mxisd.model.sessions import LIFE_MS, digest_of
from mxisd.records.sessions import ADD_SESSION
from tests.contrast import LARGE_TEXT, TEXT
from tests.contrast import contrast as hex_contrast
from tests.integration.chromium import Chromium, Tab, program
from tests.integration.client import V1, V2
from tests.integration.server import MxisdProcess

CLIENT = "monkeys=are.GREAT_-"
TOKEN = "0123456789abcdefABCDEF0123456789"
WIDTHS = (320, 1280)
SERVICE, ADDRESS = "Chat at Example", "ann@example.org"


class App(ThreadingHTTPServer):
    """The client's site, where ``next_link`` leads."""

    class Page(BaseHTTPRequestHandler):
        """Answers everything."""

        def do_GET(self) -> None:
            """Say welcome."""
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><title>Welcome back</title>")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing else."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Page)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class World:
    """Two servers, one of which asks first; a browser; they end with the tests."""

    def __init__(self) -> None:
        program()
        self.folder = Path(tempfile.mkdtemp(prefix="mxisd-test-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.app = App()
        self.plain = self._server("plain", confirm=False)
        self.asking = self._server("asking", confirm=True)
        self.browser = Chromium(self.folder / "browser")
        atexit.register(self.browser.stop)
        self.count = 0

    def _server(self, name: str, *, confirm: bool) -> MxisdProcess:
        folder = self.folder / name
        folder.mkdir()
        view = {"session": {"onTokenSubmit": {"confirm": confirm}}}
        identity = {"from": "id@example.org", "name": SERVICE}
        medium = {"email": {"identity": identity, "connector": "none"}}
        config = {"view": view, "threepid": {"medium": medium}}
        server = MxisdProcess(folder, config).start()
        atexit.register(server.stop)
        return server

    def link(
        self,
        server: MxisdProcess,
        *,
        medium: str = "email",
        next_link: str | None = None,
        age_ms: int = 0,
        base: str = V2,
    ) -> str:
        """The link of a fresh session, which this writes into the records itself."""
        self.count += 1
        sid = f"session-{self.count}"
        changed_ms = int(time.time() * 1000) - age_ms
        digest = digest_of(Secret(CLIENT))
        row = (
            sid,
            medium,
            ADDRESS,
            None,
            digest,
            TOKEN,
            changed_ms,
            1,
            next_link,
            0,
            None,
        )
        records = sqlite3.connect(server.folder / "mxisd.db", timeout=30)
        with records:
            records.execute(ADD_SESSION, row)
        records.close()
        query = urlencode({"sid": sid, "client_secret": CLIENT, "token": TOKEN})
        url = f"http://127.0.0.1:{server.port}{base}"
        return f"{url}/validate/{medium}/submitToken?{query}"


@cache
def world() -> World:
    """The one world of all tests."""
    return World()


def contrast(first: str, second: str) -> float:
    """The contrast of two colours as browsers write them."""
    return hex_contrast(*(_hex(colour) for colour in (first, second)))


def _hex(colour: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])


class BrowserTests(SynchronousTestCase):
    """What people see."""

    def setUp(self) -> None:
        """Open a tab."""
        self.world = world()
        self.tab = Tab(self.world.browser)

    def colour(self, selector: str, name: str) -> str:
        """A colour of an element."""
        element = f"document.querySelector('{selector}')"
        value: str = self.tab.value(f"getComputedStyle({element}).{name}")
        return value

    def assert_readable(self) -> None:
        """It fits on every screen, in contrasts that most people can read."""
        for width in WIDTHS:
            self.tab.resize(width)
            needed = self.tab.value("document.documentElement.scrollWidth")
            self.assertLessEqual(needed, width)
        for scheme in ("light", "dark"):
            self.tab.prefer(scheme)
            card = self.colour("main", "backgroundColor")
            text = contrast(self.colour("p:last-of-type", "color"), card)
            mark = contrast(self.colour(".mark", "color"), card)
            self.assertGreater(text, TEXT)
            self.assertGreater(mark, LARGE_TEXT)
        self.tab.prefer("light")

    def assert_harmless(self, url: str) -> None:
        """Nothing but the page was loaded, and the browser has nothing to say."""
        self.assertEqual(self.tab.requests(), [url])
        self.assertEqual(self.tab.complaints(), [])

    def state(self, url: str) -> int:
        """What the server says of the session behind a link."""
        query = re.sub(r"&token=.*", "", url.partition("?")[2])
        server = next(
            each
            for each in (self.world.plain, self.world.asking)
            if f":{each.port}/" in url
        )
        status: int = server.get(f"{V1}/3pid/getValidated3pid?{query}")[0]
        return status

    def test_success_in_every_language(self) -> None:
        """A page that says so, for screen readers too; twice is as good as once."""
        titles = {"en-GB": "That worked", "de": "Das hat geklappt", "fr": "C’est fait"}
        url = self.world.link(self.world.plain)
        for language, title in titles.items():
            self.world.browser.events.clear()
            self.tab.open(url, language)
            self.assertEqual(self.tab.value("document.title"), title)
            lang = self.tab.value("document.documentElement.lang")
            self.assertEqual(lang, language[:2])
            self.assertIn(("heading", title), self.tab.roles())
            name = self.tab.value("document.querySelector('header').innerText")
            self.assertEqual(name, SERVICE)
            address = self.tab.value("document.querySelector('strong').innerText")
            self.assertEqual(address, ADDRESS)
            self.assertIn("main", [role for role, _ in self.tab.roles()])
            self.assert_harmless(url)
        self.assert_readable()
        self.assertEqual(self.state(url), 200)

    def test_failure(self) -> None:
        """A broken link and an old one get a page, not a text for programs."""
        broken = self.world.link(self.world.plain) + "x"
        old = self.world.link(self.world.plain, age_ms=LIFE_MS)
        unreadable = broken.partition("?")[0] + "?token=%ff"
        for url, text in (
            (broken, "is not valid"),
            (unreadable, "is not valid"),
            (old, "that day is over"),
        ):
            self.world.browser.events.clear()
            self.tab.open(url)
            self.assertIn(text, self.tab.value("document.body.innerText"))
            self.assertEqual(self.tab.requests(), [url])
            self.assert_readable()

    def test_people_are_led_on(self) -> None:
        """To the client's site, with the session ID; fragment and query are kept."""
        next_link = f"{self.world.app.url}/welcome?a=b#/register"
        url = self.world.link(self.world.plain, next_link=next_link)
        self.tab.open(url)
        self.assertEqual(self.tab.value("document.title"), "Welcome back")
        sid = f"session-{self.world.count}"
        expected = f"{self.world.app.url}/welcome?a=b&sid={sid}#/register"
        self.assertEqual(self.tab.value("location.href"), expected)
        self.assertEqual(self.tab.value("document.referrer"), "")

    def test_the_button(self) -> None:
        """Opening proves nothing; the button does, by keyboard, without scripts."""
        for base in (V1, V2):
            for medium in ("email", "msisdn"):
                url = self.world.link(self.world.asking, base=base, medium=medium)
                self.world.browser.events.clear()
                self.tab.open(url)
                self.assertIn(("button", "Yes, confirm"), self.tab.roles())
                self.assert_harmless(url)
                self.assertEqual(self.state(url), 400)
                self.tab.press_button()
                self.assertEqual(self.tab.value("document.title"), "That worked")
                self.assertEqual(self.state(url), 200)

    def test_the_button_is_readable(self) -> None:
        """And large enough for a finger."""
        self.tab.open(self.world.link(self.world.asking))
        self.assert_readable()
        rectangle = "document.querySelector('button').getBoundingClientRect()"
        self.assertGreaterEqual(self.tab.value(f"{rectangle}.height"), 44)
        for scheme in ("light", "dark"):
            self.tab.prefer(scheme)
            colours = [self.colour("button", n) for n in ("color", "backgroundColor")]
            self.assertGreater(contrast(*colours), TEXT)

    def test_the_button_leads_on(self) -> None:
        """The content policy of the page lets the browser go to the client's site."""
        next_link = f"{self.world.app.url}/#/after"
        url = self.world.link(self.world.asking, next_link=next_link)
        self.tab.open(url)
        self.tab.press_button()
        self.assertEqual(self.tab.value("document.title"), "Welcome back")
        self.assertEqual(self.tab.value("document.referrer"), "")
        self.assertEqual(self.tab.complaints(), [])


class OwnPageTests(SynchronousTestCase):
    """Pages of the operator's."""

    def test_a_page_that_cannot_be_read(self) -> None:
        """The server does not start, and says which key to mend."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        view = {"session": {"onTokenSubmit": {"success": str(folder / "absent")}}}
        server = MxisdProcess(folder, {"view": view})
        error = self.assertRaises(AssertionError, server.start)
        self.assertIn("view.session.onTokenSubmit.success", str(error))
        server.stop()
