"""How much strangers make us ask."""

from contextlib import ExitStack
from ipaddress import ip_address
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import Crowded, LimitExceeded
from mxisd.features.questions import WARN_AGAIN, QuestionPolicy, Questions
from mxisd.model.identifiers import ServerName
from mxisd.model.requesters import Account, Origin, Ourselves, Requester, Stranger
from mxisd.model.settings import networks

THEIRS, OURS = ServerName.parse("theirs.test"), ServerName.parse("ours.test")


def at(address: str, is_claimed: bool = False) -> Stranger:
    """Somebody at an address."""
    return Stranger(Origin(ip_address(address), is_claimed))


class QuestionsTests(SynchronousTestCase):
    """Two at a time of each, four of all."""

    def setUp(self) -> None:
        """Nobody has asked."""
        self.clock = Clock()
        self.policy: dict[str, Any] = {
            "known": frozenset({"ours.test"}),
            "exempt_networks": networks("198.51.100.0/24"),
            "of_one_source": 2,
            "of_one_source_to_known": 3,
            "at_once": 4,
        }
        self.under_way = ExitStack()
        self.addCleanup(self.under_way.close)
        self.restart()

    def restart(self, **changes: Any) -> None:
        """Begin anew, with another policy."""
        self.under_way.close()
        policy = QuestionPolicy(**(self.policy | changes))
        self.questions = Questions(policy, self.clock)

    def begin(self, requester: Requester, name: ServerName = THEIRS) -> None:
        """Begin a question that does not end."""
        self.under_way.enter_context(self.questions.about(name, requester))

    def test_one_source(self) -> None:
        """It may have two under way, and learns when to come back."""
        for _ in range(2):
            self.begin(at("192.0.2.1"))
        with self.assertRaises(LimitExceeded) as caught:
            self.begin(at("192.0.2.1"))
        self.assertEqual(caught.exception.retry_after, 10)
        self.assertIn("from your network", str(caught.exception))
        self.begin(at("192.0.2.2"))
        self.begin(Account("@a:theirs.test", Origin(ip_address("192.0.2.2"))))
        with self.assertRaises(LimitExceeded):
            self.begin(at("192.0.2.2"))

    def test_the_end_of_a_question(self) -> None:
        """It makes room, whatever the end."""
        for _ in range(5):
            with self.assertRaises(ZeroDivisionError):
                for _ in range(2):
                    self.begin(at("192.0.2.1"))
                with self.under_way.pop_all():
                    raise ZeroDivisionError
        self.begin(at("192.0.2.1"))

    def test_what_is_one_source(self) -> None:
        """A /48 of IPv6; IPv4 in IPv6 is IPv4; unknown ones are one."""
        nobody, other = Stranger(Origin(None)), Stranger(Origin(None, is_claimed=True))
        for first, second in (
            (at("2001:db8::1"), at("2001:db8:0:ffff::1")),
            (at("::ffff:192.0.2.1"), at("::ffff:192.0.2.1", is_claimed=True)),
            (nobody, other),
        ):
            self.restart()
            self.begin(first)
            self.begin(second)
            with self.assertRaises(LimitExceeded):
                self.begin(first)
        self.restart()
        for address in ("2001:db8::1", "2001:db8:1::1", "::ffff:192.0.2.1"):
            self.begin(at(address))

    def test_known_homeservers(self) -> None:
        """Others do not keep us from asking them; one source may, itself."""
        for number in range(4):
            self.begin(at(f"192.0.2.{number}"))
        for _ in range(3):
            for number in range(9):
                self.begin(at(f"192.0.2.{number}"), OURS)
        with self.assertRaises(LimitExceeded):
            self.begin(at("192.0.2.1"), OURS)
        for name in (THEIRS, ServerName.parse("Ours.test")):
            with self.assertRaises(Crowded):
                self.begin(at("192.0.2.9"), name)

    def test_ourselves(self) -> None:
        """What we ask by ourselves does not count."""
        for _ in range(9):
            self.begin(Ourselves())
        self.begin(at("192.0.2.1"))

    def test_exempt_networks(self) -> None:
        """They share what there is for all; who only claims to be there does not."""
        for _ in range(4):
            self.begin(at("198.51.100.7"))
        with self.assertRaises(Crowded):
            self.begin(at("198.51.100.8"))
        self.restart()
        for _ in range(2):
            self.begin(at("198.51.100.7", is_claimed=True))
        with self.assertRaises(LimitExceeded):
            self.begin(at("198.51.100.7", is_claimed=True))

    def test_without_limits(self) -> None:
        """There is still one for all."""
        self.restart(of_one_source=None)
        for _ in range(4):
            self.begin(at("192.0.2.1"))
        with self.assertRaises(Crowded):
            self.begin(at("192.0.2.1"))

    def test_the_log(self) -> None:
        """It says so once a minute when all are refused."""
        self.restart(at_once=0)
        lines = []
        for seconds in (0.0, WARN_AGAIN - 1, 1.0):
            self.clock.advance(seconds)
            with capturedLogs() as events, self.assertRaises(Crowded):
                self.begin(at("192.0.2.1"))
            lines.append([formatEvent(event) for event in events])
        self.assertEqual([len(each) for each in lines], [1, 0, 1])
        self.assertIn("homeservers of others", lines[0][0])
