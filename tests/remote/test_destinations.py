"""Tests of the pure part of server discovery."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.dns import SrvRecord
from mxisd.drivers.http import Route
from mxisd.model.identifiers import ServerName
from mxisd.remote.destinations import (
    Destination,
    by_default,
    by_services,
    in_order,
    straight_to,
)

STRAIGHT = {
    "192.0.2.7": ("192.0.2.7", 8448, "192.0.2.7", "192.0.2.7"),
    "192.0.2.7:99": ("192.0.2.7", 99, "192.0.2.7:99", "192.0.2.7"),
    "[2001:db8::7]": ("2001:db8::7", 8448, "[2001:db8::7]", "[2001:db8::7]"),
    "[2001:db8::7]:99": ("2001:db8::7", 99, "[2001:db8::7]:99", "[2001:db8::7]"),
    "a.test:99": ("a.test", 99, "a.test:99", "a.test"),
    "a.test:443": ("a.test", 443, "a.test:443", "a.test"),
    "a.test:8448": ("a.test", 8448, "a.test:8448", "a.test"),
}

RECORDS = st.lists(
    st.builds(
        SrvRecord,
        st.integers(0, 3),
        st.integers(0, 65535),
        st.integers(0, 65535),
        st.sampled_from("abc"),
    ),
    max_size=8,
)


def never(limit: int) -> int:
    """Always draw the lowest lot."""
    return 0


class StraightTests(SynchronousTestCase):
    def test_names_that_say_it_all(self) -> None:
        """IP addresses and explicit ports lead straight to a destination."""
        for text, (host, port, header, certified) in STRAIGHT.items():
            self.assertEqual(
                straight_to(ServerName.parse(text)),
                Destination(Route(host, port), header, certified),
                text,
            )

    def test_names_that_need_a_search(self) -> None:
        """A name without a port does not."""
        for text in ("a.test", "localhost", "192.0.2", "1.2.3.4.5"):
            self.assertIsNone(straight_to(ServerName.parse(text)), text)

    def test_default(self) -> None:
        """With nothing but a name it is port 8448 of that name."""
        expected = Destination(Route("a.test", 8448), "a.test", "a.test")
        self.assertEqual(by_default("a.test"), expected)


class ServicesTests(SynchronousTestCase):
    def test_the_certificate_is_for_the_name_and_not_the_target(self) -> None:
        """Connect to the target, ask for the name."""
        records = (SrvRecord(0, 0, 9000, "target.test"),)
        self.assertEqual(
            by_services("a.test", records, never),
            (Destination(Route("target.test", 9000), "a.test", "a.test"),),
        )

    def test_not_offered(self) -> None:
        """A single record without a target means that there is no such service."""
        records = (SrvRecord(0, 0, 0, ""),)
        self.assertEqual(by_services("a.test", records, never), ())

    def test_lower_priorities_come_first(self) -> None:
        """Priority beats weight, and order of arrival means nothing."""
        records = [
            SrvRecord(20, 9, 1, "c"),
            SrvRecord(5, 0, 1, "a"),
            SrvRecord(10, 9, 1, "b"),
        ]
        ordered = in_order(records, never)
        self.assertEqual([each.target for each in ordered], ["a", "b", "c"])

    def test_weights_are_odds(self) -> None:
        """A record with three times the weight is first three times as often."""
        records = [SrvRecord(1, 30, 1, "heavy"), SrvRecord(1, 10, 1, "light")]
        lots = Random(1)
        first = Counter(
            in_order(records, lambda limit: lots.randint(0, limit))[0].target
            for _ in range(4000)
        )
        self.assertTrue(2800 < first["heavy"] < 3200, first)

    def test_weight_zero_is_rare_but_possible(self) -> None:
        """A record without weight comes first only when the lowest lot is drawn."""
        records = [SrvRecord(1, 5, 1, "heavy"), SrvRecord(1, 0, 1, "zero")]
        self.assertEqual(in_order(records, lambda _: 0)[0].target, "zero")
        self.assertEqual(
            in_order(records, lambda limit: min(1, limit))[0].target, "heavy"
        )

    @given(RECORDS, st.randoms(use_true_random=False))
    def test_nothing_is_lost(self, records: list[SrvRecord], lots: Random) -> None:
        """Any records come out, each once, sorted by priority."""
        ordered = in_order(records, lambda limit: lots.randint(0, limit))
        self.assertEqual(Counter(ordered), Counter(records))
        priorities = [each.priority for each in ordered]
        self.assertEqual(priorities, sorted(priorities))
