"""Tests of well-known files: what they say, and how long it is remembered."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mxisd.drivers.http import HttpFailed, HttpReply, NotTried
from mxisd.errors import HomeserverUnavailable
from mxisd.model.identifiers import ServerName
from mxisd.remote import well_known
from mxisd.remote.client import BadAnswer
from mxisd.remote.trails import Trail
from mxisd.remote.well_known import (
    WellKnowns,
    delegated_name,
    life_of,
    pause_after,
)
from tests.remote.doubles import FakeClient, delegating

MINUTE, HOUR = 60, 3600
NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Sun, 06 Nov 1994 10:49:37 GMT"

LIVES: list[tuple[dict[str, str], float]] = [
    ({}, 24 * HOUR),
    ({"cache-control": "max-age=7200"}, 2 * HOUR),
    ({"cache-control": "public, Max-Age=7200, immutable"}, 2 * HOUR),
    ({"cache-control": 'max-age="7200"'}, 2 * HOUR),
    ({"cache-control": "s-maxage=60"}, 24 * HOUR),
    ({"cache-control": "max-age=0"}, 5 * MINUTE),
    ({"cache-control": "max-age=9999999999"}, 48 * HOUR),
    ({"cache-control": "max-age=soon"}, 24 * HOUR),
    ({"cache-control": "no-store"}, 5 * MINUTE),
    ({"cache-control": "no-cache, max-age=7200"}, 5 * MINUTE),
    ({"expires": LATER, "date": DATE}, 2 * HOUR),
    ({"expires": LATER}, 2 * HOUR),
    ({"expires": LATER, "date": LATER}, 5 * MINUTE),
    ({"expires": DATE, "date": LATER}, 5 * MINUTE),
    ({"expires": "0"}, 5 * MINUTE),
    ({"expires": LATER, "date": "yesterday"}, 2 * HOUR),
    ({"expires": LATER, "cache-control": "max-age=600"}, 10 * MINUTE),
]


class DelegatedNameTests(SynchronousTestCase):
    def test_names(self) -> None:
        """Anything that is a server name may be delegated to."""
        for name in ("a.test", "a.test:443", "192.0.2.1", "[2001:db8::1]:8448"):
            self.assertEqual(str(delegated_name(delegating(name))), name)

    def test_defects(self) -> None:
        """Whatever else comes delegates to nobody."""
        for status, body in (
            (404, b'{"m.server": "a.test"}'),
            (500, b'{"m.server": "a.test"}'),
            (204, b""),
            (200, b"not json"),
            (200, b"[]"),
            (200, b"{}"),
            (200, b'{"m.server": null}'),
            (200, b'{"m.server": ["a.test"]}'),
            (200, b'{"m.server": ""}'),
            (200, b'{"m.server": "https://a.test"}'),
            (200, b'{"m.server": "a.test:99999"}'),
            (200, b'{"m.server": "a@b.test"}'),
            (200, b'{"m.server": "a.test/x"}'),
            (200, b'{"m.server": "a.test\\r\\nX: y"}'),
        ):
            with self.assertRaises(BadAnswer, msg=body):
                delegated_name(HttpReply(status, {}, body))


class LifeTests(SynchronousTestCase):
    def test_lives(self) -> None:
        """Cache headers are obeyed between five minutes and 48 hours."""
        for headers, expected in LIVES:
            self.assertEqual(life_of(headers, NOW), expected, headers)

    def test_pauses_grow_to_an_hour(self) -> None:
        """Each failure in a row doubles the pause."""
        pauses = [pause_after(failures) / MINUTE for failures in range(1, 9)]
        self.assertEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60])
        self.assertEqual(pause_after(10_000), HOUR)


class WellKnownsTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Make an empty memory."""
        self.clock: Any = Clock()
        self.well_knowns = WellKnowns(self.clock)

    def ask(self, client: FakeClient, host: str = "a.test") -> ServerName | None:
        """Ask for a delegation."""
        anything: Any = client
        asking = self.well_knowns.delegation(host, anything, Trail())
        return self.successResultOf(Deferred.fromCoroutine(asking))

    def test_asks_at_the_well_known_place(self) -> None:
        """The file is asked for with HTTPS at the host itself."""
        client = FakeClient([delegating("b.test:1")])
        self.assertEqual(self.ask(client), ServerName("b.test", 1))
        self.assertEqual(client.asked, ["https://a.test/.well-known/matrix/server"])

    def test_an_answer_is_remembered_as_long_as_it_says(self) -> None:
        """Nobody is asked again before the answer's life is over."""
        headers = {"cache-control": "max-age=7200"}
        client = FakeClient([delegating("b.test", **headers), delegating("c.test")])
        self.ask(client)
        self.clock.advance(7199)
        self.assertEqual(self.ask(client), ServerName("b.test"))
        self.clock.advance(1)
        self.assertEqual(self.ask(client), ServerName("c.test"))
        self.assertEqual(len(client.asked), 2)

    def test_failures_are_remembered_longer_and_longer(self) -> None:
        """After the second failure in a row nobody is asked for two minutes."""
        client = FakeClient([HttpFailed("down")])
        for pause in (60, 120, 240):
            asked = len(client.asked)
            self.assertIsNone(self.ask(client))
            self.clock.advance(pause - 1)
            self.assertIsNone(self.ask(client))
            self.assertEqual(len(client.asked), asked + 1)
            self.clock.advance(1)

    def test_what_was_not_tried_is_not_remembered(self) -> None:
        """That we had no room tells nothing about a host."""
        client = FakeClient([NotTried("no room"), delegating("b.test")])
        anything: Any = client
        asking = self.well_knowns.delegation("a.test", anything, Trail())
        failing = Deferred.fromCoroutine(asking)
        self.failureResultOf(failing, HomeserverUnavailable)
        self.assertEqual(self.ask(client), ServerName("b.test"))

    def test_success_forgets_failures(self) -> None:
        """After an answer the next failure is a first one again."""
        good = delegating("b.test", **{"cache-control": "no-store"})
        down = HttpFailed("down")
        client = FakeClient([down, down, good, down])
        for wait in (60, 120, 300, 60):
            self.ask(client)
            self.clock.advance(wait)
        self.ask(client)
        self.assertEqual(len(client.asked), 5)

    def test_hosts_are_remembered_apart(self) -> None:
        """One host's answer is not another's."""
        client = FakeClient([delegating("b.test"), delegating("c.test")])
        self.assertEqual(self.ask(client, "one.test"), ServerName("b.test"))
        self.assertEqual(self.ask(client, "two.test"), ServerName("c.test"))

    def test_memory_is_bounded(self) -> None:
        """The host that was asked longest ago is forgotten first."""
        client = FakeClient([HttpFailed("down")])
        for number in range(well_known.REMEMBERED + 1):
            self.ask(client, f"{number}.test")
        asked = len(client.asked)
        self.ask(client, "1.test")
        self.assertEqual(len(client.asked), asked)
        self.ask(client, "0.test")
        self.assertEqual(len(client.asked), asked + 1)
