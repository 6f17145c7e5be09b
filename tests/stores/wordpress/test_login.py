"""Tests of logins, against a site in memory."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from treq.testing import StubTreq
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from mxisd.errors import Misconfigured, StoreUnavailable
from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.profiles import Profile
from mxisd.model.secret import Secret
from mxisd.stores.wordpress.login import Site, WordPressAuthenticator
from mxisd.testing.stores import DOMAIN

API = "http://blog.test/wp-json/jwt-auth/v1"
TOKEN = {
    "token": "eyJ0",
    "user_email": "Ann@x.org",
    "user_nicename": "ann",
    "user_display_name": "Ann",
}


class Plugin(Resource):
    """
    Answers as it is told, and remembers what it was asked.

    :ivar passwords: The right ones, as the site holds them.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.status = 403
        self.body = _code("[jwt_auth] incorrect_password")
        self.passwords: set[str] = set()
        self.asked: list[dict[str, str]] = []

    def render(self, request: Request) -> bytes:
        """Answer."""
        assert request.content is not None
        question = json.loads(request.content.read() or b"{}")
        self.asked.append({"path": request.path.decode(), **question})
        if question.get("password") in self.passwords:
            return json.dumps(TOKEN).encode()
        request.setResponseCode(self.status)
        request.setHeader("Location", "http://elsewhere.test/")
        return self.body


def _code(code: object) -> bytes:
    return json.dumps({"code": code, "message": "<b>So</b>", "data": {}}).encode()


class LoginTests(SynchronousTestCase):
    """What answers mean."""

    def setUp(self) -> None:
        """Have a site."""
        self.plugin = Plugin()
        self.site = Site(StubTreq(self.plugin), API)
        self.login = WordPressAuthenticator(self.site, DOMAIN)

    def asked(self, localpart: str, password: str, server: str = DOMAIN) -> Any:
        """The question."""
        return self.login.authenticate(UserId(localpart, server), Secret(password))

    def verdict(self, *question: str) -> Any:
        """What is said to a password."""
        return self.successResultOf(self.asked(*question))

    def answers(self, status: int, body: bytes) -> None:
        """Let the site answer so from now on."""
        self.plugin.status, self.plugin.body = status, body

    def failure(self) -> StoreUnavailable:
        """How a question fails; it tells no more than it may."""
        error = self.failureResultOf(self.asked("ann", "swordfish"), StoreUnavailable)
        for private in ("swordfish", "ann", "http", "<"):
            self.assertNotIn(private, str(error.value))
        assert isinstance(error.value, StoreUnavailable)
        return error.value

    def test_right_password(self) -> None:
        """It is asked under the localpart, in small letters."""
        self.plugin.passwords = {"right"}
        verdict = self.verdict("ANN", "right")
        assert isinstance(verdict, Accepted)
        self.assertEqual(str(verdict.user_id), f"@ann:{DOMAIN}")
        self.assertEqual(verdict.profile.display_name, "Ann")
        self.assertEqual(
            [each.address for each in verdict.profile.threepids], ["ann@x.org"]
        )
        path = "/wp-json/jwt-auth/v1/token"
        question = {"path": path, "username": "ann", "password": "right"}
        self.assertEqual(self.plugin.asked, [question])

    def test_poor_answer(self) -> None:
        """A token is enough; what else there is may be nonsense."""
        for more in ({}, {"user_email": 5, "user_display_name": ["x"]}):
            self.answers(200, json.dumps({"token": "x", **more}).encode())
            verdict = self.verdict("ann", "right")
            assert isinstance(verdict, Accepted)
            self.assertEqual(verdict.profile, Profile())

    def test_refusals(self) -> None:
        """A wrong password, and a user whom WordPress does not know."""
        self.assertEqual(self.verdict("ann", "wrong"), Refused())
        for code in ("invalid_username", "invalid_email", "authentication_failed"):
            for prefix in ("[jwt_auth] ", ""):
                self.answers(403, _code(prefix + code))
                self.assertEqual(self.verdict("ann", "wrong"), NoSuchUser())

    def test_who_is_not_asked_for(self) -> None:
        """Empty passwords, other servers, and localparts that none of ours has."""
        self.plugin.passwords = {"right"}
        self.assertEqual(self.verdict("ann", ""), Refused())
        for localpart, server in (
            ("ann", "elsewhere.org"),
            ("ann@x.org", DOMAIN),
            ("ann b", DOMAIN),
            ("*", DOMAIN),
            ("änn", DOMAIN),
            ("ann%00", DOMAIN),
            ("\0", DOMAIN),
        ):
            verdict = self.verdict(localpart, "right", server)
            self.assertEqual(verdict, NoSuchUser(), localpart)
        self.assertEqual(self.verdict("ann", "half \ud800"), NoSuchUser())
        self.assertEqual(self.plugin.asked, [])

    def test_no_verdict(self) -> None:
        """Whatever else is answered is neither yes nor no."""
        for status, body in (
            (200, b""),
            (200, b"<html>Briefly unavailable</html>"),
            (200, b"[]"),
            (200, b'{"token": ""}'),
            (200, b"[" * 100_000),
            (403, b"<html>Forbidden ann swordfish</html>"),
            (403, _code(5)),
            (403, _code("<b>ann http://x</b>"[:3])),
            (403, _code("[jwt_auth] too_many_retries")),
            (401, _code("[jwt_auth] incorrect_password")),
            (429, b""),
            (500, _code("internal_server_error")),
            (503, b""),
        ):
            self.answers(status, body)
            self.failure()

    def test_misconfigured(self) -> None:
        """A site without the plugin, or that has moved, is the operator's to mend."""
        for status, body in (
            (404, _code("rest_no_route")),
            (404, b"<html>"),
            (403, _code("jwt_auth_bad_config")),
            (301, b""),
            (308, b""),
        ):
            self.answers(status, body)
            error = self.failure()
            assert isinstance(error, Misconfigured), status
            self.assertEqual(error.path, "rest.base")
        self.assertEqual(len(self.plugin.asked), 5)

    def test_secrets_stay_out_of_the_log(self) -> None:
        """Whatever comes of a password, it is not logged."""
        self.plugin.passwords = {"swordfish"}
        with capturedLogs() as log:
            self.verdict("ann", "swordfish")
            self.verdict("ann", "sword'fish")
            self.answers(500, b"swordfish")
            self.failureResultOf(self.asked("ann", "sword-fish"))
        for secret in ("swordfish", "sword'fish", "sword-fish", "eyJ0"):
            self.assertNotIn(secret, repr(log))

    def test_quotes(self) -> None:
        """A password with quotes is tried as a form would have sent it, too."""
        self.plugin.passwords = {'it\\\'s \\"so\\\\\\"'}
        self.assertIsInstance(self.verdict("ann", 'it\'s "so\\"'), Accepted)
        self.plugin.passwords = {"it's"}
        self.assertIsInstance(self.verdict("ann", "it's"), Accepted)
        self.plugin.asked.clear()
        self.assertEqual(self.verdict("ann", "plain"), Refused())
        self.assertEqual(len(self.plugin.asked), 1)

    @given(st.text(), st.text(min_size=1))
    def test_any_text(self, localpart: str, password: str) -> None:
        """What is asked for is exactly a legal localpart and that password."""
        self.plugin.asked.clear()
        self.verdict(localpart, password)
        for question in self.plugin.asked[:1]:
            self.assertRegex(question["username"], r"\A[a-z0-9._=/+-]+\Z")
            self.assertEqual(question["password"], password)

    def test_self_check(self) -> None:
        """The plugin says who it is."""
        self.answers(200, b'{"namespace": "jwt-auth/v1"}')
        self.successResultOf(self.site.check())
        self.answers(404, _code("rest_no_route"))
        self.failureResultOf(self.site.check(), Misconfigured)
        self.answers(200, b"<html>")
        self.failureResultOf(self.site.check(), StoreUnavailable)
