"""Validation sessions, from the request to the proof."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import (
    DestinationRejected,
    Forbidden,
    LimitExceeded,
    MessageNotSent,
    NoValidSession,
    RecordsUnavailable,
    SessionExpired,
    SessionNotValidated,
    TextNotSent,
    TokenIncorrect,
    UnknownMedium,
)
from mxisd.features.limits import Counted, LimitPolicy, Limits
from mxisd.features.validation import TokenRequest, Validation, ValidationPolicy
from mxisd.model.buckets import Rate
from mxisd.model.destinations import dialled, mailbox
from mxisd.model.requesters import Ourselves
from mxisd.model.secret import Secret
from mxisd.model.sessions import KEPT_MS, LIFE_MS
from mxisd.randomness import SystemRandom
from tests.features.session_doubles import MemorySessions, RecordingNotifier, one

CLIENT = Secret("monkeys_are_GREAT=.-")
DAY = LIFE_MS / 1000
REQUEST = TokenRequest(
    destination=mailbox("alice@example.org"),
    client_secret=CLIENT,
    send_attempt=1,
    submit_url="https://id.example.org/submitToken",
    next_link="https://app.example.org/",
    languages=("de", "en"),
)
PHONE = evolve(REQUEST, destination=dialled("GB", "07700900001"))


class ValidationTestCase(SynchronousTestCase):
    """A validation on doubles, with real randomness."""

    def setUp(self) -> None:
        """Begin with nothing sent."""
        self.clock = Clock()
        self.clock.advance(1000)
        self.records = MemorySessions()
        self.notifier = RecordingNotifier()
        self.restart()

    def restart(self, **policy: Any) -> None:
        """Make it again, with another policy."""
        limits = Limits(LimitPolicy({Counted.EMAIL_IN_ALL: Rate(5, 60)}), self.clock)
        self.validation = Validation(
            ValidationPolicy(**policy),
            self.records,
            self.notifier,
            limits,
            SystemRandom(),
            self.clock,
        )

    def later(self, coroutine: Any) -> "Deferred[Any]":
        """What comes of something."""
        return Deferred.fromCoroutine(coroutine)

    def request(self, request: TokenRequest = REQUEST, **changes: Any) -> str:
        """Ask for a token, and get a session ID."""
        asked = self.validation.request_token(evolve(request, **changes), Ourselves())
        sid: str = self.successResultOf(self.later(asked))
        return sid

    def refused(self, kind: type[Exception], request: TokenRequest = REQUEST) -> Any:
        """Ask for a token, and fail."""
        asked = self.validation.request_token(request, Ourselves())
        return self.failureResultOf(self.later(asked), kind).value

    def submit(
        self,
        sid: str,
        token: Any = None,
        client: Secret = CLIENT,
        medium: str = "email",
    ) -> Any:
        """Give a token back; by default the one of the last message."""
        token = token or self.notifier.last.token
        return self.later(self.validation.submit_token(sid, client, token, medium))


class RequestTests(ValidationTestCase):
    """Asking for a token."""

    def test_a_message_is_sent(self) -> None:
        """To the address, with a link that holds everything, in the right language."""
        sid = self.request()
        notice = one(self.notifier.sent)
        self.assertEqual(notice.threepid, REQUEST.destination.threepid)
        self.assertEqual(notice.next_link, REQUEST.next_link)
        self.assertEqual(notice.languages, ("de", "en"))
        link = urlsplit(notice.link)
        self.assertEqual(link._replace(query="").geturl(), REQUEST.submit_url)
        expected = {
            "sid": sid,
            "client_secret": CLIENT.value,
            "token": notice.token.value,
        }
        self.assertEqual(dict(parse_qsl(link.query)), expected)

    def test_tokens_fit_their_medium(self) -> None:
        """Long in mails, six digits on phones; session IDs tell nothing."""
        sids = {self.request(), self.request(PHONE)}
        mail, text = self.notifier.sent
        self.assertRegex(mail.token.value, r"\A[0-9A-Za-z]{32}\Z")
        self.assertRegex(text.token.value, r"\A[0-9]{6}\Z")
        for sid in sids:
            self.assertRegex(sid, r"\A[0-9A-Za-z]{32}\Z")
        self.assertEqual(len(sids), 2)

    def test_the_same_attempt_sends_once(self) -> None:
        """A higher one sends the same token again; the session stays."""
        sids = {self.request(send_attempt=n) for n in (1, 1, 0, 2, 2, 5, 3)}
        self.assertEqual(len(sids), 1)
        self.assertEqual(len(self.notifier.sent), 3)
        self.assertEqual(len({notice.token for notice in self.notifier.sent}), 1)

    def test_clients_and_addresses_have_their_own_sessions(self) -> None:
        """Another client secret or address is another session."""
        sids = {
            self.request(),
            self.request(client_secret=Secret("other")),
            self.request(destination=mailbox("bob@example.org")),
            self.request(PHONE),
        }
        self.assertEqual((len(sids), len(self.notifier.sent)), (4, 4))

    def test_spellings_share_a_session(self) -> None:
        """The canonical address counts."""
        other = mailbox("ALICE@Example.org ")
        self.assertEqual(self.request(), self.request(destination=other))

    def test_a_failed_message_can_be_retried(self) -> None:
        """The same attempt of the same session sends again, until it worked."""
        self.notifier.trouble = MessageNotSent("no mail server")
        for _ in range(2):
            self.refused(MessageNotSent)
        self.notifier.trouble = None
        sid = self.request()
        self.assertEqual(self.request(), sid)
        self.assertEqual(len(self.notifier.sent), 3)
        self.assertEqual(list(self.records.sessions), [sid])

    def test_a_failed_text_is_told_apart(self) -> None:
        """The specification has another error for phones."""
        self.notifier.trouble = MessageNotSent("no gateway")
        self.refused(TextNotSent, PHONE)

    def test_impatient_clients_get_one_message(self) -> None:
        """Who asks again while the message is on its way waits for it."""
        self.notifier.pending = []
        asked = [
            self.later(self.validation.request_token(REQUEST, Ourselves()))
            for _ in range(3)
        ]
        self.assertEqual(len(self.notifier.sent), 1)
        one(self.notifier.pending).callback(None)
        self.assertEqual(len({self.successResultOf(each) for each in asked}), 1)
        self.assertEqual(len(self.notifier.sent), 1)

    def test_one_slow_message_holds_up_nobody_else(self) -> None:
        """Other sessions do not wait."""
        self.notifier.pending = []
        slow = self.later(self.validation.request_token(REQUEST, Ourselves()))
        self.notifier.pending = None
        self.request(PHONE)
        self.assertNoResult(slow)
        slow.cancel()
        self.failureResultOf(slow)

    def test_the_row_is_there_before_the_message(self) -> None:
        """Whoever opens the link at once finds the session."""
        self.notifier.pending = []
        waiting = self.later(self.validation.request_token(REQUEST, Ourselves()))
        session = one(self.records.sessions.values())
        self.assertEqual(session.send_attempt, None)
        self.successResultOf(self.submit(session.sid))
        one(self.notifier.pending).callback(None)
        self.successResultOf(waiting)
        session = one(self.records.sessions.values())
        self.assertTrue(session.is_validated)
        self.assertEqual(session.send_attempt, 1)

    def test_what_is_over_is_followed_by_a_new_session(self) -> None:
        """After a validation, and after a day."""
        first = self.request()
        self.successResultOf(self.submit(first))
        self.clock.advance(1)
        second = self.request()
        self.clock.advance(DAY)
        third = self.request()
        self.assertEqual(len({first, second, third}), 3)

    def test_limits_hold(self) -> None:
        """Five messages in a row, repeated attempts not counted; then it is enough."""
        for attempt in range(5):
            self.request(send_attempt=attempt)
            self.request(send_attempt=attempt)
        error = self.refused(LimitExceeded, evolve(REQUEST, send_attempt=9))
        self.assertEqual(error.retry_after, 60)
        other = evolve(REQUEST, client_secret=Secret("other"))
        self.refused(LimitExceeded, other)
        self.assertEqual(len(self.records.sessions), 1)

    def test_validation_can_be_switched_off(self) -> None:
        """Then nobody gets a token."""
        self.restart(is_enabled=False)
        self.refused(Forbidden)
        self.assertEqual(self.notifier.sent, [])

    def test_without_a_sender_the_medium_is_unknown(self) -> None:
        """Whoever cannot be reached cannot prove anything."""
        self.notifier.media = {"email"}
        self.refused(UnknownMedium, PHONE)
        self.request()

    def test_countries_can_be_chosen(self) -> None:
        """The denied ones never, the allowed ones alone if there are any."""
        french = evolve(PHONE, destination=dialled("FR", "612345678"))
        for policy in (
            {"denied_countries": {"FR"}},
            {"allowed_countries": {"GB", "FR"}, "denied_countries": {"FR"}},
            {"allowed_countries": {"GB"}},
        ):
            self.restart(**policy)
            self.refused(DestinationRejected, french)
            self.request(PHONE)
            self.request()
        self.restart(allowed_countries=set())
        self.refused(DestinationRejected, PHONE)

    def test_links_that_may_not_be_followed_are_dropped(self) -> None:
        """They are no reason to refuse a message."""
        for link in ("vector://x/", "https://evil.example/", ""):
            self.restart(next_link_hosts={"app.example.org"})
            sid = self.request(client_secret=Secret(link), next_link=link)
            self.assertIsNone(self.notifier.last.next_link)
            self.assertIsNone(self.records.sessions[sid].next_link)

    def test_records_that_fail_send_nothing(self) -> None:
        """A message whose session is not there would be in vain."""

        class Broken(MemorySessions):
            async def add_session(self, session: Any) -> None:
                raise RecordsUnavailable("gone")

        self.records = Broken()
        self.restart()
        self.refused(RecordsUnavailable)
        self.assertEqual(self.notifier.sent, [])


class SubmitTests(ValidationTestCase):
    """Giving it back."""

    def setUp(self) -> None:
        """Have a session."""
        super().setUp()
        self.sid = self.request()

    def test_a_token_proves_the_address(self) -> None:
        """Before, the session is not validated; afterwards it tells when."""
        with self.assertRaises(SessionNotValidated):
            self.validation.validated(self.sid, CLIENT)
        self.clock.advance(7)
        self.successResultOf(self.submit(self.sid))
        found = self.validation.validated(self.sid, CLIENT)
        self.assertEqual(found.threepid, REQUEST.destination.threepid)
        self.assertEqual(found.validated_ms, 1007_000)

    def test_doing_it_again_changes_nothing(self) -> None:
        """A double click."""
        first = self.successResultOf(self.submit(self.sid))
        self.clock.advance(60)
        self.assertEqual(self.successResultOf(self.submit(self.sid)), first)

    def test_wrong_tokens_close_a_session(self) -> None:
        """After five, the right one finds nothing; a new request begins anew."""
        for _ in range(5):
            self.failureResultOf(self.submit(self.sid, Secret("0")), TokenIncorrect)
        self.failureResultOf(self.submit(self.sid), NoValidSession)
        with self.assertRaises(NoValidSession):
            self.validation.validated(self.sid, CLIENT)
        self.clock.advance(1)
        fresh = self.request()
        self.assertNotEqual(fresh, self.sid)
        self.successResultOf(self.submit(fresh))

    def test_another_client_is_told_nothing(self) -> None:
        """A wrong secret and an unknown session are refused in the same words."""
        other = Secret("other")
        texts = set()
        for sid, client in ((self.sid, other), ("unknown", CLIENT)):
            failure = self.failureResultOf(
                self.submit(sid, client=client), NoValidSession
            )
            texts.add(str(failure.value))
            with self.assertRaises(NoValidSession) as caught:
                self.validation.validated(sid, client)
            texts.add(str(caught.exception))
        self.assertEqual(len(texts), 1)

    def test_after_a_day_it_is_over(self) -> None:
        """Also for what was validated, a day later."""
        self.clock.advance(DAY - 1)
        self.successResultOf(self.submit(self.sid))
        self.clock.advance(DAY - 1)
        self.validation.validated(self.sid, CLIENT)
        self.clock.advance(1)
        self.failureResultOf(self.submit(self.sid), SessionExpired)
        with self.assertRaises(SessionExpired):
            self.validation.validated(self.sid, CLIENT)

    def test_the_next_link_is_judged_again(self) -> None:
        """The operator may have become stricter since."""
        session = self.records.sessions[self.sid]
        self.assertEqual(self.validation.followed_link(session), REQUEST.next_link)
        self.restart(next_link_hosts={"other.example.org"})
        self.assertIsNone(self.validation.followed_link(session))

    def test_old_sessions_are_forgotten(self) -> None:
        """Days after they were over, so that late comers hear why."""
        self.clock.advance(KEPT_MS / 1000 - 1)
        self.successResultOf(self.later(self.validation.purge()))
        self.failureResultOf(self.submit(self.sid), SessionExpired)
        self.clock.advance(1)
        self.successResultOf(self.later(self.validation.purge()))
        self.failureResultOf(self.submit(self.sid), NoValidSession)

    def test_sessions_of_another_medium(self) -> None:
        """They are unknown, whatever the token, and lose no try by it."""
        for token in [Secret("0")] * 6 + [None]:
            tried = self.submit(self.sid, token, medium="msisdn")
            self.failureResultOf(tried, NoValidSession)
        with self.assertRaises(NoValidSession):
            self.validation.session(self.sid, CLIENT, "msisdn")
        found = self.validation.session(self.sid, CLIENT, "email")
        self.assertEqual(found, self.validation.session(self.sid, CLIENT))
        self.assertEqual((found.wrong_tokens, found.is_validated), (0, False))
        self.successResultOf(self.submit(self.sid, medium="email"))


class DiscretionTests(ValidationTestCase):
    """What the log says."""

    def test_nothing_secret_is_logged(self) -> None:
        """Neither address nor token nor client secret, however it ends."""
        with capturedLogs() as events:
            for medium, request in (("email", REQUEST), ("msisdn", PHONE)):
                sid = self.request(request)
                wrong = self.submit(sid, Secret("wr0ng"), medium=medium)
                self.failureResultOf(wrong, TokenIncorrect)
                self.successResultOf(self.submit(sid, medium=medium))
            self.notifier.trouble = MessageNotSent("no mail server")
            self.refused(MessageNotSent, evolve(REQUEST, send_attempt=9))
            self.successResultOf(self.later(self.validation.purge()))
        text = repr(events)
        tokens = [notice.token.value for notice in self.notifier.sent]
        for secret in (CLIENT.value, "wr0ng", "alice", "447700900001", *tokens):
            self.assertNotIn(secret, text)
