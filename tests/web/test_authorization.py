"""Who is let in."""

import re
from ipaddress import ip_address
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from mxisd.model.requesters import Origin
from mxisd.model.settings import networks
from mxisd.web.authorization import Origins, token_of
from mxisd.web.rare_warnings import RareWarnings
from tests.web.world import V2, ApiTestCase, terms_of_service


class TokenTests(SynchronousTestCase):
    """Where the token is."""

    def token(self, *headers: bytes, **query: str) -> str | None:
        """Find it."""
        token = token_of(headers, query)
        return None if token is None else token.value

    def test_the_scheme_is_read_in_any_case(self) -> None:
        """As HTTP has it."""
        for scheme in (b"Bearer", b"bearer", b"BEARER"):
            self.assertEqual(self.token(scheme + b" abc"), "abc")

    def test_the_header_goes_first(self) -> None:
        """The query string is for those who cannot do better."""
        self.assertEqual(self.token(b"Bearer abc", access_token="def"), "abc")
        self.assertEqual(self.token(access_token="def"), "def")

    def test_another_scheme_is_none_of_our_business(self) -> None:
        """A proxy's own login does not hide the token."""
        self.assertEqual(self.token(b"Basic Zm9v", access_token="def"), "def")
        self.assertEqual(self.token(b"Basic Zm9v", b"Bearer abc"), "abc")

    def test_no_token(self) -> None:
        """Nothing is found where nothing is."""
        self.assertIsNone(self.token())
        self.assertEqual(self.token(b"Bearer"), "")


class FakeRequest:
    """As much of a request as is asked for its origin."""

    def __init__(self, address: Any, *forwarded_for: str, **others: str) -> None:
        self._address = address
        headers = {"X-Forwarded-For": list(forwarded_for)} if forwarded_for else {}
        for name, value in others.items():
            headers[name.replace("_", "-")] = [value]
        self.requestHeaders = Headers(headers)

    def getClientAddress(self) -> Any:
        """The peer."""
        return self._address


class OriginsCase(SynchronousTestCase):
    """Has requests, and asks where they come from."""

    def setUp(self) -> None:
        """Trust loopback."""
        self.clock = Clock()
        self.origins = Origins(networks("127.0.0.0/8"), RareWarnings(self.clock))

    def origin(self, peer: Any, *forwarded_for: str, **others: str) -> Origin:
        """Find out."""
        address = IPv4Address("TCP", peer, 1) if isinstance(peer, str) else peer
        request: Any = FakeRequest(address, *forwarded_for, **others)
        self.assertEqual(self.origins.of(request), self.origins.of(request))
        return self.origins.of(request)


class OriginsTests(OriginsCase):
    """Where requests come from."""

    def test_the_peer_itself(self) -> None:
        """Without a proxy the connection tells."""
        self.assertEqual(self.origin("192.0.2.1"), Origin(ip_address("192.0.2.1")))

    def test_a_trusted_proxy_is_believed(self) -> None:
        """The header of our own proxy tells; several headers are one."""
        expected = Origin(ip_address("192.0.2.1"))
        self.assertEqual(self.origin("127.0.0.1", "192.0.2.1"), expected)
        expected = Origin(ip_address("192.0.2.1"), is_claimed=True)
        self.assertEqual(self.origin("127.0.0.1", "10.0.0.1", "192.0.2.1"), expected)

    def test_anybody_else_is_not(self) -> None:
        """Whoever sends the header without being trusted never counts as near."""
        origin = self.origin("10.0.0.1", "127.0.0.1")
        self.assertTrue(origin.is_claimed)
        self.assertFalse(origin.is_within(networks("0.0.0.0/0")))

    def test_a_long_header_is_read_too(self) -> None:
        """It is only not remembered."""
        hops = ", ".join(["192.0.2.7"] * 20)
        origin = Origin(ip_address("192.0.2.7"))
        self.assertEqual(self.origin("127.0.0.1", hops), origin)
        self.assertEqual(self.origin("127.0.0.1", hops, X_Real_IP="192.0.2.7"), origin)

    def test_every_header_that_says_so(self) -> None:
        """Whoever sends one of them forwards, and is no requester."""
        anywhere = networks("0.0.0.0/0")
        for name, value, address in (
            ("X_Real_IP", "192.0.2.1", "192.0.2.1"),
            ("Forwarded", "for=192.0.2.1", "192.0.2.1"),
            ("X_Forwarded_Host", "id.example.org", None),
            ("X_Forwarded_Proto", "https", None),
            ("Via", "1.1 proxy", None),
        ):
            origin = self.origin("127.0.0.1", **{name: value})
            expected = None if address is None else ip_address(address)
            self.assertEqual(origin, Origin(expected, is_claimed=True), name)
            origin = self.origin("127.0.0.1", "10.0.0.1", **{name: value})
            is_named = address is not None
            self.assertEqual(origin.is_within(anywhere), not is_named, name)
            origin = self.origin("10.0.0.1", **{name: value})
            self.assertFalse(origin.is_within(anywhere), name)

    def test_a_unix_socket_has_no_address(self) -> None:
        """Its peers are from nowhere, and near to nothing."""
        self.assertIsNone(self.origin(UNIXAddress(None)).address)


class ProxyWarningTests(OriginsCase):
    """What the log says of proxies that are not set up."""

    def warnings(self, *requests: Any) -> list[str]:
        """What it says when these come in."""
        with capturedLogs() as events:
            for peer, forwarded_for, others in requests:
                self.origin(peer, *forwarded_for, **others)
        return [formatEvent(event) for event in events]

    def test_a_proxy_that_is_not_trusted(self) -> None:
        """Once, by its address and the key; until an hour has gone by."""
        request: Any = ("10.0.0.1", ["192.0.2.1"], {})
        (text,) = self.warnings(request, ("10.0.0.1", ["192.0.2.2"], {}))
        self.assertIn("10.0.0.1 ", text)
        self.assertIn("server.trustedProxies", text)
        self.clock.advance(3599)
        self.assertEqual(self.warnings(request), [])
        self.clock.advance(1)
        self.assertEqual(self.warnings(request), [text])

    def test_strangers_do_not_fill_the_log(self) -> None:
        """Ten an hour are enough."""
        strangers: Any = [(f"192.0.2.{n}", ["10.0.0.1"], {}) for n in range(50)]
        self.assertEqual(len(self.warnings(*strangers)), 10)

    def test_a_proxy_between_ours_and_the_client(self) -> None:
        """It is named, if it can be ours: strangers write the header, too."""
        (text,) = self.warnings(("127.0.0.1", ["8.8.8.8, 10.0.0.1"], {}))
        self.assertIn("10.0.0.1 ", text)
        self.assertIn("server.trustedProxies", text)
        self.assertEqual(self.warnings(("127.0.0.1", ["10.0.0.1, 8.8.8.8"], {})), [])

    def test_a_trusted_proxy_that_names_nobody(self) -> None:
        """Or does so in another header."""
        for others in ({"X_Real_IP": "192.0.2.1"}, {"Via": "1.1 x"}):
            self.setUp()
            (text,) = self.warnings(("127.0.0.1", [], others))
            self.assertIn("127.0.0.1 sends no X-Forwarded-For", text)

    def test_nothing_is_said_of_what_is_well(self) -> None:
        """With a proxy and without."""
        requests: Any = (
            ("10.0.0.1", [], {}),
            ("127.0.0.1", ["192.0.2.1"], {}),
            ("127.0.0.1", ["10.0.0.1"], {"X_Real_IP": "10.0.0.1"}),
        )
        self.assertEqual(self.warnings(*requests), [])


class GateTests(ApiTestCase):
    """Tokens and terms in front of the endpoints."""

    def test_no_token(self) -> None:
        """An account is needed wherever the table says so."""
        for method, path in (
            ("GET", "account"),
            ("POST", "account/logout"),
            ("POST", "terms"),
            ("GET", "hash_details"),
            ("POST", "lookup"),
        ):
            for token in (None, "", "nobody's", "x" * 3000, "\u00e9"):
                answer = self.ask(method, f"{V2}/{path}", b"rubbish", token)
                self.assert_refused(answer, 401, "M_UNAUTHORIZED")

    def test_the_token_in_the_query_string(self) -> None:
        """Homeservers still send it there."""
        answer = self.get(f"{V2}/hash_details?access_token={self.token}")
        self.assertEqual(answer.status, 200)

    def test_an_expired_token(self) -> None:
        """It is nobody's any more."""
        self.world.clock.advance(3600)
        answer = self.get(f"{V2}/account", self.token)
        self.assert_refused(answer, 401, "M_UNAUTHORIZED")

    def test_the_token_goes_before_the_terms_and_these_before_parameters(self) -> None:
        """One wrong thing after the other is reported, in this order."""
        self.world.policies = (terms_of_service(),)
        self.restart()
        path = f"{V2}/lookup"
        answer = self.ask("POST", path, b"rubbish")
        self.assert_refused(answer, 401, "M_UNAUTHORIZED")
        answer = self.ask("POST", path, b"rubbish", self.token)
        self.assert_refused(answer, 403, "M_TERMS_NOT_SIGNED")

    def test_terms_for_some_paths(self) -> None:
        """However a path is spelled, it is the same path to a policy."""
        self.world.policies = (terms_of_service(re.compile(".*/hash_details")),)
        self.restart()
        self.assertEqual(self.get(f"{V2}/account", self.token).status, 200)
        for spelling in ("hash_details", "hash%5Fdetails", "%68ash_details"):
            answer = self.get(f"{V2}/{spelling}", self.token)
            self.assert_refused(answer, 403, "M_TERMS_NOT_SIGNED")
