"""Tests of messages about invites."""

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, eventAsText
from twisted.trial.unittest import SynchronousTestCase
from unpaddedbase64 import encode_base64

from mxisd.background import BackgroundTasks
from mxisd.errors import (
    MessageNotSent,
    MessageRefused,
    RecordsUnavailable,
    SenderUnavailable,
)
from mxisd.features.invite_messages import (
    TRIES,
    InviteMessages,
)
from mxisd.features.sending_lanes import AT_ONCE
from mxisd.model.threepids import ThreePid
from mxisd.model.web_clients import LOCATION, WebClient
from mxisd.records.invite_messages import InviteMessageRecords
from mxisd.records.invites import InviteRecords
from tests.features.invite_doubles import made_links
from tests.features.session_doubles import RecordingNotifier
from tests.records.instant import InstantDatabase
from tests.records.invite_contract import INVITE, KEY, MAIL, OWNER

PHONE = ThreePid("msisdn", "15550101")


class Refusing(list[WebClient]):
    """Takes nothing."""

    def append(self, _item: WebClient) -> None:
        """Fail."""
        raise ZeroDivisionError


class SendingTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Have an invite."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.database = InstantDatabase()
        self.notifier = RecordingNotifier()
        self.warned: list[WebClient] = []
        self.messages = self.make()
        self.add("first")

    def make(self) -> InviteMessages:
        """Start anew, on the same tables."""
        return InviteMessages(
            InviteMessageRecords(self.database),
            self.notifier,
            BackgroundTasks(self.clock),
            self.clock,
            made_links(self.database, warned=self.warned),
        )

    def add(self, token: str, threepid: ThreePid = MAIL) -> None:
        """Have an invite."""
        invite = evolve(INVITE, token=token, room_id=token, threepid=threepid)
        adding = InviteRecords(self.database).add_invite(invite, 0)
        self.successResultOf(Deferred.fromCoroutine(adding))

    def wake(self, seconds: float = 0) -> int:
        """Let time pass, and tell how many messages were handed over then."""
        self.clock.advance(seconds)
        before = len(self.notifier.invites)
        self.successResultOf(Deferred.fromCoroutine(self.messages.wake()))
        return len(self.notifier.invites) - before

    def test_sent_once(self) -> None:
        """Then never again, after a restart neither."""
        self.assertEqual([self.wake(), self.wake(99999)], [1, 0])
        self.messages = self.make()
        self.assertEqual(self.wake(), 0)

    def test_sent_again_on_demand(self) -> None:
        """That it was sent before is no reason not to."""
        self.wake()
        self.database.rows("UPDATE invite_messages SET outcome = NULL")
        self.assertEqual([self.wake(), self.wake()], [1, 0])

    def test_failures_are_repeated(self) -> None:
        """At ever longer intervals, and given up at last."""
        self.notifier.trouble = MessageNotSent("no")
        self.assertEqual([self.wake(), self.wake(4.9), self.wake(0.1)], [1, 0, 1])
        self.assertEqual([self.wake(9.9), self.wake(0.1)], [0, 1])
        rest = sum(self.wake(3600) for _ in range(99))
        self.assertEqual(rest, TRIES - 3)

    def test_a_restart_repeats_at_once(self) -> None:
        """What waited for another try does not wait any longer."""
        self.notifier.trouble = MessageNotSent("no")
        self.wake()
        self.messages = self.make()
        self.notifier.trouble = None
        self.assertEqual([self.wake(), self.wake(99999)], [1, 0])

    def test_who_became_known_gets_none(self) -> None:
        """A message that waits is not sent any more."""
        self.notifier.trouble = MessageNotSent("no")
        self.wake()
        resolving = InviteRecords(self.database).resolve(MAIL, OWNER, 1)
        self.successResultOf(Deferred.fromCoroutine(resolving))
        self.assertEqual(self.wake(9999), 0)

    def test_a_fault_of_ours(self) -> None:
        """It is logged, and the message tried again like others."""
        self.notifier.trouble = ZeroDivisionError()
        self.assertEqual([self.wake(), self.wake(4.9), self.wake(0.1)], [1, 0, 1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        rows = self.database.rows("SELECT failures, answer FROM invite_messages")
        self.assertEqual(rows, [(2, "ZeroDivisionError")])

    def test_a_slow_server(self) -> None:
        """A message that is under way is not sent twice; there are not too many."""
        self.notifier.pending = []
        self.assertEqual([self.wake(), self.wake(99)], [1, 0])
        for number in range(9):
            self.add(f"{number}")
        self.assertEqual(self.wake() + 1, AT_ONCE)
        self.assertEqual(self.wake(), 0)

    def test_the_next_one_begins_when_one_ends(self) -> None:
        """Nobody has to look for it; what was refused for good is an end, too."""
        self.notifier.pending = []
        for number in range(2 * AT_ONCE):
            self.add(f"{number}")
        self.wake()
        for number, waiting in enumerate(self.notifier.pending[:3], 1):
            if number < 3:
                waiting.callback(None)
            else:
                waiting.errback(MessageRefused("no"))
            self.assertEqual(len(self.notifier.invites), AT_ONCE + number)

    def test_backlogs_leave_as_fast_as_they_are_taken(self) -> None:
        """However long they are."""
        for number in range(500):
            self.add(f"{number}")
        self.assertEqual(self.wake(), 501)

    def test_mediums_do_not_wait_for_each_other(self) -> None:
        """Texts are sent while mails hang, however many."""
        self.notifier.pending = []
        for number in range(2 * AT_ONCE):
            self.add(f"mail {number}")
        for number in range(2 * AT_ONCE):
            self.add(f"text {number}", PHONE)
        self.assertEqual(self.wake(), 2 * AT_ONCE)
        mediums = [each.threepid.medium for each in self.notifier.invites]
        self.assertEqual(mediums, ["email"] * AT_ONCE + ["msisdn"] * AT_ONCE)
        self.notifier.pending[-1].callback(None)
        self.assertEqual(self.notifier.invites[-1].threepid, PHONE)

    def test_a_server_that_is_down_is_asked_by_one_message(self) -> None:
        """After ever longer pauses; when it is back, all leave at once."""
        for number in range(9):
            self.add(f"{number}")
        self.notifier.trouble = SenderUnavailable("no connection")
        self.assertEqual(self.wake(), 1)
        for pause in (1, 2, 4, 8, 16, 32, 60, 60):
            self.assertEqual([self.wake(pause - 0.1), self.wake(0.1)], [0, 1], pause)
        rows = self.database.rows("SELECT DISTINCT answer FROM invite_messages")
        self.assertIn(("no connection",), rows)
        self.add("text", PHONE)
        self.assertEqual(self.wake(), 1)
        self.notifier.trouble = None
        self.assertGreaterEqual(self.wake(60), 9)
        rows = self.database.rows("SELECT MAX(failures) FROM invite_messages")
        self.assertLessEqual(rows[0][0], 9)

    def test_many_that_fail_at_once_are_one_failure(self) -> None:
        """They had begun before anybody knew."""
        self.notifier.pending = []
        for number in range(9):
            self.add(f"{number}")
        self.wake()
        for waiting in tuple(self.notifier.pending):
            waiting.errback(SenderUnavailable("no connection"))
        self.assertEqual([self.wake(0.9), self.wake(0.1), self.wake(99)], [0, 1, 0])

    def test_one_at_a_time_is_slow_for_nobody_else(self) -> None:
        """A message that fails says nothing about the server."""
        self.add("second")
        self.notifier.trouble = MessageNotSent("451 greylisted")
        self.assertEqual([self.wake(), self.wake()], [2, 0])

    def test_refused_for_good(self) -> None:
        """It is tried three times more, an hour apart; somebody may mend it."""
        self.notifier.trouble = MessageRefused("550 no such user")
        tries = [self.wake()]
        for _ in range(5):
            tries += [self.wake(3599), self.wake(1)]
        self.assertEqual(tries, [1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0])
        rows = self.database.rows("SELECT outcome, answer FROM invite_messages")
        self.assertEqual(rows, [("given up", "550 no such user")])

    def test_records_that_fail(self) -> None:
        """A message is not lost, and nobody gets it again and again."""
        self.wake()
        self.add("second")
        self.database.trouble = RecordsUnavailable("full")
        self.assertEqual([self.wake(), self.wake(1), self.wake(60)], [1, 0, 0])
        self.database.trouble = None
        self.wake(60)
        rows = self.database.rows("SELECT outcome FROM invite_messages")
        self.assertEqual(rows, [("sent",), ("sent",)])
        self.assertEqual(self.wake(9999), 0)

    def test_records_that_fail_with_a_failure(self) -> None:
        """It is tried again, and not at once."""
        self.wake()
        self.add("second")
        self.notifier.trouble = MessageNotSent("no")
        self.database.trouble = RecordsUnavailable("full")
        self.assertEqual([self.wake(), self.wake(0.9), self.wake(0.1)], [1, 0, 1])
        self.database.trouble = self.notifier.trouble = None
        self.assertEqual(self.wake(60), 1)

    def test_a_link_that_cannot_be_recorded(self) -> None:
        """Nothing is sent without it; that is no failure of the message."""
        self.wake()
        self.add_linked("second")
        self.database.trouble = RecordsUnavailable("full")
        self.assertEqual([self.wake(), self.wake()], [0, 0])
        self.database.trouble = None
        records = InviteMessageRecords(self.database)
        ((_, failures),) = records.due_messages(10**9, 9)
        self.assertEqual(failures, 0)
        self.assertEqual(self.wake(99), 1)
        self.assertIsNotNone(self.notifier.invites[-1].room_url)

    def add_linked(self, token: str) -> None:
        """Have an invite whose message needs a link."""
        facts = {LOCATION: "https://app.example.org"}
        invite = evolve(INVITE, token=token, room_id=token, facts=facts)
        adding = InviteRecords(self.database).add_invite(invite, 0)
        self.successResultOf(Deferred.fromCoroutine(adding))

    def test_a_link_that_cannot_be_made(self) -> None:
        """A fault of ours is not repeated every second either."""
        self.warned = Refusing()
        self.messages = self.make()
        self.add_linked("second")
        for seconds, count in ((0, 1), (4.9, 0), (0.1, 1)):
            self.wake(seconds)
            errors = self.flushLoggedErrors(ZeroDivisionError)
            self.assertEqual(len(errors), count)

    def test_the_log_keeps_quiet(self) -> None:
        """It names neither people nor tokens, and has no key."""
        keys = [encode_base64(KEY.seed, urlsafe=each) for each in (True, False)]
        for trouble in (MessageNotSent("no"), ZeroDivisionError()):
            self.notifier.trouble = trouble
            with capturedLogs() as events:
                self.wake(99)
            shown = repr(events) + "".join(map(eventAsText, events))
            for secret in ("first", MAIL.address, *keys):
                self.assertNotIn(secret, shown)
            self.assertTrue(events)
        self.flushLoggedErrors(ZeroDivisionError)
