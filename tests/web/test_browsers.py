"""What opens for a network address does not open for a page in a browser."""

from collections.abc import Iterator, Mapping
from typing import Any

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mxisd.web.authorization import Auth
from mxisd.web.routes import Doors, Route, routes
from tests.web.test_hostile import VARIABLE, Anything
from tests.web.world import (
    CORS,
    OPERATORS_TOKEN,
    PUBLIC_URL,
    V1,
    V2,
    Answer,
    ApiTestCase,
    Wire,
    World,
)

EVIL = "https://evil.example"
CROSS = {"Sec-Fetch-Site": "cross-site"}
FOREIGN: tuple[Mapping[str, str], ...] = (
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://id.example.org"},
    {"Origin": f"{PUBLIC_URL}:8448"},
    {"Origin": f"{PUBLIC_URL}.evil.example"},
    {"Origin": f"{PUBLIC_URL}, {EVIL}"},
    {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
    CROSS,
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin", "Host": "evil.example:8090"},
    {"Accept-Language": "en", "Host": "evil.example"},
    {"Accept-Language": "", "Host": "10.0.0.1.evil.example:8090"},
    {"Accept-Language": "en", "Host": "localhost.:8090"},
)
OWN: tuple[Mapping[str, str], ...] = (
    {},
    {"Host": "mxisd.internal.example:8090"},
    {"Origin": PUBLIC_URL},
    {"Origin": "HTTPS://ID.example.org"},
    {"Origin": PUBLIC_URL, "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none", "Host": "localhost:8090"},
    {"Accept-Language": "en", "Host": "id.example.org"},
    {"Accept-Language": "en", "Host": "ID.example.org:443"},
    {"Accept-Language": "en", "Host": "10.0.0.1:8090"},
    {"Accept-Language": "en", "Host": "[fd00::1]:8090"},
    {"Accept-Language": "en", "Host": "mxisd:8090"},
)
PRIVATE = (Auth.INBOUND, Auth.INTERNAL, Auth.OPERATOR)
ALL = Doors(v1=True, v2=True, admin=True, ma1sd_internal=True)


def every_route() -> Iterator[tuple[Route, str]]:
    """Each route, with a path that leads to it."""
    endpoints: Any = Anything()
    for route in routes(endpoints, ALL):
        path = route.template.replace("{medium}", "email").encode()
        yield route, VARIABLE.sub(b"x", path).decode()


class PageTests(SynchronousTestCase):
    """Web pages, at the real server."""

    def setUp(self) -> None:
        """Start."""
        self.site = World().site()

    def ask(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        """Send a request from nearby, with the operator's token."""
        all_headers = {
            "Host": "127.0.0.1:8090",
            "Authorization": f"Bearer {OPERATORS_TOKEN}",
            **headers,
        }
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in all_headers.items()]
        wire = Wire(self.site)
        wire.send("\r\n".join([*lines, "", ""]).encode())
        (answer,) = wire.answers()
        return answer

    def assert_unreadable(self, answer: Answer) -> None:
        """No other page may read it."""
        found = [name for name in answer.headers if name.startswith("Access-Control")]
        self.assertEqual(found, [])

    def test_pages_of_others_get_nothing_that_is_for_near_requesters(self) -> None:
        """Whatever the method, and however the browser tells whose page it is."""
        for route, path in every_route():
            if route.auth in PRIVATE:
                for headers in FOREIGN:
                    answer = self.ask(route.method, path, headers)
                    refused = (answer.status, answer.errcode)
                    self.assertEqual(refused, (403, "M_FORBIDDEN"), (path, headers))
                    self.assertIn(PUBLIC_URL, answer.content["error"])
                    self.assert_unreadable(answer)

    def test_programs_and_our_own_pages_get_it(self) -> None:
        """Though no other page could read it."""
        for route, path in every_route():
            if route.auth in PRIVATE:
                for headers in OWN:
                    answer = self.ask(route.method, path, headers)
                    self.assertNotEqual(answer.status, 401, (path, headers))
                    self.assertNotIn(b"not answered", answer.body, (path, headers))
                    self.assert_unreadable(answer)

    def test_nobody_is_told_that_they_may_ask(self) -> None:
        """Browsers ask first, and whatever else is answered there is as closed."""
        for route, path in every_route():
            if not route.is_for_pages:
                preflight = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
                self.assert_unreadable(self.ask("OPTIONS", path, preflight))
                self.assert_unreadable(self.ask("BREW", path, {}))
                self.assert_unreadable(
                    self.ask("POST", path, {"Content-Length": "99999999"})
                )

    def test_all_else_is_for_every_page(self) -> None:
        """Web clients are pages of other origins."""
        for route, path in every_route():
            if route.auth not in PRIVATE and path not in ("/status", "/version"):
                for method in (route.method, "OPTIONS", "BREW"):
                    plain = self.ask(method, path, {})
                    answer = self.ask(method, path, {"Origin": EVIL, **CROSS})
                    self.assertEqual(answer.headers, {**answer.headers, **CORS}, path)
                    self.assertEqual(answer.status, plain.status)

    def test_each_path_is_either_for_pages_or_not(self) -> None:
        """No method is closed by another one's policy without being meant to."""
        kinds: dict[str, bool] = {}
        for route, path in every_route():
            kind = kinds.setdefault(path, route.is_for_pages)
            self.assertIs(route.is_for_pages, kind, path)

    def test_the_next_request_of_a_connection(self) -> None:
        """Each has its own headers."""
        wire = Wire(self.site)
        one, other = f"GET {V1}/lookup", f"GET {V2}"
        for line in (one, other, one):
            wire.send(f"{line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        has_cors = ["Access-Control-Allow-Origin" in a.headers for a in wire.answers()]
        self.assertEqual(has_cors, [False, True, False])

    def test_status(self) -> None:
        """It is for everybody; which stores there are is not for pages of others."""
        for headers in FOREIGN:
            answer = self.ask("GET", "/status", headers)
            self.assertEqual(answer.content, {"status": {"health": "OK"}}, headers)
            self.assert_unreadable(answer)
        for headers in OWN:
            answer = self.ask("GET", "/status", headers)
            self.assertIn("stores", answer.content["status"], headers)
            # It may lie in the browser's cache when another page asks.
            self.assert_unreadable(answer)


class WarningTests(ApiTestCase):
    """What the log says of pages that are refused."""

    def test_a_page_is_no_homeserver(self) -> None:
        """To add its network would not help it."""
        headers = {"X-Forwarded-For": "203.0.113.9", "Origin": EVIL}
        with capturedLogs() as events:
            answer = self.ask("POST", f"{V1}/store-invite", {}, headers=headers)
        self.assert_refused(answer, 403, "M_FORBIDDEN")
        self.assertEqual(events, [])
