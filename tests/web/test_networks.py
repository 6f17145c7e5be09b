"""What opens for a network address: to whom."""

from collections.abc import Mapping
from typing import Any

from twisted.logger import capturedLogs, formatEvent

from mxisd.model.settings import networks
from tests.web.sessions import MAIL
from tests.web.world import V1, ApiTestCase

Asked = tuple[str, Mapping[str, Any]]

STORE: Asked = (f"{V1}/store-invite", {})
SEND: Asked = (f"{V1}/validate/email/requestToken", MAIL)
TEXT: Asked = (f"{V1}/validate/msisdn/requestToken", {})
BIND: Asked = (f"{V1}/3pid/bind", {})
LOOKUP: Asked = (f"{V1}/bulk_lookup", {"threepids": []})
INTERNAL = (STORE, SEND, TEXT, BIND)


class NetworkTests(ApiTestCase):
    """Which network opens what."""

    def setUp(self) -> None:
        """Lookups are for a partner, too."""
        super().setUp()
        self.restart(inbound_networks=networks("10.0.0.0/8", "192.0.2.0/24"))

    def assert_open(
        self, asked: Asked, is_open: bool, headers: Mapping[str, str]
    ) -> None:
        """It opens or not."""
        path, body = asked
        answer = self.ask("POST", path, body, headers=headers)
        if is_open:
            self.assertIn(answer.status, (200, 400), (path, headers))
        else:
            self.assert_refused(answer, 403, "M_FORBIDDEN")

    def test_every_combination(self) -> None:
        """What the connection and its headers say; StubTreq is a trusted proxy."""
        for headers, is_internal, may_look_up in (
            ({}, True, False),
            ({"X-Forwarded-For": "10.0.0.1"}, True, True),
            ({"X-Forwarded-For": "10.0.0.1:4711"}, True, True),
            ({"X-Forwarded-For": "10.0.0.1", "X-Real-IP": "10.0.0.1"}, True, True),
            ({"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "https"}, True, True),
            ({"X-Forwarded-For": "192.0.2.1"}, False, True),
            ({"X-Forwarded-For": "203.0.113.9"}, False, False),
            ({"X-Forwarded-For": "203.0.113.9, 10.0.0.1"}, False, False),
            ({"X-Forwarded-For": "10.0.0.1", "X-Real-IP": "203.0.113.9"}, False, False),
            ({"X-Real-IP": "203.0.113.9"}, False, False),
            ({"X-Real-IP": "10.0.0.1"}, False, False),
            ({"Forwarded": "for=203.0.113.9"}, False, False),
            ({"Forwarded": "for=10.0.0.1"}, False, False),
            ({"X-Forwarded-Proto": "https"}, False, False),
        ):
            for asked in INTERNAL:
                self.assert_open(asked, is_internal, headers)
            self.assert_open(LOOKUP, may_look_up, headers)

    def test_validation_of_homeservers_is_served_without_the_rest_of_v1(self) -> None:
        """But for them alone; what proves something is for everybody."""
        self.restart(v1=False)
        far = {"X-Forwarded-For": "203.0.113.9"}
        self.assert_open(SEND, True, {})
        self.assert_open(SEND, False, far)
        path = f"{V1}/validate/email/submitToken"
        given = {"sid": "unknown", "client_secret": "x", "token": "y"}
        answer = self.ask("POST", path, given, headers=far)
        self.assert_refused(answer, 404, "M_NO_VALID_SESSION")
        path = f"{V1}/3pid/getValidated3pid?sid=unknown&client_secret=x"
        answer = self.ask("GET", path, headers=far)
        self.assert_refused(answer, 404, "M_NO_VALID_SESSION")
        answer = self.ask("GET", f"{V1}/validate/email/submitToken", headers=far)
        self.assertEqual(answer.status, 400)

    def test_nothing_is_sent_to_those_who_are_refused(self) -> None:
        """No message goes out, no session is made, no limit is used up."""
        far = {"X-Forwarded-For": "203.0.113.9"}
        for _ in range(100):
            self.assert_open(SEND, False, far)
        self.assertEqual(self.world.notifier.sent, [])
        self.assert_open(SEND, True, {})
        self.assertEqual(len(self.world.notifier.sent), 1)

    def test_the_operator_learns_of_a_homeserver_elsewhere(self) -> None:
        """Once: its address, and the key to add it to."""
        far = {"X-Forwarded-For": "203.0.113.9"}
        with capturedLogs() as events:
            for _ in range(3):
                for asked in INTERNAL:
                    self.assert_open(asked, False, far)
            # The advice would be wrong for these.
            self.assert_open(SEND, False, {"X-Forwarded-For": "nonsense"})
            self.assert_open(SEND, False, {"X-Forwarded-For": "8.8.8.8, 9.9.9.9"})
            self.assert_open(LOOKUP, False, far)
        (text,) = [formatEvent(event) for event in events]
        self.assertIn("203.0.113.9", text)
        self.assertIn("server.internalNetworks", text)
        self.assertIn(f"{V1}/store-invite", text)

    def test_what_strangers_write_is_not_logged(self) -> None:
        """Their paths may hold addresses, and lines that look like ours."""
        far = {"X-Forwarded-For": "203.0.113.9"}
        path = f"{V1}/validate/eve@example.org%0A/requestToken"
        with capturedLogs() as events:
            self.assert_open((path, {}), False, far)
        (text,) = [formatEvent(event) for event in events]
        self.assertIn("/validate/{medium}/requestToken", text)
        self.assertNotIn("eve", text)
