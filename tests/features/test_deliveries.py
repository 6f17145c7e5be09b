"""Tests of deliveries, on real tables in memory and homeservers that obey."""

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mxisd.background import BackgroundTasks
from mxisd.errors import RecordsUnavailable
from mxisd.features.deliveries import MAX_LANES, STAND_INS, Deliveries
from mxisd.model.identifiers import UserId
from mxisd.records.deliveries import DeliveryRecords
from mxisd.records.invites import InviteRecords
from tests.features.doubles import MarkingKeyRing
from tests.features.invite_doubles import TalkingHomeservers
from tests.records.instant import InstantDatabase
from tests.records.invite_contract import INVITE, resolved

SENDER = INVITE.sender.server_name
DAY = 86400


class DeliveriesTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Have homeservers, and nothing to tell them."""
        self.clock = Clock()
        self.clock.advance(DAY)
        self.database = InstantDatabase()
        self.homeservers = TalkingHomeservers()
        self.deliveries = self.make()

    def make(self) -> Deliveries:
        """Start anew, on the same tables."""
        return Deliveries(
            DeliveryRecords(self.database),
            self.homeservers,
            MarkingKeyRing(),
            BackgroundTasks(self.clock),
            self.clock,
            frozenset({"known.org"}),
        )

    def add(self, token: str, server: str = "owner.org", **changes: Any) -> None:
        """Have something to tell a server."""
        invite = evolve(INVITE, token=token, created_ms=0, **changes)
        invite = resolved(invite, UserId("bob", server))
        adding = InviteRecords(self.database).add_invite(invite, 0)
        self.successResultOf(Deferred.fromCoroutine(adding))

    def wake(self, seconds: float = 0) -> list[str]:
        """Let time pass, wake the deliveries, and tell who was told something then."""
        self.clock.advance(seconds)
        self.homeservers.told.clear()
        self.successResultOf(Deferred.fromCoroutine(self.deliveries.wake()))
        return [name for name, _ in self.homeservers.told]

    def outcomes(self) -> list[Any]:
        """How they ended, by token."""
        sql = "SELECT token, outcome FROM deliveries ORDER BY token"
        return [outcome for _, outcome in self.database.rows(sql)]

    def test_told_once(self) -> None:
        """Each invite by itself, signed; then it is over."""
        self.add("a")
        self.add("b")
        self.assertEqual(self.wake(), ["owner.org"] * 2)
        (_, content), _ = self.homeservers.told
        (invite,) = content["invites"]
        signed = {"mxid": "@bob:owner.org", "token": "a", "signatures": "signed"}
        self.assertEqual(invite["signed"], signed)
        self.assertEqual(self.outcomes(), ["delivered"] * 2)
        self.assertEqual(self.wake(DAY), [])

    def test_the_key_that_the_room_knows(self) -> None:
        """Signs, though there may be another one by now."""
        self.add("a", key_id="ed25519:old")
        self.wake()
        ((_, content),) = self.homeservers.told
        signed = content["invites"][0]["signed"]
        self.assertEqual(signed["signatures"], "signed with ed25519:old")

    def test_a_refusal_is_final(self) -> None:
        """It is kept, and not told again."""
        for token, status in (("a", 400), ("b", 403)):
            self.homeservers.statuses["owner.org"] = status
            self.add(token)
            self.assertEqual(self.wake(), ["owner.org"])
        self.assertEqual(self.outcomes(), ["refused"] * 2)
        self.assertEqual(self.wake(DAY), [])

    def test_failures_are_repeated(self) -> None:
        """After five seconds, ten, twenty …, an hour at most, until it works."""
        for status in (0, 401, 429, 500, 502):
            self.homeservers.statuses["owner.org"] = status
            self.add(f"{status}")
            self.assertEqual(self.wake(), ["owner.org"])
            delay = 5
            for _ in range(15):
                self.assertEqual(self.wake(delay - 0.1), [], status)
                self.assertEqual(self.wake(0.1), ["owner.org"], status)
                delay = min(delay * 2, 3600)
            self.homeservers.statuses["owner.org"] = 200
            self.assertEqual(self.wake(delay), ["owner.org"])
        self.assertEqual(self.outcomes(), ["delivered"] * 5)

    def test_a_restart_repeats_at_once(self) -> None:
        """What waited for another try does not wait any longer."""
        self.homeservers.statuses["owner.org"] = 500
        self.add("a")
        self.wake()
        self.deliveries = self.make()
        self.assertEqual(self.wake(), ["owner.org"])
        self.assertEqual(self.wake(), [])

    def test_the_senders_homeserver_is_second(self) -> None:
        """Where the owner's takes no such news; and both are asked again later."""
        self.homeservers.statuses |= {"owner.org": 405, SENDER: 404}
        self.add("a")
        self.assertEqual(self.wake(), ["owner.org", SENDER])
        self.assertEqual(self.outcomes(), [None])
        self.homeservers.statuses[SENDER] = 200
        self.assertEqual(self.wake(5), ["owner.org", SENDER])
        self.assertEqual(self.outcomes(), ["delivered"])

    def test_one_that_is_down_has_no_stand_in(self) -> None:
        """It is told when it is back."""
        self.homeservers.statuses["owner.org"] = 0
        self.add("a")
        self.assertEqual(self.wake(), ["owner.org"])

    def test_a_young_invite(self) -> None:
        """Its room may not have it yet: a 403 is not final."""
        self.homeservers.statuses["owner.org"] = 403
        self.add("a")
        sql = "UPDATE invites SET created_ms = ?"
        self.database.rows(sql, DAY * 1000)
        self.wake()
        self.homeservers.statuses["owner.org"] = 200
        self.wake(5)
        self.assertEqual(self.outcomes(), ["delivered"])

    def test_nobody_waits_for_another_server(self) -> None:
        """One that hangs holds up its own, and is asked one thing at a time."""
        self.homeservers.hanging.add("slow.org")
        self.add("a", "slow.org")
        self.add("b", "slow.org")
        self.add("c")
        self.assertEqual(sorted(self.wake()), ["owner.org", "slow.org"])
        self.add("d")
        self.assertEqual(self.wake(DAY), ["owner.org"])

    def test_a_senders_homeserver_that_is_down(self) -> None:
        """Others, who are invited by somebody else, do not wait for it."""
        self.homeservers.statuses |= {"owner.org": 405, SENDER: 0}
        self.add("a")
        self.add("b", sender=UserId("eve", "other.org"))
        self.assertEqual(self.wake(), ["owner.org", SENDER, "owner.org", "other.org"])
        self.assertEqual(self.outcomes(), [None, "delivered"])
        self.homeservers.statuses[SENDER] = 200
        self.assertEqual(self.wake(5), ["owner.org", SENDER])
        self.assertEqual(self.outcomes(), ["delivered"] * 2)

    def test_a_homeserver_is_not_its_own_stand_in(self) -> None:
        """However it is spelt."""
        self.homeservers.statuses["owner.org"] = 405
        self.add("a", sender=UserId("ann", "Owner.org"))
        self.assertEqual(self.wake(), ["owner.org"])

    def test_a_senders_homeserver_that_hangs(self) -> None:
        """Others do not wait for it; and it is asked once, as long as it hangs."""
        self.homeservers.statuses["owner.org"] = 405
        self.homeservers.hanging.add(SENDER)
        self.add("a")
        self.add("b", sender=UserId("eve", "other.org"))
        self.assertEqual(self.wake(), ["owner.org", SENDER, "owner.org", "other.org"])
        self.assertEqual(self.wake(5), ["owner.org"])
        self.homeservers.held[0].callback(None)
        self.assertEqual(self.outcomes(), ["delivered"] * 2)
        self.assertEqual(self.wake(DAY), [])

    def test_senders_homeservers_that_hang_are_not_many(self) -> None:
        """Neither all together nor any of them takes all connections."""
        self.homeservers.statuses["owner.org"] = 405
        crowd = [f"h{number}.org" for number in range(MAX_LANES + 9)]
        for name in crowd:
            self.homeservers.hanging.add(name)
            self.add(name, sender=UserId("eve", name))
        asked = [name for name in self.wake() if name in self.homeservers.hanging]
        self.assertEqual(len(asked), MAX_LANES)
        self.homeservers.hanging.add("known.org")
        for number in range(9):
            self.add(f"{number}", sender=UserId("ann", "known.org"))
        self.assertEqual(self.wake().count("known.org"), STAND_INS)

    def test_what_the_senders_homeserver_answers(self) -> None:
        """The last one that was asked is on record."""
        self.homeservers.statuses |= {"owner.org": 405, SENDER: 0}
        self.add("a")
        for status, outcome, words in (
            (0, None, f"{SENDER} is down"),
            (500, None, f"{SENDER}: HTTP 500"),
            (404, None, f"{SENDER}: HTTP 404"),
            (403, "refused", f"{SENDER}: HTTP 403"),
        ):
            self.homeservers.statuses[SENDER] = status
            self.wake(3600)
            rows = self.database.rows("SELECT outcome, answer FROM deliveries")
            self.assertEqual(rows, [(outcome, words)])

    def test_a_fault_of_ours_with_the_senders_homeserver(self) -> None:
        """It is logged, and the delivery tried again."""
        self.homeservers.statuses["owner.org"] = 405
        self.homeservers.faulty.add(SENDER)
        self.add("a")
        self.assertEqual([len(self.wake(n)) for n in (0, 4.9, 0.1)], [2, 0, 2])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_a_server_that_is_down_is_asked_once_for_all(self) -> None:
        """At growing intervals; when it is back, it is told everything at once."""
        self.homeservers.statuses["owner.org"] = 0
        for token in "abc":
            self.add(token)
        self.assertEqual(self.wake(), ["owner.org"])
        for delay in (5, 10, 20):
            self.assertEqual(self.wake(delay - 0.1), [])
            self.assertEqual(self.wake(0.1), ["owner.org"])
        self.add("d")
        self.assertEqual(self.wake(1), ["owner.org"])
        self.homeservers.statuses["owner.org"] = 200
        self.assertEqual(self.wake(40), ["owner.org"] * 4)
        self.assertEqual(self.outcomes(), ["delivered"] * 4)

    def test_a_restart_asks_a_server_that_was_down(self) -> None:
        """And tells it everything, though most of it had never been tried."""
        self.homeservers.statuses["owner.org"] = 0
        for token in "abc":
            self.add(token)
        self.wake()
        self.homeservers.statuses["owner.org"] = 200
        self.deliveries = self.make()
        self.assertEqual(self.wake(), ["owner.org"] * 3)

    def test_crowds_that_are_down_hold_up_nobody(self) -> None:
        """Whoever has waited longest is asked first; dead servers leave their lanes."""
        for number in range(2 * MAX_LANES):
            name = f"h{number}.org"
            self.homeservers.statuses[name] = 0
            for token in "ab":
                self.add(f"{number}{token}", name)
        self.add("alive")
        asked: list[str] = []
        for _ in range(4):
            asked += self.wake(1)
        self.assertIn("owner.org", asked)

    def test_not_too_many_at_once(self) -> None:
        """Crowds of slow servers do not take all connections."""
        for number in range(MAX_LANES + 5):
            self.homeservers.hanging.add(f"h{number}.org")
            self.add(f"{number}", f"h{number}.org")
        self.assertEqual(len(self.wake()), MAX_LANES)

    def test_the_next_server_is_told_when_one_has_answered(self) -> None:
        """It need not wait until somebody looks."""
        self.test_not_too_many_at_once()
        self.homeservers.told.clear()
        for number in range(3):
            self.homeservers.held[number].callback(None)
            told = [name for name, _ in self.homeservers.told]
            self.assertEqual(len(told), number + 1)
        self.homeservers.told.clear()
        self.database.trouble = RecordsUnavailable("full")
        self.homeservers.held[3].callback(None)
        self.assertEqual(self.homeservers.told, [])

    def test_the_crowd_does_not_hold_up_known_homeservers(self) -> None:
        """Those that the operator named are told at once."""
        self.test_not_too_many_at_once()
        self.add("a", "known.org")
        self.assertEqual(self.wake(), ["known.org"])

    def test_records_that_fail(self) -> None:
        """Nothing is lost: it is told again."""
        self.wake()
        self.add("a")
        self.database.trouble = RecordsUnavailable("full")
        self.assertEqual(self.wake(), ["owner.org"])
        self.database.trouble = None
        self.assertEqual(self.wake(), ["owner.org"])
        self.assertEqual(self.outcomes(), ["delivered"])

    def test_a_fault_of_ours(self) -> None:
        """It is logged, and the delivery tried again like others."""
        self.homeservers.trouble = ZeroDivisionError()
        self.add("a")
        self.assertEqual([len(self.wake(n)) for n in (0, 4.9, 0.1)], [1, 0, 1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        rows = self.database.rows("SELECT failures, answer FROM deliveries")
        self.assertEqual(rows, [(2, "ZeroDivisionError")])

    def test_the_log_keeps_quiet(self) -> None:
        """It names servers, and neither people nor tokens."""
        self.add("swordfish")
        with capturedLogs() as events:
            for status in (500, 403):
                self.homeservers.statuses["owner.org"] = status
                self.wake(5)
        for secret in ("swordfish", INVITE.threepid.address):
            self.assertNotIn(secret, repr(events))
        self.assertEqual(len(events), 2)
