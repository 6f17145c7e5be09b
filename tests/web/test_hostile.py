"""The whole route table under hostile requests."""

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.web.routes import ADMIN, MA1SD_INTERNAL, Doors, routes
from tests.web.world import CORS, OPERATORS_TOKEN, PEPPER, Answer, Wire, World

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]


class Anything:
    """Stands for endpoints that are named and never called."""

    def __getattr__(self, name: str) -> Any:
        """Whatever is asked for."""
        return self


ALL = Doors(v1=True, v2=True, admin=True, ma1sd_internal=True)


def templates() -> list[str]:
    """Every path of the table."""
    endpoints: Any = Anything()
    return sorted({r.template for r in routes(endpoints, ALL)})


KEYS = [
    "access_token",
    "addresses",
    "algorithm",
    "address",
    "from",
    "limit",
    "matrix_server_name",
    "medium",
    "mxid",
    "pepper",
    "public_key",
    "state",
    "threepids",
    "user_accepts",
]
TEXTS = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["sha256", "none", PEPPER, "example.org", "email", "\0", "\ud800", "x" * 5000]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(2**63), 1.5, float("nan"), float("inf")])
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES)
# These get past the checks of types, down to the features.
LOOKUPS = st.fixed_dictionaries(
    {
        "algorithm": st.sampled_from(["sha256", "none"]),
        "pepper": st.just(PEPPER) | TEXTS,
        "addresses": st.lists(TEXTS | TEXTS.map(lambda t: f"{t} email")),
        "threepids": st.lists(st.tuples(TEXTS, TEXTS)),
        "user_accepts": st.lists(TEXTS),
        "access_token": TEXTS,
        "matrix_server_name": st.just("example.org") | TEXTS,
    }
)
BODIES = (
    st.binary()
    | (OBJECTS | LOOKUPS | VALUES).map(lambda value: json.dumps(value).encode())
    | st.sampled_from(
        [b"", b"[" * 50_000, b'{"a":' * 12_000, b'{"a":1,"a":2}', b"9" * 60_000]
    )
)
# Whatever can stand in a request line and in a header without ending it.
RAW = st.binary(max_size=60).map(lambda raw: raw.translate(None, b"\0\r\n \t\x0b\x0c"))
ESCAPES = st.sampled_from(
    [b"%00", b"%FF", b"%2F", b"..", b"%25", b"%", b"+", b"&", b"="]
)
SEGMENTS = st.lists(RAW | ESCAPES, max_size=3).map(b"".join)
QUERIES = st.lists(
    st.tuples(st.sampled_from([k.encode() for k in KEYS]), SEGMENTS), max_size=4
).map(lambda pairs: b"&".join(b"%s=%s" % pair for pair in pairs))
HEADER_VALUES = st.binary(max_size=60).map(lambda raw: raw.translate(None, b"\0\r\n"))
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            b"Accept",
            b"Authorization",
            b"Content-Type",
            b"Cookie",
            b"Expect",
            b"Forwarded",
            b"Host",
            b"Origin",
            b"Sec-Fetch-Site",
            b"X-Forwarded-For",
            b"X-Real-IP",
        ]
    ),
    HEADER_VALUES,
)


VARIABLE = re.compile(rb"\{\w+\}")
STATUSES = (400, 401, 403, 404, 405, 413, 414, 429, 431, 502, 503)


class HostileTests(SynchronousTestCase):
    """One server that has to bear all of it."""

    def setUp(self) -> None:
        """Start."""
        self.world = World()
        self.site = self.world.site()
        self.token = self.world.log_in().encode()

    def ask(
        self,
        method: str,
        path: bytes,
        query: bytes,
        headers: dict[bytes, bytes],
        body: bytes,
    ) -> Answer:
        """Send one request and take its one answer."""
        target = path + (b"?" + query if query else b"")
        lines = [b"%s %s HTTP/1.1" % (method.encode(), target)]
        if b"Host" not in headers:
            lines.append(b"Host: here")
        lines += [b"%s: %s" % header for header in headers.items()]
        lines += [b"Content-Length: %d" % len(body), b"", b""]
        wire = Wire(self.site)
        wire.send(b"\r\n".join(lines) + body)
        (answer,) = (a for a in wire.answers() if a.status != 100)
        return answer

    def assert_specified(self, answer: Answer, method: str) -> None:
        """
        A good answer, or an error with both its keys; never a mistake of ours.

        What people open in a browser is answered with a page.
        """
        self.assertNotEqual(answer.status, 500)
        # What opens for an address has none; tests/web/test_browsers.py knows which.
        cors = {k: v for k, v in answer.headers.items() if k.startswith("Access-")}
        self.assertIn(cors, (CORS, {}))
        if answer.status not in (200, 202) and method != "HEAD":
            self.assertIn(answer.status, STATUSES)
        is_page = answer.headers["Content-Type"] != "application/json"
        if answer.status not in (200, 202) and method != "HEAD" and not is_page:
            self.assertTrue(answer.errcode.startswith("M_"))
            self.assertTrue(answer.content["error"])
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(max_examples=400)
    @given(
        method=st.sampled_from(METHODS),
        template=st.sampled_from(templates()),
        variable=SEGMENTS,
        tail=st.just(b"") | SEGMENTS,
        query=QUERIES,
        headers=HEADERS,
        body=BODIES,
        logged_in=st.booleans(),
    )
    def test_every_route_bears_everything(
        self,
        method: str,
        template: str,
        variable: bytes,
        tail: bytes,
        query: bytes,
        headers: dict[bytes, bytes],
        body: bytes,
        logged_in: bool,
    ) -> None:
        """Whatever comes is answered as the specification wants it."""
        path = template.encode().replace(b"{medium}", variable or b"email")
        path = VARIABLE.sub(lambda _: variable or b"x", path) + tail
        if logged_in:
            is_admin = template.startswith((ADMIN, MA1SD_INTERNAL))
            token = OPERATORS_TOKEN.encode() if is_admin else self.token
            headers = {**headers, b"Authorization": b"Bearer " + token}
        answer = self.ask(method, path, query, headers, body)
        self.assert_specified(answer, method)

    @settings(max_examples=300, deadline=None)
    @given(
        template=st.sampled_from(
            [
                "/_matrix/identity/v2/lookup",
                "/_matrix/identity/v2/terms",
                "/_matrix/identity/v2/account/register",
                "/_matrix/identity/api/v1/bulk_lookup",
            ]
        ),
        body=LOOKUPS.map(lambda value: json.dumps(value).encode()) | BODIES,
    )
    def test_bodies_that_get_far(self, template: str, body: bytes) -> None:
        """What passes the first checks is borne by the features, too."""
        headers = {b"Authorization": b"Bearer " + self.token}
        answer = self.ask("POST", template.encode(), b"", headers, body)
        self.assert_specified(answer, "POST")

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=200), st.binary(max_size=200))
    def test_bytes_that_are_no_request(self, first: bytes, second: bytes) -> None:
        """Whatever is answered at all is an error as the specification wants it."""
        wire = Wire(self.site)
        wire.send(first, b"\r\n", second, b"\r\n\r\n")
        for answer in wire.answers():
            self.assert_specified(answer, "POST")
