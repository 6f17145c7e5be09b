"""Tests of messages about invites."""

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, eventAsText
from twisted.trial.unittest import SynchronousTestCase
from unpaddedbase64 import encode_base64

from mxisd.background import BackgroundTasks
from mxisd.errors import MessageNotSent, RecordsUnavailable
from mxisd.features.invite_messages import (
    AT_ONCE,
    TRIES,
    InviteMessages,
)
from mxisd.model.web_clients import LOCATION, WebClient
from mxisd.records.invite_messages import InviteMessageRecords
from mxisd.records.invites import InviteRecords
from tests.features.invite_doubles import made_links
from tests.features.session_doubles import RecordingNotifier
from tests.records.instant import InstantDatabase
from tests.records.invite_contract import INVITE, KEY, MAIL, OWNER


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

    def add(self, token: str) -> None:
        """Have an invite."""
        invite = evolve(INVITE, token=token, room_id=token)
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

    def test_a_slow_server(self) -> None:
        """A message that is under way is not sent twice; there are not too many."""
        self.notifier.pending = []
        self.assertEqual([self.wake(), self.wake(99)], [1, 0])
        for number in range(9):
            self.add(f"{number}")
        self.assertEqual(self.wake() + 1, AT_ONCE)
        self.assertEqual(self.wake(), 0)
        for waiting in self.notifier.pending:
            waiting.callback(None)
        self.assertEqual(self.wake(), AT_ONCE)

    def test_records_that_fail(self) -> None:
        """A message may be sent twice, and is not lost."""
        self.wake()
        self.add("second")
        self.database.trouble = RecordsUnavailable("full")
        self.assertEqual(self.wake(), 1)
        self.database.trouble = None
        self.assertEqual([self.wake(), self.wake(9999)], [1, 0])

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
