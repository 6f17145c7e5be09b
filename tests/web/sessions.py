"""Shorthands for tests of validation sessions over HTTP."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.web.world import V2, Answer, ApiTestCase

CLIENT = "monkeys=are.GREAT_-"
MAIL = {"client_secret": CLIENT, "send_attempt": 1, "email": "Alice@Example.org"}
PHONE = {
    "client_secret": CLIENT,
    "send_attempt": 1,
    "country": "GB",
    "phone_number": "07700900001",
}
BODIES = {"email": MAIL, "msisdn": PHONE}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class ValidationTestCase(ApiTestCase):
    """Shorthands."""

    def request(
        self, base: str = V2, medium: str = "email", body: Any = None, **changes: Any
    ) -> Answer:
        """Ask for a token."""
        token = self.token if base == V2 else None
        content = {**(BODIES.get(medium, MAIL) if body is None else body), **changes}
        return self.post(f"{base}/validate/{medium}/requestToken", content, token)

    def begun(self, base: str = V2, medium: str = "email", **changes: Any) -> Any:
        """What the message's reader may give back."""
        answer = self.request(base, medium, **changes)
        self.assertEqual(answer.status, 200, answer.body)
        notice = self.world.notifier.last
        return {
            "sid": answer.content["sid"],
            "client_secret": CLIENT,
            "token": notice.token.value,
        }

    def submit(
        self, given: Mapping[str, Any], base: str = V2, medium: str = "email"
    ) -> Answer:
        """Give a token back as a client."""
        token = self.token if base == V2 else None
        return self.post(f"{base}/validate/{medium}/submitToken", given, token)

    def open(self, link: str, language: str = "en", method: str = "GET") -> Answer:
        """Open a link as a browser."""
        url = urlsplit(link)._replace(scheme="", netloc="").geturl()
        return self.ask(method, url, headers={"Accept-Language": language})

    def validated(self, given: Mapping[str, str], base: str = V2) -> Answer:
        """Ask what was proved."""
        query = urlencode({key: given[key] for key in ("sid", "client_secret")})
        token = self.token if base == V2 else None
        return self.get(f"{base}/3pid/getValidated3pid?{query}", token)
