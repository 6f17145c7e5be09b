"""Operators and who tries to be one."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import Forbidden, LimitExceeded, Unauthorized
from mxisd.model.requesters import Origin
from mxisd.model.secret import Secret
from mxisd.model.settings import networks
from mxisd.web.operators import Operators

RIGHT, WRONG = "operators-have-this-one", "guessed-by-somebody"
HERE, THERE = "127.0.0.1", "127.0.0.2"


class OperatorsTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Serve operators nearby."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        near = networks("127.0.0.0/8", "fd00::/8")
        self.operators = Operators(Secret(RIGHT), near, self.clock)

    def admit(self, token: str | None, address: str = HERE) -> None:
        """Ask to be let in."""
        secret = None if token is None else Secret(token)
        self.operators.admit(Origin(ip_address(address)), secret)

    def refused(self, kind: Any, token: str | None, address: str = HERE) -> Any:
        """Why somebody is not."""
        return self.assertRaises(kind, self.admit, token, address)

    def logged(self, *tries: tuple[str | None, str]) -> Sequence[str]:
        """What the log says about failed tries."""
        with capturedLogs() as events:
            for token, address in tries:
                self.refused((Unauthorized, LimitExceeded, Forbidden), token, address)
        self.assertNotIn(WRONG, repr(events))
        return [str(formatEvent(event)) for event in events]

    def test_who_is_let_in(self) -> None:
        """Both the token and the network count."""
        self.admit(RIGHT)
        for token, address, kind in (
            (RIGHT, "192.0.2.1", Forbidden),
            (WRONG, "192.0.2.1", Forbidden),
            (RIGHT + "x", HERE, Unauthorized),
            ("\ud800", HERE, Unauthorized),
            ("", HERE, Unauthorized),
            (None, HERE, Unauthorized),
        ):
            self.refused(kind, token, address)

    def test_guessing_is_slow(self) -> None:
        """After ten, the right one is of no use there for a minute; elsewhere it is."""
        for _ in range(10):
            self.refused(Unauthorized, WRONG)
        for token in (WRONG, RIGHT):
            error = self.refused(LimitExceeded, token)
            self.assertEqual(error.retry_after, 60)
        self.admit(RIGHT, THERE)
        self.clock.advance(60)
        self.admit(RIGHT)
        self.refused(Unauthorized, WRONG)
        self.refused(LimitExceeded, RIGHT)

    def test_an_ipv6_network_is_one(self) -> None:
        """Whoever guesses from all its addresses has to wait with all of them."""
        for number in range(10):
            self.refused(Unauthorized, WRONG, f"fd00::{number}")
        self.refused(LimitExceeded, RIGHT, "fd00::ffff")
        self.admit(RIGHT, "fd00:0:0:1::1")

    def test_only_wrong_tokens_are_guesses(self) -> None:
        """Neither who has none nor who is elsewhere locks anybody out."""
        for _ in range(20):
            self.refused(Unauthorized, None)
            self.refused(Forbidden, WRONG, "192.0.2.1")
        self.admit(RIGHT)

    def test_wrong_tokens_are_logged(self) -> None:
        """With the network, without the token; a flood of them not one by one."""
        (line,) = self.logged((WRONG, HERE), (None, HERE), (WRONG, "192.0.2.1"))
        self.assertIn(HERE, line)
        lines = self.logged(*[(WRONG, HERE)] * 1000)
        self.assertEqual(len(lines), 9 + 1)
        self.assertIn("60 s", lines[-1])
